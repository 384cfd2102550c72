package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// A booking can be moved into its own time, and is searched with its own hosts
// and length.
func TestTheOldTimeCountsAsFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := w.find(args{"duration_minutes": 60, "timezone": "Europe/London", "limit": 1}).Data.Slots[0]
	made := w.booked("slot_id", long.SlotID)
	start, err := time.Parse(time.RFC3339, made.Start)
	require.NoError(t, err)
	window := args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "limit": 10, "from": made.Start, "to": start.Add(105 * time.Minute).Format(time.RFC3339)}
	found := w.find(window)
	require.False(t, found.IsError, found.Text)
	assert.Equal(t, 60, found.Data.DurationMinutes)
	require.NotEmpty(t, found.Data.Slots, found.Text)
	overlapping := found.Data.Slots[0]
	assert.Less(t, overlapping.Start, made.End, "it overlaps the time the booking has")
	assert.NotEqual(t, made.Start, overlapping.Start, "the current time is not offered")
	got := w.change("reschedule_booking", args{"booking_id": made.BookingID, "slot_id": overlapping.SlotID, "consent": yes})
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, overlapping.Start, got.Data.Start)
	shorter := w.find(window.with("duration_minutes", 30).with("from", overlapping.Start))
	assert.Equal(t, 30, shorter.Data.DurationMinutes)
	require.NotEmpty(t, shorter.Data.Slots)
	bad := w.find(window.with("hosts", []string{"Bob"}))
	assert.Equal(t, schemas.CodeInvalidArguments, bad.Code, bad.Text)
	assert.Equal(t, schemas.CodeNotFound, w.find(args{"reschedule_of": "nothing"}).Code)
}

// req: C10, I5. A slot that was taken meanwhile moves nothing and offers others,
// which need a separate consent.
func TestReq_I5_ATakenSlotMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.booked()
	slot := w.find(args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[0]
	start, err := time.Parse(time.RFC3339, slot.Start)
	require.NoError(t, err)
	require.NoError(t, w.vennio.Take(w.deps.Hosts[0].ID, start, start.Add(30*time.Minute)))
	call := args{"booking_id": made.BookingID, "slot_id": slot.SlotID, "consent": yes}
	got := w.change("reschedule_booking", call)
	assert.Equal(t, schemas.CodeSlotTaken, got.Code, got.Text)
	assert.Contains(t, got.Text, "This call changed nothing.")
	require.Len(t, got.Data.Alternatives, 3, got.Text)
	assert.Contains(t, got.Data.Alternatives[0].Reason, "same day")
	assert.Equal(t, made.Start, w.get(args{"booking_id": made.BookingID}).Data.Start)
	other := call.with("slot_id", got.Data.Alternatives[0].SlotID)
	assert.Equal(t, schemas.CodeConsentRequired, w.change("reschedule_booking", other.with("consent", notYet)).Code)
	moved := w.change("reschedule_booking", other)
	require.False(t, moved.IsError, moved.Text)
	assert.Equal(t, got.Data.Alternatives[0].Start, moved.Data.Start)
}

// req: C2, C7. A slot id serves one act: not another booking, not a new one.
func TestReq_C2_ASlotThatMovedABookingBooksNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.booked(), w.booked()
	slot := w.find(args{"reschedule_of": one.BookingID, "timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[0]
	call := args{"booking_id": one.BookingID, "slot_id": slot.SlotID, "consent": yes}
	require.False(t, w.change("reschedule_booking", call).IsError)
	assert.Equal(t, schemas.CodeConsentMismatch, w.change("reschedule_booking", call.with("booking_id", two.BookingID)).Code)
	assert.Equal(t, schemas.CodeConsentMismatch, w.book(agreed(slot.SlotID)).Code)
	tokyo := w.find(args{"hosts": []string{"Haruka"}}).Data.Slots[0]
	assert.Equal(t, schemas.CodeUnknownSlot, w.change("reschedule_booking", call.with("slot_id", tokyo.SlotID)).Code, "a slot of another host")
}

func TestWhatIsOverOrCancelledIsNotMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.booked()
	slot := w.find(args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[0]
	call := args{"booking_id": made.BookingID, "slot_id": slot.SlotID, "consent": yes}
	require.False(t, w.change("cancel_booking", args{"booking_id": made.BookingID, "consent": yes}).IsError)
	before := w.vennio.Writes()
	got := w.change("reschedule_booking", call)
	assert.Equal(t, schemas.CodeBookingClosed, got.Code, got.Text)
	assert.Equal(t, schemas.CodeBookingClosed, w.find(args{"reschedule_of": made.BookingID}).Code)
	again := w.change("cancel_booking", args{"booking_id": made.BookingID, "consent": yes})
	assert.Equal(t, "cancelled", again.Data.Status)
	past := w.booked()
	w.clock = w.clock.AddDate(0, 0, 30)
	assert.Equal(t, schemas.CodeBookingClosed, w.change("cancel_booking", args{"booking_id": past.BookingID, "consent": yes}).Code)
	assert.Equal(t, before+1, w.vennio.Writes())
}

// A booking that others cancelled is shown as it is, and nobody is asked.
func TestWhatOthersCancelledIsToldAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.booked()
	require.NoError(t, w.vennio.Cancel(made.BookingID))
	before := w.vennio.Writes()
	got := w.change("cancel_booking", args{"booking_id": made.BookingID, "consent": yes})
	require.False(t, got.IsError, got.Text)
	assert.False(t, got.Data.Changed)
	assert.Regexp(t, "^Already cancelled: ", got.Text)
	assert.Equal(t, before, w.vennio.Writes())
}

// req: I6. After a move the old time is free again, and moving the booking back is a separate move.
func TestReq_I6_MovedThereAndBack(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		w := newWorld(t, withDialect(dialect))
		made := w.booked()
		there := w.find(args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "from": "2026-05-18"}).Data.Slots[0]
		call := args{"booking_id": made.BookingID, "slot_id": there.SlotID, "consent": yes}
		require.False(t, w.change("reschedule_booking", call).IsError)
		back := w.find(args{"reschedule_of": made.BookingID, "timezone": "Europe/London", "from": made.Start, "to": made.End}).Data.Slots
		require.Len(t, back, 1)
		got := w.change("reschedule_booking", call.with("slot_id", back[0].SlotID))
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, made.Start, got.Data.Start)
		stale := w.change("reschedule_booking", call)
		require.False(t, stale.IsError, stale.Text)
		assert.Contains(t, stale.Text, "has been changed since")
		assert.Equal(t, made.Start, stale.Data.Start, "an old call moves nothing again")
	}
}
