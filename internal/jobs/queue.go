package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// MaxTries is how often a task is tried before it is a dead letter
// (vennio-api.md, Webhooks: team guidelines).
const MaxTries = 5

// Task is one thing to do for one event.
type Task struct {
	Tenant string `json:"tenant,omitempty"` // whose event; empty for the default one
	Event  string `json:"event"`            // its id
	To     string `json:"to"`               // who does it: the name of a lane of Options
}

// Kind is what River calls a Task.
func (Task) Kind() string { return "follow_up" }

// Lane is who does tasks; none waits for another.
type Lane struct {
	Tenant string        // who does tasks for one tenant does them for no other
	Name   string        // a-z and 0-9, with single - or _ between, 40 characters; a dot before it sets it apart: it is of all tenants
	Pause  time.Duration // before the second try; each further one waits four times longer, give or take a fifth; 10 s
}

// Options bounds a Queue. The zero value takes every default.
type Options struct {
	Lanes   []Lane
	Width   int                         // tasks of one lane at once; 16
	Timeout time.Duration               // of one try; 15 s
	Rest    time.Duration               // between looks for new tasks of a lane, at least; 50 ms
	Keep    time.Duration               // how long finished tasks and dead letters stay on record; 7 days
	Upkeep  func(context.Context) error // every hour, and when work begins; nil: nothing
	OnTry   func(Task, State)           // told how a task stands after each try: Done, Dead, or Waiting for another; nil: nobody is
	Log     *slog.Logger                // nil: nothing is logged
}

func (o Options) withDefaults() Options {
	o.Width = cmp.Or(o.Width, 16)
	o.Timeout = cmp.Or(o.Timeout, 15*time.Second)
	o.Rest = cmp.Or(o.Rest, 50*time.Millisecond)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	if o.OnTry == nil {
		o.OnTry = func(Task, State) {}
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
}

// Queue is the tasks kept in a store. It is safe for concurrent use, and so are
// several over one store, in one process or in several.
type Queue struct {
	db     *sqldb.DB
	o      Options
	client *river.Client[*sql.Tx] // inserts and lists inside our transactions

	mu    sync.Mutex
	ready bool

	working sync.Mutex
	stopped error // see Stopped
}

// Open returns the Queue kept in db. It touches nothing.
func Open(db *sqldb.DB, o Options) (*Queue, error) {
	o = o.withDefaults()
	client, err := river.NewClient(driver(db, nil), &river.Config{Logger: o.Log, Test: timeOf(db)})
	if err != nil {
		return nil, fmt.Errorf("open the job engine: %w", err)
	}
	return &Queue{db: db, o: o, client: client}, nil
}

// Prepare makes the engine's tables, or brings them up to date. It comes before
// everything else, outside any transaction, and costs nothing when repeated.
func (q *Queue) Prepare(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ready {
		return nil
	}
	if err := q.makeTables(ctx); err != nil {
		return fmt.Errorf("prepare the job engine: %w", err)
	}
	q.ready = true
	return nil
}

// makeTables: on SQLite one transaction keeps processes that start together
// apart; on PostgreSQL, where not every step can be in one, a lock does.
func (q *Queue) makeTables(ctx context.Context) error {
	o := &rivermigrate.Config{Logger: q.o.Log}
	if q.db.Shared() {
		return q.db.Migrating(ctx, func(pool *sql.DB) error {
			migrator, err := rivermigrate.New(driver(q.db, pool), o)
			if err == nil {
				_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
			}
			if err == nil {
				_, err = pool.ExecContext(ctx, indexOfEvents)
			}
			return err
		})
	}
	migrator, err := rivermigrate.New(driver(q.db, nil), o)
	if err != nil {
		return err
	}
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := migrator.MigrateTx(ctx, tx.SQL(), rivermigrate.DirectionUp, nil) //nolint:staticcheck // SA1019 warns of PostgreSQL
		if err == nil {
			_, err = tx.SQL().ExecContext(ctx, indexOfEvents)
		}
		return err
	})
}

// indexOfEvents lets the tasks of one event be found without reading all jobs. It
// is created again after a migration of River's that replaces the table.
const indexOfEvents = `CREATE INDEX IF NOT EXISTS follow_ups_of_event ON river_job ((args ->> 'event'), (coalesce(args ->> 'tenant', '')))`

// driver is the engine's way to the database. One without a pool acts within
// our transactions alone.
func driver(db *sqldb.DB, pool *sql.DB) riverdriver.Driver[*sql.Tx] {
	if db.Shared() {
		return riverdatabasesql.New(pool)
	}
	return riversqlite.New(pool)
}

// Add queues tasks as part of tx. Prepare comes first.
func (q *Queue) Add(ctx context.Context, tx *sqldb.Tx, tasks ...Task) error {
	if len(tasks) == 0 {
		return nil
	}
	inserts := make([]river.InsertManyParams, len(tasks))
	for i, t := range tasks {
		inserts[i] = river.InsertManyParams{Args: t, InsertOpts: &river.InsertOpts{MaxAttempts: MaxTries, Queue: lane(t.Tenant, t.To)}}
	}
	if _, err := q.client.InsertManyFastTx(ctx, tx.SQL(), inserts); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// lane is River's name for who does a task: it takes no dot, and 64 characters at
// most, so that of a tenant's name there is a hash.
func lane(tenant, to string) string {
	if own, ok := strings.CutPrefix(to, "."); ok {
		return "own_" + own
	}
	if tenant == "" {
		return "lane_" + to
	}
	of := sha256.Sum256([]byte(tenant))
	return "of_" + hex.EncodeToString(of[:8]) + "_" + to
}
