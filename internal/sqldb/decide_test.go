package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// acts counts the acts whose ids begin with a prefix.
func acts(tx *sqldb.Tx, prefix string) (int, error) {
	n, err := sqldb.One(tx, sqldb.Column[int], `SELECT COUNT(*) FROM acts WHERE id LIKE ?`, prefix+"%")
	if err != nil {
		return 0, err
	}
	return *n, nil
}

func countActs(t *testing.T, db *sqldb.DB, prefix string) (n int) {
	t.Helper()
	require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		n, err = acts(tx, prefix)
		return err
	}))
	return n
}

func TestADecisionIsExecutedAfterIt(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		n, err := acts(tx, "a")
		require.NoError(t, err)
		assert.Zero(t, n)
		now, err := tx.Now()
		require.NoError(t, err)
		assert.False(t, now.IsZero())
		require.NoError(t, tx.Require(`NOT EXISTS (SELECT 1 FROM acts WHERE id = ?)`, "a"))
		require.NoError(t, tx.Exclude("a"))
		require.NoError(t, keepAct("a")(tx))
		require.NoError(t, tx.Require(`EXISTS (SELECT 1 FROM acts WHERE id = ?)`, "a"), "after the statement")
		return insertAct(tx, "b", "{}")
	}))
	assert.True(t, has(t, db, "a"))
	assert.True(t, has(t, db, "b"))
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		_, err := acts(tx, "a")
		return err
	}), "one that only reads")
}

func TestADecisionIsExecutedWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	mine := errors.New("mine")
	require.ErrorIs(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(keepAct("a")(tx), mine)
	}), mine)
	err := db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(keepAct("a")(tx), tx.Exec(`INSERT INTO details (seq, salt, json) VALUES (1, ?, NULL)`, "secret"))
	})
	require.ErrorContains(t, err, "write to the store: INSERT INTO details: ")
	assert.NotContains(t, err.Error(), "secret")
	require.NotErrorIs(t, err, sqldb.ErrUnavailable)
	assert.Zero(t, countActs(t, db, ""))
}

// A statement that would be executed before what do reads afterwards is a mistake in the
// program.
func TestADecisionReadsBeforeItWrites(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	for name, do := range map[string]func(*sqldb.Tx) error{
		"must read before": func(tx *sqldb.Tx) error {
			require.NoError(t, keepAct("a")(tx))
			_, err := acts(tx, "a")
			return err
		},
		"read before its first": func(tx *sqldb.Tx) error {
			require.NoError(t, tx.Require(`1 = 1`))
			_, err := sqldb.All(tx, sqldb.Column[string], `SELECT id FROM acts`)
			return err
		},
		"ExecCount does not work in Decide": func(tx *sqldb.Tx) error {
			_, err := tx.ExecCount(`DELETE FROM acts`)
			return err
		},
	} {
		require.ErrorContains(t, db.Decide(t.Context(), do), name)
	}
	require.ErrorContains(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Require(`1 = 1`) }), "only in Decide")
	require.ErrorContains(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Exclude("a") }), "only in Decide")
	require.Error(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		_, err := sqldb.One(tx, sqldb.Column[int], `SELECT nothing FROM acts`)
		require.Error(t, err)
		if !db.Shared() { // an error does not end a transaction of SQLite
			return err
		}
		return keepAct("a")(tx)
	}), "a failed query")
	assert.Zero(t, countActs(t, db, ""))
}

// Every process counts the acts and adds one whose id is the number.
func TestConflictingDecisionsRunAgain(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	const processes, each = 3, 8
	var wg sync.WaitGroup
	for range processes {
		db := open(t, where)
		for range each {
			wg.Go(func() {
				assert.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
					n, err := acts(tx, "n")
					if err != nil {
						return err
					}
					return insertAct(tx, fmt.Sprintf("n%d", n), "{}")
				}))
			})
		}
	}
	wg.Wait()
	assert.Equal(t, processes*each, countActs(t, open(t, where), "n"))
}

// With Exclude and Require a limit holds over rows that no index makes unique.
func TestALimitHoldsForConcurrentDecisions(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	const processes, each, limit = 3, 8, 5
	full := errors.New("full")
	var wg sync.WaitGroup
	for p := range processes {
		db := open(t, where)
		for i := range each {
			wg.Go(func() {
				err := db.Decide(t.Context(), func(tx *sqldb.Tx) error {
					n, err := acts(tx, "q")
					switch {
					case err != nil:
						return err
					case n >= limit:
						return full
					}
					return errors.Join(
						tx.Exclude("q"),
						tx.Require(`(SELECT COUNT(*) FROM acts WHERE id LIKE 'q%') < ?`, limit),
						insertAct(tx, fmt.Sprintf("q%d-%d", p, i), "{}"))
				})
				if err != nil {
					assert.ErrorIs(t, err, full)
				}
			})
		}
	}
	wg.Wait()
	assert.Equal(t, limit, countActs(t, open(t, where), "q"))
}

// A decision whose condition never becomes true ends. SQLite cannot have changed since
// the decision read.
func TestAConditionThatStaysFalse(t *testing.T) {
	t.Parallel()
	db := hasty(t, storetest.Folder(t))
	assert.Zero(t, countActs(t, db, ""), "it is open")
	runs := 0
	err := db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		runs++
		return errors.Join(keepAct("a")(tx), tx.Require(`(SELECT COUNT(*) FROM acts WHERE id = ?) = 2`, "a"))
	})
	require.ErrorContains(t, err, "check a condition in the store")
	if db.Shared() {
		require.ErrorIs(t, err, sqldb.ErrUnavailable)
		assert.Greater(t, runs, 2)
	} else {
		require.NotErrorIs(t, err, sqldb.ErrUnavailable)
	}
	assert.Zero(t, countActs(t, db, ""))
}

func TestACallerThatGivesUpEndsItsDecision(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	for range 20 { // more than there are connections
		ctx, cancel := context.WithCancel(t.Context())
		require.Error(t, db.Decide(ctx, func(tx *sqldb.Tx) error {
			cancel()
			return keepAct("b")(tx)
		}))
		require.ErrorIs(t, db.Decide(ctx, keepAct("b")), context.Canceled)
	}
	require.Panics(t, func() { _ = db.Decide(t.Context(), func(*sqldb.Tx) error { panic("a bug") }) })
	require.NoError(t, db.Decide(t.Context(), keepAct("c")))
	assert.False(t, has(t, db, "b"))
	require.NoError(t, db.Close())
	require.ErrorIs(t, db.Decide(t.Context(), keepAct("d")), sqldb.ErrClosed)
}

// field: read-only database, sqlite. A fault that appears when the statements are executed.
func TestADecisionOnAReadOnlySQLiteDatabase(t *testing.T) {
	t.Parallel()
	db := hasty(t, "")
	require.NoError(t, db.Decide(t.Context(), keepAct("a")))
	require.NoError(t, db.Raw(t.Context(), `PRAGMA query_only = 1`))
	require.ErrorIs(t, db.Decide(t.Context(), keepAct("b")), sqldb.ErrUnavailable)
	require.NoError(t, db.Raw(t.Context(), `PRAGMA query_only = 0`))
	require.NoError(t, db.Decide(t.Context(), keepAct("b")))
}

// PostgreSQL's texts are valid UTF-8 without NUL.
func TestADecisionStoresAnyText(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	const odd = "a\x00b\xffc"
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(keepAct(odd)(tx), tx.Exclude(odd), tx.Require(`EXISTS (SELECT 1 FROM acts WHERE id = ?)`, odd))
	}))
	assert.True(t, has(t, db, odd))
}

// The tests of indexes and of the rows that a booking reads rely on it.
func TestTheRecorderRecordsDecisions(t *testing.T) {
	t.Parallel()
	db, rec := sqldb.Recorded(storetest.Folder(t))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for n := range 200 {
		require.NoError(t, db.Decide(t.Context(), keepAct(fmt.Sprint("a", n))))
	}
	rec.Taken()
	rec.Read()
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		_, err := sqldb.All(tx, sqldb.Column[string], `SELECT id FROM acts`)
		return errors.Join(err, tx.Exec(`UPDATE acts SET salt = ?`, "changed"))
	}))
	taken := map[string][]any{}
	for _, s := range rec.Taken() {
		taken[strings.ReplaceAll(s.SQL, "$1", "?")] = s.Args
	}
	assert.Contains(t, taken, `SELECT id FROM acts`)
	assert.Equal(t, []any{"changed"}, taken[`UPDATE acts SET salt = ?`])
	if read := rec.Read(); db.Shared() {
		assert.GreaterOrEqual(t, read, 2*200, "rows")
	} else {
		assert.Positive(t, read, "pages")
	}
}
