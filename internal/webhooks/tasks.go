package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrNoDeadLetter is the error of an id that is not that of a dead letter.
var ErrNoDeadLetter = errors.New("there is no such dead letter")

// TaskState is the state of a task.
type TaskState string

// The states. Waiting includes the time between two attempts.
const (
	Waiting TaskState = "waiting"
	Running TaskState = "running"
	Done    TaskState = "done"
	Dead    TaskState = "dead"
)

// TaskRecord is a stored task.
type TaskRecord struct {
	ID    int64
	Task  Task
	State TaskState
	Tries int       // attempts begun so far
	Next  time.Time // earliest time of the next attempt of a waiting task
	Ended time.Time // of a task that is done or dead
	Why   string    // error of the last failed attempt; empty if none failed
}

// jobsPage is the number of jobs read at once, which is River's maximum.
const jobsPage = 10_000

// jobs iterates over the tasks that p selects, in the order of their ids.
func (d *Dispatcher) jobs(ctx context.Context, tx *sqldb.Tx, p *river.JobListParams) iter.Seq2[*rivertype.JobRow, error] {
	return func(yield func(*rivertype.JobRow, error) bool) {
		p = p.Kinds(Task{}.Kind()).First(jobsPage)
		for {
			page, err := d.client.JobListTx(ctx, tx.SQL(), p)
			if err != nil {
				yield(nil, fmt.Errorf("list tasks: %w", err))
				return
			}
			for _, job := range page.Jobs {
				if !yield(job, nil) {
					return
				}
			}
			if len(page.Jobs) < jobsPage {
				return
			}
			p = p.After(page.LastCursor)
		}
	}
}

func taskRecordOf(j *rivertype.JobRow) TaskRecord {
	r := TaskRecord{ID: j.ID, State: Waiting, Tries: j.Attempt, Next: j.ScheduledAt.UTC()}
	_ = json.Unmarshal(j.EncodedArgs, &r.Task) // an invalid task has no names
	switch j.State {
	case rivertype.JobStateRunning:
		r.State = Running
	case rivertype.JobStateCompleted:
		r.State = Done
	case rivertype.JobStateDiscarded, rivertype.JobStateCancelled:
		r.State = Dead
	default:
	}
	if j.FinalizedAt != nil {
		r.Ended = j.FinalizedAt.UTC()
	}
	if n := len(j.Errors); n > 0 {
		r.Why = j.Errors[n-1].Error
	}
	return r
}

func deadJobs() *river.JobListParams {
	return river.NewJobListParams().States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled)
}

// DeadLetters returns the dead letters of all tenants, the oldest first.
func (d *Dispatcher) DeadLetters(ctx context.Context) ([]TaskRecord, error) {
	return d.list(ctx, deadJobs())
}

// DeadLettersOf returns the dead letters of a tenant, the oldest first.
func (d *Dispatcher) DeadLettersOf(ctx context.Context, tenant string) ([]TaskRecord, error) {
	return d.list(ctx, deadJobs().Where(`coalesce(args ->> 'tenant', '') = @tenant`, river.NamedArgs{"tenant": tenant}))
}

// TasksOf returns the tasks of a tenant's event, the oldest first. On PostgreSQL it uses River's
// index of arguments. On SQLite River has none, so it reads all tasks.
func (d *Dispatcher) TasksOf(ctx context.Context, tenant, event string) ([]TaskRecord, error) {
	ofEvent := `args ->> 'event' = @event`
	if d.db.Shared() {
		ofEvent = `args @> jsonb_build_object('event', cast(@event AS text))`
	}
	return d.list(ctx, river.NewJobListParams().Where(ofEvent+` AND coalesce(args ->> 'tenant', '') = @tenant`,
		river.NamedArgs{"event": event, "tenant": tenant}))
}

func (d *Dispatcher) list(ctx context.Context, p *river.JobListParams) ([]TaskRecord, error) {
	if err := d.Migrate(ctx); err != nil {
		return nil, err
	}
	return sqldb.Select(ctx, d.db, func(tx *sqldb.Tx) (found []TaskRecord, err error) {
		for job, err := range d.jobs(ctx, tx, p) {
			if err != nil {
				return nil, err
			}
			found = append(found, taskRecordOf(job))
		}
		return found, nil
	})
}

// unfinished returns the events with a task that is waiting, running or dead.
func (d *Dispatcher) unfinished(ctx context.Context, tx *sqldb.Tx) (map[eventKey]bool, error) {
	events := map[eventKey]bool{}
	for job, err := range d.jobs(ctx, tx, river.NewJobListParams().States(
		rivertype.JobStateAvailable, rivertype.JobStateCancelled, rivertype.JobStateDiscarded, rivertype.JobStatePending,
		rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled)) {
		if err != nil {
			return nil, err
		}
		t := taskRecordOf(job).Task
		events[eventKey{t.Tenant, t.Event}] = true
	}
	return events, nil
}

// Retry queues a tenant's dead letter as a new task, with all attempts. JobRetry would allow
// only one more attempt.
func (d *Dispatcher) Retry(ctx context.Context, tenant string, id int64) error {
	return d.removeDeadLetter(ctx, tenant, id, func(tx *sqldb.Tx, t Task) error { return d.Add(ctx, tx, t) })
}

// Drop deletes a tenant's dead letter.
func (d *Dispatcher) Drop(ctx context.Context, tenant string, id int64) error {
	return d.removeDeadLetter(ctx, tenant, id, func(*sqldb.Tx, Task) error { return nil })
}

// removeDeadLetter deletes a dead letter and calls then in the same transaction.
func (d *Dispatcher) removeDeadLetter(ctx context.Context, tenant string, id int64, then func(*sqldb.Tx, Task) error) error {
	if err := d.Migrate(ctx); err != nil {
		return err
	}
	return d.db.Write(ctx, func(tx *sqldb.Tx) error {
		job, err := d.client.JobGetTx(ctx, tx.SQL(), id)
		if errors.Is(err, rivertype.ErrNotFound) {
			return ErrNoDeadLetter
		}
		if err != nil {
			return fmt.Errorf("read a dead letter: %w", err)
		}
		r := taskRecordOf(job)
		if r.State != Dead || job.Kind != r.Task.Kind() || r.Task.Tenant != tenant {
			return ErrNoDeadLetter
		}
		if _, err := d.client.JobDeleteTx(ctx, tx.SQL(), id); err != nil {
			return fmt.Errorf("delete a dead letter: %w", err)
		}
		return then(tx, r.Task)
	})
}
