package schemas

import "strings"

// Nearest returns the known name that a misspelt one most likely meant, "" where
// none comes near: equal but for case and punctuation, one inside the other, or at most two edits away.
func Nearest(name string, known []string) string {
	const longest = 40
	if len(name) > longest {
		return ""
	}
	best, least, a := "", 3, fold(name)
	for _, k := range known {
		b := fold(k)
		d := distance(a, b)
		if len(a) > 2 && (strings.Contains(b, a) || strings.Contains(a, b)) {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

var punctuation = strings.NewReplacer("_", "", "-", "", " ", "")

func fold(s string) string { return punctuation.Replace(strings.ToLower(s)) }

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
