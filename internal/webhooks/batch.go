package webhooks

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	maxBatch   = 64
	writeLimit = 10 * time.Second // of one batch
)

// delivery is an event that waits to be stored.
type delivery struct {
	row   sqldb.Event
	tasks []jobs.Task
	added bool  // it was not there before
	err   error // it could not be stored
	done  chan struct{}
}

// batches stores deliveries that come at the same time in one transaction: each
// waits for the disk anyway, and together they wait once. Whoever finds nobody
// writing writes, for all who came meanwhile.
type batches struct {
	write func(context.Context, []*delivery) error

	mu      sync.Mutex
	waiting []*delivery
	writing bool
}

// store returns when d is stored for good, or could not be. A caller that gives
// up does not stop it.
func (b *batches) store(ctx context.Context, d *delivery) {
	d.done = make(chan struct{})
	b.mu.Lock()
	b.waiting = append(b.waiting, d)
	lead := !b.writing
	b.writing = true
	b.mu.Unlock()
	if lead {
		go b.drain(context.WithoutCancel(ctx))
	}
	<-d.done
}

func (b *batches) drain(ctx context.Context) {
	for batch := b.next(); batch != nil; batch = b.next() {
		limited, cancel := context.WithTimeout(ctx, writeLimit)
		err := b.write(limited, batch)
		cancel()
		if errors.Is(err, sqldb.ErrUnavailable) { // those who came meanwhile have waited as long
			batch = append(batch, b.all()...)
		}
		for _, d := range batch {
			d.err = err
			close(d.done)
		}
	}
}

// all takes everything that waits.
func (b *batches) all() []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := b.waiting
	b.waiting = nil
	return waiting
}

func (b *batches) next() []*delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	if n == 0 {
		b.writing, b.waiting = false, nil
		return nil
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return batch
}

// write stores events with their follow-ups in one transaction.
func (b *Office) write(ctx context.Context, batch []*delivery) error {
	if err := b.queue.Prepare(ctx); err != nil {
		return err
	}
	return b.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := b.now(tx)
		if err != nil {
			return err
		}
		var tasks []jobs.Task
		for _, d := range batch {
			d.row.Received = now
			added, err := tx.AddEvent(d.row)
			if err != nil {
				return err
			}
			if d.added = added; added {
				tasks = append(tasks, d.tasks...)
			}
		}
		return b.queue.Add(ctx, tx, tasks...)
	})
}

// Receive stores an event of the tenant's, whose signature was checked, with its follow-ups. It
// reports false for one that was stored before.
func (b *Inbox) Receive(ctx context.Context, e webhook.Event, body []byte) (bool, error) {
	booking, _ := e.Booking()
	d := &delivery{
		row:   sqldb.Event{Tenant: b.tenant, ID: e.ID, Type: string(e.Type), At: e.At, Booking: booking.ID, Body: body},
		tasks: b.followUps(e.ID, e.Type, ""),
	}
	b.all.batches.store(ctx, d)
	if d.err == nil && d.added {
		b.tell(ctx, e)
	}
	return d.added, d.err
}
