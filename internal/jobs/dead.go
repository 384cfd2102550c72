package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrNoTask is the error of an id under which there is no dead letter.
var ErrNoTask = errors.New("there is no such dead letter")

// State is how a task stands.
type State string

// The states. Waiting includes a task between two tries.
const (
	Waiting State = "waiting"
	Running State = "running"
	Done    State = "done"
	Dead    State = "dead"
)

// Record is a task and what became of it.
type Record struct {
	ID    int64
	Task  Task
	State State
	Tries int       // begun so far
	Next  time.Time // of a waiting one: not before then
	Ended time.Time // of one that is done or dead
	Why   string    // the last try's error; empty if none failed
}

// page bounds one listing: River lists at most 10,000.
const page = 10_000

// DeadLetters returns the tasks that were given up, those of all tenants, the
// oldest first.
func (q *Queue) DeadLetters(ctx context.Context) ([]Record, error) {
	return q.list(ctx, river.NewJobListParams().States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled))
}

// DeadLettersOf returns those of a tenant.
func (q *Queue) DeadLettersOf(ctx context.Context, tenant string) ([]Record, error) {
	return q.list(ctx, river.NewJobListParams().States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled).
		Where(`coalesce(args ->> 'tenant', '') = @tenant`, river.NamedArgs{"tenant": tenant}))
}

// CountDeadLetters is how many tasks of all tenants were given up, without reading them.
func (q *Queue) CountDeadLetters(ctx context.Context) (n int, err error) {
	if err := q.Prepare(ctx); err != nil {
		return 0, err
	}
	err = q.db.Read(ctx, func(tx *sqldb.Tx) error {
		// The condition is that of River's index on what ended, which the one on kinds must not replace.
		row := tx.SQL().QueryRowContext(ctx, `SELECT COUNT(*) FROM river_job
			WHERE kind || '' = $1 AND state IN ('cancelled', 'discarded') AND finalized_at IS NOT NULL`, Task{}.Kind())
		if err := row.Scan(&n); err != nil {
			return fmt.Errorf("count dead letters: %w", err)
		}
		return nil
	})
	return n, err
}

// Of returns the tasks of a tenant's event, the oldest first.
func (q *Queue) Of(ctx context.Context, tenant, event string) ([]Record, error) {
	return q.list(ctx, river.NewJobListParams().Where(`args ->> 'event' = @event AND coalesce(args ->> 'tenant', '') = @tenant`,
		river.NamedArgs{"event": event, "tenant": tenant}))
}

func (q *Queue) list(ctx context.Context, p *river.JobListParams) (found []Record, err error) {
	if err := q.Prepare(ctx); err != nil {
		return nil, err
	}
	err = q.db.Read(ctx, func(tx *sqldb.Tx) error {
		jobs, err := q.client.JobListTx(ctx, tx.SQL(), p.Kinds(Task{}.Kind()).First(page))
		if err != nil {
			return fmt.Errorf("list tasks: %w", err)
		}
		for _, j := range jobs.Jobs {
			found = append(found, record(j))
		}
		return nil
	})
	return found, err
}

func record(j *rivertype.JobRow) Record {
	r := Record{ID: j.ID, State: Waiting, Tries: j.Attempt, Next: j.ScheduledAt.UTC()}
	_ = json.Unmarshal(j.EncodedArgs, &r.Task) // what cannot be read names nothing
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

// Retry gives a tenant's dead letter as many tries as a new task has.
func (q *Queue) Retry(ctx context.Context, tenant string, id int64) error {
	return q.bury(ctx, tenant, id, func(tx *sqldb.Tx, t Task) error { return q.Add(ctx, tx, t) })
}

// Drop deletes a tenant's dead letter.
func (q *Queue) Drop(ctx context.Context, tenant string, id int64) error {
	return q.bury(ctx, tenant, id, func(*sqldb.Tx, Task) error { return nil })
}

// bury deletes a dead letter together with what happens instead.
func (q *Queue) bury(ctx context.Context, tenant string, id int64, instead func(*sqldb.Tx, Task) error) error {
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		job, err := q.client.JobGetTx(ctx, tx.SQL(), id)
		if errors.Is(err, rivertype.ErrNotFound) {
			return ErrNoTask
		}
		if err != nil {
			return fmt.Errorf("read a dead letter: %w", err)
		}
		r := record(job)
		if r.State != Dead || job.Kind != r.Task.Kind() || r.Task.Tenant != tenant {
			return ErrNoTask
		}
		if _, err := q.client.JobDeleteTx(ctx, tx.SQL(), id); err != nil {
			return fmt.Errorf("delete a dead letter: %w", err)
		}
		return instead(tx, r.Task)
	})
}
