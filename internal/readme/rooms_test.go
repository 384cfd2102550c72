package readme_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rooms are those of the table: the names in the first cell of its rows.
func rooms(t *testing.T) (all []string) {
	t.Helper()
	_, table, found := strings.Cut(string(file(t, "docs", "design.md")), "| room | one sentence |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			all = append(all, name[1])
		}
	}
	return all
}

// packages are the folders with a package of ours, and its name.
func packages(t *testing.T) map[string]string {
	t.Helper()
	found, top := map[string]string{}, filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(top, filepath.Dir(path))
		found[filepath.ToSlash(dir)] = strings.TrimSuffix(source.Name.Name, "_test")
		return err
	}))
	return found
}

// Every package has its row in docs/design.md, and every row its package. A
// program inside a room, such as a generator, belongs to that room, and so do the
// parts of a program.
func TestTheRoomsOfTheDesignAreThoseOfTheHouse(t *testing.T) {
	t.Parallel()
	listed, there := rooms(t), packages(t)
	require.Greater(t, len(listed), 20)
	for _, room := range listed {
		assert.Contains(t, there, room, "docs/design.md has a row for it")
	}
	for dir, name := range there {
		belongs := slices.ContainsFunc(listed, func(room string) bool {
			return dir == room || strings.HasPrefix(dir, room+"/") && (name == "main" || there[room] == "main")
		})
		assert.True(t, belongs, "%s has no row in docs/design.md", dir)
	}
}
