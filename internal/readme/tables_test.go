package readme_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every page is listed in docs/README.md once, and the index lists nothing else.
func TestTheIndexListsEveryPage(t *testing.T) {
	t.Parallel()
	var pages, listed []string
	for path := range documents(t) {
		rel, err := filepath.Rel(filepath.Join(root, "docs"), path)
		require.NoError(t, err)
		if rel = filepath.ToSlash(rel); rel != "README.md" && !strings.HasPrefix(rel, "../") {
			pages = append(pages, rel)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^- \[[^\]]+\]\(([^):]+)\): \S`).FindAllStringSubmatch(string(file(t, "docs", "README.md")), -1) {
		if !strings.HasPrefix(m[1], "../") {
			listed = append(listed, m[1])
		}
	}
	assert.ElementsMatch(t, pages, listed)
}

// The page names exactly the pinned packages, with their versions.
func TestTheConformancePageHasTheVersionsThatRun(t *testing.T) {
	t.Parallel()
	var manifest struct{ Dependencies, OptionalDependencies map[string]string }
	require.NoError(t, json.Unmarshal(file(t, ".ci", "clients", "package.json"), &manifest))
	maps.Copy(manifest.Dependencies, manifest.OptionalDependencies)
	named := map[string]string{}
	for _, m := range regexp.MustCompile("`([@a-z0-9/-]+)` (\\d+\\.\\d+\\.\\d+(?:-\\w+(?:\\.\\w+)*)?)").FindAllStringSubmatch(string(file(t, "docs", "conformance.md")), -1) {
		named[m[1]] = m[2]
	}
	assert.Equal(t, manifest.Dependencies, named)
}
