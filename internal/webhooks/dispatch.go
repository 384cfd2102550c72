package webhooks

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// MaxAttempts is the number of attempts after which a task becomes a dead letter
// (vennio-api.md, Webhooks: team guidelines).
const MaxAttempts = 5

const (
	restartDelay  = time.Second     // between attempts to start River
	softStop      = 3 * time.Second // for running tasks to finish when the context ends
	maintainEvery = time.Hour
	firstPause    = 10 * time.Second
	maxDelay      = time.Hour // requested with DelayRetry
	skewEvery     = 10 * time.Second
	pollsToFetch  = 20 // tasks of other processes and retries start after at most this many Poll intervals
)

// Task is one follow-up of one event.
type Task struct {
	Tenant string `json:"tenant,omitempty"` // of the event; empty for the default one
	Event  string `json:"event"`            // id of the event
	To     string `json:"to"`               // name of the Queue
}

// Kind is the name under which River stores a Task.
func (Task) Kind() string { return "follow_up" }

// Queue is a queue of tasks, one for each sink. Queues do not wait for one another.
type Queue struct {
	Tenant string        // empty for the default one
	Name   string        // a-z and 0-9, with single - or _ between, at most 40 characters; with a leading dot the queue belongs to all tenants
	Pause  time.Duration // before the second attempt; each further pause is four times longer, with a jitter of a fifth; default 10 s
}

// DispatcherOptions configures a Dispatcher. The zero value takes every default.
type DispatcherOptions struct {
	Queues      []Queue
	Workers     int                         // concurrent tasks of one queue; default 16
	Timeout     time.Duration               // of one attempt; default 15 s
	RescueAfter time.Duration               // a task that has been running for longer belongs to a process that ended, and is tried again; longer than Timeout, default 1 min
	Poll        time.Duration               // least interval between two queries for new tasks of a queue; default 50 ms
	Keep        time.Duration               // retention of finished tasks and dead letters; default 7 days
	Maintain    func(context.Context) error // called every hour and at the start; may be nil
	OnAttempt   func(Task, TaskState)       // called after each attempt with Done, Dead or Waiting (for another attempt); may be nil
	Log         *slog.Logger                // may be nil
}

// Dispatcher carries out the tasks that are stored in a database. It is safe for concurrent
// use, as are several over one database, in one process or in several.
type Dispatcher struct {
	db     *sqldb.DB
	o      DispatcherOptions
	client *river.Client[*sql.Tx] // inserts and lists inside our transactions

	migrateMu sync.Mutex
	migrated  bool
	replaced  int64 // DB.Replaced when the tables were migrated

	stoppedMu sync.Mutex
	stopped   error // see Stopped
}

// NewDispatcher returns the Dispatcher of the tasks in db, without accessing db.
func NewDispatcher(db *sqldb.DB, o DispatcherOptions) (*Dispatcher, error) {
	o.Workers = cmp.Or(o.Workers, 16)
	o.RescueAfter = cmp.Or(o.RescueAfter, time.Minute)
	o.Timeout = cmp.Or(o.Timeout, min(15*time.Second, o.RescueAfter/2))
	o.Poll = cmp.Or(o.Poll, 50*time.Millisecond)
	o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.OnAttempt == nil {
		o.OnAttempt = func(Task, TaskState) {}
	}
	if o.RescueAfter <= o.Timeout {
		return nil, fmt.Errorf("tasks may run for %s, but would be rescued after %s", o.Timeout, o.RescueAfter)
	}
	client, err := river.NewClient(riverDriver(db, nil), &river.Config{Logger: o.Log, Test: clockOf(db)})
	if err != nil {
		return nil, fmt.Errorf("open the job engine: %w", err)
	}
	return &Dispatcher{db: db, o: o, client: client}, nil
}

// Migrate creates River's tables or updates them. It must be called before all other methods
// that access the database, outside any transaction. Repeated calls do nothing unless the
// file of the database was replaced.
func (d *Dispatcher) Migrate(ctx context.Context) error {
	d.migrateMu.Lock()
	defer d.migrateMu.Unlock()
	if _, err := d.db.Pool(ctx); err != nil { // it notices whether the file was replaced
		return fmt.Errorf("prepare the job engine: %w", err)
	}
	replaced := d.db.Replaced()
	if d.migrated && d.replaced == replaced {
		return nil
	}
	if err := d.migrate(ctx); err != nil {
		return fmt.Errorf("prepare the job engine: %w", err)
	}
	d.migrated, d.replaced = true, replaced
	return nil
}

// migrate excludes other processes by one transaction on SQLite. On PostgreSQL, where some
// steps cannot be part of a transaction, it uses a lock.
func (d *Dispatcher) migrate(ctx context.Context) error {
	migrateUp := func(pool *sql.DB, up func(*rivermigrate.Migrator[*sql.Tx]) error) error {
		migrator, err := rivermigrate.New(riverDriver(d.db, pool), &rivermigrate.Config{Logger: d.o.Log})
		if err != nil {
			return err
		}
		return up(migrator)
	}
	if d.db.Shared() {
		return d.db.Migrating(ctx, func(pool *sql.DB) error {
			return migrateUp(pool, func(m *rivermigrate.Migrator[*sql.Tx]) error {
				_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
				return err
			})
		})
	}
	return migrateUp(nil, func(m *rivermigrate.Migrator[*sql.Tx]) error {
		return d.db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := m.MigrateTx(ctx, tx.SQL(), rivermigrate.DirectionUp, nil) //nolint:staticcheck // SA1019 warns of PostgreSQL
			return err
		})
	})
}

// riverDriver returns River's driver. Without a pool it can only be used inside transactions.
func riverDriver(db *sqldb.DB, pool *sql.DB) riverdriver.Driver[*sql.Tx] {
	if db.Shared() {
		return riverdatabasesql.New(pool)
	}
	return riversqlite.New(pool)
}

// Add queues tasks as part of tx.
func (d *Dispatcher) Add(ctx context.Context, tx *sqldb.Tx, tasks ...Task) error {
	inserts := make([]river.InsertManyParams, len(tasks))
	for i, t := range tasks {
		inserts[i] = insertion(t, queueName(t.Tenant, t.To))
	}
	return d.insert(ctx, tx, inserts)
}

func insertion(t Task, queue string) river.InsertManyParams {
	return river.InsertManyParams{Args: t, InsertOpts: &river.InsertOpts{MaxAttempts: MaxAttempts, Queue: queue}}
}

func (d *Dispatcher) insert(ctx context.Context, tx *sqldb.Tx, inserts []river.InsertManyParams) error {
	if len(inserts) == 0 {
		return nil
	}
	if _, err := d.client.InsertManyFastTx(ctx, tx.SQL(), inserts); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// queueName returns River's name of a queue. River allows no dots and at most 64 characters,
// so the name contains a hash of the tenant.
func queueName(tenant, to string) string {
	if own, ok := strings.CutPrefix(to, "."); ok {
		return "own_" + own
	}
	if tenant == "" {
		return "lane_" + to
	}
	hash := sha256.Sum256([]byte(tenant))
	return "of_" + hex.EncodeToString(hash[:8]) + "_" + to
}

// Run carries out tasks with do until ctx ends. Then it lets running tasks finish for
// 3 seconds and cancels the others, which are tried again later. All processes that use the
// database share the tasks. A task of a process that was killed is tried again after
// RescueAfter. If River cannot be started, Run tries again; see Stopped. It returns an error
// only if the options are invalid.
//
// A task whose error is not [Permanent] is tried again. The error is stored, so it must not
// contain secrets or personal data.
func (d *Dispatcher) Run(ctx context.Context, do func(context.Context, Task) error) error {
	defer d.setStopped(nil)
	for {
		err := d.run(ctx, do)
		if ctx.Err() != nil {
			return nil
		}
		err = cmp.Or(err, errEnded)
		d.setStopped(err)
		if errors.Is(err, errOptions) {
			return err
		}
		d.o.Log.ErrorContext(ctx, "follow-ups cannot be executed; trying again", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(restartDelay):
		}
	}
}

var (
	errOptions = errors.New("the job engine refuses its options")
	errEnded   = errors.New("the job engine ended unexpectedly")
)

// Stopped returns why Run carries out no tasks in this process, or nil if it does or is about
// to.
func (d *Dispatcher) Stopped() error {
	d.stoppedMu.Lock()
	defer d.stoppedMu.Unlock()
	return d.stopped
}

func (d *Dispatcher) setStopped(why error) {
	d.stoppedMu.Lock()
	defer d.stoppedMu.Unlock()
	d.stopped = why
}

// run starts River and returns when it has stopped.
func (d *Dispatcher) run(ctx context.Context, do func(context.Context, Task) error) error {
	if err := d.Migrate(ctx); err != nil {
		return err
	}
	if err := d.moveOrphans(ctx); err != nil {
		return err
	}
	pool, err := d.db.Pool(ctx)
	if err != nil {
		return err
	}
	driver := riverDriver(d.db, pool)
	if d.db.Shared() { // notifications of new tasks; on SQLite River polls
		listener, err := d.db.Listener(ctx)
		if err != nil {
			return err
		}
		defer listener.Close()
		driver = riverdatabasesql.NewWithPgxListener(pool, listener)
	}
	ctx, ahead, cancel, err := d.untilClockChanges(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	workers := river.NewWorkers()
	w := &taskWorker{do: do, queues: d.o.Queues, onAttempt: d.o.OnAttempt, now: d.db.Now}
	if err := errors.Join(river.AddWorkerSafely(workers, w), river.AddWorkerSafely(workers, &maintenanceWorker{maintain: d.o.Maintain})); err != nil {
		return fmt.Errorf("%w: %w", errOptions, err)
	}
	client, err := river.NewClient(driver, d.config(workers, ahead))
	if err != nil {
		return fmt.Errorf("%w: %w", errOptions, err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start the job engine: %w", err)
	}
	d.setStopped(nil)
	<-client.Stopped()
	return nil
}

// config returns River's configuration. River's rescuer and cleaner use this machine's clock.
// If it is ahead of the database's, their limits are extended by the difference.
func (d *Dispatcher) config(workers *river.Workers, ahead time.Duration) *river.Config {
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}
	for _, q := range d.o.Queues {
		queues[queueName(q.Tenant, q.Name)] = river.QueueConfig{MaxWorkers: d.o.Workers}
	}
	ahead = max(0, ahead)
	keep := d.o.Keep + ahead
	return &river.Config{
		Test: clockOf(d.db), Queues: queues, Workers: workers, Logger: d.o.Log,
		FetchCooldown: d.o.Poll, FetchPollInterval: pollsToFetch * d.o.Poll, SoftStopTimeout: softStop,
		JobTimeout: d.o.Timeout, RescueStuckJobsAfter: d.o.RescueAfter + ahead, MaxAttempts: MaxAttempts,
		CompletedJobRetentionPeriod: keep, DiscardedJobRetentionPeriod: keep, CancelledJobRetentionPeriod: keep,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(maintainEvery),
			func() (river.JobArgs, *river.InsertOpts) { return maintenance{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	}
}

// moveOrphans moves the waiting tasks of queues that no longer exist to River's default queue,
// whose worker refuses them, so that they become dead letters.
func (d *Dispatcher) moveOrphans(ctx context.Context) error {
	known := make(map[string]bool, len(d.o.Queues)+1) // an object, because both databases return its keys under the same name
	known[river.QueueDefault] = true
	for _, q := range d.o.Queues {
		known[queueName(q.Tenant, q.Name)] = true
	}
	names, err := json.Marshal(known)
	if err != nil {
		return fmt.Errorf("encode the queues: %w", err)
	}
	orphans := river.NewJobListParams().States(rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled).
		Where(`queue NOT IN (SELECT key FROM json_each(@known))`, river.NamedArgs{"known": string(names)})
	err = d.db.Write(ctx, func(tx *sqldb.Tx) error {
		var moved []river.InsertManyParams
		for t, err := range d.jobs(ctx, tx, orphans) {
			if err != nil {
				return err
			}
			if _, err := d.client.JobDeleteTx(ctx, tx.SQL(), t.ID); err != nil {
				if errors.Is(err, rivertype.ErrJobRunning) || errors.Is(err, rivertype.ErrNotFound) {
					continue // a process with other settings has begun it
				}
				return err
			}
			moved = append(moved, insertion(taskRecordOf(t).Task, river.QueueDefault))
		}
		return d.insert(ctx, tx, moved)
	})
	if err != nil {
		return fmt.Errorf("move the tasks of removed queues: %w", err)
	}
	return nil
}

// taskWorker is River's worker of tasks.
type taskWorker struct {
	river.WorkerDefaults[Task]
	do        func(context.Context, Task) error
	queues    []Queue
	onAttempt func(Task, TaskState)
	now       func() time.Time // by the database's clock, as River's times are
	delays    sync.Map         // requested with DelayRetry, by job id
}

func (w *taskWorker) Work(ctx context.Context, job *river.Job[Task]) error {
	err := w.do(ctx, job.Args)
	permanent, isPermanent := errors.AsType[*permanentError](err)
	state := Waiting
	switch {
	case err == nil:
		state = Done
	case isPermanent || job.Attempt >= job.MaxAttempts:
		state = Dead
	}
	w.onAttempt(job.Args, state)
	if isPermanent {
		return river.JobCancel(permanent)
	}
	if delayed, ok := errors.AsType[*delayedError](err); ok {
		w.delays.Store(job.ID, delayed.wait)
	}
	return err
}

// NextRetry returns the pause of the queue times 1, 4, 16 and 64, with a jitter of a fifth so
// that tasks that failed together are not tried together again, or the requested delay if that
// is longer.
func (w *taskWorker) NextRetry(job *river.Job[Task]) time.Time {
	pause := firstPause
	for _, q := range w.queues {
		if queueName(q.Tenant, q.Name) == queueName(job.Args.Tenant, job.Args.To) {
			pause = cmp.Or(q.Pause, firstPause)
		}
	}
	pause <<= 2 * (job.Attempt - 1)
	pause += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(pause)) //nolint:gosec // G404: jitter, no secret
	if delay, ok := w.delays.LoadAndDelete(job.ID); ok {
		pause = max(pause, delay.(time.Duration))
	}
	return w.now().Add(pause)
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Permanent marks an error after which another attempt cannot succeed. The task becomes a dead
// letter at once.
func Permanent(cause error) error { return &permanentError{cause} }

type delayedError struct {
	error
	wait time.Duration
}

func (e *delayedError) Unwrap() error { return e.error }

// DelayRetry marks an error after which the next attempt must wait, at most an hour.
func DelayRetry(cause error, wait time.Duration) error {
	return &delayedError{cause, min(wait, maxDelay)}
}

// maintenance is the job that calls DispatcherOptions.Maintain.
type maintenance struct{}

// Kind is the name under which River stores the job.
func (maintenance) Kind() string { return "upkeep" }

type maintenanceWorker struct {
	river.WorkerDefaults[maintenance]
	maintain func(context.Context) error // may be nil
}

func (w *maintenanceWorker) Work(ctx context.Context, _ *river.Job[maintenance]) error {
	if w.maintain == nil {
		return nil
	}
	return w.maintain(ctx)
}

// databaseClock makes River use the database's clock, so that all processes agree on when a
// task may be tried and which process leads. River's only setting for the clock is part of
// its test configuration. As River requires, the times have a monotonic part.
type databaseClock struct{ db *sqldb.DB }

func (c databaseClock) Now() time.Time { return c.db.Now() }

// NowOrNil returns a time because River's driver would otherwise use this machine's clock for
// new tasks.
func (c databaseClock) NowOrNil() *time.Time { return new(c.db.Now().UTC()) }

// clockOf returns the clock to use. The processes of a state folder share a machine and its
// clock.
func clockOf(db *sqldb.DB) (t river.TestConfig) {
	if db.Shared() {
		t.Time = databaseClock{db}
	}
	return t
}

// untilClockChanges returns how far this machine's clock is ahead of the database's, and a
// context that ends when that changes by more than the timeout of a task, because config
// depends on the difference. Meanwhile it makes River's tables again if the file of the
// database is replaced.
func (d *Dispatcher) untilClockChanges(ctx context.Context) (_ context.Context, ahead time.Duration, cancel context.CancelFunc, err error) {
	if ahead, err = d.db.Skew(ctx); err != nil {
		return nil, 0, nil, fmt.Errorf("compare clocks: %w", err)
	}
	ctx, cancel = context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(skewEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			if err := d.Migrate(ctx); err != nil && ctx.Err() == nil {
				d.o.Log.WarnContext(ctx, "the tables of the job engine cannot be checked", "err", err)
			}
			if now, err := d.db.Skew(ctx); err == nil && (now-ahead).Abs() > d.o.Timeout {
				d.o.Log.WarnContext(ctx, "this machine's clock was set; the job engine starts again", "ahead_of_database", now)
				cancel()
			}
		}
	}()
	return ctx, ahead, cancel, nil
}
