package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// What cannot be reviewed.
var (
	ErrNoEvent = errors.New("there is no such event")
	ErrNoSink  = errors.New("the settings have no such sink")
	ErrErased  = errors.New("the event's body was erased together with a person's data: there is nothing left to tell")
)

// List returns the tenant's events wanted, without their bodies, the newest first.
func (b *Inbox) List(ctx context.Context, w sqldb.EventsWanted) (found []sqldb.Event, err error) {
	w.Tenant, w.AllTenants = b.tenant, false
	return b.all.list(ctx, w)
}

// List returns the events wanted of all tenants, without their bodies, the newest
// first.
func (b *Office) List(ctx context.Context, w sqldb.EventsWanted) ([]sqldb.Event, error) {
	w.AllTenants = true
	return b.list(ctx, w)
}

func (b *Office) list(ctx context.Context, w sqldb.EventsWanted) (found []sqldb.Event, err error) {
	err = b.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = tx.Events(w)
		return err
	})
	return found, err
}

// Show returns one event and its follow-ups, the oldest first. ErrNoEvent.
func (b *Inbox) Show(ctx context.Context, id string) (sqldb.Event, []jobs.Record, error) {
	var found *sqldb.Event
	err := b.all.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = tx.Event(b.tenant, id)
		return err
	})
	if err != nil {
		return sqldb.Event{}, nil, err
	}
	if found == nil {
		return sqldb.Event{}, nil, ErrNoEvent
	}
	records, err := b.all.queue.Of(ctx, b.tenant, id)
	return *found, records, err
}

// HasSinks reports whether the settings have a sink for the tenant.
func (b *Inbox) HasSinks() bool { return len(b.sinks) > 0 }

// Replay queues the follow-ups of the tenant's events anew, the oldest event's first, for one
// sink or, where sink is empty, for all, and returns how many events and
// follow-ups that were. What was done before is done again. ErrNoSink.
func (b *Inbox) Replay(ctx context.Context, w sqldb.EventsWanted, sink string) (events, tasks int, err error) {
	if sink != "" && !slices.ContainsFunc(b.sinks, func(s recipient) bool { return s.Name == sink }) {
		return 0, 0, fmt.Errorf("%w: %s", ErrNoSink, sink)
	}
	found, err := b.List(ctx, w)
	if err != nil {
		return 0, 0, err
	}
	found = slices.DeleteFunc(found, func(e sqldb.Event) bool { return !e.Erased.IsZero() })
	slices.Reverse(found)
	for chunk := range slices.Chunk(found, maxBatch) {
		n, err := b.again(ctx, chunk, sink)
		if err != nil {
			return events, tasks, err
		}
		events, tasks = events+len(chunk), tasks+n
	}
	return events, tasks, nil
}

// ReplayOne is Replay for one event. ErrNoEvent, ErrNoSink, ErrErased.
func (b *Inbox) ReplayOne(ctx context.Context, id, sink string) (tasks int, err error) {
	if sink != "" && !slices.ContainsFunc(b.sinks, func(s recipient) bool { return s.Name == sink }) {
		return 0, fmt.Errorf("%w: %s", ErrNoSink, sink)
	}
	e, _, err := b.Show(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case !e.Erased.IsZero():
		return 0, ErrErased
	}
	return b.again(ctx, []sqldb.Event{e}, sink)
}

func (b *Inbox) again(ctx context.Context, found []sqldb.Event, sink string) (int, error) {
	var tasks []jobs.Task
	for _, e := range found {
		tasks = append(tasks, b.followUps(e.ID, webhook.Type(e.Type), sink)...)
	}
	if err := b.all.queue.Prepare(ctx); err != nil {
		return 0, err
	}
	return len(tasks), b.all.db.Write(ctx, func(tx *sqldb.Tx) error { return b.all.queue.Add(ctx, tx, tasks...) })
}

// DeadLetters returns the tenant's follow-ups that were given up, the oldest first.
func (b *Inbox) DeadLetters(ctx context.Context) ([]jobs.Record, error) {
	return b.all.queue.DeadLettersOf(ctx, b.tenant)
}

// CountDeadLetters is how many follow-ups of all tenants were given up.
func (b *Office) CountDeadLetters(ctx context.Context) (int, error) {
	return b.queue.CountDeadLetters(ctx)
}

// DeadLetters returns those of all tenants.
func (b *Office) DeadLetters(ctx context.Context) ([]jobs.Record, error) {
	return b.queue.DeadLetters(ctx)
}

// HasEvents reports whether events of a tenant are stored.
func (b *Office) HasEvents(ctx context.Context, tenant string) (has bool, err error) {
	err = b.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		has, err = tx.HasEvents(tenant)
		return err
	})
	return has, err
}

// Retry gives a dead letter of the tenant's as many tries as a new follow-up has; jobs.ErrNoTask.
func (b *Inbox) Retry(ctx context.Context, id int64) error {
	return b.all.queue.Retry(ctx, b.tenant, id)
}

// Drop deletes a dead letter of the tenant's; jobs.ErrNoTask.
func (b *Inbox) Drop(ctx context.Context, id int64) error { return b.all.queue.Drop(ctx, b.tenant, id) }
