package resources_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/resources"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// listener is a Notifier, and what it passed on.
type listener struct {
	*resources.Notifier

	t   *testing.T
	now time.Time
	got []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{t: t, now: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)}
	l.Notifier = resources.NewNotifier(func(uris ...string) { l.got = append(l.got, uris...) }, func() time.Time { return l.now })
	return l
}

// notified is what was passed on since.
func (l *listener) notified() []string {
	got := l.got
	l.got = nil
	return got
}

const (
	upcoming = "vennio://bookings/upcoming"
	nine     = "2026-05-18T09:00:00Z"
	half     = "2026-05-18T09:30:00Z"
	ten      = "2026-05-18T10:00:00Z"
)

func (l *listener) updatesAfter(kind, id, status, start, end string) []string {
	l.t.Helper()
	l.notified()
	e, err := webhook.Decode(fmt.Appendf(nil, `{"id":"e","type":%q,"data":{"booking":{"id":%q,"status":%q,"start_time":%q,"end_time":%q}}}`, kind, id, status, start, end))
	require.NoError(l.t, err)
	l.EventReceived(e)
	return l.notified()
}

func (l *listener) wrote(all ...schemas.Written) []string {
	l.notified()
	l.Wrote(all)
	return l.notified()
}

// field: duplicate notification
func TestAToolAndItsEventNotifyOnce(t *testing.T) {
	t.Parallel()
	one := []string{"vennio://bookings/b", upcoming}
	made := schemas.Written{ID: "b", Status: "confirmed", Start: nine, End: half, New: true}
	moved := schemas.Written{ID: "b", Status: "confirmed", Start: half, End: ten}
	gone := schemas.Written{ID: "b", Status: "cancelled", Start: half, End: ten}

	l := newListener(t)
	assert.Equal(t, one, l.wrote(made))
	assert.Empty(t, l.updatesAfter("booking.created", "b", "confirmed", nine, half))
	assert.Empty(t, l.updatesAfter("booking.confirmed", "b", "confirmed", nine, half), "one call, two events")
	assert.Empty(t, l.wrote(made), "the same call again")
	assert.Equal(t, one, l.wrote(moved))
	assert.Empty(t, l.updatesAfter("booking.updated", "b", "confirmed", half, ten))
	assert.Equal(t, one, l.updatesAfter("booking.updated", "b", "confirmed", half, ten), "somebody else changed the notes")
	assert.Equal(t, one, l.wrote(gone))
	assert.Empty(t, l.updatesAfter("booking.cancelled", "b", "cancelled", half, ten))

	l = newListener(t)
	assert.Equal(t, one, l.updatesAfter("booking.created", "b", "confirmed", nine, half), "the event comes before the tool has returned")
	assert.Empty(t, l.wrote(made))
	assert.Empty(t, l.updatesAfter("booking.confirmed", "b", "confirmed", nine, half))
	assert.Equal(t, one, l.updatesAfter("booking.updated", "b", "confirmed", half, ten))
	assert.Empty(t, l.wrote(moved))
	assert.Equal(t, one, l.wrote(moved), "moved away unheard, and back")
}

// field: duplicate notification
func TestWhatIsNoEchoOfAToolIsNotified(t *testing.T) {
	t.Parallel()
	one := []string{"vennio://bookings/b", upcoming}
	made := schemas.Written{ID: "b", Status: "confirmed", Start: nine, End: half, New: true}
	l := newListener(t)
	assert.Equal(t, one, l.wrote(made))
	assert.Equal(t, one, l.updatesAfter("booking.updated", "b", "confirmed", nine, half), "a new booking causes no such event")
	assert.Equal(t, one, l.updatesAfter("booking.created", "b", "confirmed", half, ten), "another time")

	l = newListener(t)
	assert.Equal(t, one, l.wrote(schemas.Written{ID: "b", Status: "pending_payment", Start: nine, End: half, New: true}))
	assert.Empty(t, l.updatesAfter("booking.created", "b", "pending_payment", nine, half))
	assert.Equal(t, one, l.updatesAfter("booking.confirmed", "b", "confirmed", nine, half), "it was paid")
	assert.Empty(t, l.wrote(made), "the tool looks again")

	l = newListener(t)
	assert.Equal(t, one, l.wrote(made))
	l.now = l.now.Add(11 * time.Minute)
	assert.Equal(t, one, l.updatesAfter("booking.created", "b", "confirmed", nine, half), "too late to be an echo")

	l = newListener(t)
	assert.Equal(t, one, l.wrote(made))
	assert.Empty(t, l.updatesAfter("booking.created", "b", "", "", ""), "an event that says little agrees")
	l.EventReceived(webhook.Event{ID: "x", Type: "consent.revoked"})
	assert.Empty(t, l.wrote())
}

// field: duplicate notification
func TestASeriesIsOneNotificationOfTheBookingsToCome(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	a := schemas.Written{ID: "a", Status: "confirmed", Start: nine, End: half, New: true}
	b := schemas.Written{ID: "b", Status: "confirmed", Start: half, End: ten, New: true}
	assert.Equal(t, []string{"vennio://bookings/a", "vennio://bookings/b", upcoming}, l.wrote(a, b))
	assert.Empty(t, l.updatesAfter("booking.created", "b", "confirmed", half, ten))
	assert.Empty(t, l.updatesAfter("booking.created", "a", "confirmed", nine, half))
}

func TestTheNotifierForgetsTheOldest(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	for i := range 1001 {
		l.now = l.now.Add(time.Millisecond)
		require.Len(t, l.wrote(schemas.Written{ID: fmt.Sprint(i), Status: "confirmed", New: true}), 2)
	}
	assert.Empty(t, l.updatesAfter("booking.created", "1", "confirmed", nine, half))
	assert.Len(t, l.updatesAfter("booking.created", "0", "confirmed", nine, half), 2, "forgotten: notified twice, and nothing is lost")
}
