package sqldb_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// open opens a database that waits for other processes however slow the machine is.
func open(t *testing.T, dir string) *sqldb.DB {
	t.Helper()
	db := sqldb.OpenWith(dir, sqldb.Options{Patience: time.Minute, Stall: 5 * time.Minute})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func keepAct(id string) func(*sqldb.Tx) error {
	return func(tx *sqldb.Tx) error {
		return insertAct(tx, id, "{}")
	}
}

func insertAct(tx *sqldb.Tx, id, json string) error {
	return tx.Exec(`INSERT INTO acts (id, digest, salt, json) VALUES (?, ?, 'salt', ?)`, id, "digest of "+id, json)
}

// has reports whether an act is stored.
func has(t *testing.T, db *sqldb.DB, id string) bool {
	t.Helper()
	var found *string
	require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		found, err = sqldb.One(tx, sqldb.Column[string], `SELECT id FROM acts WHERE id = ?`, id)
		return err
	}))
	return found != nil
}

// req: E4
func TestOpenTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	db := sqldb.Open(dir)
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	assert.NoDirExists(t, dir)
	require.ErrorIs(t, db.Read(t.Context(), func(*sqldb.Tx) error { return nil }), sqldb.ErrClosed)
}

func TestTheFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b?c%d#e", "state")
	db := open(t, dir)
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		info, err := f.Info()
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // there the folder's list decides
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
		}
	}
	assert.Equal(t, []string{"vennio-mcp.db", "vennio-mcp.db-shm", "vennio-mcp.db-wal"}, names)
	if info, err := os.Stat(dir); assert.NoError(t, err) && runtime.GOOS != "windows" {
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestTheSettingsTakeEffect(t *testing.T) {
	t.Parallel()
	db := sqldb.Open(t.TempDir())
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	for pragma, want := range map[string]string{
		"busy_timeout": "5000", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "temp_store": "2",
	} {
		got, err := db.Texts(t.Context(), "PRAGMA "+pragma)
		require.NoError(t, err)
		assert.Equal(t, []string{want}, got, pragma)
	}
}

func TestWrittenDataIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := sqldb.Open(dir)
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	require.NoError(t, db.Close())
	assert.True(t, has(t, open(t, dir), "a"))
}

func TestAnErrorRollsBack(t *testing.T) {
	t.Parallel()
	db := open(t, "")
	require.ErrorIs(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, keepAct("a")(tx))
		return os.ErrInvalid
	}), os.ErrInvalid)
	assert.False(t, has(t, db, "a"))
}

func TestAFailureToOpenIsNotRemembered(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	db := open(t, dir)
	require.ErrorContains(t, db.Write(t.Context(), keepAct("a")), "open the store: make the state folder")
	require.NoError(t, os.Remove(dir))
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := sqldb.Open(dir)
	require.NoError(t, db.Raw(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`))
	require.NoError(t, db.Close())
	err := open(t, dir).Write(t.Context(), keepAct("a"))
	require.ErrorContains(t, err, "made by a newer version of this program (schema 999")
}

func TestAFileThatIsNoDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "vennio-mcp.db")
	precious := []byte("a text of more than a hundred bytes, which somebody put here by mistake and would be sorry to lose: 0123456789")
	require.NoError(t, os.WriteFile(path, precious, 0o600))
	require.ErrorContains(t, open(t, dir).Write(t.Context(), keepAct("a")), "not a database")
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, precious, left)
}

func TestACancelledCallLosesNothingInMemory(t *testing.T) {
	t.Parallel()
	db := open(t, "")
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		_ = db.Write(ctx, func(tx *sqldb.Tx) error {
			cancel()
			return keepAct("b")(tx)
		})
		_ = db.Read(ctx, func(*sqldb.Tx) error { return nil })
	}
	assert.True(t, has(t, db, "a"))
	assert.False(t, has(t, db, "b"))
}

func TestManyOpenOneDatabaseAtOnce(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"none yet":      func(string) error { return nil },
		"outdated":      func(dir string) error { return sqldb.Once(t.Context(), dir, 1) },
		"an empty file": func(dir string) error { return os.WriteFile(filepath.Join(dir, "vennio-mcp.db"), nil, 0o600) },
		"up to date": func(dir string) error {
			db := sqldb.Open(dir)
			return errors.Join(db.Write(t.Context(), keepAct("z")), db.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, prepare(dir))
			var wg sync.WaitGroup
			for i := range 8 {
				db := open(t, dir)
				wg.Go(func() { assert.NoError(t, db.Write(t.Context(), keepAct(string(rune('a'+i))))) })
			}
			wg.Wait()
			for i := range 8 {
				assert.True(t, has(t, open(t, dir), string(rune('a'+i))))
			}
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Len(t, files, 3, "no half-made files stay")
		})
	}
}

func TestWaitingForAnotherWriterEndsWithTheContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder, waiter := open(t, dir), open(t, dir)
	require.NoError(t, waiter.Write(t.Context(), keepAct("a")))
	require.NoError(t, holder.Write(t.Context(), func(*sqldb.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, waiter.Write(ctx, keepAct("b")), context.DeadlineExceeded)
		assert.True(t, has(t, waiter, "a"), "reading goes on")
		return nil
	}))
}
