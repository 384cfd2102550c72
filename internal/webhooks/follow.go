package webhooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// access is the follow-up inside: no sink's name begins with a dot.
const access = ".access"

// followUps lists what follows from an event; only is one sink's name, or empty.
func (b *Inbox) followUps(id string, kind webhook.Type, only string) (tasks []jobs.Task) {
	for _, s := range b.sinks {
		if s.wants(kind) && (only == "" || only == s.Name) {
			tasks = append(tasks, jobs.Task{Tenant: b.tenant, Event: id, To: s.Name})
		}
	}
	if b.all.o.Ledger != nil && kind.MayRevoke() && only == "" {
		tasks = append(tasks, jobs.Task{Tenant: b.tenant, Event: id, To: access})
	}
	return tasks
}

// follow carries out one follow-up of any tenant.
func (b *Office) follow(ctx context.Context, t jobs.Task) error { return b.Of(t.Tenant).follow(ctx, t) }

// follow carries out one follow-up of the tenant's.
func (b *Inbox) follow(ctx context.Context, t jobs.Task) error {
	var kept *sqldb.Event
	var external string
	err := b.all.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if kept, err = tx.Event(b.tenant, t.Event); err == nil && kept != nil && kept.Booking != "" {
			external, err = tx.External(b.tenant, kept.Booking, t.To)
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case kept == nil:
		return jobs.Final(errors.New("the event is no longer kept"))
	case !kept.Erased.IsZero():
		return jobs.Final(ErrErased)
	}
	e, err := webhook.Decode(kept.Body)
	if err != nil {
		return jobs.Final(err)
	}
	if t.To == access && b.all.o.Ledger != nil {
		return b.revoke(ctx, e)
	}
	m := message{tenant: b.tenant, event: e, received: kept.Received, external: external}
	for _, s := range b.sinks {
		if s.Name != t.To {
			continue
		}
		asked, own, err := b.all.request(ctx, e)
		if err != nil || own && asked == nil { // or nobody waits for a person any more
			return err
		}
		m.request = asked
		return b.hand(ctx, s, *kept, m)
	}
	return jobs.Final(errors.New("the settings have no sink of this name"))
}

// hand tells a sink of an event and keeps what it calls the booking.
func (b *Inbox) hand(ctx context.Context, s recipient, kept sqldb.Event, m message) error {
	id, err := s.tell(ctx, m)
	if err != nil || id == "" || id == m.external || kept.Booking == "" {
		return err
	}
	err = b.all.db.Write(ctx, func(tx *sqldb.Tx) error { return tx.SetExternal(b.tenant, kept.Booking, s.Name, id) })
	if err != nil {
		return fmt.Errorf("keep what the sink calls the booking: %w", err)
	}
	return nil
}
