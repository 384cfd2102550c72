package tools_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestBookSlotBooksWhatWasAgreed(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		w := newWorld(t, withDialect(dialect))
		s := w.slot()
		got := w.book(agreed(s.SlotID).with("notes", "Bring cards\nand coffee"))
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, "confirmed", got.Data.Status)
		assert.Equal(t, []string{s.Start, s.End}, []string{got.Data.Start, got.Data.End})
		assert.Equal(t, schemas.ConsentOnFile{GivenBy: "Ada Byron", Statement: "Yes, book it", Method: "attested by the agent"}, got.Data.Consent)
		for _, fact := range []string{got.Data.BookingID, got.Data.Description, s.Start, strings.SplitN(s.End, "T", 2)[1], "Intro call", "Ada Byron", "Yes, book it", "attested", got.Data.Next} {
			assert.Contains(t, got.Text, fact)
		}
		made := w.vennio.Bookings()
		require.Len(t, made, 1)
		assert.Equal(t, got.Data.BookingID, made[0].ID)
		assert.Equal(t, w.deps.Hosts[0].ID, made[0].HostID)
		assert.Equal(t, s.Start, made[0].Start.UTC().Format(time.RFC3339))
		assert.Regexp(t, `^[A-Za-z0-9_:.-]{1,256}$`, made[0].IdempotencyKey, "req: I1")
	}
}

func TestTheResultSaysWhoIsToldAndWhoIsNot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key  string
		want string
	}{
		"live key": {"vennio_sk_live_anything", `Vennio e-mails "Ada Byron" <ada@example.com>; not e-mailed, so inform them yourself: "Grace Hopper" <grace@example.com>.`},
		"test key": {"", `Vennio e-mails nobody (test keys send no mail); not e-mailed: "Ada Byron" <ada@example.com>, "Grace Hopper" <grace@example.com>.`},
	} {
		w := newWorld(t, func(w *world) {
			w.deps.NoMail = tc.key == ""
			if tc.key != "" {
				withKey(tc.key)(w)
			}
		})
		got := w.book(agreed(w.slot().SlotID))
		require.False(t, got.IsError, got.Text)
		assert.Contains(t, got.Text, tc.want, name)
	}
}

func TestSeveralHostsAreBookedUnderTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hosts := []string{"Alice", "Bob"}
	s := w.find(args{"hosts": hosts}).Data.Slots[0]
	got := w.book(agreed(s.SlotID).with("hosts", hosts))
	require.False(t, got.IsError, got.Text)
	assert.Len(t, got.Data.Hosts, 2)
	assert.Equal(t, w.deps.Hosts[0].ID, w.vennio.Bookings()[0].HostID)
	assert.Contains(t, got.Text, "only "+w.deps.Hosts[0].Name+"'s calendar", "the result says whose calendar holds it")
}

func TestAPaidBookingIsNotConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokyo := w.deps.Hosts[2].Name
	s := w.find(args{"hosts": []string{tokyo}}).Data.Slots[0]
	booking := agreed(s.SlotID).with("hosts", []string{tokyo})
	got := w.book(booking)
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "pending_payment", got.Data.Status)
	assert.NotEmpty(t, got.Data.CheckoutURL)
	assert.Contains(t, got.Text, "After payment: Vennio e-mails")
	assert.Contains(t, got.Text, "NOT confirmed")
	assert.Contains(t, got.Text, got.Data.CheckoutURL)
	require.NoError(t, w.vennio.Pay(got.Data.BookingID))
	paid := w.book(booking)
	assert.Equal(t, "confirmed", paid.Data.Status, "the same call tells what is true now")
	assert.Empty(t, paid.Data.CheckoutURL)
	assert.Equal(t, got.Data.BookingID, paid.Data.BookingID)
}

// req: I4, I5
func TestReq_I5_ATakenSlotAnswersWithAlternatives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	start, end := instants(t, s)
	require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, start, end))
	got := w.book(agreed(s.SlotID))
	assert.Equal(t, schemas.CodeSlotTaken, got.Code)
	require.Len(t, got.Data.Alternatives, 3)
	last := time.Duration(0)
	for _, a := range got.Data.Alternatives {
		from, to := instants(t, a)
		assert.False(t, from.Before(end) && start.Before(to), "not the taken time")
		assert.GreaterOrEqual(t, from.Sub(start).Abs(), last, "the nearest first")
		last = from.Sub(start).Abs()
		assert.Contains(t, got.Text, a.SlotID)
	}
	again := w.book(agreed(got.Data.Alternatives[0].SlotID))
	assert.Equal(t, "confirmed", again.Data.Status, "an alternative can be booked, with a separate consent")
}

// req: I6
func TestReq_I6_BookCancelBookAgainIsARealBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	first := w.book(agreed(s.SlotID))
	require.False(t, first.IsError, first.Text)
	require.NoError(t, w.vennio.Cancel(first.Data.BookingID))
	stale := w.book(agreed(s.SlotID))
	assert.Equal(t, "cancelled", stale.Data.Status, "the old call tells what became of the old booking")
	assert.Contains(t, stale.Text, "call find_slots and ask again")
	assert.Equal(t, 1, len(w.vennio.Bookings()))
	again := w.slot()
	require.Equal(t, s.Start, again.Start, "the time is free again")
	second := w.book(agreed(again.SlotID))
	assert.Equal(t, "confirmed", second.Data.Status)
	assert.NotEqual(t, first.Data.BookingID, second.Data.BookingID)
}

func TestTheSlotIDIsBoundAndExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	calls := w.vennio.Calls()
	for name, booking := range map[string]args{
		"forged":           agreed(strings.Repeat("s", 30)),
		"cut":              agreed(s.SlotID[:29]),
		"invented":         agreed("2026-05-14T15:00:00Z"),
		"another host's":   agreed(s.SlotID).with("hosts", []string{"Bob"}),
		"with a host more": agreed(s.SlotID).with("hosts", []string{"Alice", "Bob"}),
	} {
		assert.Equal(t, schemas.CodeUnknownSlot, w.book(booking).Code, name)
	}
	w.clock = w.clock.Add(2*time.Hour + 2*time.Minute)
	assert.Equal(t, schemas.CodeSlotExpired, w.book(agreed(s.SlotID)).Code)
	assert.Equal(t, calls, w.vennio.Calls(), "req: C7: refused before any call to Vennio")
}

// field: slot id from the future
// req: C7. Found on a replica whose clock was ahead, or before this clock was set back.
func TestReq_C7_ASlotIDFromTheFutureIsNotBooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.booked()
	w.clock = w.clock.Add(16 * time.Minute)
	s := w.find(args{"timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[0]
	move := w.find(args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[1]
	w.clock = wednesday
	before := w.vennio.Writes()
	booked := w.book(agreed(s.SlotID))
	assert.Equal(t, schemas.CodeUnknownSlot, booked.Code, booked.Text)
	moved := w.change("reschedule_booking", args{"booking_id": made.BookingID, "slot_id": move.SlotID, "consent": yes})
	assert.Equal(t, schemas.CodeUnknownSlot, moved.Code, moved.Text)
	for _, text := range []string{booked.Text, moved.Text} {
		assert.Contains(t, text, "more than 15 minutes in the future")
		assert.Contains(t, text, "server's clock must be checked")
		assert.Contains(t, text, "Call find_slots")
	}
	assert.Equal(t, before, w.vennio.Writes())

	w.clock = w.clock.Add(2 * time.Minute) // 14 minutes of difference are normal
	booked = w.book(agreed(s.SlotID))
	assert.False(t, booked.IsError, booked.Text)
	moved = w.change("reschedule_booking", args{"booking_id": made.BookingID, "slot_id": move.SlotID, "consent": yes})
	assert.False(t, moved.IsError, moved.Text)
}

func TestASlotThatHasPassedIsNotBooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	start, _ := instants(t, s)
	require.Less(t, start.Sub(w.clock), 2*time.Hour, "the first slot is soon")
	w.clock = start.Add(time.Minute)
	got := w.book(agreed(s.SlotID))
	assert.Equal(t, schemas.CodeSlotPast, got.Code, got.Text)
	assert.Zero(t, w.vennio.Writes())
}

// The tools check the scope too, in case that a transport did not refuse the message.
func TestToolsThatWriteNeedTheScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.slot()
	for scope, code := range map[string]schemas.Code{auth.ScopeRead: schemas.CodeNotAllowed, auth.ScopeBook: ""} {
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = "book_slot", agreed(s.SlotID)
		got, err := w.agent.CallTool(auth.With(t.Context(), auth.Caller{Name: "ada", Scopes: []string{scope}}), req)
		require.NoError(t, err)
		raw, err := json.Marshal(got.StructuredContent)
		require.NoError(t, err)
		var failure schemas.Failure
		require.NoError(t, json.Unmarshal(raw, &failure))
		if code == "" {
			assert.False(t, got.IsError, string(raw))
			continue
		}
		require.NotNil(t, failure.Error, string(raw))
		assert.Equal(t, code, failure.Error.Code)
	}
	assert.Equal(t, 1, w.vennio.Writes(), "only the call with the scope")
}
