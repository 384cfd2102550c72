package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/shell"
	"mvdan.cc/sh/v3/syntax"
)

// documents maps the names of the pages that people read before they use the program to their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	paths := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	}))
	all := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		all[filepath.Base(path)] += string(raw)
	}
	return all
}

// commandLines returns the commands in the documents' shell blocks that start this program, also in pipes, and the commands
// that their prose names, as words.
func commandLines(t *testing.T) (blocks, prose [][]string) {
	t.Helper()
	for _, text := range documents(t) {
		for _, block := range regexp.MustCompile("(?ms)^ *```(?:sh|console)\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
			typed := block[1]
			if prompts := regexp.MustCompile(`(?m)^ *\$ (.*)$`).FindAllStringSubmatch(typed, -1); prompts != nil { // a transcript: the other lines are answers
				typed = ""
				for _, m := range prompts {
					typed += m[1] + "\n"
				}
			}
			parsed, err := syntax.NewParser().Parse(strings.NewReader(typed), "")
			require.NoError(t, err, typed)
			syntax.Walk(parsed, func(n syntax.Node) bool {
				call, ok := n.(*syntax.CallExpr)
				if !ok || len(call.Args) == 0 || call.Args[0].Lit() != "vennio-mcp" {
					return true
				}
				var words []string
				for _, w := range call.Args[1:] {
					word, err := expand.Literal(nil, w)
					require.NoError(t, err, typed)
					words = append(words, word)
				}
				blocks = append(blocks, words)
				return true
			})
		}
		for _, m := range regexp.MustCompile("`vennio-mcp ([^`|]+)`").FindAllStringSubmatch(strings.ReplaceAll(text, "\n", " "), -1) {
			words, err := shell.Fields(m[1], func(string) string { return "" })
			require.NoError(t, err, m[1])
			prose = append(prose, words)
		}
	}
	return blocks, prose
}

// The program understands every command in the documents: its name, flags and number of arguments.
func TestReq_D2_TheDocumentsCommandLinesAreUnderstood(t *testing.T) {
	t.Parallel()
	blocks, prose := commandLines(t)
	require.Greater(t, len(blocks), 15)
	require.Greater(t, len(prose), 15)
	for i, line := range slices.Concat(blocks, prose) {
		c, rest, err := (program{}).root().Find(line)
		require.NoError(t, err, line)
		err = c.ParseFlags(rest)
		if errors.Is(err, pflag.ErrHelp) {
			continue
		}
		require.NoError(t, err, line)
		if i < len(blocks) || len(c.Flags().Args()) > 0 { // prose also names a command without its arguments
			require.NoError(t, c.ValidateArgs(c.Flags().Args()), line)
		}
	}
}

// foreignFlags are flags of other programs in the text of the documents.
var foreignFlags = []string{"allow-http", "bundle", "ignore-scripts"}

// Every flag in the text of the documents is a flag of one of the commands.
func TestTheFlagsThatTheDocumentsNameExist(t *testing.T) {
	t.Parallel()
	have := slices.Clone(foreignFlags)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		add := func(f *pflag.Flag) { have = append(have, f.Name) }
		c.Flags().VisitAll(add)
		c.PersistentFlags().VisitAll(add)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((program{}).root())
	found := 0
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(text, -1) {
			assert.Contains(t, have, m[1], name)
			found++
		}
	}
	assert.Greater(t, found, 30)
}
