package consent

import (
	"context"
	"errors"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrQuota refuses a write over the number that is allowed.
var ErrQuota = errors.New("as many as are allowed were sent")

// Quota is how many bookings may be sent for the grants given in a time, its end
// excluded. Both ends begin a quarter of an hour, as every day does in every time
// zone. A series counts with each of its days. A booking that is not done for
// certain does not count; one that was cancelled later does.
type Quota struct {
	Most     int // 0: any number
	From, To time.Time
}

// SentWithin counts the bookings that were sent for a tenant under the grants
// given in the quota's time.
func (l *Ledger) SentWithin(ctx context.Context, tenant string, q Quota) (n int, err error) {
	err = l.look(ctx, func(w *work) error {
		n, err = w.SentBookings(tenant, q.From, q.To)
		return err
	})
	return n, err
}

// quota refuses to send one grant more for the first time.
func (w *work) quota(g *sqldb.Grant, q Quota) error {
	if q.Most == 0 || Outcome(g.Outcome) != Unsent || g.At.Before(q.From) || !g.At.Before(q.To) || g.Bookings == 0 {
		return nil
	}
	sent, err := w.SentBookings(g.Tenant, q.From, q.To)
	if err == nil && sent+g.Bookings > q.Most {
		err = ErrQuota
	}
	return err
}
