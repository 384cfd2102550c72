package readme_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Documentation, comments and messages do not use the words of testdata/vocabulary.txt, production
// code has no map with keys of type bool where a condition is clearer, and the README is short.
func TestReq_D1_PlainTechnicalEnglish(t *testing.T) {
	t.Parallel()
	assert.LessOrEqual(t, bytes.Count(file(t, "README.md"), []byte("\n")), 200, "lines of the README")
	assert.LessOrEqual(t, len(file(t, "README.md")), 12<<10, "bytes of the README")

	var patterns []string
	for line := range strings.Lines(string(file(t, "internal", "readme", "testdata", "vocabulary.txt"))) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			patterns = append(patterns, line)
		}
	}
	unwanted := regexp.MustCompile(strings.Join(patterns, "|"))
	files := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "bin" || d.Name() == "out" {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(path) != ".go" && filepath.Ext(path) != ".md":
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			assert.NotContains(t, string(raw), "map[bool]", "%s: use if or switch", path)
		}
		for i, line := range strings.Split(string(raw), "\n") {
			assert.Empty(t, unwanted.FindString(line), "%s:%d: use plain technical English", path, i+1)
		}
		return nil
	}))
	assert.Greater(t, files, 200)
}
