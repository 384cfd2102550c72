package readme_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listedPackages returns the packages in the first column of the table in docs/design.md.
func listedPackages(t *testing.T) (all []string) {
	t.Helper()
	_, table, found := strings.Cut(string(file(t, "docs", "design.md")), "| package | purpose |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			all = append(all, name[1])
		}
	}
	return all
}

// packages maps the directory of each Go package of the module to its name.
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

// Every package has a row in docs/design.md, and every row has a package. A program below a package, such as a
// generator, belongs to that package.
func TestTheDesignListsAllPackages(t *testing.T) {
	t.Parallel()
	listed, there := listedPackages(t), packages(t)
	require.Greater(t, len(listed), 20)
	for _, pkg := range listed {
		assert.Contains(t, there, pkg, "docs/design.md has a row for it")
	}
	for dir, name := range there {
		belongs := slices.ContainsFunc(listed, func(pkg string) bool {
			return dir == pkg || strings.HasPrefix(dir, pkg+"/") && (name == "main" || there[pkg] == "main")
		})
		assert.True(t, belongs, "%s has no row in docs/design.md", dir)
	}
}

// layers returns the packages in the diagram in docs/design.md, by the number of their layer.
func layers(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^ (\d)   (.+)$`).FindAllStringSubmatch(string(file(t, "docs", "design.md")), -1) {
		for cell := range strings.SplitSeq(m[2], "   ") { // packages, then a comment
			if name := strings.TrimSpace(cell); slices.Contains(listedPackages(t), name) {
				found[m[1]] = append(found[m[1]], name)
			}
		}
	}
	return found
}

// importRule is a depguard rule in .golangci.yml.
type importRule struct {
	Files []string
	Deny  []struct{ Pkg string }
}

func (b importRule) denies(pkg string) bool {
	return slices.ContainsFunc(b.Deny, func(d struct{ Pkg string }) bool {
		path := "github.com/vennio-mcp/vennio-mcp/" + pkg
		exact, ok := strings.CutSuffix(d.Pkg, "$")
		return ok && path == exact || strings.HasPrefix(path, d.Pkg)
	})
}

func importRules(t *testing.T) map[string]importRule {
	t.Helper()
	var lint struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]importRule }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(file(t, ".golangci.yml"), &lint))
	return lint.Linters.Settings.Depguard.Rules
}

// Each package of a layer is in the depguard rule of that layer, and the rule denies all packages of the layers
// above.
func TestTheLayersOfTheDesignAreThoseOfTheLinter(t *testing.T) {
	t.Parallel()
	layers, rules := layers(t), importRules(t)
	require.Len(t, layers, 6)
	for _, layer := range []string{"1", "2", "3", "4"} { // layer 0 has stricter rules, and cmd may import everything
		rule := rules["layer-"+layer]
		require.NotEmpty(t, layers[layer])
		for _, pkg := range layers[layer] {
			assert.Contains(t, rule.Files, "${config-path}/"+pkg+"/**")
		}
		for above, others := range layers {
			for _, pkg := range others {
				assert.Equal(t, above > layer, rule.denies(pkg) || layer < "4" && rules["app"].denies(pkg), "layer %s: %s, which is in layer %s", layer, pkg, above)
			}
		}
	}
	for _, pkg := range layers["0"] {
		assert.True(t, slices.ContainsFunc([]string{"layer-0", "client-stands-alone", "sandbox-stands-alone"}, func(name string) bool {
			return rules[name].denies(pkg) && slices.ContainsFunc(rules[name].Files, func(files string) bool {
				return strings.HasPrefix("${config-path}/"+pkg+"/**", strings.TrimSuffix(files, "**"))
			})
		}), pkg)
	}
}

// The table of import rules lists exactly the depguard rules.
func TestTheDesignListsAllImportRules(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(string(file(t, "docs", "design.md")), "| rule | meaning |\n|---|---|\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| \\S").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(importRules(t))), listed)
}

// Every directory in a rule exists.
func TestTheDirectoriesInLinterRulesExist(t *testing.T) {
	t.Parallel()
	for name, rule := range importRules(t) {
		for _, files := range rule.Files {
			folder, ours := strings.CutPrefix(strings.TrimPrefix(files, "!"), "${config-path}/")
			folder = strings.TrimSuffix(folder, "/**")
			if ours {
				assert.DirExists(t, filepath.Join(root, filepath.FromSlash(folder)), name)
			}
		}
	}
}

// req: P9. All transports share the protocol core: one function calls mcp-go's message handler, and
// none of mcp-go's transports is used. TestReq_P3_TheWireIsByteIdentical compares the transports' bytes.
func TestReq_P9_OneProtocolCoreServesAllTransports(t *testing.T) {
	t.Parallel()
	var callers []string
	for dir := range packages(t) {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			raw, err := os.ReadFile(path)
			require.NoError(t, err)
			for range strings.Count(string(raw), ".HandleMessage(") {
				callers = append(callers, dir+"/"+filepath.Base(path))
			}
			assert.NotRegexp(t, `\bserver\.(NewStreamableHTTPServer|NewSSEServer|NewStdioServer|ServeStdio)\b`, string(raw), path)
		}
	}
	assert.Equal(t, []string{"internal/mcpserver/conn.go"}, callers)
}
