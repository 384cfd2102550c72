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
	"github.com/riverqueue/river/riverdriver"
)

const (
	startAgain = time.Second // between attempts to begin
	stopWithin = 3 * time.Second
	upkeepEach = time.Hour
	firstPause = 10 * time.Second

	restsToPoll = 20 // what another process queued, or comes back after a pause, waits this many rests at most
)

// Work carries out tasks with do until ctx ends, then lets running ones finish
// for 3 seconds and cancels the rest, which are tried again later. Processes that
// share a state folder take turns: while another one works, Work only waits to
// take over. Those that share a database server work together, and take up what
// one that died has left. Where the engine cannot be started it is tried again;
// Stopped says why. The error says that the options are wrong.
//
// do's error is tried again, unless it is [Final]; it stays on record, so it
// must name no secret and nobody.
func (q *Queue) Work(ctx context.Context, do func(context.Context, Task) error) error {
	defer q.note(nil)
	for {
		err := q.work(ctx, do)
		if ctx.Err() != nil {
			return nil // what was cut short is taken up again
		}
		if err == nil {
			err = errEnded
		}
		q.note(err)
		if errors.Is(err, errOptions) {
			return err
		}
		q.o.Log.ErrorContext(ctx, "follow-ups cannot be carried out; trying again", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(startAgain):
		}
	}
}

var (
	errOptions = errors.New("the job engine refuses its options")
	errEnded   = errors.New("the job engine ended by itself")
)

// Stopped says why this process carries out no tasks, although Work was called:
// the engine could not be started. nil: it does, is about to, or waits for
// another process of the state folder.
func (q *Queue) Stopped() error {
	q.working.Lock()
	defer q.working.Unlock()
	return q.stopped
}

func (q *Queue) note(why error) {
	q.working.Lock()
	defer q.working.Unlock()
	q.stopped = why
}

func (q *Queue) work(ctx context.Context, do func(context.Context, Task) error) error {
	if err := q.Prepare(ctx); err != nil {
		return err
	}
	pool, err := q.db.Pool(ctx)
	if err != nil {
		return err
	}
	if q.db.Shared() {
		return q.workTogether(ctx, pool, do)
	}
	return q.workAlone(ctx, pool, do)
}

// run works until ctx ends.
func (q *Queue) run(ctx context.Context, way riverdriver.Driver[*sql.Tx], me string, do func(context.Context, Task) error) error {
	ctx, ahead, end, err := q.steady(ctx)
	if err != nil {
		return err
	}
	defer end()
	workers := river.NewWorkers()
	w := &worker{do: do, lanes: q.o.Lanes, asked: newNotes(), told: q.o.OnTry, now: q.db.Now}
	if err := errors.Join(river.AddWorkerSafely(workers, w), river.AddWorkerSafely(workers, &keeper{keep: q.o.Upkeep})); err != nil {
		return fmt.Errorf("%w: %w", errOptions, err)
	}
	client, err := river.NewClient(way, q.settings(me, workers, ahead))
	if err != nil {
		return fmt.Errorf("%w: %w", errOptions, err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start the job engine: %w", err)
	}
	q.note(nil)
	<-client.Stopped()
	return nil
}

// settings are River's. Its rescuer and its cleaner compare with this machine's time,
// which may be ahead of the database's; behind, they only come later.
func (q *Queue) settings(me string, workers *river.Workers, ahead time.Duration) *river.Config {
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1}}
	for _, l := range q.o.Lanes {
		queues[lane(l.Tenant, l.Name)] = river.QueueConfig{MaxWorkers: q.o.Width}
	}
	ahead = max(0, ahead)
	keep := q.o.Keep + ahead
	return &river.Config{
		Test: timeOf(q.db), ID: me, Queues: queues, Workers: workers, Logger: q.o.Log, FetchCooldown: q.o.Rest, FetchPollInterval: restsToPoll * q.o.Rest, SoftStopTimeout: stopWithin,
		JobTimeout: q.o.Timeout, RescueStuckJobsAfter: 4*q.o.Timeout + ahead, MaxAttempts: MaxTries,
		CompletedJobRetentionPeriod: keep, DiscardedJobRetentionPeriod: keep, CancelledJobRetentionPeriod: keep,
		PeriodicJobs: []*river.PeriodicJob{river.NewPeriodicJob(river.PeriodicInterval(upkeepEach),
			func() (river.JobArgs, *river.InsertOpts) { return upkeep{}, nil }, &river.PeriodicJobOpts{RunOnStart: true})},
	}
}

// worker is River's side of do.
type worker struct {
	river.WorkerDefaults[Task]
	do    func(context.Context, Task) error
	lanes []Lane
	asked *notes // what a failure said about the next try, by job
	told  func(Task, State)
	now   func() time.Time // the database's, as River has it
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
	pause := w.pause(job.Args) << (2 * (job.Attempt - 1))
	pause += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(pause)) //nolint:gosec // G404: jitter, no secret
	return w.now().Add(max(pause, w.asked.take(job.ID)))
}

func (w *worker) pause(t Task) time.Duration {
	for _, l := range w.lanes {
		if lane(l.Tenant, l.Name) == lane(t.Tenant, t.To) {
			return cmp.Or(l.Pause, firstPause)
		}
	}
	return firstPause
}
