package resources

import (
	"slices"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Notifier notifies subscribers once of each change of a booking, although two
// sources report it: the tool that made the change, and Vennio's webhook event,
// which may arrive before the tool has returned, later or never. It is safe for
// concurrent use.
type Notifier struct {
	changes Changes
	now     func() time.Time

	mu   sync.Mutex
	last map[string]*notice // by booking id
}

// notice is the last state of a booking of which subscribers were notified.
type notice struct {
	schemas.Written

	at     time.Time
	byTool bool           // a tool wrote this state
	events []webhook.Type // received about this state
}

const (
	// echoTime is how long after a tool call an event may report the same change.
	echoTime    = 10 * time.Minute
	maxNotices  = 1000
	isCancelled = "cancelled"
	isConfirmed = "confirmed"
)

// NewNotifier returns a Notifier that passes the URIs of changed resources to notify,
// which must not wait.
func NewNotifier(notify func(uris ...string), now func() time.Time) *Notifier {
	return &Notifier{changes: Changes{Notify: notify}, now: now, last: make(map[string]*notice)}
}

// Wrote notifies of the bookings that a tool call wrote, unless an earlier call wrote
// the same or the event arrived first.
func (n *Notifier) Wrote(all []schemas.Written) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var changed []string
	for _, w := range all {
		before := n.last[w.ID]
		eventFirst := before != nil && before.agrees(w) && !before.byTool && n.now().Sub(before.at) < echoTime
		repeated := before != nil && before.agrees(w) && w.New
		if eventFirst || repeated {
			before.byTool, before.New = true, w.New
			continue
		}
		n.keep(&notice{Written: w, byTool: true})
		changed = append(changed, w.ID)
	}
	if len(changed) > 0 {
		n.changes.BookingChanged(changed...)
	}
}

// EventReceived notifies of the change that an event reports, unless a tool call made it.
func (n *Notifier) EventReceived(e webhook.Event) {
	b, ok := e.Booking()
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := schemas.Written{ID: b.ID, Status: b.Status, Start: instant(b.Start), End: instant(b.End)}
	before := n.last[b.ID]
	switch {
	case before == nil || !before.agrees(w):
		n.keep(&notice{Written: w, events: []webhook.Type{e.Type}})
	case before.byTool && before.causes(e.Type) && !slices.Contains(before.events, e.Type) && n.now().Sub(before.at) < echoTime:
		before.events = append(before.events, e.Type)
		return
	case !slices.Contains(before.events, e.Type):
		before.events = append(before.events, e.Type)
	}
	n.changes.BookingChanged(b.ID)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return times.UTC(t)
}

// keep replaces the booking's last notice. Where there are too many notices it drops
// the oldest, and a change of that booking may be notified twice.
func (n *Notifier) keep(one *notice) {
	one.at = n.now()
	if n.last[one.ID] == nil && len(n.last) >= maxNotices {
		oldest := one
		for _, other := range n.last {
			if other.at.Before(oldest.at) {
				oldest = other
			}
		}
		delete(n.last, oldest.ID)
	}
	n.last[one.ID] = one
}

// agrees compares states. A value that one side does not have counts as equal.
func (n *notice) agrees(w schemas.Written) bool {
	same := func(a, b string) bool { return a == b || a == "" || b == "" }
	return same(n.Status, w.Status) && same(n.Start, w.Start) && same(n.End, w.End)
}

// causes reports whether Vennio sends an event of this type about the change that a
// tool made (vennio-api.md).
func (n *notice) causes(t webhook.Type) bool {
	switch t {
	case webhook.BookingCreated:
		return n.New
	case webhook.BookingConfirmed:
		return n.New && n.Status == isConfirmed
	case webhook.BookingUpdated:
		return !n.New && n.Status != isCancelled
	case webhook.BookingCancelled:
		return n.Status == isCancelled
	default:
		return false
	}
}
