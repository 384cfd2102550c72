package times

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// The grammar of when. when_lex.go splits a phrase into tokens. The reader parses them from left to right into
// days (when_days.go) and hours (when_hours.go), which when_combine.go combines.
//
// If a word has several readings, the phrase is parsed once for each of them. If people disagree about the word
// ("next friday"), all readings count. If the readings have an order of likelihood ("at 8" is in the morning,
// and at night only if the phrase says so), the first valid one counts. A phrase whose counting readings give
// different windows is ambiguous and refused.

type meaning struct {
	words string // the phrase in canonical spelling
	dates
	open     bool       // the phrase names no end
	named    weekdaySet // the weekdays that the phrase names, if the window only consists of them
	earliest int        // minute of the day; 0 if there is no bound
	latest   int        // likewise
	point    bool       // the phrase names the time earliest, and latest is the end of the meeting
	from, to time.Time  // the exact bounds within dates, or zero
	hints    []string
}

// same reports whether both are the same window, regardless of the words.
func (m meaning) same(o meaning) bool {
	return m.dates == o.dates && m.open == o.open && m.narrowed() == o.narrowed() && m.earliest == o.earliest &&
		m.latest == o.latest && m.from.Equal(o.from) && m.to.Equal(o.to)
}

// narrowed returns named, or 0 if it excludes no day of the window.
func (m meaning) narrowed() weekdaySet {
	if m.named == 0 || m.last-m.first > 6 {
		return m.named % everyDay // all days exclude none
	}
	var all weekdaySet
	for d := m.first; d <= m.last; d++ {
		all |= setOf(d.weekday())
	}
	if m.named&all == all {
		return 0
	}
	return m.named & all
}

// problem is the reason why a phrase is refused, with suggestions.
type problem struct {
	what        string // the predicate of a sentence whose subject is the phrase
	suggestions []meaning
	each        bool     // all suggestions are meant, not one of them
	hours       hours    // the hours, if they were understood and the days were not
	zones       []string // the possible zones of the suggestions, if the phrase names another zone
	generic     bool     // a more specific problem takes precedence
}

// pick is a choice of one reading among several.
type pick struct {
	at, of int
	strict bool // all readings count
}

// Limits on the work: the number of tokens, and how often a phrase is parsed.
const mostTokens, mostRuns = 100, 64

// reader parses a phrase once, with the readings in picks.
type reader struct {
	calendar
	tokens  []token
	pos     int
	changes []change // of the tokens' show, so that they can be undone
	picks   []pick
	picked  int

	parts  []part
	limits []limit
	except exceptions
	// eod or cob if the phrase names the end of a day, and whether it is certainly a deadline.
	dayEnd       string
	dayEndUntil  bool
	anyDay       bool      // the phrase contains "any time"
	inBetween    bool      // "between" precedes the current term
	bareDays     bool      // "21-23" are days of the month, not hours
	modifier     string    // early, mid or late, which applies to the next part of the day
	from, to     time.Time // the exact bounds of a span of hours
	length       int       // the length of a meeting in minutes, if the phrase names one
	lastUnit     string    // week or month, for "this week or next"
	recent       dates     // the last dates, for "the day after"
	hints        []string
	suggestOnly  string // the reason why the meaning is only suggested
	failed       *problem
	unknownWords []string // words that were not understood
}

// part is one of several alternatives: days, hours or both.
type part struct {
	joined     string // the conjunction before it: "or", "and", "," or ""
	at         int    // the token of the conjunction
	terms      []term
	hours      []hours
	hoursFirst bool // the hours precede the days
}

type limit struct {
	word string // by, until, before, after or from
	term
	hours hours // the hours of that day at which the window begins or ends
}

type exceptions struct {
	days  weekdaySet
	dates []dates
	hours []hours
}

// outcome is the result of one reading.
type outcome struct {
	meaning
	problem *problem
	rank    int // the smaller, the more likely
}

// readPhrase returns one meaning, several if the phrase is ambiguous, or a problem.
func (c calendar) readPhrase(phrase string) (meanings []meaning, p *problem) {
	if m, ok := c.instants(phrase); ok {
		return []meaning{m}, nil
	}
	tokens := lex(phrase)
	if len(tokens) > mostTokens {
		return nil, &problem{what: "is too long", generic: true}
	}
	var all []outcome
	var picks []pick
	for range mostRuns {
		r := &reader{calendar: c, picks: picks}
		all = append(all, r.run(slices.Clone(tokens)))
		if picks = next(r.picks[:r.picked]); picks == nil {
			break
		}
	}
	best := mostRuns * mostRuns
	for _, o := range all {
		if o.problem == nil || !o.problem.generic && len(o.problem.suggestions) > 0 {
			best = min(best, o.rank)
		}
	}
	for _, o := range all {
		switch {
		case o.rank > best || o.problem != nil && o.problem.generic:
		case o.problem != nil && p == nil:
			p = o.problem
		case o.problem != nil:
			if p.what == o.problem.what && !p.each {
				p.suggestions = append(p.suggestions, o.problem.suggestions...)
			}
		case !slices.ContainsFunc(meanings, o.same):
			meanings = append(meanings, o.meaning)
		}
	}
	if len(meanings) == 0 && p == nil {
		p = all[0].problem
	}
	return meanings, p
}

const instantText = `(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))`

var instantForm = lazyregexp.New(`^` + instantText + `(?: ?(?:/|-|–|TO|UNTIL) ?` + instantText + `)?$`)

// instants parses an RFC 3339 time with an offset, at which the meeting begins, or an interval of two such times.
func (c calendar) instants(phrase string) (meaning, bool) {
	words := strings.ToUpper(strings.Join(strings.Fields(phrase), " "))
	m := instantForm().FindStringSubmatch(words)
	if m == nil {
		return meaning{}, false
	}
	from, err := parseInstant(m[1])
	to := from.Add(time.Duration(c.meeting) * time.Minute)
	if err == nil && m[2] != "" {
		to, err = parseInstant(m[2])
	}
	if err != nil || !to.After(from) {
		return meaning{}, false
	}
	from, to = from.Truncate(time.Second).In(c.loc), to.Truncate(time.Second).In(c.loc)
	first, last := dateAt(dateOf(from, c.loc)), dateAt(dateOf(to.Add(-time.Second), c.loc))
	return meaning{words: words, dates: dates{first, last}, from: from, to: to}, true
}

func parseInstant(text string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}

// next returns the picks of the next run, or nil after the last one.
func next(picks []pick) []pick {
	for i := len(picks) - 1; i >= 0; i-- {
		if picks[i].at+1 < picks[i].of {
			more := slices.Clone(picks[:i+1])
			more[i].at++
			return more
		}
	}
	return nil
}

// choose returns the index of the current reading among the given number of readings.
func (r *reader) choose(of int, strict bool) int {
	if r.picked == len(r.picks) {
		r.picks = append(r.picks, pick{0, of, strict})
	}
	r.picked++
	return r.picks[r.picked-1].at
}

func (r *reader) run(tokens []token) outcome {
	for i := range tokens {
		r.resolveToken(&tokens[i])
	}
	the := false
	for _, t := range rewrite(tokens) {
		if t.kind == filler && slices.Contains([]string{"of", "on", "the", "an"}, t.raw) {
			the = t.raw == "the"
			continue
		}
		t.the, the = the, false
		r.tokens = append(r.tokens, t)
	}
	r.unifyDateOrder()
	r.splitAfterNext()
	r.splitMonthDays()
	r.resolveByNeighbours()
	r.parts = make([]part, 1)
	for r.pos < len(r.tokens) {
		if start := r.pos; !r.element() {
			r.pos = start
			r.skipUnknown()
		}
	}
	m, p := r.combine()
	o := outcome{meaning: m, problem: p}
	for _, one := range r.picks[:r.picked] {
		if !one.strict {
			o.rank += one.at
		}
	}
	return o
}

// splitAfterNext separates "after" and "next" in "after next week", unlike in "the week after next".
func (r *reader) splitAfterNext() {
	for i, t := range r.tokens {
		if t.text != "after next" || i > 0 && (r.isUnit(r.tokens[i-1].text) || isWeekday(r.tokens[i-1].text)) {
			continue
		}
		next := t
		r.tokens[i].text, next.text = "after", "next"
		r.tokens[i].raw, next.raw = "after", "next"
		r.tokens = slices.Insert(r.tokens, i+1, next)
		return
	}
}

// splitMonthDays splits "3/4" next to the name of a month into two days: "3/4 December".
func (r *reader) splitMonthDays() {
	isMonth := func(i int) bool {
		return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == word && monthNamed(r.tokens[i].text) > 0
	}
	for i, t := range r.tokens {
		first, second, found := strings.Cut(t.raw, "/")
		if t.kind != numericDate || !found || strings.Contains(second, "/") || !isMonth(i-1) && !isMonth(i+1) {
			continue
		}
		days := []token{{kind: slash, text: "/"}}
		for _, text := range []string{first, second} {
			n, _ := strconv.Atoi(text)
			days = append(days, token{kind: number, text: strconv.Itoa(n), raw: text, n: n, digits: len(text)})
		}
		r.tokens = slices.Replace(r.tokens, i, i+1, days[1], days[0], days[2])
		return
	}
}

// unifyDateOrder applies the order of day and month that one date shows to all dates: "12/11 or 12/14".
func (r *reader) unifyDateOrder() {
	dayFirst, monthFirst := false, false // whether a date shows this order
	for _, t := range r.tokens {
		if t.kind == numericDate && len(t.dates) == 1 && strings.Contains(t.raw, "/") {
			day, _, _ := strings.Cut(t.raw, "/")
			n, _ := strconv.Atoi(day)
			if n == t.dates[0][2] {
				dayFirst = true
			} else {
				monthFirst = true
			}
		}
	}
	if dayFirst == monthFirst {
		return
	}
	for i, t := range r.tokens {
		if t.kind == numericDate && len(t.dates) == 2 {
			at := 1
			if dayFirst {
				at = 0
			}
			r.tokens[i].dates = t.dates[at : at+1]
		}
	}
}

// resolveByNeighbours resolves words whose meaning depends on the words next to them.
func (r *reader) resolveByNeighbours() {
	names := func(i int) bool {
		return i >= 0 && i < len(r.tokens) && r.tokens[i].kind == word && isWeekday(r.tokens[i].text)
	}
	for i := 0; i < len(r.tokens); i++ {
		t, next := &r.tokens[i], token{}
		if i+1 < len(r.tokens) {
			next = r.tokens[i+1]
		}
		switch {
		case t.text == "calendar week" && t.raw == "week no" && next.kind != number: // "next week no mornings"
			r.tokens = slices.Replace(r.tokens, i, i+1, token{text: "week", raw: "week"}, token{text: "except", raw: "no"})
		case t.text == "following" && i > 0 && !r.isUnit(next.text) && !names(i+1) && (names(i-1) || r.isUnit(r.tokens[i-1].text)):
			t.text = "after" // "the Monday following Easter"
		case t.text == "every" && next.text == "weekend":
			r.tokens[i+1].text = "weekends"
		case names(i) && names(i+1): // "Mon Wed Fri"
			r.tokens = slices.Insert(r.tokens, i+1, token{kind: slash, text: "/", raw: "/"})
		case decimal().MatchString(t.raw) && next.text == "hour": // "1.5 hours"
			hours, _ := strconv.ParseFloat(strings.ReplaceAll(t.raw, ",", "."), 64)
			n := int(hours*60 + 0.5)
			*t = token{kind: number, text: strconv.Itoa(n), raw: t.raw, n: n, digits: len(t.raw)}
			r.tokens[i+1].text = "minute"
		}
	}
}

var decimal = lazyregexp.New(`^\d{1,3}[.,]\d{1,2}$`)

// resolveToken chooses a reading for a token with several readings.
func (r *reader) resolveToken(t *token) {
	if len(t.variants) > 0 {
		t.text, t.corrected = t.variants[r.choose(len(t.variants), true)], true
	}
	if t.kind == clock && len(t.dates) > 0 && r.choose(2, true) == 1 {
		t.kind = numericDate
	}
	if t.corrected {
		r.hints = append(r.hints, "Read "+quote(t.raw)+" as "+t.text)
	}
}

// skipUnknown skips a token that was not understood and records it.
func (r *reader) skipUnknown() {
	t := r.tok()
	r.skip()
	if t.kind != filler && t.kind != comma && t.kind != dash && t.kind != slash && t.text != "or" && t.text != "and" {
		r.unknownWords = append(r.unknownWords, t.raw)
	}
}

// element parses the next element of the phrase.
func (r *reader) element() bool {
	t := r.tok()
	switch {
	case t.kind == filler:
		return r.skip()
	case t.kind == comma, t.kind == slash, t.text == "or", t.text == "and":
		return r.join()
	case r.is("except"):
		return r.exceptions()
	case r.untilMoment(), r.endOfDayWord(), r.datedRange(), r.momentRange(), r.limited(), r.hourAndDay(), r.hour(), r.day(), r.lengthOf():
		return true
	case r.accept("every"):
		r.suggestOnly = "names a series; find the first meeting of it, and send repeat to book_slot"
		r.anyDay = r.anyDay || strings.HasSuffix(r.tokens[r.pos-1].raw, "day") || r.tokens[r.pos-1].raw == "daily"
		r.show(r.pos-1, " ")
		return true
	case r.is("within") && (r.ahead(1).text == "this" || r.monthFollows(1)):
		return r.skip()
	case r.is("any"):
		r.anyDay = true
		return r.skip()
	case r.is("in", "at", "a", "from now", "may", "few", "work"):
		return r.skip()
	case r.is("this") && r.pos+1 < len(r.tokens) && r.tokens[r.pos+1].kind == filler: // "this would be great"
		return r.skip()
	}
	return false
}

func (r *reader) skip() bool {
	r.show(r.pos, " ")
	r.pos++
	return true
}

// tok returns the current token, or a comma after the end.
func (r *reader) tok() token { return r.ahead(0) }

func (r *reader) ahead(n int) token {
	if r.pos+n >= len(r.tokens) {
		return token{kind: comma, show: " "}
	}
	return r.tokens[r.pos+n]
}

// is reports whether the current token is one of the words.
func (r *reader) is(words ...string) bool {
	t := r.tok()
	return t.kind == word && slices.Contains(words, t.text)
}

// accept consumes the current token if it is one of the words.
func (r *reader) accept(words ...string) bool {
	if !r.is(words...) {
		return false
	}
	r.pos++
	return true
}

// try runs a rule and restores the position if the rule fails. It does not undo picks, so a phrase may be parsed
// more often than necessary.
func (r *reader) try(rule func() bool) bool {
	pos, changes := r.pos, len(r.changes)
	if rule() {
		return true
	}
	r.pos = pos
	for len(r.changes) > changes {
		last := r.changes[len(r.changes)-1]
		r.tokens[last.at].show = last.text
		r.changes = r.changes[:len(r.changes)-1]
	}
	return false
}

// show sets the spelling of a token in the canonical phrase; " " omits it.
func (r *reader) show(at int, text string) {
	r.changes = append(r.changes, change{at, r.tokens[at].show})
	r.tokens[at].show = text
}

type change struct {
	at   int
	text string
}

// ends reports whether a term ends before the token n positions ahead.
func (r *reader) ends(n int) bool {
	t := r.ahead(n)
	return t.kind == comma || t.kind == filler || t.text == "or" || t.text == "and"
}

// rangeWord reports whether the current token joins the ends of a range: a dash, "to", "until", and after
// "between" also "and".
func (r *reader) rangeWord(between bool) bool {
	return r.tok().kind == dash || r.tok().text == "to" || r.tok().text == "until" || between && r.tok().text == "and"
}

// part returns the current alternative.
func (r *reader) part() *part { return &r.parts[len(r.parts)-1] }

// join begins another alternative.
func (r *reader) join() bool {
	how := "or"
	switch t := r.tok(); {
	case t.kind == comma:
		how = ","
	case t.text == "and":
		how = "and"
	}
	at := r.pos
	r.pos++
	last := r.part()
	if len(last.terms)+len(last.hours) == 0 { // ", or"
		if how == "or" && last.joined != "" {
			last.joined = how
			r.show(last.at, "or")
		}
		r.show(at, " ")
		return true
	}
	if how == "," && len(r.limits) == 0 {
		r.show(at, " ")
	}
	r.parts = append(r.parts, part{joined: how, at: at})
	return true
}

func (r *reader) addTerm(t term) bool {
	p := r.part()
	p.terms = append(p.terms, t)
	if t.tonight {
		p.hours = append(p.hours, partsOfDay["evening"])
	}
	if len(t.spans) > 0 {
		r.recent = t.spans[len(t.spans)-1]
	}
	return true
}

func (r *reader) addHours(h hours) bool {
	p := r.part()
	if len(p.terms) == 0 {
		p.hoursFirst = true
	}
	p.hours = append(p.hours, h)
	return true
}

func (r *reader) hint(text string) {
	if !slices.Contains(r.hints, text) {
		r.hints = append(r.hints, text)
	}
}

// anyUnderstood reports whether anything was understood.
func (r *reader) anyUnderstood() bool {
	named := slices.ContainsFunc(r.parts, func(p part) bool { return len(p.terms)+len(p.hours) > 0 })
	return named || len(r.limits) > 0 || r.except.days != 0 || len(r.except.dates)+len(r.except.hours) > 0 || r.dayEnd != "" || r.modifier != "" || r.anyDay
}

// fail records the first problem of the phrase.
func (r *reader) fail(p problem) {
	if r.failed == nil {
		r.failed = &p
	}
}

// words returns the phrase in canonical spelling.
func (r *reader) words() string {
	var all []string
	for _, t := range r.tokens {
		if text := strings.TrimSpace(t.canonicalText()); t.kind != filler && text != "" {
			all = append(all, text)
		}
	}
	return strings.ReplaceAll(strings.Join(all, " "), " ,", ",")
}
