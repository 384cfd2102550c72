// Package plain makes text from others safe to show: to a person who is asked
// to agree, and to a model that must not take it for an instruction.
package plain

import (
	"strings"
	"unicode"
)

// Line returns s as one line: white space folded, control, invisible and
// bidirectional characters dropped, and cut to at most limit runes with an
// ellipsis where something was cut.
func Line(s string, limit int) string {
	return cut(strings.Join(strings.Fields(strip(s)), " "), limit)
}

// Block is Line for text of several lines: line breaks stay.
func Block(s string, limit int) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(strip(line), " \t")
	}
	return cut(strings.TrimSpace(strings.Join(lines, "\n")), limit)
}

// Quote is Line between quotation marks, its own marks turned to apostrophes,
// so that the end of the quotation cannot be forged from inside.
func Quote(s string, limit int) string {
	return `"` + strings.NewReplacer(`"`, "'", "“", "'", "”", "'").Replace(Line(s, limit)) + `"`
}

// Unsafe returns the first character of s that a person could not see or that
// would reorder what they see. Line breaks and tabs are not counted.
func Unsafe(s string) (rune, bool) {
	for _, r := range s {
		if r != '\n' && r != '\r' && r != '\t' && hidden(r) {
			return r, true
		}
	}
	return 0, false
}

func strip(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case hidden(r):
			return -1
		}
		return r
	}, s)
}

// hidden: control characters (Cc), format characters (Cf: bidirectional marks,
// zero-width characters, tags), line and paragraph separators, surrogates and
// private use. The zero-width joiner and non-joiner stay: emoji, Persian and the
// Indic scripts need them.
func hidden(r rune) bool {
	const joiner, nonJoiner = '\u200d', '\u200c'
	return r != joiner && r != nonJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}

func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n++; n > limit {
			return strings.TrimSpace(dropLast(s[:i])) + "…"
		}
	}
	return s
}

// dropLast makes room for the ellipsis.
func dropLast(s string) string {
	r := []rune(s)
	return string(r[:max(0, len(r)-1)])
}
