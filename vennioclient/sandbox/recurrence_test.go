package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

type seriesAnswer struct {
	BookingSeries struct {
		ID, Frequency  string
		CreatedCount   int `json:"created_count"`
		SkippedCount   int `json:"skipped_count"`
		CancelledCount int `json:"cancelled_count"`
	} `json:"booking_series"`
	Bookings []booking
}

func repeat(at slot, recurrence string) request {
	return book(alice, at.Start, at.End, `"recurrence":{`+recurrence+`}`)
}

func TestSeriesSkipsTakenTimes(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	require.NoError(t, s.Take(alice.ID, free.Start.Add(week), free.End.Add(week)))
	got := want[seriesAnswer](t, s, http.StatusCreated, repeat(free, `"frequency":"weekly","count":10`))
	assert.Equal(t, "weekly", got.BookingSeries.Frequency)
	assert.Equal(t, 10, got.BookingSeries.CreatedCount+got.BookingSeries.SkippedCount)
	assert.GreaterOrEqual(t, got.BookingSeries.SkippedCount, 1)
	require.Len(t, got.Bookings, got.BookingSeries.CreatedCount)
	for _, b := range got.Bookings {
		assert.Equal(t, got.BookingSeries.ID, b.SeriesID)
		assert.False(t, b.StartTime.Equal(free.Start.Add(week)))
	}
	listed := want[bookingsAnswer](t, s, http.StatusOK, get("/v1/bookings", "series_id", got.BookingSeries.ID))
	assert.Equal(t, got.Bookings, listed.Bookings)
	assert.Equal(t, 1, s.Writes())
}

func TestSeriesNeedsItsFirstTime(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	require.NoError(t, s.Take(alice.ID, free.Start, free.End))
	refused(t, s, http.StatusConflict, "slot-unavailable", repeat(free, `"frequency":"weekly","count":3`))
}

func TestSeriesKeepsTheWallClock(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	got := want[seriesAnswer](t, s, http.StatusCreated, repeat(free, `"frequency":"biweekly","until_date":"2027-05-01","timezone":"Europe/London"`))
	zone, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	offsets := map[int]bool{}
	for _, b := range got.Bookings {
		local := b.StartTime.In(zone)
		assert.Equal(t, free.Start.In(zone).Format("Mon 15:04"), local.Format("Mon 15:04"))
		nights := b.StartTime.Add(2*time.Hour).Sub(free.Start) / (24 * time.Hour)
		assert.Zero(t, nights%14, "%s", local)
		_, offset := local.Zone()
		offsets[offset] = true
	}
	assert.Len(t, offsets, 2, "summer and winter")
}

func TestMonthlySeriesLeavesOutMonthsWithoutTheDay(t *testing.T) {
	t.Parallel()
	for seed := range int64(50) {
		s := newServer(sandbox.Options{Seed: seed + 1})
		// Friday 31 July 2026; then 31 August (Monday), 31 October (Saturday), 31 December (Thursday).
		friday := time.Date(2026, time.July, 31, 9, 0, 0, 0, time.UTC)
		r := repeat(slot{Start: friday, End: friday.Add(15 * time.Minute)}, `"frequency":"monthly","count":4`)
		w := send(s, r)
		if w.Code == http.StatusConflict {
			continue // busy under this seed
		}
		got := want[seriesAnswer](t, newServer(sandbox.Options{Seed: seed + 1}), http.StatusCreated, r)
		assert.GreaterOrEqual(t, got.BookingSeries.SkippedCount, 1, "the Saturday")
		assert.Equal(t, 4, got.BookingSeries.CreatedCount+got.BookingSeries.SkippedCount)
		for _, b := range got.Bookings {
			assert.Equal(t, 31, b.StartTime.Day())
		}
		return
	}
	t.Fatal("no seed leaves that time free")
}

func TestSeriesBodyIsChecked(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	for recurrence, field := range map[string]string{
		`"frequency":"daily","count":3`:                                "recurrence.frequency",
		`"frequency":"weekly"`:                                         "recurrence",
		`"frequency":"weekly","count":3,"until_date":"2026-06-30"`:     "recurrence",
		`"frequency":"weekly","count":0`:                               "recurrence.count",
		`"frequency":"weekly","count":53`:                              "recurrence.count",
		`"frequency":"weekly","until_date":"June"`:                     "recurrence.until_date",
		`"frequency":"weekly","until_date":"2020-01-01"`:               "recurrence.until_date",
		`"frequency":"weekly","until_date":"2029-01-01"`:               "recurrence.until_date",
		`"frequency":"weekly","count":3,"timezone":"Local"`:            "recurrence.timezone",
		`"frequency":"weekly","count":3,"timezone":"America/Atlantis"`: "recurrence.timezone",
	} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", repeat(free, recurrence))
		assert.Contains(t, p.Errors, field, recurrence)
	}
}

func TestCancelSeriesCancelsFutureBookings(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	free := freeSlot(t, s, alice)
	made := want[seriesAnswer](t, s, http.StatusCreated, repeat(free, `"frequency":"weekly","count":6`))
	require.Greater(t, len(made.Bookings), 2)
	now.Advance(free.End.Sub(wednesday)) // the first has taken place
	got := want[seriesAnswer](t, s, http.StatusOK, cancel(made.Bookings[1].ID, "?scope=series"))
	assert.Equal(t, made.BookingSeries.ID, got.BookingSeries.ID)
	assert.Equal(t, len(made.Bookings)-1, got.BookingSeries.CancelledCount)
	stored := s.Bookings()
	assert.Equal(t, "confirmed", stored[0].Status)
	for _, b := range stored[1:] {
		assert.Equal(t, "cancelled", b.Status)
	}
	again := want[seriesAnswer](t, s, http.StatusOK, cancel(made.Bookings[1].ID, "?scope=series"))
	assert.Zero(t, again.BookingSeries.CancelledCount)
}
