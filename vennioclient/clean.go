package vennioclient

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Limits of text taken over from Vennio into an Error.
const (
	maxDetail = 500 // characters of a sentence
	maxName   = 200 // characters of a name, a title, an id
	maxItems  = 50  // fields, scopes
)

// clean makes upstream text fit for an Error: without the API key, in case it
// was echoed, and tidy.
func (c *Client) clean(s string, limit int) string {
	return tidy(strings.ReplaceAll(tidy(s, len(s)), c.key(), "[API key]"), limit)
}

// tidy makes one line of s, without control and invisible characters, of at most
// limit characters.
func tidy(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == '\u2800', unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1 // bidirectional, zero-width, blank
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	return cut(s, limit)
}

// cut shortens s to limit characters, the last then being an ellipsis.
func cut(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}

func capped(list []string) []string { return list[:min(len(list), maxItems)] }

// cappedMap keeps the first entries of m; nil where there are none.
func cappedMap(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range sorted(m) {
		if len(out) == maxItems {
			break
		}
		out[k] = v
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// sorted walks m in the order of its keys.
func sorted[M ~map[string]V, V any](m M) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
