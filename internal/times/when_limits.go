package times

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// limited parses "by Friday", "after Christmas", "before the end of the month".
func (r *reader) limited() bool {
	return r.try(func() bool {
		how := r.tok().text
		if n := len(r.limits); n > 0 && r.limits[n-1].word == "from" && r.limits[n-1].hours != (hours{}) && (r.is("to") || r.tok().kind == dash) {
			r.pos++ // "from Friday 3pm to Monday"
			how = "until"
		} else if how == "to" && strings.HasPrefix(r.tok().raw, "thr") { // "through Friday"
			r.show(r.pos, "until")
			r.pos++
			how = "until"
		} else if r.accept("at the latest") { // "at the latest Friday"
			r.show(r.pos-1, "until")
			how = "until"
		} else if !r.accept("by", "until", "before", "after", "from") {
			return false
		}
		if how == "from" && (r.ahead(1).kind == dash || r.ahead(1).text == "to" || r.ahead(1).text == "until") {
			return false // a range
		}
		if r.isClock() {
			return false
		}
		tomorrow := how == "after" && r.is("tomorrow")
		t, ok := r.term()
		if !ok || t.kind == openTerm {
			return false
		}
		if tomorrow && r.choose(2, true) == 0 { // one reading is the day after tomorrow
			return r.addTerm(dayOf(r.today + 2))
		}
		if how == "from" && r.rangeWord(false) {
			return false
		}
		if how == "from" || how == "after" {
			r.accept("onwards")
		}
		if how == "from" && r.try(func() bool { return r.forLength(t) }) {
			return true
		}
		if r.accept("inclusive") {
			switch how {
			case "before":
				how = "until"
			case "after":
				how = "from"
			}
		}
		l := limit{word: how, term: t}
		r.try(func() bool { return r.limitHours(&l) })
		r.limits = append(r.limits, l)
		if len(t.spans) > 0 {
			r.recent = t.spans[0]
		}
		return true
	})
}

// forLength parses the length of a span that begins on a day: "from Friday for a week".
func (r *reader) forLength(from term) bool {
	if r.tok().kind != filler || r.tok().raw != "for" {
		return false
	}
	r.skip()
	n, counted := r.count()
	unit := r.tok().text
	s, ok := r.datesOfTerm(from, r.today)
	if !counted || n < 1 || !unitSteps(unit) || !ok {
		return false
	}
	r.pos++
	r.showCount(n, unit)
	r.show(r.pos-2, fmt.Sprintf("for %d", n))
	return r.addTerm(r.span(s.first, n, unit))
}

func (r *reader) span(from date, n int, unit string) term {
	if unit == "workday" {
		t := spanOf(from, r.after(from-1, n, unit))
		t.named = workdays
		return t
	}
	return spanOf(from, r.after(from, n, unit)-1)
}

// untilMoment parses "between now and noon tomorrow", "from now until EOD Friday": always a deadline.
func (r *reader) untilMoment() bool {
	return r.try(func() bool {
		between := r.accept("between")
		if !r.accept("now") && (between || !r.accept("from now")) {
			return false
		}
		if between && !r.accept("and") || !between && r.tok().kind != dash && !r.is("until", "to") {
			return false
		}
		if !between {
			r.pos++
		}
		if r.is("eod", "cob") && r.dayEnd == "" {
			r.dayEnd, r.dayEndUntil = r.tok().text, true
			r.pos++
			return true
		}
		l := limit{word: "until", term: dayOf(r.today)}
		if ref, ok := r.timeAt(true); ok && !ref.midnight {
			m := r.resolveTime(ref)
			if t, named := r.term(); named {
				l.term = t
			} else if m <= r.minute {
				return false
			}
			l.hours = hours{earliest: m, latest: m + r.meeting, point: true}
		} else if l.term, ok = r.term(); !ok || !r.try(func() bool { return r.limitHours(&l) }) || l.hours == (hours{}) {
			return false
		}
		if _, ok := r.datesOfTerm(l.term, r.today); !ok {
			return false
		}
		r.limits = append(r.limits, l)
		return true
	})
}

// momentRange parses "Friday 2pm to Monday 4pm", two times on different days.
func (r *reader) momentRange() bool {
	ranged := slices.ContainsFunc(r.tokens[r.pos:], func(t token) bool { return t.kind == dash || t.text == "to" || t.text == "until" || t.text == "and" })
	if t := r.tok(); !ranged || t.kind == filler || t.kind == comma || t.text == "now" || r.ahead(1).text == "now" {
		return false
	}
	p := r.part()
	failed, only, first := r.failed, r.suggestOnly, p.hoursFirst
	if r.try(r.twoMoments) {
		return true
	}
	r.failed, r.suggestOnly, p.hoursFirst = failed, only, first
	return false
}

// moment parses a day with a time, "Friday 2pm" or "noon on Friday", or only a day.
func (r *reader) moment(l *limit, first bool) (ok bool) {
	if r.isClock() {
		ref, known := r.timeAt(true)
		if !known || ref.midnight {
			return false
		}
		if l.term, ok = r.oneDay(); !ok {
			return false
		}
		m := r.resolveTime(ref)
		l.hours = hours{earliest: m, latest: m + r.meeting, point: true}
		return true
	}
	if first {
		l.term, ok = r.oneDay()
	} else {
		l.term, ok = r.term()
	}
	if ok {
		r.try(func() bool { return r.limitHours(l) })
	}
	return ok
}

func (r *reader) twoMoments() bool {
	between := r.accept("between")
	from := limit{word: "from"}
	if r.accept("from") && !r.isClock() || !r.moment(&from, true) || from.hours == (hours{}) {
		return false
	}
	if !r.rangeWord(between) {
		return false
	}
	until := limit{word: "until"}
	if r.pos++; r.pos >= len(r.tokens) || !r.moment(&until, false) {
		return false
	}
	first := from.span().first
	last, ok := r.datesOfTerm(until.term, first)
	if !ok || !last.single() || last.first < first {
		return false
	}
	until.term = dayOf(last.first)
	r.limits = append(r.limits, from, until)
	return true
}

// limitHours parses the time of day of a limit: "by Friday at noon", "from Monday afternoon".
func (r *reader) limitHours(l *limit) bool {
	for r.tok().kind == filler || r.is("in") {
		r.skip()
	}
	at := r.pos
	p := r.part()
	if pos := r.pos; r.try(r.clockRange) { // hours of each day
		p.hours = p.hours[:len(p.hours)-1]
		r.pos = pos
		return false
	}
	if r.tok().kind == comma || !r.partOfDay() && !r.clockPoint() {
		if l.hours = partsOfDay["evening"]; r.pos == at && l.tonight {
			return true
		}
		l.hours = hours{}
		return false
	}
	l.hours = p.hours[len(p.hours)-1]
	p.hours = p.hours[:len(p.hours)-1]
	return true
}

// isClock reports whether the next token begins a time.
func (r *reader) isClock() bool {
	return r.timeAfter(0) || r.is("lunch", "work", "business hours")
}

// exceptions parses what is excluded: "except Wednesday", "not in the morning".
func (r *reader) exceptions() bool {
	but := r.tok().raw == "but"
	r.pos++
	if but && r.is("before", "after", "until", "from", "by", "between") { // "after 9 but before 12"
		r.show(r.pos-1, " ")
		return true
	}
	for first := true; ; first = false {
		if !r.exception() {
			return !first
		}
		mark := r.pos
		if !r.accept("or", "and") && r.tok().kind != comma && r.tok().kind != slash || r.pos >= len(r.tokens) {
			return true
		}
		if r.pos == mark {
			r.pos++
		}
		if !isDayOrMonth(strings.TrimSuffix(r.tok().text, "s")) {
			r.pos = mark
			return true
		}
	}
}

func (r *reader) exception() bool {
	return r.try(func() bool {
		r.accept("in", "at")
		r.accept("a")
		if r.try(r.exceptHours) {
			return true
		}
		switch {
		case r.accept("morning", "am"):
			return r.addHours(hours{earliest: noon})
		case r.accept("evening", "night"):
			return r.addHours(hours{latest: partsOfDay["evening"].earliest})
		}
		t, ok := r.term()
		if !ok {
			return false
		}
		mark := r.pos
		r.accept("in", "at")
		if r.partOfDay() || r.clockRange() || r.clockBound() || r.clockPoint() { // "except Friday afternoon"
			p := r.part()
			p.hours = p.hours[:len(p.hours)-1]
			r.suggestOnly = "leaves out a part of a day; a window leaves out whole days"
		} else {
			r.pos = mark
		}
		switch t.kind {
		case weekdayTerm:
			r.except.days |= setOf(t.weekdays[0])
		case filterTerm:
			r.except.days |= t.named
		case spanTerm:
			if t.unit != "" && t.span().first <= r.today && len(r.part().terms) == 0 { // "not this week"
				r.limits = append(r.limits, limit{word: "after", term: t})
			}
			r.except.dates = append(r.except.dates, t.spans...)
		case monthdayTerm:
			s, ok := r.datesOfTerm(t, r.today)
			r.except.dates = append(r.except.dates, s)
			return ok
		default:
			return false
		}
		return true
	})
}

// exceptHours parses "except 12 to 1", "not at lunchtime", "not between 2 and 4".
func (r *reader) exceptHours() bool {
	p := r.part()
	had := len(p.hours)
	if !r.clockRange() && (!r.is("lunch", "afternoon") || !r.partOfDay()) {
		return false
	}
	h := p.hours[len(p.hours)-1]
	p.hours = p.hours[:had]
	if had == 0 && len(p.terms) == 0 {
		p.hoursFirst = false
	}
	r.except.hours = append(r.except.hours, h)
	return true
}

// without returns the parts of h that remain before and after the excluded hours.
func (h hours) without(out []hours) (left []hours) {
	left = []hours{h}
	for _, o := range out {
		var rest []hours
		for _, h := range left {
			end := cmp.Or(h.latest, endOfDay)
			if h.point || o.latest == 0 || o.earliest >= end || o.latest <= h.earliest {
				rest = append(rest, h)
				continue
			}
			if o.earliest > h.earliest {
				rest = append(rest, hours{earliest: h.earliest, latest: o.earliest})
			}
			if o.latest < end {
				rest = append(rest, hours{earliest: o.latest, latest: h.latest})
			}
		}
		left = rest
	}
	return left
}

func frameOf(set []date) dates {
	if len(set) == 0 {
		return dates{}
	}
	return dates{set[0], set[len(set)-1]}
}

// applyLimits keeps the dates between the limits. If the phrase names no other days, it returns all dates between
// them.
func (r *reader) applyLimits(set []date, c *choice) ([]date, *problem) {
	if len(r.limits) == 0 {
		return set, nil
	}
	var inside dates
	if !c.open && len(set) > 1 {
		inside = dates{set[0], set[len(set)-1]}
	}
	lower, upper := date(0), date(0)
	for _, l := range r.limits {
		from, to := r.limit(l, inside)
		lower = max(lower, from)
		r.applyLimitHours(l, from, to)
		if upper == 0 || to != 0 && to < upper {
			upper = to
		}
	}
	if c.open {
		c.open = false
		lower = max(lower, r.today)
		upper = cmp.Or(upper, lower+date(r.openDays)-1)
		all := expand(lower, upper)
		if c.named != 0 {
			all = slices.DeleteFunc(all, func(d date) bool { return !c.named.has(d.weekday()) })
		}
		if len(all) == 0 {
			return nil, &problem{what: "is past", generic: true}
		}
		return all, nil
	}
	return slices.DeleteFunc(set, func(d date) bool { return d < lower || upper != 0 && d > upper }), nil
}

// applyLimitHours limits the window by a time of day. "By Monday morning" may mean its beginning or its end.
func (r *reader) applyLimitHours(l limit, lower, upper date) {
	h := l.hours
	switch {
	case h == (hours{}):
		return
	case l.word == "from":
		r.from = r.instant(lower, h.earliest)
		return
	case l.word == "after":
		end := h.latest
		if h.point {
			end = h.earliest
		}
		r.from = r.instant(lower, end)
		return
	}
	end := h.earliest
	if !h.point && l.word != "before" && r.choose(2, true) == 1 {
		end = h.latest
	}
	r.to = r.instant(upper, end)
}

// limit returns the first or the last date that a limit allows; 0 means no bound.
func (r *reader) limit(l limit, inside dates) (lower, upper date) {
	start := r.today
	if inside.last > 0 && (l.kind == weekdayTerm || l.kind == monthdayTerm) {
		start = inside.first
	}
	s, ok := r.datesOfTerm(l.term, start)
	if !ok {
		return 1 << 30, 1
	}
	if l.kind == weekdayTerm && s.first == r.today && start == r.today && r.choose(2, false) == 1 {
		s = dates{s.first + 7, s.first + 7}
	}
	if l.end {
		s = l.spans[1]
	}
	whole := l.unit != "" && !s.single()
	switch l.word {
	case "from":
		if l.end {
			s = l.spans[0]
		}
		return s.first, 0
	case "after":
		if l.hours != (hours{}) {
			return s.last, 0
		}
		return s.last + 1, 0
	}
	switch {
	case l.hours != (hours{}):
		return 0, s.last
	case l.end && l.unit == "week" && r.choose(2, true) == 0:
		return 0, onOrAfter(s.first, time.Friday)
	case l.end:
		return 0, s.last
	case l.word == "before":
		return 0, s.first - 1
	case (whole || l.holiday) && r.choose(2, true) == 0:
		return 0, s.first - 1
	}
	return 0, s.last
}

// mergeChoices merges alternatives that fit in one window: those with the same days or the same hours.
func mergeChoices(all []choice) (out []choice) {
	for _, c := range all {
		i := slices.IndexFunc(out, func(o choice) bool { return slices.Equal(o.dates, c.dates) && hoursTouch(o.hours, c.hours) })
		if i >= 0 {
			out[i].hours, _ = out[i].hours.join(c.hours)
			continue
		}
		i = slices.IndexFunc(out, func(o choice) bool { return o.hours == c.hours })
		if i < 0 {
			out = append(out, c)
			continue
		}
		if out[i].named == 0 || c.named == 0 {
			out[i].named = 0
		} else {
			out[i].named |= c.named
		}
		out[i].dates = append(out[i].dates, c.dates...)
		out[i].open = out[i].open && c.open
		out[i].frame = dates{min(out[i].frame.first, c.frame.first), max(out[i].frame.last, c.frame.last)}
		if c.frame.last == 0 {
			out[i].frame = dates{}
		}
		slices.Sort(out[i].dates)
		out[i].dates = slices.Compact(out[i].dates)
	}
	return out
}

func hoursTouch(a, b hours) bool {
	_, ok := a.join(b)
	return ok
}

// meaning returns the window of a choice, or several if its days do not form one window.
func (r *reader) meaning(c choice) ([]meaning, *problem) {
	left := slices.DeleteFunc(slices.Clone(c.dates), func(d date) bool { return d < r.today })
	h := c.hours
	over := len(left) > 0 && left[0] == r.today && (h.latest > 0 && h.latest <= r.minute || h.point && h.earliest < r.minute)
	if over && len(left) == 1 {
		return nil, &problem{what: "is past", generic: true, suggestions: []meaning{withHours(dates{r.today + 1, r.today + 1}, h)}}
	}
	if len(left) == 0 {
		p := &problem{what: "is past", generic: true}
		if first, last := c.dates[0], c.dates[len(c.dates)-1]; last-first < 7 && r.today-last < 7 && c.named != 0 {
			again := withHours(dates{first + 7, last + 7}, h)
			again.named = c.named
			p.suggestions = append(p.suggestions, again)
		} else if last-first < 7 && r.lastUnit == "week" { // "early this week"
			p.suggestions = append(p.suggestions, withHours(dates{first + 7, last + 7}, h))
		}
		return nil, p
	}
	var all []meaning
	for _, part := range r.splitWindows(left, c) {
		m := withHours(part.dates, h)
		m.named, m.open, m.from, m.to = part.named, c.open && (len(left) > 1 || c.frame.last > 0), r.from, r.to
		all = append(all, m)
	}
	return all, nil
}

// splitWindows splits dates into ranges that each consist of certain weekdays.
func (r *reader) splitWindows(all []date, c choice) (out []meaning) {
	first, last := all[0], all[len(all)-1]
	var set weekdaySet
	for _, d := range all {
		set |= setOf(d.weekday())
	}
	matching := func(s weekdaySet) int {
		return len(slices.DeleteFunc(expand(first, last), func(d date) bool { return !s.has(d.weekday()) }))
	}
	if frame := (dates{max(c.frame.first, r.today), c.frame.last}); c.named != 0 && frame.first <= first && frame.last >= last {
		trimmed := [2]date{first, last}
		if first, last = frame.first, frame.last; matching(c.named) != len(all) {
			first, last = trimmed[0], trimmed[1]
		}
	}
	m := meaning{dates: dates{first, last}}
	switch {
	case c.named != 0 && matching(c.named) == len(all):
		m.named = c.named
	case int(last-first)+1 == len(all):
	case matching(set) == len(all):
		m.named = set
	default:
		for i := 0; i < len(all); {
			j := i
			for j+1 < len(all) && all[j+1] == all[j]+1 {
				j++
			}
			out = append(out, meaning{dates: dates{all[i], all[j]}})
			i = j + 1
		}
		return out
	}
	return []meaning{m}
}
