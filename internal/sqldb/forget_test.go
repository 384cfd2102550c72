package sqldb_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// req: O4
func TestReq_O4_ScrubbingRewritesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := open(t, dir)
	for i := range 20 {
		id := fmt.Sprint("act", i)
		require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
			return insertAct(tx, id, strings.Repeat("secret ", 5000))
		}))
	}
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return tx.Exec(`UPDATE acts SET digest = NULL, salt = NULL, json = NULL WHERE id = 'act7'`)
	}))
	free, err := db.Texts(t.Context(), `PRAGMA freelist_count`)
	require.NoError(t, err)
	require.NotEqual(t, []string{"0"}, free)

	require.NoError(t, db.Scrub(t.Context()))
	free, err = db.Texts(t.Context(), `PRAGMA freelist_count`)
	require.NoError(t, err)
	assert.Equal(t, []string{"0"}, free, "no page is left over")
	log, err := os.Stat(filepath.Join(dir, "vennio-mcp.db-wal"))
	require.NoError(t, err)
	assert.Zero(t, log.Size())
	require.NoError(t, open(t, "").Scrub(t.Context()), "one in memory has no file")
}

func TestScrubReportsAReader(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	reader := open(t, dir)
	require.NoError(t, reader.Write(t.Context(), keepAct("a")))
	db := sqldb.Open(dir) // waits for 5 seconds, not for a minute as those of other tests
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, reader.Read(t.Context(), func(tx *sqldb.Tx) error {
		_, err := sqldb.One(tx, sqldb.Column[string], `SELECT id FROM acts WHERE id = 'a'`)
		require.NoError(t, err)
		require.ErrorContains(t, db.Scrub(t.Context()), "another process is reading")
		return nil
	}))
	require.NoError(t, reader.Scrub(t.Context()))
}

func TestProcessesScrubAtOnce(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	var running sync.WaitGroup
	for i := range 4 {
		db := open(t, dir)
		running.Go(func() {
			for j := range 10 {
				assert.NoError(t, db.Write(t.Context(), keepAct(fmt.Sprint(i, " ", j))))
				assert.NoError(t, db.Scrub(t.Context()))
			}
		})
	}
	running.Wait()
}

// Empty knows which rows the migrations insert; this test finds those that it forgets.
func TestAnEmptiedDatabaseIsLikeANewOne(t *testing.T) {
	t.Parallel()
	content := func(db *sqldb.DB) (all map[string]int) {
		require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) error {
			tables, err := sqldb.All(tx, sqldb.Column[string], `SELECT name FROM sqlite_schema WHERE type = 'table'`)
			require.NoError(t, err)
			all = map[string]int{}
			for _, name := range tables {
				n, err := sqldb.One(tx, sqldb.Column[int], `SELECT COUNT(*) FROM "`+name+`"`)
				require.NoError(t, err)
				all[name] = *n
			}
			triggers, err := sqldb.One(tx, sqldb.Column[int], `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'trigger'`)
			require.NoError(t, err)
			all["triggers"] = *triggers
			return nil
		}))
		return all
	}
	dir := t.TempDir()
	db, other := sqldb.Open(dir), sqldb.Open(dir)
	t.Cleanup(func() { require.NoError(t, errors.Join(db.Close(), other.Close())) })
	fresh := content(db)
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, keepAct("a")(tx))
		return appendEntry(tx, entry{seq: 1, prev: beginning, hash: "h1", act: "a", salt: "s", details: "d1"})
	}))
	require.NotEqual(t, fresh, content(db))
	require.NoError(t, other.Empty(t.Context()))
	assert.Equal(t, fresh, content(db))
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, keepAct("a")(tx))
		return appendEntry(tx, entry{seq: 1, prev: beginning, hash: "h1", act: "a", salt: "s", details: "d1"})
	}), "the ledger begins again")
}

// field: state folder deleted or replaced while a process uses it
func TestADatabaseFollowsItsFile(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(dir string) error{
		"deleted": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".old") },
	} {
		for _, first := range []bool{false, true} { // whether this process or another one makes the new file
			dir := filepath.Join(t.TempDir(), "state")
			db, other := sqldb.Open(dir), sqldb.Open(dir)
			require.NoError(t, db.Write(t.Context(), keepAct("a")))
			pool, err := db.Connections(t.Context())
			require.NoError(t, err)
			require.NoError(t, remove(dir))
			if first {
				require.False(t, has(t, db, "a"), name)
			}
			require.NoError(t, other.Write(t.Context(), keepAct("b")))
			require.NoError(t, db.Write(t.Context(), keepAct("c")))
			require.NoError(t, pool.PingContext(t.Context()), "the job engine keeps its pool")
			third := sqldb.Open(dir)
			for _, one := range []*sqldb.DB{db, other, third} {
				assert.False(t, has(t, one, "a"), name)
				assert.True(t, has(t, one, "b") && has(t, one, "c"), name)
			}
			require.NoError(t, errors.Join(db.Close(), other.Close(), third.Close()))
		}
	}
}

// field: file replaced by one that cannot be used
func TestADatabaseWhoseNewFileIsDamagedRecovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	db := open(t, dir)
	require.NoError(t, db.Write(t.Context(), keepAct("a")))
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, sqldb.DatabaseFile), []byte(strings.Repeat("damaged ", 1000)), 0o600))
	for range 2 {
		assert.Equal(t, sqldb.Damaged, sqldb.FaultOf(db.Write(t.Context(), keepAct("b"))))
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.Rename(dir+".old", dir))
	require.NoError(t, db.Write(t.Context(), keepAct("c")))
	assert.True(t, has(t, db, "a") && has(t, db, "c"))
}
