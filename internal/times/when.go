package times

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxPhraseBytes limits the length of a phrase in bytes; the schemas allow 200 characters.
const maxPhraseBytes = 800

// maxSuggestions limits the calls that one error suggests.
const maxSuggestions = 4

// exampleText is suggested if no part of a phrase was understood.
const exampleText = `a day, a week or a span in English, such as when "tomorrow afternoon", "next week" or "until friday"`

func (d *draft) calendar() calendar {
	today := dateAt(dateOf(d.Now, d.Loc))
	meeting := int(cmp.Or(d.Meeting, 30*time.Minute) / time.Minute)
	return calendar{now: d.earliest, loc: d.Loc, today: today, minute: MinuteOfDay(d.Now, d.Loc), weekStart: d.WeekStart, meeting: meeting, openDays: d.DefaultDays}
}

// parsePhrase interprets a phrase. For other languages than English it returns a problem with suggestions.
func (d *draft) parsePhrase(phrase string) ([]meaning, *problem) {
	if len(phrase) > maxPhraseBytes {
		return nil, &problem{what: "is too long", generic: true}
	}
	meanings, p := d.calendar().readPhrase(phrase)
	if len(meanings) == 0 && p != nil {
		if foreign := d.foreignProblem(phrase); foreign != nil && (len(foreign.suggestions) > 0 || len(p.suggestions) == 0) {
			return nil, foreign
		}
	}
	return meanings, p
}

// parseWhen interprets the phrase that describes the whole window.
func (d *draft) parseWhen() {
	if d.From+d.To != "" {
		meanings, _ := d.parsePhrase(d.When)
		d.refuseWhenWithEnds(len(meanings) > 0)
		return
	}
	meanings, p := d.parsePhrase(d.When)
	switch {
	case len(meanings) == 1:
		d.parsed = meanings[0]
		d.checkClockChange(&d.parsed)
		d.checkMeetingFits(d.parsed)
		d.from, d.to = d.ends(d.parsed)
		d.hasFrom, d.hasTo = true, true
	case len(meanings) > 1:
		d.refuseAmbiguousPhrase(meanings)
	default:
		d.addPhraseProblem(*p)
	}
}

// ends returns the instants of a meaning. It replaces a date that the zone skipped by the next one.
func (d *draft) ends(m meaning) (from, to time.Time) {
	if m.single() {
		step := 1
		if m.named != 0 {
			step = 7
		}
		m.first = dateAt(d.nextExisting(m.first.time(), step))
		m.last = m.first
	}
	if from = d.earliest; m.first > dateAt(dateOf(d.Now, d.Loc)) {
		from, _ = startOfDate(m.first.time(), d.Loc)
	}
	to, _ = startOfDate((m.last + 1).time(), d.Loc)
	if m.open {
		to = addDays(d.earliest, d.DefaultDays, d.Loc)
	}
	if m.from.After(from) {
		from = m.from
	}
	if !m.to.IsZero() && m.to.Before(to) {
		to = m.to
	}
	return from, to
}

// nextExisting returns the date, or if the zone skipped it the first later date that exists, in steps of the
// given number of days.
func (d *draft) nextExisting(date time.Time, step int) time.Time {
	for {
		if _, exists := startOfDate(date, d.Loc); exists {
			return date
		}
		date = date.AddDate(0, 0, step)
	}
}

// checkClockChange adds a problem if the clocks skip the time on that day or show it twice.
func (d *draft) checkClockChange(m *meaning) {
	if !m.point || !m.single() || m.latest != (m.earliest+d.calendar().meeting)%endOfDay {
		return
	}
	wall := m.first.time().Add(time.Duration(m.earliest) * time.Minute)
	r := instantsOf(wall, d.Loc)
	switch len(r.at) {
	case 1:
	case 0:
		var suggestions []meaning
		for _, at := range []time.Time{r.earlier, r.later} {
			minute := MinuteOfDay(at, d.Loc)
			day := dateAt(dateOf(at, d.Loc))
			suggestions = append(suggestions, meaning{dates: dates{day, day}, earliest: minute, latest: (minute + d.calendar().meeting) % endOfDay, point: true})
		}
		d.addPhraseProblem(problem{what: fmt.Sprintf("does not exist in %s, where the clocks go forward", d.Loc), suggestions: suggestions})
	default:
		var suggestions []meaning
		for _, at := range r.at {
			suggestions = append(suggestions, meaning{dates: m.dates, from: at, to: at.Add(time.Duration(d.calendar().meeting) * time.Minute)})
		}
		d.addPhraseProblem(problem{what: fmt.Sprintf("exists twice in %s, where the clocks go back", d.Loc), suggestions: suggestions})
	}
}

// checkMeetingFits adds a problem if the hours are shorter than the meeting.
func (d *draft) checkMeetingFits(m meaning) {
	room := m.latest - m.earliest
	if d.Meeting == 0 || m.latest == 0 || m.point || room >= d.calendar().meeting {
		return
	}
	longer := m
	longer.latest = 0
	d.addPhraseProblem(problem{what: fmt.Sprintf("leaves %d minutes of a day and the meeting takes %d", room, d.calendar().meeting), suggestions: []meaning{longer}})
}

// refuseWhenWithEnds adds a problem if when is combined with from or to, and says which to omit.
func (d *draft) refuseWhenWithEnds(known bool) {
	if !known {
		d.addProblem("when %s is not understood, and from or to says the window: drop when", quote(d.When))
		return
	}
	var ends []string
	if d.From != "" {
		ends = append(ends, "from")
	}
	if d.To != "" {
		ends = append(ends, "to")
	}
	d.addProblem("when %s is a whole window: drop %s", quote(d.When), strings.Join(ends, " and "))
}

func (d *draft) refuseAmbiguousPhrase(all []meaning) {
	if all = d.validSuggestions(all); len(all) < 2 {
		d.addPhraseProblem(problem{what: "has several meanings", suggestions: all})
		return
	}
	descriptions := make([]string, len(all))
	for i, m := range all {
		descriptions[i] = d.describe(m)
	}
	d.addProblem("when %s is %s to some and %s to others: send %s, whichever is meant", quote(d.When),
		strings.Join(descriptions[:len(descriptions)-1], ", "), descriptions[len(descriptions)-1], d.suggestedCalls(all, " or ", nil))
}

func (d *draft) addPhraseProblem(p problem) {
	suggestions := d.validSuggestions(p.suggestions)
	between := " or "
	if p.each {
		between = ", then "
	}
	suggestedCalls := d.suggestedCalls(suggestions, between, p.zones)
	if p.hours != (hours{}) && d.Prefers {
		today := p.suggestions[len(p.suggestions)-1].first - 1
		suggestedCalls += fmt.Sprintf(`, or the days as from and to with the hours in prefer, such as from %s and to %s and prefer %s`,
			ymd(today.time()), ymd((today + date(d.DefaultDays)).time()), p.hours.prefer())
	}
	suggestedCalls = cmp.Or(suggestedCalls, exampleText)
	if len(suggestions) > 1 && !p.each || len(p.zones) > 1 {
		suggestedCalls += ", whichever is meant"
	}
	d.addProblem("when %s %s: send %s", quote(d.When), p.what, suggestedCalls)
}

func (h hours) prefer() string {
	var all []string
	if h.earliest > 0 {
		all = append(all, fmt.Sprintf(`"earliest":"%s"`, ClockOf(h.earliest)))
	}
	if h.latest > 0 {
		all = append(all, fmt.Sprintf(`"latest":"%s"`, ClockOf(h.latest)))
	}
	return "{" + strings.Join(all, ",") + "}"
}

// validSuggestions keeps the meanings whose suggested calls are accepted and have exactly that meaning.
func (d *draft) validSuggestions(all []meaning) []meaning {
	var kept []meaning
	today := d.calendar().today
	for _, m := range all {
		m.first = max(m.first, today)
		if len(kept) < maxSuggestions && !slices.ContainsFunc(kept, m.same) && d.isAccepted(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

func (d *draft) isAccepted(m meaning) bool {
	try := *d
	try.problems = nil
	try.parsed = m
	try.from, try.to = d.ends(m)
	if _, phrase := d.suggestedCall(m); phrase {
		got, _ := d.calendar().readPhrase(d.phrase(m))
		if len(got) != 1 || !got[0].same(m) {
			return false
		}
		try.checkClockChange(&try.parsed)
	} else {
		try.When = ""
	}
	try.checkAhead()
	try.checkLength()
	return len(try.problems) == 0 && try.to.After(try.start())
}

// suggestedCalls formats the arguments to send for each of the meanings.
func (d *draft) suggestedCalls(all []meaning, between string, zones []string) string {
	var texts []string
	lead := ""
	for _, m := range all {
		text, phrase := d.suggestedCall(m)
		if phrase {
			text = strings.TrimPrefix(text, lead)
			lead = "when "
		} else {
			lead = ""
		}
		if len(zones) > 0 {
			text += " and timezone " + strings.Join(zones, " or ")
			lead = ""
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, between)
}

// suggestedCall formats the arguments for a meaning: a phrase or two instants.
func (d *draft) suggestedCall(m meaning) (text string, phrase bool) {
	if !m.from.IsZero() || !m.to.IsZero() {
		from, to := d.ends(m)
		return "from " + from.Format(exact) + " and to " + to.Format(exact), false
	}
	return fmt.Sprintf("when %q", d.phrase(m)), true
}

// phrase returns a phrase with exactly this meaning.
func (d *draft) phrase(m meaning) string {
	c := d.calendar()
	var text string
	ahead := int(m.first - c.today)
	hasHours := m.earliest > 0 || m.latest > 0
	switch {
	case m.open:
		text = "asap"
		if m.named != 0 || hasHours {
			text = ""
		}
	case m.single() && ahead == 0:
		text = "today"
	case m.single() && !hasHours && ahead <= recentDays:
		text = "in " + days(ahead)
	case m.single():
		text = dateText(m.first)
	case m.first <= c.today:
		text = "until " + dateText(m.last)
	default:
		text = dateText(m.first) + " to " + dateText(m.last)
	}
	if m.narrowed() != 0 && !m.single() {
		text = strings.TrimSpace(m.named.text() + " " + text)
	}
	switch {
	case m.point && m.latest == (m.earliest+c.meeting)%endOfDay:
		text += " at " + ClockOf(m.earliest)
		if m.earliest == 0 {
			text = strings.TrimSuffix(text, " at 00:00") + " before " + ClockOf(m.latest)
		}
	case m.earliest > 0 && m.latest > 0:
		text += " between " + ClockOf(m.earliest) + " and " + ClockOf(m.latest)
	case m.earliest > 0:
		text += " after " + ClockOf(m.earliest)
	case m.latest > 0:
		text += " before " + ClockOf(m.latest)
	}
	return strings.TrimSpace(text)
}

// text returns the set as a phrase.
func (s weekdaySet) text() string {
	switch s {
	case workdays:
		return "weekdays"
	case weekendDays:
		return "weekends"
	default:
	}
	var names []string
	for _, day := range s.days() {
		names = append(names, nameOf(day)+"s")
	}
	return strings.Join(names, " or ")
}

func (d *draft) describe(m meaning) string {
	text := m.first.time().Format(dayLayout)
	from, to := d.ends(m)
	switch {
	case !m.from.IsZero() || !m.to.IsZero():
		return formatInstant(from, d.Loc) + " – " + formatInstant(to, d.Loc)
	case m.open:
		text = "the next " + days(d.DefaultDays)
	case !m.single():
		text += " – " + m.last.time().Format(dayLayout)
	}
	return text + hoursText(m.earliest, m.latest)
}

// refuseFreeText adds a problem for text that is not a date, and suggests the dates that the words mean, if any.
func (d *draft) refuseFreeText(field, sent string) {
	meanings, _ := d.parsePhrase(sent)
	meanings = d.validSuggestions(meanings)
	switch {
	case len(meanings) > 1:
		var all []string
		for _, m := range meanings {
			all = append(all, ymd(m.first.time()))
		}
		d.addProblem("%s %s is not a date: send %s, whichever is meant", field, quote(sent), strings.Join(slices.Compact(all), " or "))
	case len(meanings) == 1 && (d.From == "" || d.To == ""):
		d.addProblem("%s %s is not a date: send when %q instead of from and to, or %s", field, quote(sent), meanings[0].words, meanings[0].ends(field))
	case len(meanings) == 1:
		d.addProblem("%s %s is not a date: send %s", field, quote(sent), meanings[0].ends(field))
	default:
		tomorrow := d.Now.AddDate(0, 0, 1)
		example := time.Date(tomorrow.Year(), tomorrow.Month(), tomorrow.Day(), 9, 0, 0, 0, d.Loc)
		d.addProblem("%s %s is not a date or time: send a date such as %s, or a time with its offset such as %s",
			field, quote(sent), ymd(d.Now), example.Format(exact))
	}
}

// ends formats the dates to send instead of the phrase, or local times if it names hours.
func (m meaning) ends(field string) string {
	if !m.single() {
		return "from " + ymd(m.first.time()) + " and to " + ymd(m.last.time())
	}
	minute := m.earliest
	if field == "to" && !m.point {
		minute = m.latest
	}
	if minute == 0 {
		return field + " " + ymd(m.first.time())
	}
	return field + " " + ymd(m.first.time()) + "T" + ClockOf(minute)
}

func ymd(t time.Time) string { return t.Format(time.DateOnly) }
