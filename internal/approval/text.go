package approval

import (
	"fmt"
	"strings"

	"golang.org/x/text/width"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Text returns the details of an act for a terminal. It repeats the facts after the
// notes, so that the facts are directly above the question however long the notes
// are.
func Text(a consent.Act) string {
	var b strings.Builder
	write := func() {
		for _, f := range facts(a) {
			text := f.Text
			if f.Small != "" {
				text += " (" + f.Small + ")"
			}
			fmt.Fprintf(&b, "  %-9s %s\n", f.Name, strings.Join(wrapped(text), "\n            "))
		}
	}
	write()
	if notes := sanitize.Mask(sanitize.Excerpt(a.Notes, 1000)); a.Notes != "" {
		fmt.Fprintf(&b, "  Notes     as the assistant wrote them:\n            │ %s\n", strings.Join(wrapped(notes), "\n            │ "))
		fmt.Fprintln(&b, "\n  Once more, what is asked:")
		write()
	}
	return b.String()
}

// wrapped breaks a text into lines that fit into 80 columns with the indentation, so
// that no line of foreign text begins in the column of the facts.
func wrapped(text string) (lines []string) {
	const columns = 64
	var line strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		for _, part := range parts(word, columns) {
			if w := columnsOf(part); used > 0 && used+1+w > columns {
				lines, used = append(lines, line.String()), 0
				line.Reset()
			}
			if used > 0 {
				line.WriteByte(' ')
				used++
			}
			line.WriteString(part)
			used += columnsOf(part)
		}
	}
	return append(lines, line.String())
}

// parts splits a word that is longer than a line.
func parts(word string, columns int) (all []string) {
	from, used := 0, 0
	for i, r := range word {
		w := columnsOf(string(r))
		if used+w > columns {
			all, from, used = append(all, word[from:i]), i, 0
		}
		used += w
	}
	return append(all, word[from:])
}

func columnsOf(s string) (n int) {
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth, width.EastAsianAmbiguous:
			n += 2
		default:
			n++
		}
	}
	return n
}
