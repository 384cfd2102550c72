package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// hours repeats the hosts' business hours, as minutes after local midnight, so
// that a slip in the sandbox's own table does not excuse itself.
var hours = map[string]struct{ opens, closes int }{
	alice.ID: {540, 1050}, bob.ID: {540, 1020}, haruka.ID: {600, 1140},
}

var anyDay = rapid.Custom(func(t *rapid.T) time.Time {
	return wednesday.AddDate(0, 0, rapid.IntRange(0, 2000).Draw(t, "days")).
		Add(time.Duration(rapid.IntRange(0, 1439).Draw(t, "minutes")) * time.Minute)
})

// For every query, no offer lies outside business hours or the window, or over an event, or over a booking.
func TestOffersAreFree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Int64Range(1, 1000).Draw(t, "seed")
		s := newServer(sandbox.Options{Seed: seed, RateLimitPerHour: -1})
		h := rapid.SampledFrom(hosts[:3]).Draw(t, "host")
		from := anyDay.Draw(t, "from")
		to := from.Add(time.Duration(rapid.IntRange(1, 20*24).Draw(t, "hours")) * time.Hour)
		taken := from.Add(time.Duration(rapid.IntRange(-48, 48).Draw(t, "taken")) * time.Hour)
		require.NoError(t, s.Take(h.ID, taken, taken.Add(time.Hour)))
		duration := rapid.SampledFrom([]string{"5", "30", "45", "120"}).Draw(t, "duration")
		got := want[slotsAnswer](t, s, http.StatusOK, slotsOf(h, from, to, "duration_minutes", duration))
		zone, err := time.LoadLocation(h.Timezone)
		require.NoError(t, err)
		for _, offer := range got.Slots {
			local, end := offer.Start.In(zone), offer.End.In(zone)
			require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, local.Weekday())
			require.GreaterOrEqual(t, 60*local.Hour()+local.Minute(), hours[h.ID].opens)
			require.LessOrEqual(t, 60*end.Hour()+end.Minute(), hours[h.ID].closes)
			require.Equal(t, local.YearDay(), end.YearDay())
			require.False(t, offer.Start.Before(from) || offer.End.After(to), "outside the window")
			require.False(t, offer.Start.Before(taken.Add(time.Hour)) && taken.Before(offer.End), "over a taken time")
			require.Empty(t, sandbox.Events(h.ID, seed, offer.Start, offer.End))
		}
	})
}

// Whatever is offered can be booked, once, and what was booked is not offered again.
func TestEveryOfferCanBeBooked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newServer(sandbox.Options{Seed: rapid.Int64Range(1, 1000).Draw(t, "seed"), RateLimitPerHour: -1})
		h := rapid.SampledFrom(hosts[:3]).Draw(t, "host")
		from := anyDay.Draw(t, "from")
		ask := slotsOf(h, from, from.AddDate(0, 0, 4), "duration_minutes", rapid.SampledFrom([]string{"15", "30", "50"}).Draw(t, "duration"))
		for range 3 {
			offers := want[slotsAnswer](t, s, http.StatusOK, ask).Slots
			if len(offers) == 0 {
				return
			}
			pick := rapid.SampledFrom(offers).Draw(t, "pick")
			want[bookingAnswer](t, s, http.StatusCreated, book(h, pick.Start, pick.End))
			refused(t, s, http.StatusConflict, "slot-unavailable", book(h, pick.Start, pick.End))
			for _, left := range want[slotsAnswer](t, s, http.StatusOK, ask).Slots {
				require.False(t, left.Start.Before(pick.End) && pick.Start.Before(left.End), "offered again")
			}
		}
	})
}

// Each workday has busy and free times, and the same ones whenever it is looked at.
func TestWorkdaysAreBusyAndFree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Int64().Draw(t, "seed")
		h := rapid.SampledFrom(hosts[:3]).Draw(t, "host")
		zone, err := time.LoadLocation(h.Timezone)
		require.NoError(t, err)
		y, m, d := anyDay.Draw(t, "day").Date()
		opens := time.Date(y, m, d, 0, hours[h.ID].opens, 0, 0, zone)
		closes := time.Date(y, m, d, 0, hours[h.ID].closes, 0, 0, zone)
		events := sandbox.Events(h.ID, seed, opens, closes)
		if w := opens.Weekday(); w == time.Saturday || w == time.Sunday {
			require.Empty(t, events)
			return
		}
		require.NotEmpty(t, events)
		var busy time.Duration
		for i, e := range events {
			busy += e.End.Sub(e.Start)
			require.False(t, e.Start.Before(opens) || e.End.After(closes))
			require.True(t, i == 0 || !e.Start.Before(events[i-1].End), "events overlap")
		}
		require.LessOrEqual(t, busy, 330*time.Minute)
		require.Equal(t, events, sandbox.Events(h.ID, seed, opens, closes))
	})
}

// London shares an hour of business with New York and with Tokyo on every
// weekday of two years, both clock changes included.
func TestBusinessHoursMeet(t *testing.T) {
	t.Parallel()
	open := func(h sandbox.Host, day time.Time) (time.Time, time.Time) {
		zone, err := time.LoadLocation(h.Timezone)
		require.NoError(t, err)
		y, m, d := day.Date()
		return time.Date(y, m, d, 0, hours[h.ID].opens, 0, 0, zone), time.Date(y, m, d, 0, hours[h.ID].closes, 0, 0, zone)
	}
	for i := range 730 {
		day := wednesday.AddDate(0, 0, i)
		for _, other := range []sandbox.Host{bob, haruka} {
			from, to := open(alice, day)
			from2, to2 := open(other, day)
			if from2.After(from) {
				from = from2
			}
			if to2.Before(to) {
				to = to2
			}
			assert.GreaterOrEqual(t, to.Sub(from), time.Hour, "%s, %s", other.Name, day.Format(time.DateOnly))
		}
	}
}
