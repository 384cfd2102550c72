// Package sanitize makes text from others safe to show: to a person who is asked
// to agree, and to a model that must not take it for an instruction.
package sanitize

import (
	"fmt"
	"strings"
	"unicode"
)

// Line returns s as one line: white space folded, control, invisible, blank and
// bidirectional characters dropped, and cut to at most limit runes with an
// ellipsis where something was cut. It is empty where nothing of s can be seen.
func Line(s string, limit int) string {
	return cut(strings.Join(strings.Fields(strip(s)), " "), limit)
}

// First is the Line of the first text of which something can be seen: a name that
// consists of invisible characters is no name.
func First(limit int, texts ...string) string {
	for _, s := range texts {
		if line := Line(s, limit); line != "" {
			return line
		}
	}
	return ""
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
	return `"` + marks.Replace(Line(s, limit)) + `"`
}

// Name is the Line of a name, quoted where it has more than a name needs, so that it
// cannot pass for what stands beside it: an address, or a remark of the program.
func Name(s string, limit int) string {
	line := Line(s, limit)
	if strings.ContainsFunc(line, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && !strings.ContainsRune(" .'’-‑·&…\u200c\u200d", r)
	}) {
		return Quote(line, limit)
	}
	return line
}

// Folded is Block with runs of blanks, and of blank lines, as one: nothing in it can be
// pushed out of view by what looks empty.
func Folded(s string, limit int) string {
	var lines []string
	for line := range strings.SplitSeq(Block(s, len(s)), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return cut(strings.Join(lines, "\n"), limit)
}

// Excerpt is Quote for long text: of one that is longer than limit it shows the
// beginning and the end, and says how much there is in all.
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

// Unsafe returns the first character of s that could make a person read something
// else than what is there: control, bidirectional and other format characters. Line
// breaks and tabs are not counted. Line and Block drop more than these.
func Unsafe(s string) (rune, bool) {
	for _, r := range s {
		if r != '\n' && r != '\r' && r != '\t' && hidden(r) {
			return r, true
		}
	}
	return 0, false
}

// strip drops what cannot be seen. A joiner stays only where a script or an emoji
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

// hidden: control characters (Cc), format characters (Cf: bidirectional marks,
// zero-width characters, tags), line and paragraph separators, surrogates and
// private use; not the joiners.
func hidden(r rune) bool {
	return r != joiner && r != nonJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}

// invisible: hidden, and what Unicode lets fonts show as nothing
// (Default_Ignorable_Code_Point is derived from these two and Cf: Hangul fillers,
// the grapheme joiner, variation selectors), and blanks that are no white space.
func invisible(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return hidden(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || strings.ContainsRune(blanks, r)
}

// blanks: the empty braille pattern, the object replacement character, the null
// notehead, the Khitan filler, the blank hieroglyphs.
const blanks = "\u2800\ufffc\U0001d159\U00016fe4\U00013441\U00013442"

// joins: emoji are joined into one, and in these scripts the joiners choose how a
// letter is written (The Unicode Standard, 23.2).
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

// dropLast makes room for the ellipsis.
func dropLast(s string) string {
	r := []rune(s)
	return string(r[:max(0, len(r)-1)])
}
