package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// commandLines are the lines of the documents' shell blocks that start this program.
func commandLines(t *testing.T) (lines []string) {
	t.Helper()
	root := filepath.Join("..", "..")
	documents := []string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}
	require.NoError(t, filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			documents = append(documents, path)
		}
		return err
	}))
	for _, path := range documents {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, block := range regexp.MustCompile("(?ms)^ *```(?:sh|console)\n(.*?)^ *```$").FindAllStringSubmatch(string(raw), -1) {
			typed := `(?m)^ *`
			if strings.Contains(block[1], "$ ") { // a transcript: the other lines are answers
				typed += `\$ `
			}
			for _, m := range regexp.MustCompile(typed+`(?:\w+=\S+ )*vennio-mcp( .*)?$`).FindAllStringSubmatch(strings.ReplaceAll(block[1], "\\\n", " "), -1) {
				words, _, _ := strings.Cut(m[1], " #")
				lines = append(lines, strings.TrimSpace(words))
			}
		}
	}
	return lines
}

// Whatever the documents have one type, the program understands: commands, flags
// and the number of arguments.
func TestTheDocumentsCommandLinesAreUnderstood(t *testing.T) {
	t.Parallel()
	lines := commandLines(t)
	require.Greater(t, len(lines), 5)
	for _, line := range lines {
		c, rest, err := (program{}).root().Find(strings.Fields(line))
		require.NoError(t, err, line)
		err = c.ParseFlags(rest)
		if errors.Is(err, pflag.ErrHelp) {
			continue
		}
		require.NoError(t, err, line)
		require.NoError(t, c.ValidateArgs(c.Flags().Args()), line)
	}
}
