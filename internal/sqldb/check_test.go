package sqldb_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// used returns the database file of a DB to which something was written.
func used(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	db := sqldb.Open(dir)
	for n := range 20 {
		require.NoError(t, db.Write(t.Context(), keepAct(fmt.Sprintf("act-%d", n))))
	}
	require.NoError(t, db.Check(t.Context()))
	require.NoError(t, db.Close())
	raw, err := os.ReadFile(filepath.Join(dir, "vennio-mcp.db"))
	require.NoError(t, err)
	return raw
}

// checked returns the fault that Check finds in that file.
func checked(t *testing.T, raw []byte) sqldb.Fault {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vennio-mcp.db"), raw, 0o600))
	db := sqldb.Open(dir)
	defer func() { _ = db.Close() }()
	return sqldb.FaultOf(db.Check(t.Context()))
}

// field: damaged SQLite file
func TestDamageIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	whole := used(t)
	const page = 4096
	pages := len(whole) / page
	require.Greater(t, pages, 10)
	require.Empty(t, checked(t, whole))
	damage := func(from int, with []byte) []byte {
		return append(append(bytes.Clone(whole[:from]), with...), whole[from+len(with):]...)
	}
	for n := 1; n < pages; n += 4 {
		assert.Equal(t, sqldb.Damaged, checked(t, damage(n*page, bytes.Repeat([]byte{0xff}, page))), "page %d of %d", n+1, pages)
	}
	for name, raw := range map[string][]byte{
		"the magic text":       damage(0, []byte("not SQLite")),
		"the page size":        damage(16, []byte{0xff, 0xff}),
		"the header":           damage(0, bytes.Repeat([]byte{0xff}, 100)),
		"the schema":           damage(100, bytes.Repeat([]byte{0xff}, 200)),
		"a page of zeros":      damage(pages/2*page, make([]byte, page)),
		"a sector of zeros":    damage(pages/2*page, make([]byte, 512)),
		"cut in half":          whole[:len(whole)/2],
		"cut within a page":    whole[:len(whole)-page/2-page],
		"the first page alone": whole[:page],
		"half of the header":   whole[:50],
		"empty":                {},
		"a text":               bytes.Repeat([]byte("not a database\n"), 1000),
		"zeros":                make([]byte, len(whole)),
		"two pages exchanged":  append(append(append(bytes.Clone(whole[:page*2]), whole[page*3:page*4]...), whole[page*2:page*3]...), whole[page*4:]...),
	} {
		assert.Equal(t, sqldb.Damaged, checked(t, raw), name)
	}
}

func TestFaultsOfTheSystemAreReported(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]sqldb.Fault{
		fs.ErrPermission: sqldb.NoAccess, syscall.EACCES: sqldb.NoAccess, syscall.EROFS: sqldb.ReadOnly, syscall.ENOSPC: sqldb.Full, syscall.EIO: sqldb.Failing,
		fs.ErrNotExist: "", sqldb.ErrClosed: "",
	} {
		assert.Equal(t, want, sqldb.FaultOf(fmt.Errorf("open the store: %w", err)), err)
	}
	assert.Empty(t, sqldb.FaultOf(nil))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "vennio-mcp.db"), 0o700))
	db := open(t, dir)
	assert.Equal(t, sqldb.NoAccess, sqldb.FaultOf(db.Check(t.Context())), "a folder in the place of the file")
}
