package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var root = filepath.Join("..", "..")

// req: T7. The tables are those of the catalogue and the settings.
func TestReq_T7_TheReadmeIsUpToDate(t *testing.T) {
	t.Parallel()
	require.NoError(t, run(root, true))
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(raw), "\n"), 200, "lines of the README")
}

func TestDriftIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	copied := t.TempDir()
	for file := range generated() {
		raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		require.NoError(t, err)
		path := filepath.Join(copied, filepath.FromSlash(file))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	require.NoError(t, run(copied, true))
	for file, row := range map[string]string{"README.md": "book_slot", "docs/reference/settings.md": "VENNIO_CONSENT"} {
		path := filepath.Join(copied, filepath.FromSlash(file))
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		stale := regexp.MustCompile("(?m)^.*`"+row+"` \\|.*\n").ReplaceAll(raw, nil)
		require.Less(t, len(stale), len(raw))
		require.NoError(t, os.WriteFile(path, stale, 0o600))
		require.ErrorContains(t, run(copied, true), file+" are out of date: run make docs")
		require.NoError(t, run(copied, false))
		repaired, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(raw), string(repaired))
		require.NoError(t, os.WriteFile(path, []byte("# no markers\n"), 0o600))
		require.ErrorContains(t, run(copied, true), "markers")
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
}
