package readme_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// table are the rows of the first table of a page whose header begins so.
func table(t *testing.T, page, header string) (rows []string) {
	t.Helper()
	_, after, ok := strings.Cut("\n"+page, "\n"+header)
	require.True(t, ok, header)
	for line := range strings.Lines(header + after) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows = append(rows, strings.TrimSpace(line))
	}
	return rows
}

// Which client asks how stands on two pages, and says the same on both.
func TestBothTablesOfConsentAgree(t *testing.T) {
	t.Parallel()
	const header = "| client | how we know |"
	readme := table(t, string(file(t, "README.md")), header)
	assert.Equal(t, table(t, string(file(t, "docs", "clients.md")), header), readme)
	assert.Greater(t, len(readme), 8)
}

// What others wrote runs at the versions that the page names, and the page names all.
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
