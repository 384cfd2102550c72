package readme_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goTests maps the paths of all test files to their text.
func goTests(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		all[path] = string(raw)
		return err
	}))
	return all
}

// proofs returns everything that may refer to a requirement: tests, other clients and the scripts of CI.
func proofs(t *testing.T) map[string]string {
	t.Helper()
	all := goTests(t)
	for _, pattern := range []string{"*", "clients/*.mjs"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", ".ci", filepath.FromSlash(pattern)))
		require.NoError(t, err)
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			all[path] = string(raw)
		}
	}
	return all
}

// carried returns the requirements in names of tests, `TestReq_C4_…`, and in comments, `req: C4, C5`.
func carried(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^func TestReq_([A-Z]\d+)_`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)(?://|#).*\breq: ([A-Z]\d+(?:, [A-Z]\d+)*)`).FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Split(m[1], ", ")...)
	}
	return all
}

// statements returns the requirements in docs/requirements.md: the letter of the section and the number of the item.
func statements(page string) (all []string) {
	section := ""
	for _, m := range regexp.MustCompile(`(?m)^(?:## ([A-Z]) |(\d+)\. )`).FindAllStringSubmatch(page, -1) {
		if m[1] != "" {
			section = m[1]
			continue
		}
		all = append(all, section+m[2])
	}
	return all
}

// Every requirement has a test or a step of CI that refers to it, and every reference is to a requirement.
func TestEveryRequirementIsShown(t *testing.T) {
	t.Parallel()
	shown := map[string]string{}
	for path, text := range proofs(t) {
		for _, number := range carried(text) {
			shown[number] = path
		}
	}
	all := statements(string(file(t, "docs", "requirements.md")))
	assert.Greater(t, len(all), 60)
	for _, number := range all {
		assert.Contains(t, shown, number, "no test and no step of CI carries it")
	}
	for number, path := range shown {
		assert.Contains(t, all, number, path)
	}
}

func TestNumbersAreReadFromNamesAndComments(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"C4", "Q3", "W1"}, carried("func TestReq_C4_X(t)\n// It fits. req: Q3, W1\n"))
	assert.Equal(t, []string{"Q3"}, carried("skips() { # req: Q3. A skipped test\n"))
	assert.Empty(t, carried("a(\"req: C4\")\n// TestReq_C4_X is elsewhere\n"))
	assert.Equal(t, []string{"P1", "P2", "T1"}, statements("## P — protocol\n1. One.\n2. Two.\n\n## T — tools\n1. One.\n"))
}

// All tests that the documents name exist.
func TestTheTestsThatTheDocumentsNameExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, text := range goTests(t) {
		code.WriteString(text)
	}
	found := 0
	for path, text := range documents(t) {
		for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text, -1) {
			assert.True(t, strings.Contains(code.String(), "func "+m[1]+"(t *testing.T)"), "%s: %s", path, m[1])
			found++
		}
	}
	assert.Greater(t, found, 60)
}

// req: Q3. A build tag would exclude a test silently.
func TestNoTestHasABuildTag(t *testing.T) {
	t.Parallel()
	for path, text := range goTests(t) {
		assert.NotRegexp(t, `(?m)^//(go:| \+)build `, text[:strings.Index(text, "package ")], path)
		assert.NotRegexp(t, `_(windows|linux|darwin|unix|amd64|arm64)_test\.go$`, path)
	}
}
