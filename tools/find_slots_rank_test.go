package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// offered is what a person sees of the choice.
func offered(slots []schemas.Slot) (all []string) {
	for _, s := range slots {
		all = append(all, s.StartLocal+": "+s.Reason)
	}
	return all
}

func TestReq_S8_SlotsAreFewBestFirstAndSayWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	three := w.find(args{"timezone": "Europe/London"})
	assert.Equal(t, []string{
		"Wed 13 May 2026, 09:00: first free", "Thu 14 May 2026, 12:30: another day, afternoon", "Fri 15 May 2026, 09:00: another day",
	}, offered(three.Data.Slots))
	assert.True(t, three.Data.More)
	assert.Contains(t, three.Text, "best first")
	for _, s := range three.Data.Slots {
		assert.Contains(t, three.Text, " · "+s.Reason+" · ")
	}
	for range 3 {
		assert.Equal(t, offered(three.Data.Slots), offered(w.find(args{"timezone": "Europe/London"}).Data.Slots), "the same question, the same order")
	}
	assert.Len(t, w.find(args{"limit": 1}).Data.Slots, 1)
}

func TestReq_S8_TenSlotsAreApartAndSpread(t *testing.T) {
	t.Parallel()
	ten := newWorld(t).find(args{"limit": 10, "duration_minutes": 60})
	require.Len(t, ten.Data.Slots, 10)
	days, parts := map[string]bool{}, map[bool]bool{}
	for i, s := range ten.Data.Slots {
		start, end := instants(t, s)
		days[start.Format(time.DateOnly)], parts[start.Hour() < 12] = true, true
		assert.NotEmpty(t, s.Reason)
		for _, other := range ten.Data.Slots[:i] {
			otherStart, otherEnd := instants(t, other)
			assert.False(t, start.Before(otherEnd) && otherStart.Before(end), "overlap")
		}
	}
	assert.Len(t, days, 5, "all working days of the window")
	assert.Len(t, parts, 2, "mornings and later")
}

func TestReq_S8_NightsOfThoseNamedComeLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"timezone": "Europe/London", "guest_timezone": "America/New_York", "limit": 10})
	assert.Contains(t, offered(got.Data.Slots)[0], "Wed 13 May 2026, 13:00: first in working hours") // 08:00 in New York
	for _, s := range got.Data.Slots {
		assert.NotContains(t, s.Reason, "night")
	}
	got = w.find(args{"when": "today", "timezone": "Europe/London", "guest_timezone": "Pacific/Auckland"}) // from 20:00 there
	require.NotEmpty(t, got.Data.Slots)
	got = w.find(args{"from": "2026-05-14T12:00", "to": "2026-05-14T18:00", "timezone": "Europe/London", "guest_timezone": "Pacific/Auckland"})
	require.NotEmpty(t, got.Data.Slots)
	for _, s := range got.Data.Slots {
		assert.Contains(t, s.Reason, "at night in Auckland")
	}
}

// firstOf is the first offer of a search.
func (w *world) firstOf(arguments args) string {
	w.t.Helper()
	got := w.find(arguments)
	require.NotEmpty(w.t, got.Data.Slots, got.Text)
	assert.Contains(w.t, got.Text, got.Data.Slots[0].Reason, "the text has what the data have")
	return offered(got.Data.Slots)[0]
}

// req: S8
// field: working hours of host and guest
func TestReq_S8_TheFirstOfferIsInTheWorkingHoursOfHostAndGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	haruka := args{"hosts": []string{"Haruka"}, "from": "2026-05-18", "to": "2026-05-20"} // works from 10:00 to 19:00 in Tokyo
	assert.Equal(t, "Mon 18 May 2026, 08:00: first in working hours", w.firstOf(haruka), "not 02:00, in the default zone, which nobody named")
	assert.Equal(t, "Mon 18 May 2026, 10:00: first free", w.firstOf(haruka.with("timezone", "Asia/Tokyo")))
	assert.Equal(t, "Mon 18 May 2026, 16:00: first in working hours", w.firstOf(haruka.with("timezone", "Asia/Tokyo").with("guest_timezone", "Europe/London")))
	assert.Equal(t, "Tue 19 May 2026, 10:00: first in working hours", w.firstOf(haruka.with("timezone", "Asia/Tokyo").with("guest_timezone", "America/Los_Angeles")),
		"Monday at 10:00 in Tokyo is Sunday in Los Angeles")
	assert.Equal(t, "Tue 19 May 2026, 18:00: first free, at night in New York", w.firstOf(args{
		"timezone": "Asia/Tokyo", "guest_timezone": "America/New_York", "hosts": []string{"Haruka"}, "from": "2026-05-19T18:00", "to": "2026-05-19T18:30",
	}), "nothing else is free")
}

// req: S8
// field: working hours of the operator
func TestReq_S8_TheOperatorSetsTheWorkingHoursOfTheHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		var err error
		w.deps.Preferences.Work, err = times.ParseOpening("tue-thu 14:00-16:00")
		require.NoError(t, err)
	})
	assert.Equal(t, "Wed 13 May 2026, 15:00: first in working hours", w.firstOf(args{}))
	assert.Equal(t, "Wed 13 May 2026, 10:00: first in working hours", w.firstOf(args{"timezone": "America/New_York"}), "15:00 in London, where the hosts are")
	assert.Equal(t, "Fri 15 May 2026, 09:00: first free, on a Friday in London", w.firstOf(args{"from": "2026-05-15", "to": "2026-05-15"}), "they work on other days")
}

// req: S8
// field: back-to-back offers
func TestReq_S8_ABusyDayIsNotOfferedBackToBack(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{"from": "2026-05-15", "to": "2026-05-15", "limit": 4})
	require.Len(t, got.Data.Slots, 4, got.Text)
	for i, s := range got.Data.Slots {
		start, end := instants(t, s)
		for _, other := range got.Data.Slots[:min(i, 3)] {
			otherStart, otherEnd := instants(t, other)
			assert.False(t, start.Equal(otherEnd) || end.Equal(otherStart), offered(got.Data.Slots))
		}
	}
}

// req: S8
// field: time of a booking that is to be moved
func TestReq_S8_AMoveIsFirstOfferedAnotherTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.book(agreed(w.find(args{"from": "2026-05-15T09:00", "to": "2026-05-15T09:30"}).Data.Slots[0].SlotID))
	require.Empty(t, made.Code, made.Text)
	move := args{"reschedule_of": made.Data.BookingID}
	assert.Equal(t, "Fri 15 May 2026, 09:30: first clear of the present time", w.firstOf(move.with("from", "2026-05-15").with("to", "2026-05-15")))
	assert.Contains(t, w.firstOf(move.with("from", "2026-05-15T09:00").with("to", "2026-05-15T09:45")), "overlaps the present time", "no other is free there")
}

// req: S8, S9
// field: hosts without a common hour
func TestReq_S9_HostsWithoutACommonHourAreToldWhoCouldBeLeftOut(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		w := newWorld(t, withDialect(dialect))
		got := w.find(args{"hosts": []string{"Alice", "Bob", "Haruka"}, "timezone": "Europe/London"})
		require.False(t, got.IsError, got.Text)
		assert.Empty(t, got.Data.Slots)
		assert.Nil(t, got.Data.NextOpening)
		for _, text := range []string{got.Text, got.Data.Note} {
			assert.Contains(t, text, "Alice Marlow, Bob Castellano and Haruka Sato have no common free time in this window or in the 60 days after it.")
			assert.Contains(t, text, "Without Bob Castellano the first time is Wed 13 May 2026, 09:00.")
			assert.Contains(t, text, "Without Haruka Sato the first time is Wed 13 May 2026, 17:00.")
			assert.NotContains(t, text, "Without Alice Marlow", "New York and Tokyo have no common hour either")
			assert.Contains(t, text, "Ask who can be left out, then search with the others in hosts.")
		}
		pair := w.find(args{"hosts": []string{"Bob", "Haruka"}, "timezone": "Europe/London"})
		assert.Contains(t, pair.Data.Note, "Bob Castellano and Haruka Sato have no common free time")
		assert.Contains(t, pair.Data.Note, "Without Haruka Sato the first time is Wed 13 May 2026, 14:00.")
		evening := w.find(args{"hosts": []string{"Alice", "Bob"}, "when": "tomorrow evening", "timezone": "Europe/London"})
		assert.Contains(t, evening.Data.Note, "Alice Marlow and Bob Castellano have no common free time at these hours in this window")
		busy := w.find(args{"hosts": []string{"Alice", "Bob"}, "busy": []any{args{"start": "2026-05-13T00:00:00Z", "end": "2026-09-01T00:00:00Z"}}})
		assert.NotContains(t, busy.Data.Note, "no common free time", "they have: the guest has not")
	}
}

// Common times come in pages of 50. More than the first is read, and where not
// all can be, it is said.
func TestReq_S8_CommonTimesAreSpreadOverTheWholeWindow(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		requireWholeWindow(t, newWorld(t, withDialect(dialect)))
	}
}

func requireWholeWindow(t *testing.T, w *world) {
	t.Helper()
	long := args{"hosts": []string{"Alice", "Bob"}, "timezone": "UTC", "from": "2026-05-14", "to": "2026-07-10", "limit": 10}
	got := w.find(long.with("prefer", args{"days": []string{"fri"}}))
	require.False(t, got.IsError, got.Text)
	weeks := map[string]bool{}
	for _, s := range got.Data.Slots {
		start, _ := instants(t, s)
		assert.Equal(t, time.Friday, start.Weekday())
		weeks[start.Format(time.DateOnly)] = true
	}
	assert.GreaterOrEqual(t, len(weeks), 8, "one in each week, far beyond the first 50 common times")
	assert.NotContains(t, got.Data.Note, "Searched only up to")
	got = w.find(long.with("duration_minutes", 5))
	assert.Contains(t, got.Data.Note, "Searched only up to ")
	assert.Contains(t, got.Text, "for later times send from there.")
}

// req: C2, S2. What the person is asked about, and what was booked, stands on
// both clocks and with its price: all of it travels in the slot id, or is the
// operator's.
func TestReq_C2_BothClocksAndThePriceAreAgreedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	found := w.find(args{"hosts": []string{"Haruka"}, "timezone": "Asia/Tokyo", "guest_timezone": "America/New_York"})
	require.NotEmpty(t, found.Data.Slots)
	assert.Contains(t, found.Text, "A booking with Haruka Sato costs 5000 JPY.")
	s := found.Data.Slots[0]
	booking := agreed(s.SlotID).with("hosts", []string{"Haruka"})
	asked := w.book(booking.with("consent", notYet))
	require.NotNil(t, asked.Data.Proposal, asked.Text)
	assert.Equal(t, s.GuestLocal, asked.Data.Proposal.GuestLocal)
	assert.Contains(t, asked.Text, s.GuestLocal)
	assert.Contains(t, asked.Text, "Price: 5000 JPY")
	booked := w.book(booking)
	require.False(t, booked.IsError, booked.Text)
	assert.Equal(t, s.GuestLocal, booked.Data.GuestLocal)
	assert.Equal(t, "5000 JPY", booked.Data.Price)
	assert.Contains(t, booked.Text, s.GuestLocal)
	_, details := w.kinds()
	assert.Contains(t, details, `America/New_York`)
	assert.Contains(t, details, `5000 JPY`)
	dearer := w.deps
	dearer.Hosts = append(directory()[:0:0], directory()...)
	dearer.Hosts[2].Price = "6000 JPY"
	w.deps = dearer
	w.connect()
	assert.Equal(t, "consent_mismatch", string(w.book(booking).Code), "the consent was to another price")
}
