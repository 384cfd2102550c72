// Package sanitize makes text from others safe to show to people who approve requests
// and to models, which must not read it as an instruction, and removes credentials.
package sanitize

import (
	"fmt"
	"runtime"
	"strings"
	"unicode"
)

// Line returns s as one line of at most limit runes, an ellipsis at the end of a
// shortened text included. It folds white space and removes control, invisible, blank
// and bidirectional characters. The line is empty if s has no visible character.
func Line(s string, limit int) string {
	return cut(strings.Join(strings.Fields(strip(s)), " "), limit)
}

// First returns the Line of the first text with a visible character, or an empty
// string.
func First(limit int, texts ...string) string {
	for _, s := range texts {
		if line := Line(s, limit); line != "" {
			return line
		}
	}
	return ""
}

// Block is [Line] for text of several lines: it keeps line breaks.
func Block(s string, limit int) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(strip(line), " \t")
	}
	return cut(strings.TrimSpace(strings.Join(lines, "\n")), limit)
}

// Quote returns the Line of s in quotation marks. Quotation marks within s become
// apostrophes, so that s cannot forge the end of the quotation.
func Quote(s string, limit int) string {
	return `"` + marks.Replace(Line(s, limit)) + `"`
}

// Name returns the Line of a name. It quotes a name with characters that names do not
// need, so that a reader cannot mistake a part of it for an address or for a remark
// of the program.
func Name(s string, limit int) string {
	line := Line(s, limit)
	if strings.ContainsFunc(line, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(" .'’-‑·&…\u200c\u200d", r)
	}) {
		return Quote(line, limit)
	}
	return line
}

// Folded returns the Block of s with each run of blanks, and each run of blank lines,
// as one, so that empty space cannot push a part of the text out of view.
func Folded(s string, limit int) string {
	var lines []string
	for line := range strings.SplitSeq(Block(s, len(s)), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return cut(strings.Join(lines, "\n"), limit)
}

// Excerpt is [Quote] for long text: if it is longer than limit runes, Excerpt shows the
// beginning, the end and the total number of characters.
func Excerpt(s string, limit int) string {
	all := []rune(Line(s, len(s)))
	if len(all) <= limit {
		return Quote(string(all), limit)
	}
	tail := limit / 3
	shown := cut(string(all), limit-tail) + " " + strings.TrimSpace(string(all[len(all)-tail:]))
	return fmt.Sprintf("%s [%d characters in all]", Quote(shown, limit+1), len(all))
}

// marks are the characters that look like a double quotation mark.
var marks = strings.NewReplacer(
	`"`, "'", "“", "'", "”", "'", "„", "'", "‟", "'", "«", "'", "»", "'", "″", "'", "‶", "'", "‴", "'", "ʺ", "'", "˝", "'", "״", "'",
	"〃", "'", "〝", "'", "〞", "'", "〟", "'", "＂", "'", "❝", "'", "❞", "'", "🙶", "'", "🙷", "'", "🙸", "'",
)

// Unsafe returns the first character of s that could make it look different from its
// content: control, bidirectional and other format characters, except line breaks and
// tabs. Line and Block remove more than these.
func Unsafe(s string) (rune, bool) {
	for _, r := range s {
		if r != '\n' && r != '\r' && r != '\t' && hidden(r) {
			return r, true
		}
	}
	return 0, false
}

// strip removes invisible characters. It keeps a joiner only where a script or an emoji
// needs it: between two characters that it can join.
func strip(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	runes := []rune(s)
	out := make([]rune, 0, len(runes))
	for i, r := range runes {
		switch {
		case unicode.IsSpace(r):
			out = append(out, ' ')
		case r == joiner || r == nonJoiner:
			if n := len(out); n > 0 && i+1 < len(runes) && joins(out[n-1]) && joins(runes[i+1]) {
				out = append(out, r)
			}
		case !invisible(r):
			out = append(out, r)
		}
	}
	return string(out)
}

const joiner, nonJoiner = '\u200d', '\u200c'

// hidden reports control characters (Cc), format characters (Cf: bidirectional marks,
// zero-width characters, tags), line and paragraph separators, surrogates and private
// use, but not the joiners.
func hidden(r rune) bool {
	return r != joiner && r != nonJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}

// invisible reports hidden characters, characters that fonts need not show (Hangul
// fillers, the grapheme joiner, variation selectors; Unicode derives
// Default_Ignorable_Code_Point from these two properties and Cf), and blanks outside
// White_Space.
func invisible(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return hidden(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || strings.ContainsRune(blanks, r)
}

// blanks are the empty braille pattern, the object replacement character, the null
// notehead, the Khitan filler, the blank hieroglyphs.
const blanks = "\u2800\ufffc\U0001d159\U00016fe4\U00013441\U00013442"

// joins reports whether a joiner next to r has a meaning: it combines emoji, and in
// these scripts it selects the form of a letter (The Unicode Standard, 23.2).
func joins(r rune) bool {
	return r > 0x7f && unicode.In(r, unicode.So, unicode.Sk, unicode.Mn,
		unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mandaic, unicode.Mongolian, unicode.Phags_Pa, unicode.Adlam, unicode.Hanifi_Rohingya,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
		unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese, unicode.Meetei_Mayek,
		unicode.Chakma, unicode.Grantha, unicode.Newa, unicode.Tirhuta, unicode.Modi, unicode.Sharada)
}

func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n++; n > limit {
			return strings.TrimRight(dropLast(s[:i]), " \n\t\u200c\u200d") + "…"
		}
	}
	return s
}

// dropLast removes the last rune, to make room for the ellipsis.
func dropLast(s string) string {
	r := []rune(s)
	return string(r[:max(0, len(r)-1)])
}

// PanicSite returns the function and the line of the panic that a deferred function
// recovers from, such as "tools.book:42". Log it in place of the panic's value, which
// may contain credentials.
func PanicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicking := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		panicking = panicking || f.Function == "runtime.gopanic"
		if panicking && !inRuntime || !more {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}
