package webhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// The errors of Show and Replay.
var (
	ErrNoEvent = errors.New("there is no such event")
	ErrNoSink  = errors.New("the settings have no such sink")
	ErrErased  = errors.New("the event's body was erased together with a person's data, so it cannot be sent")
)

// List returns the selected events of the tenant, without their bodies, the newest first.
func (b *Inbox) List(ctx context.Context, f EventFilter) ([]Event, error) {
	f.Tenant, f.AllTenants = b.tenant, false
	return sqldb.Select(ctx, b.service.db, func(tx *sqldb.Tx) ([]Event, error) { return Events(tx, f) })
}

// List returns the selected events of all tenants, without their bodies, the newest first.
func (s *Service) List(ctx context.Context, f EventFilter) ([]Event, error) {
	f.AllTenants = true
	return sqldb.Select(ctx, s.db, func(tx *sqldb.Tx) ([]Event, error) { return Events(tx, f) })
}

// Show returns one event and its tasks, the oldest first. ErrNoEvent.
func (b *Inbox) Show(ctx context.Context, id string) (Event, []TaskRecord, error) {
	e, err := b.event(ctx, id)
	if err != nil {
		return Event{}, nil, err
	}
	tasks, err := b.service.dispatcher.TasksOf(ctx, b.tenant, id)
	return e, tasks, err
}

func (b *Inbox) event(ctx context.Context, id string) (Event, error) {
	found, err := sqldb.Select(ctx, b.service.db, func(tx *sqldb.Tx) (*Event, error) { return EventByID(tx, b.tenant, id) })
	if err != nil {
		return Event{}, err
	}
	if found == nil {
		return Event{}, ErrNoEvent
	}
	return *found, nil
}

// HasSinks reports whether the settings have a sink for the tenant.
func (b *Inbox) HasSinks() bool { return len(b.sinks) > 0 }

// Replay queues the follow-ups of the tenant's selected events again, the oldest event's first,
// for one sink or, if sink is empty, for all. It returns the numbers of events and tasks.
// ErrNoSink.
func (b *Inbox) Replay(ctx context.Context, f EventFilter, sink string) (events, tasks int, err error) {
	if err := b.checkSink(sink); err != nil {
		return 0, 0, err
	}
	found, err := b.List(ctx, f)
	if err != nil {
		return 0, 0, err
	}
	found = slices.DeleteFunc(found, func(e Event) bool { return !e.Erased.IsZero() })
	slices.Reverse(found)
	for chunk := range slices.Chunk(found, maxBatch) {
		n, err := b.queueAgain(ctx, chunk, sink)
		if err != nil {
			return events, tasks, err
		}
		events, tasks = events+len(chunk), tasks+n
	}
	return events, tasks, nil
}

// ReplayOne is Replay for one event. ErrNoEvent, ErrNoSink, ErrErased.
func (b *Inbox) ReplayOne(ctx context.Context, id, sink string) (tasks int, err error) {
	if err := b.checkSink(sink); err != nil {
		return 0, err
	}
	e, err := b.event(ctx, id)
	switch {
	case err != nil:
		return 0, err
	case !e.Erased.IsZero():
		return 0, ErrErased
	}
	return b.queueAgain(ctx, []Event{e}, sink)
}

func (b *Inbox) checkSink(name string) error {
	if name != "" && !slices.ContainsFunc(b.sinks, func(s configuredSink) bool { return s.Name == name }) {
		return fmt.Errorf("%w: %s", ErrNoSink, name)
	}
	return nil
}

func (b *Inbox) queueAgain(ctx context.Context, events []Event, sink string) (int, error) {
	var tasks []Task
	for _, e := range events {
		tasks = append(tasks, b.followUps(e.ID, webhook.Type(e.Type), sink)...)
	}
	if err := b.service.dispatcher.Migrate(ctx); err != nil {
		return 0, err
	}
	return len(tasks), b.service.db.Write(ctx, func(tx *sqldb.Tx) error { return b.service.dispatcher.Add(ctx, tx, tasks...) })
}

// HasEvents reports whether events of a tenant are stored.
func (s *Service) HasEvents(ctx context.Context, tenant string) (bool, error) {
	return sqldb.Select(ctx, s.db, func(tx *sqldb.Tx) (bool, error) { return hasEvents(tx, tenant) })
}

// DeadLetters returns the dead letters of all tenants, the oldest first.
func (s *Service) DeadLetters(ctx context.Context) ([]TaskRecord, error) {
	return s.dispatcher.DeadLetters(ctx)
}

// DeadLetters returns the dead letters of the tenant, the oldest first.
func (b *Inbox) DeadLetters(ctx context.Context) ([]TaskRecord, error) {
	return b.service.dispatcher.DeadLettersOf(ctx, b.tenant)
}

// Retry queues a dead letter of the tenant again, with all attempts. ErrNoDeadLetter.
func (b *Inbox) Retry(ctx context.Context, id int64) error {
	return b.service.dispatcher.Retry(ctx, b.tenant, id)
}

// Drop deletes a dead letter of the tenant. ErrNoDeadLetter.
func (b *Inbox) Drop(ctx context.Context, id int64) error {
	return b.service.dispatcher.Drop(ctx, b.tenant, id)
}
