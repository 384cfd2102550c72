package readme_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// literal returns the text of a string literal, or of literals joined by +. A part that is not a literal becomes a line feed.
func literal(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			return literal(x.X) + literal(x.Y)
		}
	case *ast.BasicLit:
		if text, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
			return text
		}
	}
	return "\n"
}

// printed returns all texts that the program can print: the string literals of its code, its pages and its cards.
func printed(t *testing.T) (all []string) {
	t.Helper()
	for _, folder := range []string{"cmd", "internal", "schemas", "tools", "vennioclient"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || strings.HasSuffix(path, "_test.go") {
				return err
			}
			switch filepath.Ext(path) {
			case ".html":
				raw, err := os.ReadFile(path)
				all = append(all, string(raw))
				return err
			case ".go":
				source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
				if err != nil {
					return err
				}
				ast.Inspect(source, func(n ast.Node) bool {
					x, ok := n.(ast.Expr)
					if !ok {
						return true
					}
					text := literal(x)
					if text != "\n" {
						all = append(all, text)
					}
					return text == "\n"
				})
			}
			return nil
		}))
	}
	return all
}

// Every message that the page quotes is one that the program prints. The parts around … occur in one text, in this order.
func TestReq_D2_TheMessagesOfTheTroubleshootingPageExist(t *testing.T) {
	t.Parallel()
	texts := printed(t)
	require.Greater(t, len(texts), 5000)
	quoted, rows := 0, 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \| (.+) \|$`).FindAllStringSubmatch(string(file(t, "docs", "troubleshooting.md")), -1) {
		if row[1] == "you see" {
			continue
		}
		rows++
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			var parts []string
			for part := range strings.SplitSeq(m[1], "…") {
				if part = strings.TrimSpace(part); part != "" {
					parts = append(parts, part)
				}
			}
			if len(strings.Fields(m[1])) < 3 { // a name, such as claude -p
				continue
			}
			quoted++
			assert.True(t, slices.ContainsFunc(texts, func(text string) bool {
				for _, part := range parts {
					_, rest, ok := strings.Cut(text, part)
					if !ok {
						return false
					}
					text = rest
				}
				return true
			}), "the program does not print: %s", m[1])
		}
	}
	assert.Greater(t, rows, 60)
	assert.Greater(t, quoted, 50)
}
