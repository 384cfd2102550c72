package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var readme = filepath.Join("..", "..", "README.md")

// bar: T7. The tables are those of the catalogue and the settings.
func TestBar_T7_TheReadmeIsUpToDate(t *testing.T) {
	t.Parallel()
	require.NoError(t, run(readme, true))
	raw, err := os.ReadFile(readme)
	require.NoError(t, err)
	assert.Less(t, len(raw), 15<<10)
}

func TestDriftIsFoundAndMended(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(readme)
	require.NoError(t, err)
	stale := regexp.MustCompile("(?m)^.*`book_slot` \\|.*\n").ReplaceAll(raw, nil)
	require.Less(t, len(stale), len(raw))
	file := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(file, stale, 0o600))
	require.ErrorContains(t, run(file, true), "run make docs")
	require.NoError(t, run(file, false))
	mended, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(raw), string(mended))
	require.NoError(t, os.WriteFile(file, []byte("# no markers\n"), 0o600))
	require.ErrorContains(t, run(file, true), "markers")
}
