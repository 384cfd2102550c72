package tools_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func limited(t *testing.T, domains, hours string, daily int, price string) option {
	t.Helper()
	return func(w *world) {
		var err error
		w.deps.Limits.GuestDomains, err = scheduling.ParseDomains(domains)
		require.NoError(t, err)
		w.deps.Limits.Hours, err = times.ParseOpening(hours)
		require.NoError(t, err)
		if w.deps.Limits.Daily = daily; price != "" {
			most, err := scheduling.ParsePrice(price)
			require.NoError(t, err)
			w.deps.Limits.MaxPrice = &most
		}
	}
}

// refused asserts that a call is not allowed even with consent, and that nobody is asked.
func refused(t *testing.T, w *world, booking args, why string) {
	t.Helper()
	before := w.vennio.Writes()
	for _, with := range []args{booking, booking.with("consent", notYet)} {
		got := w.book(with)
		assert.Equal(t, schemas.CodeNotAllowed, got.Code, got.Text)
		assert.Contains(t, got.Text, why)
		assert.Nil(t, got.Data.Proposal, "no person is asked")
	}
	open, err := w.deps.Ledger.Open(t.Context())
	require.NoError(t, err)
	assert.Empty(t, open)
	assert.Equal(t, before, w.vennio.Writes())
}

func TestReq_X6_OnlyAllowedDomainsAttend(t *testing.T) {
	t.Parallel()
	for _, policy := range []consent.Policy{consent.PolicyAsk, consent.PolicyHuman} {
		w := newWorld(t, limited(t, "example.org, *.example.com", "", 0, ""), func(w *world) { w.deps.Policy = policy })
		refused(t, w, agreed(w.slot().SlotID), `"ada@example.com" may not attend`)
	}
	w := newWorld(t, limited(t, "example.com, *.example.org", "", 0, ""))
	for email, ok := range map[string]bool{
		"ada@EXAMPLE.com": true, "ada@dep.example.org": true, "ada@example.org": false, "ada@example.com.evil.net": false,
		"ada@notexample.com": false, "ada@xexample.org": false, "ada@example.net": false, "ada@dep.example.com": false,
	} {
		booking := agreed(w.slot().SlotID).with("attendees", []any{map[string]any{"email": email, "name": "Ada"}})
		if !ok {
			refused(t, w, booking, "may not attend")
			continue
		}
		assert.Empty(t, w.book(booking).Code, email)
	}
	second := agreed(w.slot().SlotID).with("attendees", []any{
		map[string]any{"email": "ada@example.com", "name": "Ada"}, map[string]any{"email": "eve@evil.net", "name": "Eve"},
	})
	refused(t, w, second, `"eve@evil.net" may not attend`)
	aHost := agreed(w.slot().SlotID).with("hosts", []string{"eve@evil.net"})
	got := w.book(aHost)
	assert.True(t, got.IsError, "nor takes part as a host that nobody named")
}

func TestReq_X6_BookingsLieWithinTheHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	inTheMorning := w.find(args{"prefer": map[string]any{"latest": "11:00"}, "timezone": "Europe/London"}).Data.Slots[0]
	afternoon := w.find(args{"prefer": map[string]any{"earliest": "15:00"}, "timezone": "Europe/London"}).Data.Slots[0]
	limited(t, "", "mon-fri 14:00-16:00", 0, "")(w)
	w.connect()
	refused(t, w, agreed(inTheMorning.SlotID), "mon-fri 14:00-16:00 (Europe/London)")
	found := w.find(args{"limit": 10})
	require.NotEmpty(t, found.Data.Slots)
	for _, s := range found.Data.Slots {
		assert.GreaterOrEqual(t, s.StartLocal, "14:00")
		assert.LessOrEqual(t, s.EndLocal, "16:00")
	}
	made := w.book(agreed(afternoon.SlotID))
	require.Empty(t, made.Code, made.Text)
	moved := w.change("reschedule_booking", args{"booking_id": made.Data.BookingID, "slot_id": inTheMorning.SlotID, "consent": yes})
	assert.Equal(t, schemas.CodeNotAllowed, moved.Code, moved.Text)
	weekend := newWorld(t, limited(t, "", "sat/sun 10:00-12:00", 0, ""))
	none := weekend.find(args{})
	assert.Empty(t, none.Data.Slots)
	assert.Contains(t, none.Data.Note, "This server books only sat/sun 10:00-12:00 (Europe/London).")
	cancelled := w.change("cancel_booking", args{"booking_id": made.Data.BookingID, "consent": yes})
	assert.Empty(t, cancelled.Code, "what is booked can be cancelled whatever the hours: "+cancelled.Text)
}

// req: X6. However many calls come at once, and whatever their days: no more than
// the number is sent, and what was done can still be repeated.
func TestReq_X6_ADayHasSoManyBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limited(t, "", "", 2, ""))
	found := w.find(args{"limit": 6}).Data.Slots
	require.Len(t, found, 6)
	var calls sync.WaitGroup
	made := make([]string, len(found))
	for i, s := range found {
		calls.Go(func() { made[i] = w.bookQuietly(agreed(s.SlotID)) })
	}
	calls.Wait()
	assert.Len(t, w.vennio.Bookings(), 2)
	refused(t, w, agreed(w.slot().SlotID), "at most 2 bookings a day")
	for i, s := range found {
		if made[i] != "" {
			assert.Equal(t, made[i], w.book(agreed(s.SlotID)).Data.BookingID, "the same call tells the same booking")
		}
	}
	w.clock = w.clock.Add(24 * time.Hour)
	next := w.slot().SlotID
	refused(t, w, agreed(next).with("repeat", "weekly x3"), "at most 2 bookings a day")
	assert.Empty(t, w.book(agreed(next)).Code, "tomorrow is another day")
}

func TestReq_X6_NothingDearerIsBooked(t *testing.T) {
	t.Parallel()
	for most, why := range map[string]string{"4999 JPY": "it costs 5000.00 JPY", "100 EUR": "(5000 JPY) cannot be held against"} {
		w := newWorld(t, limited(t, "", "", 0, most))
		slot := w.find(args{"hosts": []string{"Haruka"}}).Data.Slots[0]
		refused(t, w, agreed(slot.SlotID).with("hosts", []string{"Haruka"}), why)
		assert.Empty(t, w.book(agreed(w.slot().SlotID)).Code, "what costs nothing")
	}
	w := newWorld(t, limited(t, "", "", 0, "5000 JPY"))
	slot := w.find(args{"hosts": []string{"Haruka"}}).Data.Slots[0]
	assert.Empty(t, w.book(agreed(slot.SlotID).with("hosts", []string{"Haruka"})).Code)
}

// What was sent before the operator changed their mind is settled all the same.
func TestALimitDoesNotHideWhatWasDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	made := w.book(booking)
	require.Empty(t, made.Code, made.Text)
	limited(t, "example.org", "sun 10:00-11:00", 1, "")(w)
	w.connect()
	again := w.book(booking)
	assert.Equal(t, made.Data.BookingID, again.Data.BookingID, again.Text)
}

func TestLimitsAreReadOrRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"100 EUR": "100.00 EUR", "eur 99.5": "99.50 EUR", "0,99 USD": "0.99 USD"} {
		p, err := scheduling.ParsePrice(text)
		require.NoError(t, err)
		assert.Equal(t, want, p.String())
	}
	for _, bad := range []string{"", "100", "EUR", "EUR 1 EUR", "1.234 EUR", "-1 EUR", "12345678901 EUR", "€ 5"} {
		_, err := scheduling.ParsePrice(bad)
		assert.ErrorContains(t, err, "100 EUR", bad)
	}
	for _, bad := range []string{"mon", "mon 9-17", "mon 17:00-09:00", "noday 09:00-17:00", "mon-fri 09:00", "mon 09:00-25:00", "mon 09:00-17:00 x"} {
		_, err := times.ParseOpening(bad)
		assert.ErrorContains(t, err, "mon-fri 09:00-17:00", bad)
	}
	around, err := times.ParseOpening("fri-mon 00:00-24:00, wed 09:00-10:00")
	require.NoError(t, err)
	assert.Equal(t, "fri-mon 00:00-24:00, wed 09:00-10:00", around.String())
	_, err = times.ParseOpening("mon-fri 22:00-06:00")
	require.ErrorContains(t, err, "hours over midnight are two: mon-fri 22:00-24:00, tue-sat 00:00-06:00")
	for _, bad := range []string{"exa mple.com", "*", "*.", ".example.com", "bücher.example"} {
		_, err := scheduling.ParseDomains(bad)
		assert.Error(t, err, bad)
	}
}
