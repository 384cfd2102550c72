package readme_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// layers are the rooms of the picture in docs/design.md, by the number of their
// layer.
func layers(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^ (\d)   (.+)$`).FindAllStringSubmatch(string(file(t, "docs", "design.md")), -1) {
		for cell := range strings.SplitSeq(m[2], "   ") { // rooms, then words about them
			if name := strings.TrimSpace(cell); slices.Contains(rooms(t), name) {
				found[m[1]] = append(found[m[1]], name)
			}
		}
	}
	return found
}

// barrier is a rule of .golangci.yml on what files may not import.
type barrier struct {
	Files []string
	Deny  []struct{ Pkg string }
}

func (b barrier) denies(room string) bool {
	return slices.ContainsFunc(b.Deny, func(d struct{ Pkg string }) bool {
		return strings.HasPrefix("github.com/vennio-mcp/vennio-mcp/"+room, d.Pkg)
	})
}

func barriers(t *testing.T) map[string]barrier {
	t.Helper()
	var lint struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]barrier }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(file(t, ".golangci.yml"), &lint))
	return lint.Linters.Settings.Depguard.Rules
}

// Imports point down: in the lint rules as in the picture, every room stands in
// the rule of its layer, and that rule denies every room of the layers above.
func TestTheLayersOfTheDesignAreThoseOfTheLinter(t *testing.T) {
	t.Parallel()
	layers, rules := layers(t), barriers(t)
	require.Len(t, layers, 5)
	for _, layer := range []string{"1", "2", "3"} { // those of 0 may import next to nothing, and cmd what it likes
		rule := rules["layer-"+layer]
		require.NotEmpty(t, layers[layer])
		for _, room := range layers[layer] {
			assert.Contains(t, rule.Files, "${config-path}/"+room+"/**")
		}
		for above, others := range layers {
			for _, room := range others {
				assert.Equal(t, above > layer, rule.denies(room), "layer %s: %s, which stands in layer %s", layer, room, above)
			}
		}
	}
	for _, room := range layers["0"] {
		assert.True(t, slices.ContainsFunc([]string{"layer-0", "client-stands-alone", "sandbox-stands-alone"}, func(name string) bool {
			return rules[name].denies(room) && slices.ContainsFunc(rules[name].Files, func(files string) bool {
				return strings.HasPrefix("${config-path}/"+room+"/**", strings.TrimSuffix(files, "**"))
			})
		}), room)
	}
}

// No rule names a folder that is not there.
func TestTheRulesOfTheLinterNameFoldersThatExist(t *testing.T) {
	t.Parallel()
	for name, rule := range barriers(t) {
		for _, files := range rule.Files {
			folder, ours := strings.CutPrefix(strings.TrimPrefix(files, "!"), "${config-path}/")
			folder = strings.TrimSuffix(folder, "/**")
			if ours {
				assert.DirExists(t, filepath.Join(root, filepath.FromSlash(folder)), name)
			}
		}
	}
}
