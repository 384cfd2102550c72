package times

import (
	_ "embed"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Words of other languages, with the English for them: enough to guess what a phrase means, never to use it.
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

// says tells whether the word is more than a number or a preposition, which may be English too ("over", "due").
func (f foreign) says() bool {
	switch f.english {
	case "", "a", "in", "by", "and", "or", "not", "except", "before", "after", "until", "from", "between", "soon", "noon", "at":
		return false
	}
	return !unicode.IsDigit(rune(f.english[0]))
}

// translated refuses a phrase of another language, with what it most likely means; nil where it is none.
func (d *draft) translated(phrase string) *problem {
	english, found := translate(phrase)
	const notEnglish = "is not in English"
	if found {
		meanings, p := d.calendar().read(english)
		switch {
		case len(meanings) > 0:
			return &problem{what: notEnglish, offers: meanings}
		case p != nil && len(p.offers) > 0:
			return &problem{what: notEnglish, offers: p.offers, each: p.each}
		}
	}
	other := func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) }
	if found || strings.IndexFunc(phrase, other) >= 0 {
		return &problem{what: notEnglish}
	}
	return nil
}

// asianDate is a date as Chinese, Japanese and Korean write it: 12月10日.
var asianDate = regexp.MustCompile(`(1[0-2]|[1-9])\s?(?:月|월)\s?(\d{1,2})\s?(?:日|号|號|일)`)

// datesOfMonth are days of a month as Romance languages and German write them: "du 14 au 18", "vom 14. bis 18.", "le 14".
var datesOfMonth = []struct {
	form *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(` (?:du|del|dal|vom|von|do|de) (\d{1,2})\.? (?:au|al|bis zum|bis|ao) (\d{1,2})\.? `), " $1 to $2 "},
	{regexp.MustCompile(` le (\d{1,2}) (au |à |matin|après)`), " the ${1}th $2"},
}

// translate puts English in place of the words of other languages; false where there are none.
func translate(phrase string) (english string, found bool) {
	text := " " + strings.Join(strings.FieldsFunc(strings.ToLower(phrase), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",!?;¿¡。、", r)
	}), " ") + " "
	text = strings.ReplaceAll(text, "’", "'")
	found = asianDate.MatchString(text)
	for _, d := range datesOfMonth {
		found = found || d.form.MatchString(text)
		text = d.form.ReplaceAllString(text, d.as)
	}
	text = asianDate.ReplaceAllStringFunc(text, func(date string) string {
		m := asianDate.FindStringSubmatch(date)
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
		found = found || word.says()
		out.WriteString(" " + word.english + " ")
		i += len(word.text)
	}
	return strings.TrimSpace(out.String()), found
}

// foreignAt finds the longest word of another language at a place: a whole word, save in scripts that leave no
// blanks between words.
func foreignAt(text string, i int) (foreign, bool) {
	first, _ := utf8.DecodeRuneInString(text[i:])
	for _, f := range languages()[string(first)] {
		if !strings.HasPrefix(text[i:], f.text) {
			continue
		}
		if solid(first) {
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

// solid scripts are written without blanks.
func solid(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}
