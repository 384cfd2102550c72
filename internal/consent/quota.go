package consent

import (
	"context"
	"errors"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// ErrQuota refuses a write over the number that is allowed.
var ErrQuota = errors.New("as many as are allowed were sent")

// Quota is how many bookings may be sent of the yeses given in a time, its end
// excluded. A series counts with each of its days. What is not done for certain
// does not count; what was cancelled later does.
type Quota struct {
	Most     int // 0: any number
	From, To time.Time
}

// SentWithin counts what was sent by a tool for a tenant of the yeses given in
// the quota's time.
func (l *Ledger) SentWithin(ctx context.Context, tenant, tool string, q Quota) (n int, err error) {
	err = l.look(ctx, func(w *work) error {
		n, err = w.sentWithin(tenant, tool, q)
		return err
	})
	return n, err
}

// quota refuses to send one grant more for the first time.
func (w *work) quota(g *store.Grant, q Quota) error {
	if q.Most == 0 || Outcome(g.Outcome) != Unsent || g.At.Before(q.From) || !g.At.Before(q.To) {
		return nil
	}
	act, err := parseAct(g.Act.JSON)
	if err != nil || act.BookingID != "" { // of a booking that exists: none is made
		return err
	}
	sent, err := w.sentWithin(g.Tenant, act.Tool, q)
	if err == nil && sent+max(1, act.Count) > q.Most {
		err = ErrQuota
	}
	return err
}

func (w *work) sentWithin(tenant, tool string, q Quota) (n int, err error) {
	grants, err := w.SentGrants(tenant, q.From, q.To)
	for _, g := range grants {
		if g.Act.JSON == "" { // erased
			n++
			continue
		}
		act, err := parseAct(g.Act.JSON)
		if err != nil {
			return 0, err
		}
		if act.Tool == tool {
			n += max(1, act.Count)
		}
	}
	return n, err
}
