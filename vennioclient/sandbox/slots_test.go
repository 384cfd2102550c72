package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

var (
	tomorrow = time.Date(2026, time.May, 14, 0, 0, 0, 0, time.UTC)
	week     = 7 * 24 * time.Hour
)

func TestSlotsStepIsTheShorterOfDurationAndAQuarter(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, tc := range []struct {
		duration, interval string
		step               time.Duration
	}{{"60", "", 15 * time.Minute}, {"10", "", 10 * time.Minute}, {"30", "30", 30 * time.Minute}} {
		got := want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week),
			"duration_minutes", tc.duration, "slot_interval", tc.interval)).Slots
		require.NotEmpty(t, got)
		shortest := week
		for i := range got[1:] {
			shortest = min(shortest, got[i+1].Start.Sub(got[i].Start))
		}
		assert.Equal(t, tc.step, shortest, "%+v", tc)
	}
}

func TestSlotsDefaultAnswerOverlapsItself(t *testing.T) {
	t.Parallel()
	got := want[slotsAnswer](t, newServer(sandbox.Options{}), http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week))).Slots
	overlap := false
	for i := range got[1:] {
		overlap = overlap || got[i+1].Start.Before(got[i].End)
	}
	assert.True(t, overlap)
}

func TestSlotsAreInTheRequestedZone(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	home := want[slotsAnswer](t, s, http.StatusOK, slotsOf(haruka, tomorrow, tomorrow.Add(week)))
	assert.Equal(t, "Asia/Tokyo", home.Timezone)
	away := want[slotsAnswer](t, s, http.StatusOK, slotsOf(haruka, tomorrow, tomorrow.Add(week), "timezone", "Australia/Lord_Howe"))
	require.Len(t, away.Slots, len(home.Slots))
	for i, here := range home.Slots {
		there := away.Slots[i]
		assert.True(t, here.Start.Equal(there.Start))
		label, err := time.Parse("Monday 2 January 2006 at 3:04 pm, Lord Howe time -0700", there.Description+there.Start.Format(" -0700"))
		require.NoError(t, err)
		assert.True(t, label.Equal(there.Start), "%q is not %s", there.Description, there.Start)
	}
}

func TestSlotsKeepABufferAroundBusyTimes(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	got := want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week), "buffer", "20")).Slots
	require.NotEmpty(t, got)
	for _, offer := range got {
		assert.Empty(t, sandbox.Events(alice.ID, 1, offer.Start.Add(-20*time.Minute), offer.End.Add(20*time.Minute)), offer.Description)
	}
}

func TestSlotsGroupedByDay(t *testing.T) {
	t.Parallel()
	type grouped struct{ Slots map[string][]slot }
	s := newServer(sandbox.Options{})
	flat := want[slotsAnswer](t, s, http.StatusOK, slotsOf(bob, tomorrow, tomorrow.Add(week))).Slots
	days := want[grouped](t, s, http.StatusOK, slotsOf(bob, tomorrow, tomorrow.Add(week), "group_by_day", "true")).Slots
	total := 0
	for date, list := range days {
		total += len(list)
		for _, offer := range list {
			assert.Equal(t, date, offer.Start.Format(time.DateOnly))
		}
	}
	assert.Equal(t, len(flat), total)
	assert.Len(t, days, 5)
}

func TestSlotsOfAWeekendOrThePastAreAnEmptyList(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	saturday := time.Date(2026, time.May, 16, 0, 0, 0, 0, time.UTC)
	for _, r := range []request{
		slotsOf(alice, saturday, saturday.AddDate(0, 0, 2)),
		slotsOf(alice, wednesday.AddDate(0, 0, -7), wednesday),
	} {
		w := send(s, r)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), `"slots":[]`)
	}
}

func TestSlotsThatHaveBegunAreNotOffered(t *testing.T) {
	t.Parallel()
	now := newClock()
	now.Advance(5*time.Hour + time.Minute)
	got := want[slotsAnswer](t, newServer(sandbox.Options{Now: now.Now}), http.StatusOK, slotsOf(alice, wednesday, wednesday.Add(week))).Slots
	require.NotEmpty(t, got)
	assert.False(t, got[0].Start.Before(now.Now()))
}

func TestSlotsHaveTheDefaultsOfTheOlderDocumentation(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	short := want[slotsAnswer](t, s, http.StatusOK, get("/v1/availability/slots", "principal_id", alice.ID))
	long := want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, wednesday, wednesday.Add(2*week)))
	assert.Equal(t, long, short)
}

func TestSlotsReportAllInvalidArguments(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	p := refused(t, s, http.StatusBadRequest, "validation-error", slotsOf(alice, tomorrow, tomorrow.Add(week), "duration_minutes", "soon",
		"timezone", "Mars/Phobos", "from", "yesterday", "group_by_day", "maybe", "buffer", "-1", "durration", "30"))
	for _, field := range []string{"duration_minutes", "timezone", "from", "group_by_day", "buffer", "durration"} {
		assert.NotEmpty(t, p.Errors[field], field)
	}
	assert.Len(t, p.Errors, 6)
}

func TestSlotsRefuseImpossibleWindows(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, to := range []time.Time{tomorrow, tomorrow.AddDate(0, 0, -1), tomorrow.AddDate(2, 0, 0)} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", slotsOf(alice, tomorrow, to))
		assert.Contains(t, p.Errors, "to")
	}
	p := refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/availability/slots", "duration_minutes", "30"))
	assert.Equal(t, map[string]string{"business_id": "is required"}, p.Errors)
}

func TestSlotsDistinguishUnknownFromNotConnectedHosts(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	unknown := sandbox.Host{ID: "00000000-0000-4000-8000-000000000000"}
	refused(t, s, http.StatusNotFound, "not-found", slotsOf(unknown, tomorrow, tomorrow.Add(week)))
	refused(t, s, http.StatusNotFound, "calendar-not-connected", slotsOf(dana, tomorrow, tomorrow.Add(week)))
	refused(t, s, http.StatusNotFound, "not-found", get("/v1/availability/slots", "participants", "user:nobody", "duration", "30"))
}
