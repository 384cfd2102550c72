package tools_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// req: S2, S4, P5
func TestReq_S2_S4_EverySlotIsToldInFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"timezone": "Europe/London", "guest_timezone": "Asia/Kolkata", "duration_minutes": 45})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "2026-05-13T09:00:00+01:00", got.Data.Now)
	assert.Equal(t, schemas.Window{
		Description: "Wed 13 May 2026, 09:00 UTC+1 – Wed 20 May 2026, 09:00 UTC+1",
		From:        "2026-05-13T09:00:00+01:00", To: "2026-05-20T09:00:00+01:00", Timezone: "Europe/London",
	}, got.Data.Window)
	assert.Equal(t, 45, got.Data.DurationMinutes)
	require.Len(t, got.Data.Slots, 3)
	london, err := times.Zone("Europe/London")
	require.NoError(t, err)
	for _, s := range got.Data.Slots {
		start, end := instants(t, s)
		assert.Equal(t, 45*time.Minute, end.Sub(start))
		assert.Equal(t, times.Label(start, end, london), schemas.Exact(s.StartLocal, s.EndLocal, s.Timezone), "label and instant are one value")
		assert.Contains(t, s.Timezone, "Europe/London, UTC+1")
		assert.Contains(t, s.GuestLocal, "Asia/Kolkata, UTC+5:30")
		interval := s.Start + "/" + strings.TrimPrefix(s.End, s.Start[:len("2026-05-13T")]) // the end's date is the start's
		for _, fact := range []string{s.SlotID, s.Description, s.Reason, interval, s.StartLocal, s.EndLocal, s.Timezone, s.GuestLocal} {
			assert.Contains(t, got.Text, fact, "the text has the same facts")
		}
	}
	for _, fact := range []string{got.Data.Now, got.Data.Window.Description + " (Europe/London)", "45 minutes", got.Data.Note, "Alice"} {
		assert.Contains(t, got.Text, fact)
	}
}

func instants(t *testing.T, s schemas.Slot) (start, end time.Time) {
	t.Helper()
	start, err1 := time.Parse(time.RFC3339, s.Start)
	end, err2 := time.Parse(time.RFC3339, s.End)
	require.NoError(t, err1)
	require.NoError(t, err2)
	return start, end
}

func TestVenniosDescriptionIsPassedOnAndElseOursIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := w.find(args{}).Data.Slots[0]
	ours := schemas.Exact(theirs.StartLocal, theirs.EndLocal, theirs.Timezone)
	assert.NotEqual(t, ours, theirs.Description)
	w.vennio.HideDescriptions(true)
	assert.Equal(t, ours, w.find(args{}).Data.Slots[0].Description)
}

// req: S1
func TestReq_S1_ZonesAreCheckedAndTheDefaultIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Contains(t, w.find(args{}).Data.Note, "No timezone was given: times are in Europe/London")
	assert.NotContains(t, w.find(args{"timezone": "Europe/Paris"}).Data.Note, "No timezone")
	for zone, hint := range map[string]string{"EST": "America/New_York", "+02:00": "summer time", "Londn": "Europe/London"} {
		for _, argument := range []string{"timezone", "guest_timezone"} {
			got := w.find(args{argument: zone})
			assert.Equal(t, schemas.CodeInvalidTimezone, got.Code)
			assert.Contains(t, got.Text, hint)
		}
	}
}

// req: S12
// field: time zone argument that is not an IANA name
func TestReq_S12_NoWrongZoneIsSuggestedAsCertain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for sent, says := range map[string]string{
		"Eastern Standard Time (Mexico)": "use America/Cancun",
		"London, Ontario":                "use America/Toronto",
		"Paris, TX":                      "use America/Chicago or America/Denver, whichever is meant",
		"Mountain Time (Arizona)":        "use America/Phoenix",
		"BST (Bangladesh)":               "use Asia/Dhaka",
		"Birmingham, Alabama":            "use America/Chicago",
		"Melbourne, FL":                  "use America/New_York",
		"IST":                            "use Asia/Kolkata, Asia/Jerusalem or Europe/Dublin, whichever is meant",
		"CST":                            "use America/Chicago, Asia/Shanghai, America/Mexico_City or America/Havana, whichever is meant",
		"GMT+2":                          "name a city that has it now, such as Europe/Berlin or Africa/Johannesburg", // in May
		"UTC-2":                          "name a city that has it now, such as America/Noronha",
		"UTC+5:30":                       "name a city that has it now, such as Asia/Kolkata",
		"UTC-2:30":                       "name a city that has it now, such as America/St_Johns",
		"UTC+3:17":                       "no city has it now, so name the area and city",
	} {
		for _, argument := range []string{"timezone", "guest_timezone"} {
			got := w.find(args{argument: sent})
			assert.Equal(t, schemas.CodeInvalidTimezone, got.Code, sent)
			assert.Contains(t, got.Text, says, sent)
		}
	}
	listed := call[schemas.ListBookingsResult](w, "list_bookings", args{"timezone": "UTC-2"})
	assert.Contains(t, listed.Text, "such as America/Noronha")
}

// req: S5
func TestReq_S5_WindowsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		arguments args
		says      string
	}{
		"past":     {args{"from": "2026-05-01", "to": "2026-05-02"}, "Wed 13 May 2026"},
		"reversed": {args{"from": "2026-05-20", "to": "2026-05-18"}, "2026"},
		"too long": {args{"from": "2026-05-14", "to": "2026-08-14"}, "60 days"},
		"words":    {args{"from": "tomorrow"}, `send when "tomorrow" instead of from and to, or from 2026-05-14`},
		"nonsense": {args{"from": "soonish", "to": "whenever"}, "soonish"},
	} {
		got := w.find(tc.arguments)
		assert.Equal(t, schemas.CodeInvalidWindow, got.Code, name)
		assert.Contains(t, got.Text, tc.says, name)
	}
	assert.Zero(t, w.vennio.Calls(), "nothing was asked of Vennio")
	cut := w.find(args{"from": "2026-05-13", "to": "2026-05-14"})
	require.False(t, cut.IsError, cut.Text)
	assert.Equal(t, "2026-05-13T09:00:00+01:00", cut.Data.Window.From)
	assert.Contains(t, cut.Data.Note, "cut to the future")
}

// req: S10
func TestReq_S10_StalenessIsSaid(t *testing.T) {
	t.Parallel()
	assert.Contains(t, newWorld(t).find(args{}).Text, "up to 15 minutes old; booking checks them again")
}

func TestSeveralHostsMustAllBeFree(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		w := newWorld(t, withDialect(dialect))
		got := w.find(args{"hosts": []string{"Alice", "Bob"}, "timezone": "UTC"})
		require.False(t, got.IsError, got.Text)
		require.NotEmpty(t, got.Data.Slots)
		for _, s := range got.Data.Slots {
			start, _ := instants(t, s)
			assert.GreaterOrEqual(t, start.Hour(), 12, "New York is at work")
		}
		assert.Len(t, got.Data.Hosts, 2)
	}
}

func TestAnUnknownHostNamesTheKnownOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"hosts": []string{"Mallory"}})
	assert.Equal(t, schemas.CodeUnknownHost, got.Code)
	for _, h := range w.deps.Hosts {
		assert.Contains(t, got.Text, h.Name)
	}
}

// req: S9, S11. Free times that do not suit are not reported as no free times, nor
// a failed look beyond it as nothing there.
func TestReq_S9_AFailedLookBeyondTheWindowIsSaidWithWishesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var asked atomic.Int64
	twist(t, w, func(path, _, body string) (int, string) {
		if strings.HasSuffix(path, "/slots") && asked.Add(1) > 1 {
			return http.StatusInternalServerError, "<html>"
		}
		return 0, body
	})
	got := w.find(args{"when": "today", "prefer": args{"avoid_days": []string{"wed"}}})
	require.False(t, got.IsError, got.Text)
	assert.Nil(t, got.Data.NextOpening)
	assert.Contains(t, got.Data.Note, "What is free in this window falls on days to avoid or in the guest's own appointments, and looking further failed: search a later window.")
	assert.NotContains(t, got.Data.Note, "15 minutes old", "no time was told")
}

// req: S9. Weeks of common times that all do not suit may be more than can be read.
func TestReq_S9_ALookBeyondTheWindowSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{
		"when": "today", "hosts": []string{"Alice", "Bob"}, "duration_minutes": 5,
		"busy": []any{args{"start": "2026-05-13T00:00:00Z", "end": "2026-12-24T00:00:00Z"}},
	})
	require.False(t, got.IsError, got.Text)
	assert.Nil(t, got.Data.NextOpening)
	assert.Contains(t, got.Data.Note, "Nothing was found after it up to ")
	assert.Contains(t, got.Data.Note, "2026, ")
	assert.NotContains(t, got.Data.Note, "60 days", "it did not look so far")
}

// req: S7, P4
func TestReq_S7_APhraseNotUnderstoodIsNamedWithAllElse(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{"when": "someday", "timezone": "EST", "hosts": []string{"Mallory"}})
	assert.Equal(t, schemas.CodeInvalidArguments, got.Code)
	for _, part := range []string{`when "someday"`, `timezone "EST"`, "Mallory"} {
		assert.Contains(t, got.Text, part)
	}
}
