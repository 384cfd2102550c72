package store_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// Whoever keeps a store to themselves, and a server that is not there, are told
// apart from what is wrong with a statement.
func TestAStoreThatCannotBeHadIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	require.NoError(t, second.Write(t.Context(), keepAct("before")))
	require.NoError(t, first.Write(t.Context(), func(*store.Tx) error {
		require.ErrorIs(t, second.Write(t.Context(), keepAct("a")), store.ErrAway, "others wait 5 seconds")
		return nil
	}))
	require.NoError(t, second.Write(t.Context(), keepAct("a")))
	nobody := open(t, "postgres://vennio@127.0.0.1:1/none?sslmode=disable")
	require.ErrorIs(t, nobody.Write(t.Context(), keepAct("a")), store.ErrAway)
	mine := errors.New("mine")
	for name, err := range map[string]error{
		"an error of do":   second.Write(t.Context(), func(*store.Tx) error { return mine }),
		"a wrong write":    second.Write(t.Context(), keepAct("a")),
		"a closed store":   func() error { db := store.Open(dir); _ = db.Close(); return db.Write(t.Context(), keepAct("b")) }(),
		"no folder to use": store.Open(filepath.Join(dir, "vennio-mcp.db", "x")).Write(t.Context(), keepAct("b")),
	} {
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, store.ErrAway, name)
	}
}
