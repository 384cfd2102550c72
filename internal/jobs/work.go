package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

const (
	claimName  = "follow-ups" // of the one process that works
	claimAgain = time.Second  // between attempts at the claim
	stopWithin = 3 * time.Second
	upkeepEach = time.Hour
	firstPause = 10 * time.Second

	restsToPoll = 20 // what another process queued, or comes back after a pause, waits this many rests at most
)

// Work carries out tasks with do until ctx ends, then lets running ones finish
// for 3 seconds and cancels the rest, which are tried again later. While another
// process works on the same store it only waits to take over. An error means
// that the engine could not be started.
//
// do's error is tried again, unless it is [Final]; it stays on record, so it
// must name no secret and nobody.
func (q *Queue) Work(ctx context.Context, do func(context.Context, Task) error) error {
	err := q.work(ctx, do)
	if ctx.Err() != nil {
		return nil // what was cut short is taken up again
	}
	return err
}

func (q *Queue) work(ctx context.Context, do func(context.Context, Task) error) error {
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	release, err := q.claim(ctx)
	if err != nil {
		return err
	}
	if release == nil {
		return nil
	}
	defer func() { _ = release() }()
	if err := q.takeOver(ctx); err != nil {
		return err
	}
	client, err := q.worker(ctx, do)
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start the job engine: %w", err)
	}
	<-client.Stopped()
	return nil
}

// claim waits until no other process works; nil means that ctx ended first.
func (q *Queue) claim(ctx context.Context) (func() error, error) {
	for {
		release, err := q.db.Claim(ctx, claimName)
		if !errors.Is(err, store.ErrClaimed) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(claimAgain):
		}
	}
}

// takeOver queues again what a process that died was doing: with the claim in
// hand nobody is doing it. River by itself would wait an hour to be sure, and
// 15 s for the dead one's leadership to lapse. The interrupted try is not
// counted. Tasks of a lane that is no more get where they are refused.
func (q *Queue) takeOver(ctx context.Context) error {
	return q.db.Write(ctx, func(tx *store.Tx) error {
		for _, statement := range []string{
			`DELETE FROM river_leader`,
			`UPDATE river_job SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running'`,
		} {
			if _, err := tx.SQL().ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("take over the tasks of a process that died: %w", err)
			}
		}
		return q.reroute(ctx, tx)
	})
}

func (q *Queue) worker(ctx context.Context, do func(context.Context, Task) error) (*river.Client[*sql.Tx], error) {
	pool, err := q.db.Pool(ctx)
	if err != nil {
		return nil, err
	}
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}
	for _, l := range q.o.Lanes {
		queues[lane(l.Name)] = river.QueueConfig{MaxWorkers: q.o.Width}
	}
	workers := river.NewWorkers()
	w := &worker{do: do, lanes: q.o.Lanes, asked: newNotes(), told: q.o.OnTry}
	if err := errors.Join(river.AddWorkerSafely(workers, w), river.AddWorkerSafely(workers, &keeper{keep: q.o.Upkeep})); err != nil {
		return nil, fmt.Errorf("start the job engine: %w", err)
	}
	client, err := river.NewClient(riversqlite.New(pool), &river.Config{
		Queues: queues, Workers: workers, Logger: q.o.Log, FetchCooldown: q.o.Rest, FetchPollInterval: restsToPoll * q.o.Rest, SoftStopTimeout: stopWithin,
		JobTimeout: q.o.Timeout, RescueStuckJobsAfter: 4 * q.o.Timeout, MaxAttempts: MaxTries,
		CompletedJobRetentionPeriod: q.o.Keep, DiscardedJobRetentionPeriod: q.o.Keep, CancelledJobRetentionPeriod: q.o.Keep,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(upkeepEach),
			func() (river.JobArgs, *river.InsertOpts) { return upkeep{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	})
	if err != nil {
		return nil, fmt.Errorf("start the job engine: %w", err)
	}
	return client, nil
}

// worker is River's side of do.
type worker struct {
	river.WorkerDefaults[Task]
	do    func(context.Context, Task) error
	lanes []Lane
	asked *notes // what a failure said about the next try, by job
	told  func(Task, State)
}

func (w *worker) Work(ctx context.Context, job *river.Job[Task]) error {
	err := w.do(ctx, job.Args)
	w.told(job.Args, ended(err, job.Attempt >= job.MaxAttempts))
	if final, ok := errors.AsType[*finalError](err); ok {
		return river.JobCancel(final)
	}
	if later, ok := errors.AsType[*laterError](err); ok {
		w.asked.put(job.ID, later.wait)
	}
	return err
}

func ended(err error, last bool) State {
	_, final := errors.AsType[*finalError](err)
	switch {
	case err == nil:
		return Done
	case final || last:
		return Dead
	}
	return Waiting
}

// NextRetry pauses 1, 4, 16, 64 times pause, give or take a fifth so that what
// failed together does not come back together; longer if that was asked for.
func (w *worker) NextRetry(job *river.Job[Task]) time.Time {
	pause := w.pause(job.Args.To) << (2 * (job.Attempt - 1))
	pause += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(pause)) //nolint:gosec // G404: jitter, no secret
	return time.Now().Add(max(pause, w.asked.take(job.ID)))
}

func (w *worker) pause(to string) time.Duration {
	for _, l := range w.lanes {
		if l.Name == to {
			return cmp.Or(l.Pause, firstPause)
		}
	}
	return firstPause
}
