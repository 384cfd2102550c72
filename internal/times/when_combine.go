package times

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// choice is an alternative with resolved dates.
type choice struct {
	dates []date
	named weekdaySet // the weekdays, if the phrase names all of them
	open  bool       // the window has no end
	frame dates      // the span from which days were selected: "next week" in "weekdays next week"
	hours hours
}

// combine computes the meaning of the parsed phrase.
func (r *reader) combine() (meaning, *problem) {
	if r.failed != nil {
		return meaning{}, r.failed
	}
	if !r.anyUnderstood() {
		return meaning{}, &problem{what: "is not understood", generic: true}
	}
	if last := r.part(); len(last.terms)+len(last.hours) == 0 && last.joined == "or" {
		r.unknownWords = append(r.unknownWords, "or")
	}
	r.mergeContinuedParts()
	r.applyModifier()
	r.applyDayEnd()
	if p := r.requireDay(); p != nil {
		return meaning{}, p
	}
	choices, p := r.choices()
	if p != nil {
		return meaning{}, p
	}
	var all []meaning
	for _, c := range mergeChoices(choices) {
		m, p := r.meaning(c)
		if p != nil {
			return meaning{}, p
		}
		all = append(all, m...)
	}
	if p := r.objection(all); p != nil {
		return meaning{}, p
	}
	m := all[0]
	m.words, m.hints = cmp.Or(r.words(), "any time"), r.hints
	return m, nil
}

// objection returns the reason why the meanings cannot be used directly, or nil.
func (r *reader) objection(all []meaning) *problem {
	each := len(all) > 1
	switch {
	case len(r.unknownWords) > 0:
		if zones := r.zonesNamed(); r.sameClock(zones, all) {
			r.unknownWords = nil
			return r.objection(all)
		} else if len(zones) > 0 {
			return &problem{what: "names a time zone, which goes into timezone", suggestions: all, each: each, zones: zones}
		}
		if r.negates() {
			return &problem{what: "is not understood", generic: true}
		}
		if slices.ContainsFunc(r.unknownWords, isBound) { // the limit of something unknown, so the hours do not apply to the window
			for i := range all {
				all[i].earliest, all[i].latest, all[i].point = 0, 0, false
			}
		}
		return &problem{what: "is understood only without " + quote(strings.Join(r.unknownWords, " ")), suggestions: all, each: each}
	case r.length > 0 && r.length != r.meeting:
		return &problem{what: fmt.Sprintf("names a length, which goes into duration_minutes (%d)", r.length), suggestions: all, each: each}
	case r.suggestOnly != "":
		return &problem{what: r.suggestOnly, suggestions: all, each: each}
	case each:
		return &problem{what: "is more than one window", suggestions: all, each: true}
	}
	return nil
}

func isBound(word string) bool {
	return slices.Contains([]string{"before", "after", "until", "by", "from", "between", "within", "till"}, word)
}

// negates reports whether an unknown word may negate the others.
func (r *reader) negates() bool {
	return slices.ContainsFunc(strings.Fields(strings.Join(r.unknownWords, " ")), func(word string) bool {
		switch word {
		case "never", "nobody", "unless", "instead", "rather", "cancel", "cancelled", "away", "off", "unavailable", "busy", "ago", "last", "since", "every",
			"if", "none", "nor", "neither", "except", "not", "no", "-", "outside", "out", "bad", "impossible", "booked", "full", "taken", "blocked", "vacation", "holiday", "sick":
			return true
		}
		return strings.HasSuffix(word, "n't") || word == "cannot"
	})
}

// mergeContinuedParts drops empty alternatives and merges those that a comma or "and" continues.
func (r *reader) mergeContinuedParts() {
	var all []part
	for _, p := range r.parts {
		if len(p.terms)+len(p.hours) == 0 {
			continue
		}
		if len(all) == 0 {
			all = append(all, p)
			continue
		}
		last := &all[len(all)-1]
		if p.joined == "," && dateConfirms(*last, p) {
			p.terms[0].named = last.terms[0].named
			last.terms, last.hours = p.terms, append(last.hours, p.hours...)
			continue
		}
		continues := p.joined == "," && len(p.terms) > 0 && !sameKind(*last, p) || len(p.terms) == 0 && p.joined == "," && combinable(*last, p) || p.joined == "and" && combinable(*last, p)
		if !continues {
			if p.joined == "," {
				r.show(p.at, "or")
			}
			all = append(all, p)
			continue
		}
		if len(last.terms) == 0 {
			last.hoursFirst = true
		}
		last.terms, last.hours = append(last.terms, p.terms...), append(last.hours, p.hours...)
	}
	r.parts = all
}

// combinable reports whether "and" joins hours that apply together: "after 9 and before 12".
func combinable(a, b part) bool {
	if len(a.terms) > 0 && len(b.terms) > 0 {
		return false
	}
	if isPluralWeekday(a) && isPartOfDayOnly(b) || isPartOfDayOnly(a) && isPluralWeekday(b) {
		return false // "evenings and weekends"
	}
	_, ok := part{hours: slices.Concat(a.hours, b.hours)}.allHours()
	return ok
}

func isPluralWeekday(p part) bool {
	return len(p.hours) == 0 && len(p.terms) > 0 && p.terms[0].kind == filterTerm
}

func isPartOfDayOnly(p part) bool {
	return len(p.terms) == 0 && len(p.hours) == 1 && p.hours[0].widest[1] > 0
}

// sameKind reports whether two parts list days of the same kind, as in "Monday, Tuesday".
func sameKind(a, b part) bool {
	if len(a.terms) == 0 || len(b.terms) == 0 {
		return false
	}
	group := func(k termKind) termKind {
		if k == rangeTerm {
			return weekdayTerm
		}
		return k
	}
	return slices.ContainsFunc(a.terms, func(t term) bool { return group(t.kind) == group(b.terms[0].kind) })
}

// applyModifier resolves "early Friday" without a part of the day.
func (r *reader) applyModifier() {
	if r.modifier == "" || len(r.parts) == 0 {
		return
	}
	p := r.part()
	p.hours = append(p.hours, partsOfDay[r.modifier])
}

// applyDayEnd resolves "by EOD Friday", and "EOD Friday", which means a deadline or late on that day.
func (r *reader) applyDayEnd() {
	if r.dayEnd == "" {
		return
	}
	if len(r.parts) == 0 {
		r.parts = []part{{terms: []term{dayOf(r.today)}}}
	}
	p := r.part()
	if !r.dayEndUntil && r.choose(2, true) == 1 {
		late := partsOfDay["late"]
		if r.dayEnd == "cob" {
			late = hours{earliest: beforeCloseOfWork, latest: workEnds}
		}
		p.hours = append(p.hours, late)
		return
	}
	for i, t := range p.terms {
		s, ok := r.datesOfTerm(t, r.today)
		if !ok || !s.single() {
			continue
		}
		p.terms[i] = spanOf(r.today, s.first)
		if s.first < r.today {
			p.terms[i] = dayOf(s.first)
		}
		if r.dayEnd == "cob" {
			r.from, r.to = r.now, r.instant(s.first, workEnds)
		}
	}
}

// requireDay returns a problem for a time without a day, and resolves "by 5pm".
func (r *reader) requireDay() *problem {
	if len(r.parts) == 0 || len(r.limits) > 0 || slices.ContainsFunc(r.parts, func(p part) bool { return len(p.terms) > 0 }) {
		return nil
	}
	p := &r.parts[0]
	h, ok := p.allHours()
	switch {
	case !ok:
		return r.contradiction()
	case h.by:
		if r.choose(2, true) == 0 {
			p.terms = append(p.terms, dayOf(r.today))
		}
		for i := range p.hours {
			p.hours[i].by = false
		}
	case (h.point || h.ofDay) && len(r.parts) == 1 && len(r.unknownWords) > 0 && len(r.zonesNamed()) == 0:
		return &problem{what: "is understood only in part: " + quote(strings.Join(r.unknownWords, " ")) + " is not known", generic: true}
	case (h.point || h.ofDay) && len(r.parts) == 1 && len(r.unknownWords) > 0: // "3pm EST"
		tomorrow := withHours(dates{r.today + 1, r.today + 1}, h)
		return &problem{what: "names a time and no day, and a time zone, which goes into timezone", suggestions: []meaning{tomorrow}, zones: r.zonesNamed()}
	case (h.point || h.ofDay) && len(r.parts) == 1:
		var suggestions []meaning
		if h.earliest > r.minute {
			suggestions = append(suggestions, withHours(dates{r.today, r.today}, h))
		}
		suggestions = append(suggestions, withHours(dates{r.today + 1, r.today + 1}, h))
		return &problem{what: "names a time and no day", suggestions: suggestions, hours: h}
	}
	return nil
}

func withHours(s dates, h hours) meaning {
	return meaning{dates: s, earliest: h.earliest, latest: h.latest % endOfDay, point: h.point}
}

func (r *reader) contradiction() *problem {
	return &problem{what: "contradicts itself", generic: true}
}

func (p part) allHours() (h hours, ok bool) {
	ok = true
	for i, one := range p.hours {
		if i == 0 {
			h = one
			continue
		}
		var fits bool
		h, fits = h.intersect(one)
		ok = ok && fits
	}
	return h, ok
}

// choices resolves each alternative. Hours before all days or after the last one apply to all of them.
func (r *reader) choices() (all []choice, p *problem) {
	r.inheritContainers()
	timed := -1 // the only part with hours
	for i, part := range r.parts {
		if len(part.hours) > 0 {
			if timed >= 0 {
				timed = len(r.parts)
				break
			}
			timed = i
		}
	}
	forAll := timed >= 0 && timed < len(r.parts) && !r.unionAt(timed) &&
		(timed == 0 && r.parts[0].hoursFirst || timed == len(r.parts)-1 && !r.parts[timed].hoursFirst)
	if len(r.parts) == 0 {
		r.parts = append(r.parts, part{})
	}
	for i, part := range r.parts {
		var also [][]term
		if next := i + 1; forAll {
			part.hours = r.parts[timed].hours
		} else if len(part.hours) == 0 && next < len(r.parts) && !r.parts[next].hoursFirst && sameKind(part, r.parts[next]) {
			part.hours = r.parts[next].hours // "Monday or Tuesday at 10 or Wednesday at 11"
		}
		if len(part.terms) == 0 && len(r.parts) > 1 && !r.unionAt(i) { // "tomorrow at 10 or 11", "10 or 11 tomorrow"
			of := r.daysOf(i)
			for k := of - 1; k >= 0 && of < i && len(r.parts[k].hours) == 0 && sameKind(r.parts[k], r.parts[k+1]); k-- {
				also = append(also, r.parts[k].terms) // "Monday or Tuesday at 10 or 11"
			}
			part.terms = r.parts[of].terms
		}
		for _, terms := range append(also, part.terms) {
			part.terms = terms
			c, p := r.choice(part)
			if p != nil {
				return nil, p
			}
			all = append(all, c...)
		}
	}
	return all, nil
}

// unionAt reports whether a part with hours of any day is next to a part that only names days: "after 3 or on
// Friday", "evenings and weekends".
func (r *reader) unionAt(i int) bool {
	p := r.parts[i]
	if len(p.terms) > 0 || len(p.hours) == 0 {
		return false
	}
	apart := func(joined string, days part) bool {
		return len(days.terms) > 0 && len(days.hours) == 0 && (joined == "or" || joined == "and")
	}
	return i > 0 && apart(p.joined, r.parts[i-1]) || i+1 < len(r.parts) && apart(r.parts[i+1].joined, r.parts[i+1])
}

// daysOf returns the part whose days apply to a part that only names hours.
func (r *reader) daysOf(i int) int {
	for j := i - 1; j >= 0; j-- {
		if len(r.parts[j].terms) > 0 {
			return j
		}
	}
	for j := i + 1; j < len(r.parts); j++ {
		if len(r.parts[j].terms) > 0 {
			return j
		}
	}
	return i
}

// inheritContainers adds the week or month of a neighbouring alternative to days without one: "Tuesday or
// Thursday next week".
func (r *reader) inheritContainers() {
	for i := range r.parts {
		day, ok := r.parts[i].lacksContainer()
		if !ok {
			continue
		}
		for j := i + 1; j < len(r.parts); j++ {
			of, other, ok := r.parts[j].container()
			if !ok || other.kind == monthdayTerm && day.kind != monthdayTerm {
				continue
			}
			inOrder := day.kind != weekdayTerm || other.kind != weekdayTerm ||
				daysUntil(r.weekStart, day.weekdays[0]) < daysUntil(r.weekStart, other.weekdays[0])
			if inOrder || r.choose(2, true) == 1 {
				r.parts[i].terms = append(r.parts[i].terms, of)
			}
			break
		}
		if _, still := r.parts[i].lacksContainer(); !still {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			if of, other, ok := r.parts[j].container(); ok && r.parts[j].terms[0].kind == spanTerm && (other.kind != monthdayTerm || day.kind == monthdayTerm) {
				r.parts[i].terms = append(r.parts[i].terms, of)
				break
			}
		}
	}
}

// lacksContainer returns the day of a part that names no week or month.
func (p part) lacksContainer() (day term, ok bool) {
	for _, t := range p.terms {
		if t.kind == spanTerm || t.kind == openTerm {
			return term{}, false
		}
		day, ok = t, true
	}
	return day, ok
}

// container returns the week or month of a part, and a day of the part within it.
func (p part) container() (of, day term, ok bool) {
	for _, t := range p.terms {
		switch {
		case t.kind != spanTerm:
			day, ok = t, true
		case !t.span().single():
			of = t
		case len(p.terms) == 1: // "the 14th or 15 December"
			s := monthOf(t.span().first)
			return spanOf(s.first, s.last), term{kind: monthdayTerm}, true
		}
	}
	return of, day, ok && len(of.spans) > 0
}

// choice resolves the days and hours of one alternative.
func (r *reader) choice(p part) ([]choice, *problem) {
	c, set, prob := r.daysIn(p)
	if prob != nil {
		return nil, prob
	}
	h, ok := p.allHours()
	if !ok {
		contradiction := r.contradiction()
		if len(set) > 0 {
			c.dates = set
			contradiction.suggestions, _ = r.meaning(c)
		}
		return nil, contradiction
	}
	c.hours = h
	if h.ofDay && c.named == 0 && len(set) > 1 && !c.open { // "first thing next week" is on its first working day
		set = r.endOfWork(set, h)
	}
	if h.days != 0 && (len(set) != 1 || c.open) {
		c.named, c.frame = h.days, frameOf(set)
		set = slices.DeleteFunc(set, func(d date) bool { return !h.days.has(d.weekday()) })
	}
	if h.by && len(set) == 1 && len(p.terms) > 0 && p.hoursFirst && r.choose(2, true) == 0 { // "by noon tomorrow"
		r.from, r.to = r.now, r.instant(set[0], h.latest)
		set, c.named, c.hours = expand(r.today, set[0]), 0, hours{}
	}
	if set, prob = r.applyLimits(set, &c); prob != nil {
		return nil, prob
	}
	if r.except.days != 0 {
		c.frame = frameOf(set)
		c.named = cmp.Or(c.named, everyDay) &^ r.except.days
		set = slices.DeleteFunc(set, func(d date) bool { return r.except.days.has(d.weekday()) })
	}
	set = slices.DeleteFunc(set, func(d date) bool {
		return slices.ContainsFunc(r.except.dates, func(s dates) bool { return s.first <= d && d <= s.last })
	})
	for i := range set {
		set[i] += date(h.shift)
	}
	if len(set) == 0 {
		return nil, r.contradiction()
	}
	c.dates = set
	if len(r.except.hours) == 0 {
		return []choice{c}, nil
	}
	var all []choice
	for _, left := range h.without(r.except.hours) {
		c.hours = left
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, r.contradiction()
	}
	return all, nil
}

// expand lists the dates of a range.
func expand(first, last date) (all []date) {
	for d := first; d <= last && len(all) < 1000; d++ {
		all = append(all, d)
	}
	return all
}

// daysIn returns the dates that satisfy all terms of a part.
func (r *reader) daysIn(p part) (c choice, set []date, prob *problem) {
	has := false // a set of dates
	var filter weekdaySet
	for _, t := range p.terms {
		switch t.kind {
		case spanTerm:
			var own []date
			for i, s := range t.spans {
				if t.end && i > 0 {
					break
				}
				own = append(own, expand(s.first, s.last)...)
			}
			if t.named != 0 {
				own = slices.DeleteFunc(own, func(d date) bool { return !t.named.has(d.weekday()) })
			}
			if has {
				own = slices.DeleteFunc(own, func(d date) bool { return !slices.Contains(set, d) })
			}
			set, has = own, true
			c.named |= t.named
		case filterTerm:
			filter |= t.named
		default:
		}
	}
	for _, t := range p.terms {
		if t.kind == monthdayTerm {
			set, has = r.monthdays(t, set, has), true
		}
	}
	for _, t := range p.terms {
		switch t.kind {
		case weekdayTerm:
			set, prob = r.onWeekday(t.weekdays[0], set, has, p)
			has = true
			c.named |= setOf(t.weekdays[0])
		case rangeTerm:
			set = r.weekdayRange(t, set, has)
			has = true
			for _, d := range set {
				c.named |= setOf(d.weekday())
			}
		default:
		}
		if prob != nil {
			return c, nil, prob
		}
	}
	if !has {
		c.open = true
		set = expand(r.today, r.today+date(r.openDays))
	}
	if filter != 0 {
		c.named, c.frame = filter, frameOf(set)
		set = slices.DeleteFunc(set, func(d date) bool { return !filter.has(d.weekday()) })
	}
	return c, set, nil
}

// monthdays returns the days of the month within the set, or the next ones.
func (r *reader) monthdays(t term, set []date, has bool) (all []date) {
	if has && len(set) > 1 {
		return slices.DeleteFunc(set, func(d date) bool {
			return !slices.ContainsFunc(t.spans, func(s dates) bool {
				n := date(d.time().Day())
				return s.first <= n && n <= s.last
			})
		})
	}
	for _, s := range t.spans {
		first, ok1 := monthday(r.today, int(s.first))
		last, ok2 := monthday(first, int(s.last))
		if begun := monthOf(r.today).first + s.first - 1; !s.single() && begun < r.today && begun+s.last-s.first >= r.today {
			first, last = begun, begun+s.last-s.first
		}
		if ok1 && ok2 {
			all = append(all, expand(first, last)...)
		}
	}
	if has {
		all = slices.DeleteFunc(all, func(d date) bool { return !slices.Contains(set, d) })
	}
	return all
}

// onWeekday returns the dates of the set on a weekday, or the next one, today included.
func (r *reader) onWeekday(day time.Weekday, set []date, has bool, p part) ([]date, *problem) {
	switch {
	case has && len(set) == 1 && set[0].weekday() != day:
		d := set[0]
		near := onOrAfter(d-3, day)
		return nil, &problem{what: fmt.Sprintf("names %s, which is a %s", d.time().Format("2 Jan 2006"), d.weekday()), generic: true, suggestions: []meaning{
			{dates: dates{near, near}}, {dates: dates{d, d}},
		}}
	case has:
		return slices.DeleteFunc(slices.Clone(set), func(d date) bool { return d.weekday() != day }), nil
	}
	d := onOrAfter(r.today, day)
	if d != r.today {
		return []date{d}, nil
	}
	if r.choose(2, false) == 1 {
		r.hint(day.String() + " is today, and that time of it is past")
		return []date{d + 7}, nil
	}
	if len(r.parts) == 1 && len(p.terms) == 1 {
		r.hint(day.String() + ` is today: for the one after it send when "in 7 days"`)
	}
	return []date{d}, nil
}

// weekdayRange returns the days from one weekday to another. If today is within the range, it means the rest of
// this range or the next one.
func (r *reader) weekdayRange(t term, set []date, has bool) []date {
	if has && len(set) > 0 {
		first := onOrAfter(set[0], t.weekdays[0])
		last := onOrAfter(first, t.weekdays[1])
		return slices.DeleteFunc(slices.Clone(set), func(d date) bool { return d < first || d > last })
	}
	first := onOrAfter(r.today, t.weekdays[0])
	last := onOrAfter(first, t.weekdays[1])
	if t.weekdays[0] == t.weekdays[1] { // "Monday to Monday"
		last += 7
	}
	if left := onOrAfter(r.today, t.weekdays[1]); left < first && r.choose(2, true) == 0 {
		return expand(r.today, left)
	}
	return expand(first, last)
}
