package times

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// longestWhen bounds the work and the text of a phrase, in bytes; schemas allow 200 characters.
const longestWhen = 800

// mostOffers bounds a refusal.
const mostOffers = 4

// vocabulary is told where nothing of a phrase was understood.
const vocabulary = `a day, a week or a span in English, such as when "tomorrow afternoon", "next week" or "until friday"`

func (d *draft) calendar() calendar {
	today := dateAt(dateOf(d.Now, d.Loc))
	meeting := int(cmp.Or(d.Meeting, 30*time.Minute) / time.Minute)
	return calendar{now: d.earliest, loc: d.Loc, today: today, minute: MinuteOfDay(d.Now, d.Loc), weekStart: d.WeekStart, meeting: meeting, openDays: d.DefaultDays}
}

// understand reads a phrase, in English or as far as another language can be guessed.
func (d *draft) understand(phrase string) ([]meaning, *problem) {
	if len(phrase) > longestWhen {
		return nil, &problem{what: "is too long", weak: true}
	}
	meanings, p := d.calendar().read(phrase)
	if len(meanings) == 0 && p != nil {
		if foreign := d.translated(phrase); foreign != nil && (len(foreign.offers) > 0 || len(p.offers) == 0) {
			return nil, foreign
		}
	}
	return meanings, p
}

// readWhen resolves the phrase that stands for a whole window.
func (d *draft) readWhen() {
	if d.From+d.To != "" {
		meanings, _ := d.understand(d.When)
		d.refuseBoth(len(meanings) > 0)
		return
	}
	meanings, p := d.understand(d.When)
	switch {
	case len(meanings) == 1:
		d.said = meanings[0]
		d.readHours(&d.said)
		d.checkRoom(d.said)
		d.from, d.to = d.ends(d.said)
		d.hasFrom, d.hasTo = true, true
	case len(meanings) > 1:
		d.refuseAmbiguous(meanings)
	default:
		d.refuseProblem(*p)
	}
}

// ends are the instants of a meaning. A date that the zone skipped is nobody's: the next one is.
func (d *draft) ends(m meaning) (from, to time.Time) {
	if m.single() {
		step := 1
		if m.named != 0 {
			step = 7
		}
		m.first = dateAt(d.existing(m.first.time(), step))
		m.last = m.first
	}
	if from = d.earliest; m.first > dateAt(dateOf(d.Now, d.Loc)) {
		from, _ = startOf(m.first.time(), d.Loc)
	}
	to, _ = startOf((m.last + 1).time(), d.Loc)
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

// existing is the date, or where the zone skipped it the first one after it, in steps of so many
// days, that it did not skip.
func (d *draft) existing(date time.Time, step int) time.Time {
	for {
		if _, exists := startOf(date, d.Loc); exists {
			return date
		}
		date = date.AddDate(0, 0, step)
	}
}

// readHours refuses a time that the clocks of its day skip or show twice.
func (d *draft) readHours(m *meaning) {
	if !m.point || !m.single() || m.latest != (m.earliest+d.calendar().meeting)%endOfDay {
		return
	}
	wall := m.first.time().Add(time.Duration(m.earliest) * time.Minute)
	r := read(wall, d.Loc)
	switch len(r.at) {
	case 1:
	case 0:
		var offers []meaning
		for _, at := range []time.Time{r.earlier, r.later} {
			minute := MinuteOfDay(at, d.Loc)
			day := dateAt(dateOf(at, d.Loc))
			offers = append(offers, meaning{dates: dates{day, day}, earliest: minute, latest: (minute + d.calendar().meeting) % endOfDay, point: true})
		}
		d.refuseProblem(problem{what: fmt.Sprintf("does not exist in %s, where the clocks go forward", d.Loc), offers: offers})
	default:
		var offers []meaning
		for _, at := range r.at {
			offers = append(offers, meaning{dates: m.dates, from: at, to: at.Add(time.Duration(d.calendar().meeting) * time.Minute)})
		}
		d.refuseProblem(problem{what: fmt.Sprintf("exists twice in %s, where the clocks go back", d.Loc), offers: offers})
	}
}

// checkRoom refuses hours that are shorter than the meeting.
func (d *draft) checkRoom(m meaning) {
	room := m.latest - m.earliest
	if d.Meeting == 0 || m.latest == 0 || m.point || room >= d.calendar().meeting {
		return
	}
	longer := m
	longer.latest = 0
	d.refuseProblem(problem{what: fmt.Sprintf("leaves %d minutes of a day and the meeting takes %d", room, d.calendar().meeting), offers: []meaning{longer}})
}

// refuseBoth says which to drop of a phrase and the ends that were sent beside it.
func (d *draft) refuseBoth(known bool) {
	if !known {
		d.refuse("when %s is not understood, and from or to says the window: drop when", quote(d.When))
		return
	}
	var ends []string
	if d.From != "" {
		ends = append(ends, "from")
	}
	if d.To != "" {
		ends = append(ends, "to")
	}
	d.refuse("when %s is a whole window: drop %s", quote(d.When), strings.Join(ends, " and "))
}

func (d *draft) refuseAmbiguous(all []meaning) {
	if all = d.accepted(all); len(all) < 2 {
		d.refuseProblem(problem{what: "has several meanings", offers: all})
		return
	}
	told := make([]string, len(all))
	for i, m := range all {
		told[i] = d.tellMeaning(m)
	}
	d.refuse("when %s is %s to some and %s to others: send %s, whichever is meant", quote(d.When),
		strings.Join(told[:len(told)-1], ", "), told[len(told)-1], d.calls(all, " or ", nil))
}

func (d *draft) refuseProblem(p problem) {
	offers := d.accepted(p.offers)
	calls := d.calls(offers, map[bool]string{true: ", then ", false: " or "}[p.each], p.zones)
	if p.hours != (hours{}) && d.Prefers {
		today := p.offers[len(p.offers)-1].first - 1
		calls += fmt.Sprintf(`, or the days as from and to with the hours in prefer, such as from %s and to %s and prefer %s`,
			ymd(today.time()), ymd((today + date(d.DefaultDays)).time()), p.hours.prefer())
	}
	if calls == "" {
		calls = vocabulary
	}
	if len(offers) > 1 && !p.each || len(p.zones) > 1 {
		calls += ", whichever is meant"
	}
	d.refuse("when %s %s: send %s", quote(d.When), p.what, calls)
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

// accepted keeps the offers that are accepted when they are sent literally, and mean what they should.
func (d *draft) accepted(all []meaning) []meaning {
	var kept []meaning
	today := d.calendar().today
	for _, m := range all {
		m.first = max(m.first, today)
		if len(kept) < mostOffers && !slices.ContainsFunc(kept, m.same) && d.accepts(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

func (d *draft) accepts(m meaning) bool {
	try := *d
	try.problems = nil
	try.said = m
	try.from, try.to = d.ends(m)
	if _, phrase := d.call(m); phrase {
		read, _ := d.calendar().read(d.phrase(m))
		if len(read) != 1 || !read[0].same(m) {
			return false
		}
		try.readHours(&try.said)
	} else {
		try.When = ""
	}
	try.checkAhead()
	try.checkLength()
	return len(try.problems) == 0 && try.to.After(try.start())
}

// calls are the arguments to send for each of the meanings.
func (d *draft) calls(all []meaning, between string, zones []string) string {
	var texts []string
	lead := ""
	for _, m := range all {
		text, phrase := d.call(m)
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

// call is how a meaning is sent: as a phrase, or as two instants.
func (d *draft) call(m meaning) (text string, phrase bool) {
	if !m.from.IsZero() || !m.to.IsZero() {
		from, to := d.ends(m)
		return "from " + from.Format(exact) + " and to " + to.Format(exact), false
	}
	return fmt.Sprintf("when %q", d.phrase(m)), true
}

// phrase tells a meaning as a phrase that means just that.
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
	case m.single() && !hasHours && ahead <= recently:
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

// text is the set as a phrase.
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

// tellMeaning tells a window in words.
func (d *draft) tellMeaning(m meaning) string {
	text := m.first.time().Format(dayLayout)
	from, to := d.ends(m)
	switch {
	case !m.from.IsZero() || !m.to.IsZero():
		return tell(from, d.Loc) + " – " + tell(to, d.Loc)
	case m.open:
		text = "the next " + days(d.DefaultDays)
	case !m.single():
		text += " – " + m.last.time().Format(dayLayout)
	}
	return text + toldHours(m.earliest, m.latest)
}

// refuseWords refuses what is no date, with what to send where the words mean one.
func (d *draft) refuseWords(field, sent string) {
	meanings, _ := d.understand(sent)
	meanings = d.accepted(meanings)
	switch {
	case len(meanings) > 1:
		var all []string
		for _, m := range meanings {
			all = append(all, ymd(m.first.time()))
		}
		d.refuse("%s %s is not a date: send %s, whichever is meant", field, quote(sent), strings.Join(slices.Compact(all), " or "))
	case len(meanings) == 1 && (d.From == "" || d.To == ""):
		d.refuse("%s %s is not a date: send when %q instead of from and to, or %s", field, quote(sent), meanings[0].words, meanings[0].ends(field))
	case len(meanings) == 1:
		d.refuse("%s %s is not a date: send %s", field, quote(sent), meanings[0].ends(field))
	default:
		tomorrow := d.Now.AddDate(0, 0, 1)
		example := time.Date(tomorrow.Year(), tomorrow.Month(), tomorrow.Day(), 9, 0, 0, 0, d.Loc)
		d.refuse("%s %s is not a date or time: send a date such as %s, or a time with its offset such as %s",
			field, quote(sent), ymd(d.Now), example.Format(exact))
	}
}

// ends are the dates to send instead of the phrase, or local times where it names hours.
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
