package times

import (
	"cmp"
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Words of other languages with their English translation. They only serve to suggest an English phrase.
//
//go:embed languages.txt
var languagesText string

var languages = sync.OnceValue(func() map[string][]foreign {
	table := map[string][]foreign{}
	for line := range strings.Lines(languagesText) {
		words, english, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || line[0] == '#' {
			continue
		}
		for text := range strings.SplitSeq(words, "|") {
			text = strings.TrimSpace(text)
			first, _ := utf8.DecodeRuneInString(text)
			table[string(first)] = append(table[string(first)], foreign{text, strings.TrimSpace(english)})
		}
	}
	for first := range table {
		slices.SortStableFunc(table[first], func(a, b foreign) int { return len(b.text) - len(a.text) })
	}
	return table
})

type foreign struct{ text, english string }

// isSignificant reports whether the word is more than a number or a preposition; those may be English words too
// ("over", "due").
func (f foreign) isSignificant() bool {
	switch f.english {
	case "", "a", "in", "by", "and", "or", "not", "except", "before", "after", "until", "from", "between", "soon", "noon", "at":
		return false
	}
	return !unicode.IsDigit(rune(f.english[0]))
}

// foreignProblem returns a problem with the most likely meaning of a phrase in another language, else nil.
func (d *draft) foreignProblem(phrase string) *problem {
	english, found := translate(phrase)
	const notEnglish = "is not in English"
	if found {
		meanings, p := d.calendar().readPhrase(english)
		switch {
		case len(meanings) > 0:
			return &problem{what: notEnglish, suggestions: meanings}
		case p != nil && len(p.suggestions) > 0:
			return &problem{what: notEnglish, suggestions: p.suggestions, each: p.each}
		}
	}
	other := func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) }
	if found || strings.IndexFunc(phrase, other) >= 0 {
		return &problem{what: notEnglish}
	}
	return nil
}

// asianDate matches dates in Chinese, Japanese and Korean: 12月10日.
var asianDate = lazyregexp.New(`(1[0-2]|[1-9])\s?(?:月|월)\s?(\d{1,2})\s?(?:日|号|號|일)`)

// datesOfMonth matches days of a month in Romance languages and German: "du 14 au 18", "vom 14. bis 18.", "le 14".
var datesOfMonth = []struct {
	form        func() *regexp.Regexp
	replacement string
}{
	{lazyregexp.New(` (?:du|del|dal|vom|von|do|de) (\d{1,2})\.? (?:au|al|bis zum|bis|ao) (\d{1,2})\.? `), " $1 to $2 "},
	{lazyregexp.New(` le (\d{1,2}) (au |à |matin|après)`), " the ${1}th $2"},
}

// translate replaces words of other languages by English ones. found is false if there are none.
func translate(phrase string) (english string, found bool) {
	text := " " + strings.Join(strings.FieldsFunc(strings.ToLower(phrase), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",!?;¿¡。、", r)
	}), " ") + " "
	text = strings.ReplaceAll(text, "’", "'")
	found = asianDate().MatchString(text)
	for _, d := range datesOfMonth {
		found = found || d.form().MatchString(text)
		text = d.form().ReplaceAllString(text, d.replacement)
	}
	text = asianDate().ReplaceAllStringFunc(text, func(date string) string {
		m := asianDate().FindStringSubmatch(date)
		month, _ := strconv.Atoi(m[1])
		return " " + m[2] + " " + monthNames[month-1] + " "
	})
	var out strings.Builder
	for i := 0; i < len(text); {
		word, ok := foreignAt(text, i)
		if !ok {
			r, size := utf8.DecodeRuneInString(text[i:])
			out.WriteRune(r)
			i += size
			continue
		}
		found = found || word.isSignificant()
		out.WriteString(" " + word.english + " ")
		i += len(word.text)
	}
	return strings.TrimSpace(out.String()), found
}

// foreignAt returns the longest foreign word at position i. It must be a whole word except in scripts without
// spaces.
func foreignAt(text string, i int) (foreign, bool) {
	first, _ := utf8.DecodeRuneInString(text[i:])
	for _, f := range languages()[string(first)] {
		if !strings.HasPrefix(text[i:], f.text) {
			continue
		}
		if writtenWithoutSpaces(first) {
			return f, true
		}
		before, after := text[i-1], text[i+len(f.text):]
		next, _ := utf8.DecodeRuneInString(after)
		if before == ' ' && !unicode.IsLetter(next) {
			return f, true
		}
	}
	return foreign{}, false
}

// writtenWithoutSpaces reports whether the script of r has no spaces between words.
func writtenWithoutSpaces(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// Zones in a phrase: "3pm EST", "10am London time", "15:00 Europe/Berlin". They belong in the argument timezone.
// They are accepted only if the zone of the search has the same time on those days.

// zoneForm matches the beginning of a zone name or an offset: "Europe/Berlin", "UTC+2".
var zoneForm = lazyregexp.New(`^(?:[a-z_]+(?:/[a-z_]+)+|(?:utc|gmt) ?[+-] ?\d{1,2}(?::?\d\d)?)`)

// zoneAt returns the zone or offset at the beginning of text, or "".
func zoneAt(text string) string {
	name := zoneForm().FindString(text)
	if name == "" {
		return ""
	}
	if strings.ContainsAny(name, "+-") {
		return strings.ReplaceAll(name, " ", "")
	}
	if _, err := Zone(name); err != nil {
		return ""
	}
	return name
}

// sameClock reports whether all the zones have the time of the calendar's zone on the days of the meanings.
func (r *reader) sameClock(zones []string, all []meaning) bool {
	for _, name := range zones {
		loc, err := Zone(name)
		if err != nil {
			return false
		}
		for _, m := range all {
			for _, d := range []date{m.first, m.last, m.last + 1} {
				if !slices.EqualFunc(instantsOf(d.time(), r.loc).at, instantsOf(d.time(), loc).at, time.Time.Equal) {
					return false
				}
			}
		}
	}
	return len(zones) > 0
}

// zonesNamed returns the zones that the unknown words next to a time may denote: "3pm EST", "10am London time".
func (r *reader) zonesNamed() []string {
	if !slices.ContainsFunc(r.parts, func(p part) bool { return len(p.hours) > 0 }) {
		return nil
	}
	name := strings.TrimSuffix(strings.Join(r.unknownWords, " "), " time")
	short := map[string]string{
		"et": "EST", "eastern": "EST", "ct": "CST", "central": "CST", "mt": "MST", "mountain": "MST", "pt": "PST", "pacific": "PST", "uk": "London",
	}
	name = cmp.Or(short[name], name)
	if loc, err := Zone(name); err == nil && strings.Contains(name, "/") {
		return []string{loc.String()}
	}
	if e := zoneErrorFor(name, r.now); !strings.HasSuffix(e.advice, ifMeant) {
		return e.Candidates
	}
	return nil
}
