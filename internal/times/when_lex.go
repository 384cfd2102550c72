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

// The words of the grammar and their aliases.
//
//go:embed lexicon.txt
var lexiconText string

type kind int

const (
	word   kind = iota
	filler      // has no meaning: "please"
	number      // "14", "14th", "two"
	clock       // "15:00"
	numericDate
	isoWeek // "KW 50", "2026-W50"
	comma
	dash  // between the ends of a range
	slash // between alternatives
)

// token is a word, number or punctuation mark of a phrase.
type token struct {
	kind      kind
	text      string
	n         int      // number; the minute of the day of a clock; the week of an isoWeek
	ordinal   bool     // "14th"
	digits    int      // number of digits as written; 0 for words
	exact     bool     // the time is in 24-hour notation
	hours     int      // for "15h", which is a time or a length
	dates     [][3]int // year (0 if none), month and day of each possible reading of a numericDate
	variants  []string // equally close corrections of a misspelt word
	corrected bool     // the spelling was corrected
	the       bool     // "the" precedes it
	raw       string   // as it was sent
	show      string   // replaces text in the canonical phrase; " " omits the token
}

// lexicon is the content of lexicon.txt.
type lexicon struct {
	aliases map[string][]alias
	known   map[string]bool // every word of it
}

type alias struct {
	text      string // words with spaces between them, a part of lexiconText
	words     int    // the number of words
	canonical string // the canonical word; "" for filler
	sequence  bool   // canonical consists of several words
}

var theLexicon = sync.OnceValue(func() *lexicon {
	l := &lexicon{make(map[string][]alias, 600), make(map[string]bool, 700)} // what lexicon.txt needs, so that they do not grow
	for line := range strings.Lines(lexiconText) {
		line = strings.TrimSpace(line)
		canonical, list, found := strings.Cut(line, ":")
		if !found || line[0] == '#' {
			continue
		}
		sequence := strings.HasPrefix(canonical, "> ")
		canonical = strings.TrimPrefix(canonical, "> ")
		for text := range strings.SplitSeq(list, "|") {
			l.add(text, canonical, sequence)
		}
		if !sequence {
			l.add(canonical, canonical, sequence)
		}
	}
	for first := range l.aliases {
		slices.SortStableFunc(l.aliases[first], func(a, b alias) int { return cmp.Compare(b.words, a.words) })
	}
	return l
})

func (l *lexicon) add(text, canonical string, sequence bool) {
	text = strings.TrimSpace(text)
	first, words := "", 0
	for w := range strings.FieldsSeq(text) {
		first, words, l.known[w] = cmp.Or(first, w), words+1, true
	}
	if words > 0 {
		l.aliases[first] = append(l.aliases[first], alias{text, words, canonical, sequence})
	}
}

// tokenForm matches the next token; alternatives are tried in this order.
var tokenForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:` + strings.Join([]string{
		`(?P<iso>\d{4}[-/.]\d{1,2}[-/.]\d{1,2})(?:t|\b)`,
		`(?P<isoweek>(?:\d{4}-?w|[ck]w\.? ?|wk ?|w)\d{1,2})\b`,
		`(?P<dmy>\d{1,2}(?:/\d{1,2}/|-\d{1,2}-|\.\d{1,2}\.)(?:\d{4}|\d{2})\b|\d{1,2}/(?:0?[1-9]|1[0-2])\b|(?:0?[1-9]|1[0-2])/\d{1,2}\b|\d{1,2}\.\d{1,2}\.)`,
		`(?P<clock>\d{1,2}[:.h]\d{2}(?::\d{2})?)(?:h\b|\b|[ap]m\b|ish\b)`,
		`(?P<hour>\d{1,2}h)\b`,
		`(?P<decimal>\d+[.,]\d+)\b`,
		`(?P<texting>2(?:day|moro|morrow|mrw|nite))\b`,
		`(?P<ordinal>\d{1,2}) ?(?:st|nd|rd|th)\b`,
		`'(?P<shortyear>\d{2})\b`,
		`(?P<number>\d+)`,
		`(?P<quarter>q[1-4])\b`,
		`(?P<meridiem>[ap]\.m\b\.?)`,
		`(?P<word>[\p{L}][\p{L}\p{M}']*)`,
		`(?P<mark>.)`,
	}, "|") + `)`)
})

// normalize unifies quotation marks, dashes, brackets and symbols.
var normalize = strings.NewReplacer("’", "'", "‘", "'", "`", "'", "–", " - ", "—", " - ", "−", "-", "‐", "-", "‑", "-",
	"&", " and ", "@", " at ", "~", " around ", "“", " ", "”", " ", `"`, " ", "(", ",", ")", ",", ";", ",", "[", ",", "]", ",", "…", " ",
	"w/c", " week commencing ", "w/b", " week commencing ", "w/e", " week ending ", "and/or", " or ", "w/", " with ")

// rewritings replace numeric notations and abbreviations by ones that the grammar knows, in this order.
var rewritings = sync.OnceValue(func() []func(string) string {
	replace := func(form, replacement string) func(string) string {
		re := regexp.MustCompile(form)
		return func(text string) string { return re.ReplaceAllString(text, replacement) }
	}
	return []func(string) string{
		replace(`\b(20\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])\b`, "$1-$2-$3"),                           // 20261214
		replace(`\b(\d{4}-\d\d-)(\d\d)/(\d\d)\b`, "$1$2 - $1$3"),                                    // 2026-12-14/16
		replace(`(\dz?)(?:/|--)(\d{4}-\d\d-\d\d)`, "$1 - $2"),                                       // an interval of ISO 8601
		replace(`(^|[^\d.])(\d{1,2})\. ?(?:-|bis|to) ?(\d{1,2})\.(\d{1,2})\.`, "$1$2.$4. - $3.$4."), // 14.-16.12.
		replace(`(^|[^\d/.-])(0?[1-9]|1[0-2])/(20\d\d)($|[^\d/.-])`, "$1$3-$2 $4"),                  // 12/2026
		monthsInFigures,
		weekDatesInFigures,
		replace(`\b(\d{1,2}(?:[:.]\d\d)?)([ap])\b(?:\.m)?`, "$1 ${2}m"), // 9a, 5p
		weekdayLetters,
	}
})

var (
	monthInFigures    = lazyregexp.New(`(^|[^\d/.-])(20\d\d)-(0?[1-9]|1[0-2])($|[^\d/.-])`)
	weekDateInFigures = lazyregexp.New(`\b(\d{4}-?w\d\d)-?([1-7])\b`)
	// A list of weekdays in one or two letters: "m/w/f", "tu-th", "mwf".
	letterList  = lazyregexp.New(`(^|[\s,])((?:mo?|tu?|th|we?|fr?|sa|su)(?:\s?[/-]\s?(?:mo?|tu?|th|we?|fr?|sa|su))+|mwf|tth|tuth|mtwthf)($|[\s,])`)
	letterParts = lazyregexp.New(`th|tu|mo|we|fr|sa|su|m|t|w|f|[/-]`)
)

// monthsInFigures replaces "2027-01" by the month.
func monthsInFigures(text string) string {
	return monthInFigures().ReplaceAllStringFunc(text, func(found string) string {
		m := monthInFigures().FindStringSubmatch(found)
		n, _ := strconv.Atoi(m[3])
		return m[1] + monthNames[n-1] + " " + m[2] + m[4]
	})
}

// weekDatesInFigures replaces "2026-W51-2" by the weekday of the week.
func weekDatesInFigures(text string) string {
	return weekDateInFigures().ReplaceAllStringFunc(text, func(found string) string {
		m := weekDateInFigures().FindStringSubmatch(found)
		return nameOf(time.Weekday(int(m[2][0]-'0')%7)) + " " + m[1]
	})
}

// weekdayLetters expands weekdays that are abbreviated to one or two letters.
func weekdayLetters(text string) string {
	names := map[string]string{"m": "monday", "t": "tuesday", "w": "wednesday", "f": "friday"}
	return letterList().ReplaceAllStringFunc(text, func(found string) string {
		m := letterList().FindStringSubmatch(found)
		var out []string
		for _, part := range letterParts().FindAllString(m[2], -1) {
			name := names[part]
			for _, day := range weekdays {
				if len(part) == 2 && strings.HasPrefix(day, part) {
					name = day
				}
			}
			switch {
			case part == "-" || part == "/":
				out = append(out, part)
			case len(out) > 0 && len(out[len(out)-1]) > 1:
				out = append(out, "/", name)
			default:
				out = append(out, name)
			}
		}
		return m[1] + strings.Join(out, " ") + m[3]
	})
}

// lex splits a phrase into tokens and corrects the spelling of its words. It does not replace aliases.
func lex(phrase string) []token {
	text := strings.ToLower(phrase)
	for _, rewriting := range rewritings() {
		text = rewriting(text)
	}
	text = normalize.Replace(text)
	form := tokenForm()
	names := form.SubexpNames()
	var all []token
	for i := 0; i < len(text); {
		if name := zoneAt(text[i:]); name != "" && (i == 0 || text[i-1] == ' ' || text[i-1] == ',') {
			all = append(all, token{kind: word, text: name, raw: name})
			i += len(zoneForm().FindString(text[i:]))
			continue
		}
		m := form.FindStringSubmatchIndex(text[i:])
		if m == nil { // a line break
			i++
			continue
		}
		for g := 1; g < len(names); g++ {
			if m[2*g] < 0 {
				continue
			}
			piece := text[i+m[2*g] : i+m[2*g+1]]
			end := m[2*g+1]
			if names[g] == "ordinal" || names[g] == "iso" || names[g] == "meridiem" || names[g] == "clock" && strings.HasSuffix(text[:i+m[1]], "h") {
				end = m[1]
			}
			if t, ok := lexeme(names[g], piece, all, text[:i], text[i+end:]); ok {
				all = append(all, t)
			}
			i += end
			break
		}
	}
	return all
}

// lexeme returns the token for a piece of text that matches the named form. before and after are the text
// around it.
func lexeme(form, piece string, all []token, before, after string) (token, bool) {
	t := token{kind: number, text: piece, raw: piece}
	switch form {
	case "iso", "dmy":
		if t.kind, t.dates = numericDate, datesIn(form, piece); len(t.dates) == 0 && strings.HasSuffix(piece, ".") {
			return clockIn(strings.TrimSuffix(piece, ".")), true // a sentence ends with "9.30."
		}
	case "isoweek":
		t.kind = isoWeek
		year, week, _ := strings.Cut(piece, "w")
		t.digits, _ = strconv.Atoi(strings.Trim(year, "-kc")) // the year
		t.n, _ = strconv.Atoi(strings.Trim(week, "k. "))
	case "clock", "hour":
		return clockIn(piece), true
	case "ordinal":
		t.n, _ = strconv.Atoi(piece)
		t.ordinal, t.digits, t.text = true, len(piece), ordinalText(t.n)
	case "shortyear": // "Jan '27"
		n, _ := strconv.Atoi(piece)
		t.n, t.digits, t.text = 2000+n, 4, strconv.Itoa(2000+n)
	case "number":
		t.digits, t.n = len(piece), 9999
		if len(piece) < 5 {
			t.n, _ = strconv.Atoi(piece)
		}
		t.text = strconv.Itoa(t.n)
	case "decimal":
		t.kind = word
		if day := decimalDate().MatchString(piece); day && !beforeUnit(after) { // "4.1" may be a date
			if dates := datesIn("", piece); len(dates) > 0 {
				t.kind, t.dates = numericDate, dates
			}
		}
	case "quarter":
		t.kind = word
	case "meridiem":
		t.kind, t.text = word, piece[:1]+"m"
	case "word", "texting":
		return wordIn(piece), true
	default:
		return mark(piece, all, before, after)
	}
	return t, true
}

var decimalDate = lazyregexp.New(`^\d{1,2}\.\d{1,2}$`)

// beforeUnit reports whether a unit of time follows: "1.5 hours".
func beforeUnit(after string) bool {
	next := strings.FieldsFunc(after, func(r rune) bool { return !unicode.IsLetter(r) })
	if len(next) == 0 {
		return false
	}
	return slices.ContainsFunc([]string{"h", "min", "day", "week", "wk", "month", "quarter", "year"}, func(unit string) bool {
		return strings.HasPrefix(next[0], unit)
	})
}

// mark returns the token of a punctuation mark. A dash between words joins them ("next-week") unless both are
// days or months ("mon-fri"). A symbol with a meaning becomes an unknown word.
func mark(piece string, all []token, before, after string) (token, bool) {
	t := token{text: piece, raw: piece}
	switch r := []rune(piece)[0]; {
	case piece == ",":
		t.kind = comma
	case piece == "/":
		t.kind = slash
	case piece == "-":
		t.kind = dash
		spaced := strings.HasSuffix(before, " ") || strings.HasPrefix(after, " ")
		next, _ := utf8.DecodeRuneInString(after)
		switch {
		case !spaced && len(all) > 0 && !joins(all[len(all)-1], after):
			return t, false
		case unicode.IsDigit(next) && (len(all) == 0 || all[len(all)-1].kind == word && all[len(all)-1].text == "in"): // "in -1 days"
			t.kind = word
		}
	case strings.ContainsRune("+<>=*%$€£#", r):
		t.kind = word
	default:
		return t, false
	}
	return t, true
}

// joins reports whether a dash without spaces separates the ends of a range.
func joins(left token, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	switch {
	case left.kind == clock, left.kind == number && unicode.IsDigit(next), left.kind == numericDate, left.text == "am", left.text == "pm", left.text == "noon":
		return true
	case left.kind != word:
		return false
	}
	if unicode.IsDigit(next) {
		return false // "dec-14"
	}
	right := strings.FieldsFunc(after, func(r rune) bool { return !unicode.IsLetter(r) })
	return len(right) > 0 && isDayOrMonth(left.text) && isDayOrMonth(right[0])
}

func isDayOrMonth(text string) bool {
	return slices.ContainsFunc(theLexicon().aliases[text], func(a alias) bool {
		return a.words == 1 && (slices.Contains(weekdays, a.canonical) || monthNamed(a.canonical) > 0)
	})
}

// datesIn lists the possible dates of a numeric date: both orders of day and month if both are valid.
func datesIn(form, piece string) (dates [][3]int) {
	var part []int
	for _, s := range strings.FieldsFunc(piece, func(r rune) bool { return r == '/' || r == '-' || r == '.' }) {
		n, _ := strconv.Atoi(s)
		part = append(part, n)
	}
	if form == "iso" {
		return [][3]int{{part[0], part[1], part[2]}}
	}
	year := 0
	if len(part) == 3 {
		if year = part[2]; year < 100 {
			year += 2000
		}
	}
	if part[1] <= 12 {
		dates = append(dates, [3]int{year, part[1], part[0]}) // day first
	}
	if part[0] <= 12 && !strings.Contains(piece, ".") && part[0] != part[1] {
		dates = append(dates, [3]int{year, part[0], part[1]})
	}
	return dates
}

// clockIn parses "15:00", "9.30", "15h30", "15h". A leading zero or an hour after noon implies 24-hour time.
func clockIn(piece string) token {
	part := strings.FieldsFunc(piece, func(r rune) bool { return r == ':' || r == '.' || r == 'h' })
	hour, _ := strconv.Atoi(part[0])
	minute := 0
	if len(part) > 1 {
		minute, _ = strconv.Atoi(part[1])
	}
	t := token{kind: clock, text: piece, raw: piece, n: hour*60 + minute}
	t.exact = hour > 12 || part[0][0] == '0' || strings.Contains(piece, "h")
	switch {
	case len(part) == 1:
		t.hours = hour // "15h", but "within 48h"
	case hour > 23 || minute > 59:
		t.kind = word // not a valid time
	case strings.Contains(piece, ".") && minute%15 != 0:
		t.dates = datesIn("", piece) // "14.12" may be a date
	}
	return t
}

// ordinalText formats an ordinal number: "31st".
func ordinalText(n int) string {
	suffix := "th"
	if n/10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// numberWords has no "one", which is also an article.
var numberWords = map[string]int{
	"zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
	"thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
	"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90,
}

var ordinalWords = map[string]int{
	"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11,
	"twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19,
	"twentieth": 20, "thirtieth": 30,
}

// wordIn returns the token of a word: a number, a known word, or a correction to a known word.
func wordIn(piece string) token {
	t := token{kind: word, text: piece, raw: piece}
	if n, ok := numberWords[piece]; ok {
		return token{kind: number, text: strconv.Itoa(n), raw: piece, n: n}
	}
	if n, ok := ordinalWords[piece]; ok {
		return token{kind: number, text: piece, raw: piece, n: n, ordinal: true}
	}
	if theLexicon().known[piece] || theLexicon().known[strings.TrimSuffix(piece, "'")] {
		t.text = piece
		return t
	}
	switch near := correctSpelling(piece); len(near) {
	case 0:
	case 1:
		t.text, t.corrected = near[0], true
	default:
		t.variants = near
	}
	return t
}

// correctableWords are the words whose spelling is corrected. They are long, and no other English word is a
// likely misspelling of them.
var correctableWords = strings.Fields(`monday tuesday wednesday thursday friday saturday sunday january february september october
	november december tomorrow tonight morning afternoon evening weekend weekday fortnight christmas thanksgiving business
	halloween between before lunchtime available possible`)

// correctSpelling returns all correctable words with the smallest edit distance.
func correctSpelling(typed string) (near []string) {
	letters := []rune(typed)
	if len(letters) < 5 || len(letters) > 14 || strings.Contains(typed, "'") {
		return nil
	}
	best := 3
	for _, name := range correctableWords {
		limit := 1
		if len(name) >= 8 {
			limit = 2
		}
		switch d := EditDistance(letters, []rune(name)); {
		case d > limit || d > best:
		case d < best:
			best, near = d, []string{name}
		default:
			near = append(near, name)
		}
	}
	return near
}

// rewrite replaces aliases by canonical words, the longest alias first.
func rewrite(all []token) []token {
	l := theLexicon()
	var out []token
	for i := 0; i < len(all); {
		if n := tens(all[i:]); n > 0 {
			sum := all[i+1]
			sum.n += all[i].n
			sum.text, sum.raw = strconv.Itoa(sum.n), all[i].raw+" "+sum.raw
			if sum.ordinal {
				sum.text = ordinalText(sum.n)
			}
			out, i = append(out, sum), i+2
			continue
		}
		a := l.match(all[i:])
		if a == nil {
			out, i = append(out, all[i]), i+1
			continue
		}
		out = append(out, a.tokens(all[i:i+a.words])...)
		i += a.words
	}
	return out
}

// tens returns the number of tokens if a number such as "twenty first" begins here, else 0.
func tens(rest []token) int {
	if len(rest) > 1 && rest[0].kind == number && rest[1].kind == number && rest[0].digits == 0 && rest[1].digits == 0 &&
		(rest[0].n == 20 || rest[0].n == 30) && rest[1].n < 10 && rest[1].n > 0 {
		return 2
	}
	return 0
}

func (l *lexicon) match(rest []token) *alias {
	for i, a := range l.aliases[rest[0].aliasKey()] {
		if a.begins(rest) {
			return &l.aliases[rest[0].aliasKey()][i]
		}
	}
	return nil
}

func (a *alias) begins(rest []token) bool {
	if a.words > len(rest) {
		return false
	}
	for w := range strings.FieldsSeq(a.text) {
		if rest[0].aliasKey() != w {
			return false
		}
		rest = rest[1:]
	}
	return true
}

func (t token) aliasKey() string {
	switch {
	case t.kind == word:
		return t.text
	case t.kind == number && t.digits == 0 && !t.ordinal:
		return t.raw
	}
	return t.text
}

func (a *alias) tokens(from []token) []token {
	raws := make([]string, len(from))
	corrected := false
	for i, t := range from {
		raws[i] = t.raw
		corrected = corrected || t.corrected
	}
	raw := strings.Join(raws, " ")
	if !a.sequence {
		t := token{kind: word, text: a.canonical, raw: raw, corrected: corrected}
		if a.canonical == "" {
			t.kind = filler
		}
		return []token{t}
	}
	all := lex(a.canonical)
	for i := range all {
		all[i].raw, raw = raw, ""
		if canonical := theLexicon().match(all[i : i+1]); canonical != nil && !canonical.sequence && canonical.words == 1 {
			all[i].text = canonical.canonical
		}
	}
	return all
}

// canonicalText returns the spelling of the token in the canonical phrase.
func (t token) canonicalText() string {
	switch {
	case t.show != "":
		return t.show
	case t.kind == dash:
		return "to"
	case t.kind == comma:
		return ","
	case t.kind == slash:
		return "or"
	}
	return t.text
}
