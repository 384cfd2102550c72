package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// hasty opens a database that does not wait long for other processes.
func hasty(t *testing.T, where string) *sqldb.DB {
	t.Helper()
	db := sqldb.OpenWith(where, sqldb.Options{Patience: 500 * time.Millisecond, Stall: 5 * time.Second})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// The errors of a locked database and of an unreachable server differ from those of a
// wrong statement.
func TestALockedOrUnreachableDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := open(t, dir), hasty(t, dir)
	require.NoError(t, second.Write(t.Context(), keepAct("before")))
	require.NoError(t, first.Write(t.Context(), func(*sqldb.Tx) error {
		require.ErrorIs(t, second.Write(t.Context(), keepAct("a")), sqldb.ErrUnavailable, "other writers wait for Options.Patience")
		return nil
	}))
	require.NoError(t, second.Write(t.Context(), keepAct("a")))
	nobody := hasty(t, "postgres://vennio@127.0.0.1:1/none?sslmode=disable")
	require.ErrorIs(t, nobody.Write(t.Context(), keepAct("a")), sqldb.ErrUnavailable)
	mine := errors.New("mine")
	for name, err := range map[string]error{
		"an error of do":   second.Write(t.Context(), func(*sqldb.Tx) error { return mine }),
		"a wrong write":    second.Write(t.Context(), keepAct("a")),
		"a closed store":   func() error { db := sqldb.Open(dir); _ = db.Close(); return db.Write(t.Context(), keepAct("b")) }(),
		"no folder to use": sqldb.Open(filepath.Join(dir, "vennio-mcp.db", "x")).Write(t.Context(), keepAct("b")),
	} {
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, sqldb.ErrUnavailable, name)
	}
}

// field: full disk, sqlite. As soon as there is space the same write succeeds.
func TestASQLiteDatabaseOnAFullDiskIsUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	require.NoError(t, db.Raw(t.Context(), `PRAGMA max_page_count = 1`)) // no page more than there are
	large := func(tx *sqldb.Tx) error {
		return insertAct(tx, "b", strings.Repeat("x", 100_000))
	}
	require.ErrorIs(t, db.Write(t.Context(), large), sqldb.ErrUnavailable)
	require.ErrorIs(t, db.Probe(t.Context()), sqldb.ErrUnavailable)
	assert.True(t, has(t, db, "a"), "reading goes on")
	require.NoError(t, db.Raw(t.Context(), `PRAGMA max_page_count = 100000`))
	require.NoError(t, db.Probe(t.Context()))
	require.NoError(t, db.Write(t.Context(), large))
}

// field: read-only database, sqlite. A connection that SQLite opened read-only is
// replaced after a while.
func TestAReadOnlySQLiteDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	db := hasty(t, t.TempDir())
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	require.NoError(t, db.Raw(t.Context(), `PRAGMA query_only = 1`))
	require.ErrorIs(t, db.Write(t.Context(), keepAct("b")), sqldb.ErrUnavailable)
	require.ErrorIs(t, db.Probe(t.Context()), sqldb.ErrUnavailable)
	require.Eventually(t, func() bool { return db.Write(t.Context(), keepAct("b")) == nil }, time.Minute, 10*time.Millisecond)
	memory := open(t, "")
	require.NoError(t, memory.Write(t.Context(), keepAct("a")))
	require.NoError(t, memory.Raw(t.Context(), `PRAGMA query_only = 1`))
	require.ErrorIs(t, memory.Probe(t.Context()), sqldb.ErrUnavailable)
	require.ErrorIs(t, memory.Write(t.Context(), keepAct("b")), sqldb.ErrUnavailable)
	assert.True(t, has(t, memory, "a"), "what is in memory stays")
}

// field: errors of sqlite and of the system
func TestTransientErrorsOfSQLite(t *testing.T) {
	t.Parallel()
	driver, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, driver.Close()) })
	_, cannotOpen := driver.ExecContext(t.Context(), `ATTACH '/nowhere/at/all' AS x`)
	require.ErrorContains(t, cannotOpen, "unable to open")
	for _, err := range []error{
		cannotOpen, fmt.Errorf("open the store: %w", &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOSPC}),
		&fs.PathError{Err: syscall.EROFS}, &fs.PathError{Err: syscall.EMFILE}, &fs.PathError{Err: syscall.EIO}, &fs.PathError{Err: syscall.EDQUOT},
	} {
		assert.True(t, sqldb.Away(t.TempDir(), err), err)
	}
	_, wrong := driver.ExecContext(t.Context(), `SELECT * FROM nothing`)
	for _, err := range []error{wrong, &fs.PathError{Err: syscall.EACCES}, fs.ErrNotExist, context.Canceled} {
		require.Error(t, err)
		assert.False(t, sqldb.Away(t.TempDir(), err), err)
	}
	damaged := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(damaged, "vennio-mcp.db"), make([]byte, 5000), 0o600))
	err = open(t, damaged).Write(t.Context(), keepAct("a"))
	require.ErrorContains(t, err, "not a database")
	require.NotErrorIs(t, err, sqldb.ErrUnavailable, "no waiting repairs it")
}

// field: SQLSTATE. It decides whether the same transaction may succeed later.
func TestTransientErrorsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	const where = "postgres://vennio@127.0.0.1:1/none"
	away := []string{
		"25006", "53000", "53100", "53200", "53300", "53400", "58000", "58030", "57P01", "57P02", "57P03", "57P05", "57014",
		"08000", "08001", "08003", "08004", "08006", "08007", "08P01", "40001", "40P01", "55P03", "25P03", "25P04",
	}
	for _, state := range away {
		assert.True(t, sqldb.Away(where, fmt.Errorf("write to the store: %w", &pgconn.PgError{Code: state})), state)
	}
	for _, state := range []string{"23505", "42P01", "42501", "28P01", "3D000", "57P04", "58P01", "XX000", "XX001", "XX002", "P0001", "22021", "22P02", "25001"} {
		assert.False(t, sqldb.Away(where, &pgconn.PgError{Code: state}), state)
	}
}

// field: hung store. A server that accepts connections and does not answer is
// unavailable; the wait for it is as short as for one that refuses connections.
func TestAServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	db := hasty(t, fmt.Sprintf("postgres://vennio@%s/none?sslmode=disable", ln.Addr()))
	require.ErrorIs(t, db.Write(t.Context(), keepAct("a")), sqldb.ErrUnavailable)
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, db.Write(short, keepAct("a")), context.DeadlineExceeded, "a caller with a shorter deadline gets its own error")
}

// field: hung store. A step that does not end is cancelled.
func TestAHangingTransactionIsCancelled(t *testing.T) {
	t.Parallel()
	db := hasty(t, "")
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	begun, end := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- db.Write(t.Context(), func(tx *sqldb.Tx) error { // it has the only connection, and its caller takes its time
			close(begun)
			<-end
			return keepAct("b")(tx)
		})
	}()
	<-begun
	require.ErrorIs(t, db.Read(t.Context(), func(*sqldb.Tx) error { return nil }), sqldb.ErrUnavailable)
	close(end)
	require.NoError(t, <-done, "what a caller does between two steps is not watched")
	assert.True(t, has(t, db, "b"))
}

// field: readiness writes. A probe leaves no rows, and the cache size as it was.
func TestAProbeLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Folder(t))
	for range 3 {
		require.NoError(t, db.Probe(t.Context()))
	}
	found, err := db.Texts(t.Context(), `SELECT CAST(COUNT(*) AS TEXT) FROM probe`)
	require.NoError(t, err)
	assert.Equal(t, []string{"0"}, found)
	if !db.Shared() {
		found, err = db.Texts(t.Context(), `PRAGMA cache_size`)
		require.NoError(t, err)
		assert.Equal(t, []string{"-2000"}, found)
	}
}
