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
	"mvdan.cc/sh/v3/shell"
)

// documents are all that people read before they use the program.
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

// commandLines are the lines of the documents' shell blocks that start this
// program, and the commands that their prose names, as words.
func commandLines(t *testing.T) (blocks, prose [][]string) {
	t.Helper()
	split := func(line string) []string {
		words, err := shell.Fields(line, func(string) string { return "" })
		require.NoError(t, err, line)
		return words
	}
	for _, text := range documents(t) {
		for _, block := range regexp.MustCompile("(?ms)^ *```(?:sh|console)\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
			prompt := `(?m)^ *`
			if strings.Contains(block[1], "$ ") { // a transcript: the other lines are answers
				prompt += `\$ `
			}
			for _, m := range regexp.MustCompile(prompt+`(?:\w+=\S+ )*vennio-mcp( .*)?$`).FindAllStringSubmatch(strings.ReplaceAll(block[1], "\\\n", " "), -1) {
				words, _, _ := strings.Cut(m[1], " #")
				blocks = append(blocks, split(words))
			}
		}
		for _, m := range regexp.MustCompile("`vennio-mcp ([^`|]+)`").FindAllStringSubmatch(strings.ReplaceAll(text, "\n", " "), -1) {
			prose = append(prose, split(m[1]))
		}
	}
	return blocks, prose
}

// Whatever the documents have one type, the program understands: commands, flags
// and the number of arguments.
func TestTheDocumentsCommandLinesAreUnderstood(t *testing.T) {
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
		if i < len(blocks) || len(c.Flags().Args()) > 0 { // prose also names a command without what it takes
			require.NoError(t, c.ValidateArgs(c.Flags().Args()), line)
		}
	}
}

// elsewhere are flags of other programs that prose names.
var elsewhere = []string{"allow-http", "ignore-scripts"}

// Every flag that prose names is one of ours, of whatever command.
func TestTheFlagsThatTheDocumentsNameExist(t *testing.T) {
	t.Parallel()
	have := slices.Clone(elsewhere)
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
