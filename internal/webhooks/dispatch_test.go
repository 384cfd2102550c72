package webhooks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

func quickOptions(names ...string) webhooks.DispatcherOptions {
	o := webhooks.DispatcherOptions{Poll: 5 * time.Millisecond, Timeout: 30 * time.Second}
	for _, name := range names {
		o.Queues = append(o.Queues, webhooks.Queue{Name: name, Pause: time.Millisecond})
	}
	return o
}

func openDispatcher(t *testing.T, dir string, o webhooks.DispatcherOptions) (*webhooks.Dispatcher, *sqldb.DB) {
	t.Helper()
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	q, err := webhooks.NewDispatcher(db, o)
	require.NoError(t, err)
	return q, db
}

func addTasks(t *testing.T, q *webhooks.Dispatcher, db *sqldb.DB, tasks ...webhooks.Task) {
	t.Helper()
	require.NoError(t, q.Migrate(t.Context()))
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { return q.Add(t.Context(), tx, tasks...) }))
}

// runDispatcher runs q until stop is called or the test ends.
func runDispatcher(t *testing.T, q *webhooks.Dispatcher, do func(context.Context, webhooks.Task) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx, do) }()
	stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-done) })
	t.Cleanup(stop)
	return stop
}

// taskLog records tasks.
type taskLog struct {
	mu    sync.Mutex
	notes []string
}

func (d *taskLog) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, s)
}

func (d *taskLog) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.notes))
}

func taskStates(t *testing.T, q *webhooks.Dispatcher, event string) (found []webhooks.TaskState) {
	t.Helper()
	records, err := q.TasksOf(t.Context(), "", event)
	require.NoError(t, err)
	for _, r := range records {
		found = append(found, r.State)
	}
	return found
}

func TestTasksAreCarriedOutByTheirQueues(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"a folder": storetest.Folder(t), "memory": storetest.Memory(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, db := openDispatcher(t, dir, quickOptions("a", "b"))
			var d taskLog
			runDispatcher(t, q, func(_ context.Context, task webhooks.Task) error { d.note(task.To + task.Event); return nil })
			addTasks(t, q, db, webhooks.Task{Event: "1", To: "a"}, webhooks.Task{Event: "1", To: "b"}, webhooks.Task{Event: "2", To: "b"})
			require.Eventually(t, func() bool { return len(d.all()) == 3 }, waitLimit, tick)
			assert.Equal(t, []string{"a1", "b1", "b2"}, d.all())
			require.Eventually(t, func() bool {
				return slices.Equal(taskStates(t, q, "1"), []webhooks.TaskState{webhooks.Done, webhooks.Done})
			}, waitLimit, tick)
		})
	}
}

func TestATaskIsQueuedOnlyIfItsTransactionCommits(t *testing.T) {
	t.Parallel()
	q, db := openDispatcher(t, storetest.Folder(t), quickOptions("a"))
	require.NoError(t, q.Migrate(t.Context()))
	undone := errors.New("undone")
	require.ErrorIs(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, q.Add(t.Context(), tx, webhooks.Task{Event: "1", To: "a"}))
		return undone
	}), undone)
	assert.Empty(t, taskStates(t, q, "1"))
}

// req: W3
func TestReq_W3_FiveAttemptsThenADeadLetterToRetryOrDrop(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	q, db := openDispatcher(t, dir, quickOptions("a"))
	var d taskLog
	runDispatcher(t, q, func(_ context.Context, task webhooks.Task) error { d.note(task.Event); return errors.New("no answer") })
	addTasks(t, q, db, webhooks.Task{Event: "1", To: "a"})
	otherProcess, _ := openDispatcher(t, dir, quickOptions()) // as a command opens it
	dead := func() []webhooks.TaskRecord {
		found, err := otherProcess.DeadLetters(t.Context())
		require.NoError(t, err)
		return found
	}
	require.Eventually(t, func() bool { return len(dead()) == 1 }, waitLimit, tick)
	assert.Len(t, d.all(), webhooks.MaxAttempts)
	letter := dead()[0]
	assert.Equal(t, webhooks.Task{Event: "1", To: "a"}, letter.Task)
	assert.Equal(t, webhooks.MaxAttempts, letter.Tries)
	assert.Equal(t, "no answer", letter.Why)

	require.NoError(t, otherProcess.Retry(t.Context(), "", letter.ID))
	require.ErrorIs(t, otherProcess.Retry(t.Context(), "", letter.ID), webhooks.ErrNoDeadLetter)
	require.Eventually(t, func() bool { return len(dead()) == 1 }, waitLimit, tick)
	assert.Len(t, d.all(), 2*webhooks.MaxAttempts, "as many attempts as a new task")

	require.NoError(t, otherProcess.Drop(t.Context(), "", dead()[0].ID))
	assert.Empty(t, dead())
}

func TestAPermanentErrorMakesADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	q, db := openDispatcher(t, storetest.Folder(t), quickOptions("a"))
	var d taskLog
	runDispatcher(t, q, func(_ context.Context, task webhooks.Task) error {
		d.note(task.Event)
		return webhooks.Permanent(errors.New("never"))
	})
	addTasks(t, q, db, webhooks.Task{Event: "1", To: "a"})
	require.Eventually(t, func() bool { return slices.Equal(taskStates(t, q, "1"), []webhooks.TaskState{webhooks.Dead}) }, waitLimit, tick)
	assert.Len(t, d.all(), 1)
	records, err := q.TasksOf(t.Context(), "", "1")
	require.NoError(t, err)
	assert.Contains(t, records[0].Why, "never")
}

func TestTheNextAttemptWaitsForTheRequestedDelay(t *testing.T) {
	t.Parallel()
	q, db := openDispatcher(t, storetest.Folder(t), quickOptions("a"))
	runDispatcher(t, q, func(context.Context, webhooks.Task) error {
		return webhooks.DelayRetry(errors.New("busy"), 48*time.Hour)
	})
	before := time.Now()
	addTasks(t, q, db, webhooks.Task{Event: "1", To: "a"})
	var r webhooks.TaskRecord
	require.Eventually(t, func() bool {
		records, err := q.TasksOf(t.Context(), "", "1")
		require.NoError(t, err)
		r = records[0]
		return r.State == webhooks.Waiting && r.Tries == 1 && r.Why != ""
	}, waitLimit, tick)
	assert.WithinRange(t, r.Next, before.Add(59*time.Minute), time.Now().Add(61*time.Minute), "at most an hour")
}

func TestTasksOfARemovedQueueBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	q, db := openDispatcher(t, storetest.Folder(t), quickOptions("a"))
	addTasks(t, q, db, webhooks.Task{Event: "1", To: "gone"})
	runDispatcher(t, q, func(_ context.Context, task webhooks.Task) error {
		return webhooks.Permanent(errors.New("no " + task.To))
	})
	require.Eventually(t, func() bool { return slices.Equal(taskStates(t, q, "1"), []webhooks.TaskState{webhooks.Dead}) }, waitLimit, tick)
}

// Processes that share a state folder share the tasks. When one stops, the others continue.
func TestProcessesWithOneStateFolderShareTheTasks(t *testing.T) {
	t.Parallel()
	const tasks = 40
	dir := t.TempDir()
	first, db := openDispatcher(t, dir, quickOptions("a"))
	second, _ := openDispatcher(t, dir, quickOptions("a"))
	var log taskLog
	stop := runDispatcher(t, first, func(_ context.Context, task webhooks.Task) error { log.note(task.Event); return nil })
	runDispatcher(t, second, func(_ context.Context, task webhooks.Task) error { log.note(task.Event); return nil })
	var want []string
	for i := range tasks {
		want = append(want, fmt.Sprintf("%02d", i))
		addTasks(t, first, db, webhooks.Task{Event: want[i], To: "a"})
	}
	require.Eventually(t, func() bool { return len(log.all()) >= tasks }, waitLimit, tick)
	assert.Equal(t, want, log.all(), "each task once")
	stop()
	addTasks(t, first, db, webhooks.Task{Event: "later", To: "a"})
	require.Eventually(t, func() bool { return slices.Contains(log.all(), "later") }, waitLimit, tick)
}

// A process that ends without stopping its tasks leaves them running. They are tried again after
// RescueAfter, and the interrupted attempt counts. A task that runs for less time is not touched.
//
// req: W3
func TestReq_W3_TasksOfAKilledProcessAreRescued(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	o := quickOptions("a")
	o.Timeout, o.RescueAfter = time.Second, 2*time.Second
	first, db := openDispatcher(t, dir, o)
	begun, end := make(chan struct{}), make(chan struct{})
	var attempted atomic.Bool
	runDispatcher(t, first, func(context.Context, webhooks.Task) error {
		if !attempted.Swap(true) { // the first attempt does not even end with its context, as in a process that was killed
			close(begun)
			<-end
		}
		return nil
	})
	t.Cleanup(func() { close(end) })
	addTasks(t, first, db, webhooks.Task{Event: "hangs", To: "a"})
	<-begun
	var record webhooks.TaskRecord
	require.Eventually(t, func() bool {
		found, err := first.TasksOf(t.Context(), "", "hangs")
		require.NoError(t, err)
		record = found[0]
		return record.State == webhooks.Done
	}, waitLimit, tick)
	assert.Equal(t, 2, record.Tries)
}

func TestTheTimeoutMustBeShorterThanTheRescue(t *testing.T) {
	t.Parallel()
	_, err := webhooks.NewDispatcher(sqldb.Open(storetest.Memory(t)), webhooks.DispatcherOptions{Timeout: time.Minute, RescueAfter: time.Minute})
	require.ErrorContains(t, err, "1m0s")
}

func openDB(t *testing.T, dir string) *sqldb.DB {
	t.Helper()
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// req: P8, W3
func TestATaskThatHangsIsCancelledAndRetried(t *testing.T) {
	t.Parallel()
	q, db := openDispatcher(t, storetest.Folder(t), quickOptions("a"))
	begun := make(chan struct{}, 1)
	stop := runDispatcher(t, q, func(ctx context.Context, _ webhooks.Task) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	addTasks(t, q, db, webhooks.Task{Event: "1", To: "a"})
	<-begun
	stop()
	runDispatcher(t, q, func(context.Context, webhooks.Task) error { return nil })
	require.Eventually(t, func() bool { return slices.Equal(taskStates(t, q, "1"), []webhooks.TaskState{webhooks.Done}) }, waitLimit, tick)
}

// field: state folder deleted while the job engine runs
func TestTasksAreExecutedAfterTheDatabaseFileWasReplaced(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	q, db := openDispatcher(t, dir, quickOptions("a"))
	executed := make(chan string, 4)
	runDispatcher(t, q, func(_ context.Context, task webhooks.Task) error {
		executed <- task.Event
		return nil
	})
	for _, event := range []string{"1", "2"} {
		addTasks(t, q, db, webhooks.Task{Event: event, To: "a"})
		select {
		case got := <-executed:
			assert.Equal(t, event, got)
		case <-time.After(waitLimit):
			t.Fatal("not executed: ", event)
		}
		require.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, waitLimit, tick, "the job engine may write a file meanwhile")
	}
}
