package times

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text of the model is quoted in at most this much, so that two quotes and the help fit 400 bytes.
const (
	maxQuoteRunes = 40
	maxQuoteBytes = 64
)

// clean is model text as it may stand in a message: one line, only characters that print (no
// control, invisible or bidirectional ones), none that could end the quotes around it, and cut.
func clean(s string) string {
	var b strings.Builder
	runes := 0
	for _, r := range strings.TrimSpace(s) {
		if r == '"' {
			r = '\''
		}
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if runes == maxQuoteRunes || b.Len()+utf8.RuneLen(r) > maxQuoteBytes {
			return b.String() + "…"
		}
		b.WriteRune(r)
		runes++
	}
	return b.String()
}

func quote(s string) string { return `"` + clean(s) + `"` }
