package times

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The grammar of when. A phrase is split into tokens (when_lex.go) and read from left to right into
// days (when_days.go) and hours (when_hours.go), which when_combine.go puts together.
//
// Where a word has several readings, the reader picks one and the phrase is read again for each
// other one. All readings count of what people differ about ("next friday"), the first possible one
// of what has an order of likelihood ("at 8": in the morning; at night only where the phrase says
// so). Different windows from readings that count make the phrase ambiguous: it is then refused.

// meaning is a window that a phrase may mean.
type meaning struct {
	words string // the phrase in its one spelling
	dates
	open     bool       // no end was named
	named    weekdaySet // the days that were named, of which the window consists
	earliest int        // minute of the day; 0 for none
	latest   int        // likewise, and 0 for none
	point    bool       // earliest is a time that was named, latest a meeting's length after it
	from, to time.Time  // instants inside dates at which it begins and ends, or zero
	hints    []string
}

// same tells whether both are one window, whatever the words.
func (m meaning) same(o meaning) bool {
	return m.dates == o.dates && m.open == o.open && m.narrowed() == o.narrowed() && m.earliest == o.earliest &&
		m.latest == o.latest && m.from.Equal(o.from) && m.to.Equal(o.to)
}

// narrowed is named, or 0 where it takes no day from the window.
func (m meaning) narrowed() weekdaySet {
	if m.named == 0 || m.last-m.first > 6 {
		return m.named % everyDay // all days are none
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

// problem is why a phrase is refused, and what is offered for it.
type problem struct {
	what   string // the rest of a sentence that begins with the phrase
	offers []meaning
	each   bool     // all offers are meant, not one of them
	hours  hours    // that were understood where the days were not
	zones  []string // one of which the offers are told in; none: that which was asked for
	weak   bool     // another problem says more
}

// pick is a reading that was chosen from several.
type pick struct {
	at, of int
	strict bool // all readings count
}

// The work is bounded: so many tokens are read so many times.
const mostTokens, mostRuns = 100, 64

// reader reads a phrase once, with the readings that picks name.
type reader struct {
	calendar
	tokens  []token
	pos     int
	changes []change // of what tokens show, to be undone
	picks   []pick
	picked  int

	parts  []part
	limits []limit
	except exceptions
	// Where the day ends and how: eod or cob; until: as a deadline.
	dayEnd      string
	dayEndUntil bool
	anyDay      bool      // "any time" was said
	inBetween   bool      // "between" stands before the term that is read
	bareDays    bool      // "21-23" are days of the month, not hours
	modifier    string    // early, mid or late, for the part of the day that follows
	from, to    time.Time // of a span of hours
	length      int       // minutes of a meeting that were named
	lastUnit    string    // week or month, for "this week or next"
	recent      dates     // of the last span that was read, for "the day after"
	hints       []string
	only        string // why the meaning is offered and not used
	failed      *problem
	missed      []string // words that were not understood
}

// part is one of several alternatives: days, hours, or both.
type part struct {
	joined     string // how it follows the one before: "or", "and", "," or ""
	at         int    // the token that joins it
	terms      []term
	hours      []hours
	hoursFirst bool // they stand before the days
}

// limit is a day that bounds the window.
type limit struct {
	word string // by, until, before, after or from
	term
	hours hours // on the day, that bound it
}

type exceptions struct {
	days  weekdaySet
	dates []dates
	hours []hours
}

// outcome is what one reading comes to.
type outcome struct {
	meaning
	problem *problem
	rank    int // how unlikely it is among those of an order
}

// read returns the outcomes that count: one meaning; several, where the phrase is ambiguous; or
// problems.
func (c calendar) read(phrase string) (meanings []meaning, p *problem) {
	if m, ok := c.instants(phrase); ok {
		return []meaning{m}, nil
	}
	tokens := lex(phrase)
	if len(tokens) > mostTokens {
		return nil, &problem{what: "is too long", weak: true}
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
		if o.problem == nil || !o.problem.weak && len(o.problem.offers) > 0 {
			best = min(best, o.rank)
		}
	}
	for _, o := range all {
		switch {
		case o.rank > best || o.problem != nil && o.problem.weak:
		case o.problem != nil && p == nil:
			p = o.problem
		case o.problem != nil:
			if p.what == o.problem.what && !p.each {
				p.offers = append(p.offers, o.problem.offers...)
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

var instantForm = regexp.MustCompile(`^` + instantText + `(?: ?(?:/|-|–|TO|UNTIL) ?` + instantText + `)?$`)

// instants reads a time with its offset by RFC 3339, at which the meeting begins, or an interval of two.
func (c calendar) instants(phrase string) (meaning, bool) {
	words := strings.ToUpper(strings.Join(strings.Fields(phrase), " "))
	m := instantForm.FindStringSubmatch(words)
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

// parseInstant reads a time by RFC 3339 whose seconds may be missing.
func parseInstant(text string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04Z07:00", text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}

// next are the picks of the next run; nil where there is none.
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

// choose is the reading to take now, of so many.
func (r *reader) choose(of int, strict bool) int {
	if r.picked == len(r.picks) {
		r.picks = append(r.picks, pick{0, of, strict})
	}
	r.picked++
	return r.picks[r.picked-1].at
}

func (r *reader) run(tokens []token) outcome {
	for i := range tokens {
		r.spell(&tokens[i])
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
	r.settleFigures()
	r.splitAfterNext()
	r.splitDays()
	r.tidyTokens()
	r.parts = make([]part, 1)
	for r.pos < len(r.tokens) {
		if start := r.pos; !r.element() {
			r.pos = start
			r.miss()
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

// splitAfterNext parts "after next week" from "the week after next".
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

// splitDays parts "21/12" beside the name of a month, of which both are days: "3/4 December".
func (r *reader) splitDays() {
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

// settleFigures reads all figures of a phrase in the order that one of them shows: "12/11 or 12/14".
func (r *reader) settleFigures() {
	orders := map[bool]bool{} // whether the day is first
	for _, t := range r.tokens {
		if t.kind == numericDate && len(t.dates) == 1 && strings.Contains(t.raw, "/") {
			day, _, _ := strings.Cut(t.raw, "/")
			n, _ := strconv.Atoi(day)
			orders[n == t.dates[0][2]] = true
		}
	}
	if len(orders) != 1 {
		return
	}
	for i, t := range r.tokens {
		if t.kind == numericDate && len(t.dates) == 2 {
			at := 1
			if orders[true] {
				at = 0
			}
			r.tokens[i].dates = t.dates[at : at+1]
		}
	}
}

// tidyTokens settles what only the words beside a word tell.
func (r *reader) tidyTokens() {
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
		case decimal.MatchString(t.raw) && next.text == "hour": // "1.5 hours"
			hours, _ := strconv.ParseFloat(strings.ReplaceAll(t.raw, ",", "."), 64)
			n := int(hours*60 + 0.5)
			*t = token{kind: number, text: strconv.Itoa(n), raw: t.raw, n: n, digits: len(t.raw)}
			r.tokens[i+1].text = "minute"
		}
	}
}

var decimal = regexp.MustCompile(`^\d{1,3}[.,]\d{1,2}$`)

// spell settles a token that may be several.
func (r *reader) spell(t *token) {
	if len(t.variants) > 0 {
		t.text, t.fixed = t.variants[r.choose(len(t.variants), true)], true
	}
	if t.kind == clock && len(t.dates) > 0 && r.choose(2, true) == 1 {
		t.kind = numericDate
	}
	if t.fixed {
		r.hints = append(r.hints, "Read "+quote(t.raw)+" as "+t.text)
	}
}

// miss notes that a token was not understood.
func (r *reader) miss() {
	t := &r.tokens[r.pos]
	r.pos++
	if t.kind == filler || t.kind == comma || t.kind == dash || t.kind == slash || t.text == "or" || t.text == "and" {
		r.show(r.pos-1, " ")
		return
	}
	r.show(r.pos-1, " ")
	r.missed = append(r.missed, t.raw)
}

// element reads what stands at the position.
func (r *reader) element() bool {
	t := r.tok()
	switch {
	case t.kind == filler:
		return r.skip()
	case t.kind == comma, t.kind == slash, t.text == "or", t.text == "and":
		return r.join()
	case r.is("except"):
		return r.exceptions()
	case r.untilMoment(), r.dayEnded(), r.datedRange(), r.momentRange(), r.limited(), r.hourAndDay(), r.hour(), r.day(), r.lengthOf():
		return true
	case r.accept("every"):
		r.only = "names a series; find the first meeting of it, and send repeat to book_slot"
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

// tok is the token at the position, and a comma beyond the end.
func (r *reader) tok() token { return r.ahead(0) }

func (r *reader) ahead(n int) token {
	if r.pos+n >= len(r.tokens) {
		return token{kind: comma, show: " "}
	}
	return r.tokens[r.pos+n]
}

// is tells whether the word at the position is one of those.
func (r *reader) is(words ...string) bool {
	t := r.tok()
	return t.kind == word && slices.Contains(words, t.text)
}

// accept steps over one of the words.
func (r *reader) accept(words ...string) bool {
	if !r.is(words...) {
		return false
	}
	r.pos++
	return true
}

// try undoes what a rule read unless it succeeds. Readings that it picked stay picked: the phrase is
// then read once more than it need be.
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

// show sets how a token is told; " " leaves it out.
func (r *reader) show(at int, text string) {
	r.changes = append(r.changes, change{at, r.tokens[at].show})
	r.tokens[at].show = text
}

type change struct {
	at   int
	text string
}

// ends tells whether nothing that belongs to a term is so many tokens ahead.
func (r *reader) ends(n int) bool {
	t := r.ahead(n)
	return t.kind == comma || t.kind == filler || t.text == "or" || t.text == "and"
}

// part is the alternative that is being read.
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

// heard tells whether anything was understood.
func (r *reader) heard() bool {
	named := slices.ContainsFunc(r.parts, func(p part) bool { return len(p.terms)+len(p.hours) > 0 })
	return named || len(r.limits) > 0 || r.except.days != 0 || len(r.except.dates)+len(r.except.hours) > 0 || r.dayEnd != "" || r.modifier != "" || r.anyDay
}

// fail keeps the first problem of the phrase.
func (r *reader) fail(p problem) {
	if r.failed == nil {
		r.failed = &p
	}
}

// words is the phrase in its one spelling.
func (r *reader) words() string {
	var all []string
	for _, t := range r.tokens {
		if text := strings.TrimSpace(t.told()); t.kind != filler && text != "" {
			all = append(all, text)
		}
	}
	return strings.ReplaceAll(strings.Join(all, " "), " ,", ",")
}
