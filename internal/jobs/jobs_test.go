package jobs_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/jobs"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

const patience, tick = time.Minute, 20 * time.Millisecond

func quick(names ...string) jobs.Options {
	o := jobs.Options{Rest: 5 * time.Millisecond, Timeout: patience}
	for _, name := range names {
		o.Lanes = append(o.Lanes, jobs.Lane{Name: name, Pause: time.Millisecond})
	}
	return o
}

func open(t *testing.T, dir string, o jobs.Options) (*jobs.Queue, *sqldb.DB) {
	t.Helper()
	db := sqldb.Open(dir)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	q, err := jobs.Open(db, o)
	require.NoError(t, err)
	return q, db
}

func add(t *testing.T, q *jobs.Queue, db *sqldb.DB, tasks ...jobs.Task) {
	t.Helper()
	require.NoError(t, q.Prepare(t.Context()))
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { return q.Add(t.Context(), tx, tasks...) }))
}

// work works until stop, or the end of the test.
func work(t *testing.T, q *jobs.Queue, do func(context.Context, jobs.Task) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Work(ctx, do) }()
	stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-done) })
	t.Cleanup(stop)
	return stop
}

// diary notes what was done.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, s)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.notes))
}

func states(t *testing.T, q *jobs.Queue, event string) (found []jobs.State) {
	t.Helper()
	records, err := q.Of(t.Context(), "", event)
	require.NoError(t, err)
	for _, r := range records {
		found = append(found, r.State)
	}
	return found
}

func TestTasksAreDoneInTheirLanes(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]string{"in a folder": storetest.Folder(t), "in memory": storetest.Memory(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, db := open(t, dir, quick("a", "b"))
			var d diary
			work(t, q, func(_ context.Context, task jobs.Task) error { d.note(task.To + task.Event); return nil })
			add(t, q, db, jobs.Task{Event: "1", To: "a"}, jobs.Task{Event: "1", To: "b"}, jobs.Task{Event: "2", To: "b"})
			require.Eventually(t, func() bool { return len(d.all()) == 3 }, patience, tick)
			assert.Equal(t, []string{"a1", "b1", "b2"}, d.all())
			require.Eventually(t, func() bool {
				return slices.Equal(states(t, q, "1"), []jobs.State{jobs.Done, jobs.Done})
			}, patience, tick)
		})
	}
}

func TestATaskIsQueuedOnlyIfItsTransactionIs(t *testing.T) {
	t.Parallel()
	q, db := open(t, storetest.Folder(t), quick("a"))
	require.NoError(t, q.Prepare(t.Context()))
	undone := errors.New("undone")
	require.ErrorIs(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, q.Add(t.Context(), tx, jobs.Task{Event: "1", To: "a"}))
		return undone
	}), undone)
	assert.Empty(t, states(t, q, "1"))
}

// req: W3
func TestReq_W3_FiveTriesThenADeadLetterToRetryOrDrop(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	q, db := open(t, dir, quick("a"))
	var d diary
	work(t, q, func(_ context.Context, task jobs.Task) error { d.note(task.Event); return errors.New("no luck") })
	add(t, q, db, jobs.Task{Event: "1", To: "a"})
	elsewhere, _ := open(t, dir, quick()) // as the command line opens it
	dead := func() []jobs.Record {
		found, err := elsewhere.DeadLetters(t.Context())
		require.NoError(t, err)
		return found
	}
	require.Eventually(t, func() bool { return len(dead()) == 1 }, patience, tick)
	assert.Len(t, d.all(), jobs.MaxTries)
	letter := dead()[0]
	assert.Equal(t, jobs.Task{Event: "1", To: "a"}, letter.Task)
	assert.Equal(t, jobs.MaxTries, letter.Tries)
	assert.Equal(t, "no luck", letter.Why)

	require.NoError(t, elsewhere.Retry(t.Context(), "", letter.ID))
	require.ErrorIs(t, elsewhere.Retry(t.Context(), "", letter.ID), jobs.ErrNoTask)
	require.Eventually(t, func() bool { return len(dead()) == 1 }, patience, tick)
	assert.Len(t, d.all(), 2*jobs.MaxTries, "as often as a new one")

	require.NoError(t, elsewhere.Drop(t.Context(), "", dead()[0].ID))
	assert.Empty(t, dead())
}

func TestAFinalErrorIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	q, db := open(t, storetest.Folder(t), quick("a"))
	var d diary
	work(t, q, func(_ context.Context, task jobs.Task) error {
		d.note(task.Event)
		return jobs.Final(errors.New("never"))
	})
	add(t, q, db, jobs.Task{Event: "1", To: "a"})
	require.Eventually(t, func() bool { return slices.Equal(states(t, q, "1"), []jobs.State{jobs.Dead}) }, patience, tick)
	assert.Len(t, d.all(), 1)
	records, err := q.Of(t.Context(), "", "1")
	require.NoError(t, err)
	assert.Contains(t, records[0].Why, "never")
}

func TestANextTryWaitsAsLongAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	q, db := open(t, storetest.Folder(t), quick("a"))
	work(t, q, func(context.Context, jobs.Task) error { return jobs.Later(errors.New("busy"), 48*time.Hour) })
	before := time.Now()
	add(t, q, db, jobs.Task{Event: "1", To: "a"})
	var r jobs.Record
	require.Eventually(t, func() bool {
		records, err := q.Of(t.Context(), "", "1")
		require.NoError(t, err)
		r = records[0]
		return r.State == jobs.Waiting && r.Tries == 1 && r.Why != ""
	}, patience, tick)
	assert.WithinRange(t, r.Next, before.Add(59*time.Minute), time.Now().Add(61*time.Minute), "an hour at most")
}

func TestTasksOfALaneThatIsNoMoreAreHandedOverToBeRefused(t *testing.T) {
	t.Parallel()
	q, db := open(t, storetest.Folder(t), quick("a"))
	add(t, q, db, jobs.Task{Event: "1", To: "gone"})
	work(t, q, func(_ context.Context, task jobs.Task) error { return jobs.Final(errors.New("no " + task.To)) })
	require.Eventually(t, func() bool { return slices.Equal(states(t, q, "1"), []jobs.State{jobs.Dead}) }, patience, tick)
}

func TestOneProcessOfAFolderWorksAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, db := open(t, dir, quick("a"))
	second, _ := open(t, dir, quick("a"))
	var d diary
	stop := work(t, first, func(_ context.Context, task jobs.Task) error { d.note("first " + task.Event); return nil })
	add(t, first, db, jobs.Task{Event: "1", To: "a"})
	require.Eventually(t, func() bool { return len(d.all()) == 1 }, patience, tick)
	work(t, second, func(_ context.Context, task jobs.Task) error { d.note("second " + task.Event); return nil })
	add(t, second, db2(t, dir), jobs.Task{Event: "2", To: "a"})
	require.Eventually(t, func() bool { return len(d.all()) == 2 }, patience, tick)
	assert.Equal(t, []string{"first 1", "first 2"}, d.all())
	stop()
	add(t, first, db, jobs.Task{Event: "3", To: "a"})
	require.Eventually(t, func() bool { return len(d.all()) == 3 }, patience, tick)
	assert.Contains(t, d.all(), "second 3")
}

func db2(t *testing.T, dir string) *sqldb.DB {
	t.Helper()
	db := sqldb.Open(dir)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// req: P8, W3
func TestWorkThatHangsIsCutShortAndTakenUpAgain(t *testing.T) {
	t.Parallel()
	q, db := open(t, storetest.Folder(t), quick("a"))
	begun := make(chan struct{}, 1)
	stop := work(t, q, func(ctx context.Context, _ jobs.Task) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	add(t, q, db, jobs.Task{Event: "1", To: "a"})
	<-begun
	stop()
	work(t, q, func(context.Context, jobs.Task) error { return nil })
	require.Eventually(t, func() bool { return slices.Equal(states(t, q, "1"), []jobs.State{jobs.Done}) }, patience, tick)
}
