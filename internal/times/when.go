package times

import (
	"strings"
	"time"
)

// readWhen resolves the phrase that stands for a whole window.
func (d *draft) readWhen() {
	m, known := d.meaningOf(d.When)
	today := dateOf(d.Now, d.Loc)
	switch {
	case d.From+d.To != "":
		d.refuseBoth(known)
	case !known:
		d.refuse("when %s is not known: send %s; for another span send from and to, such as from %s and to %s",
			quote(d.When), vocabulary, ymd(d.Now), ymd(d.Now.AddDate(0, 0, 2)))
	case !m.other.IsZero():
		d.refuse(`when %s is %s to some and %s to others: send when "in %s" or "in %s", whichever is meant`, quote(d.When),
			m.first.Format(dayLayout), m.other.Format(dayLayout), days(daysBetween(today, m.first)), days(daysBetween(today, m.other)))
	default:
		d.said = m
		if d.from = d.earliest; m.first.After(today) {
			d.from, _ = startOf(m.first, d.Loc)
		}
		d.to, _ = startOf(m.last.AddDate(0, 0, 1), d.Loc)
		d.hasFrom, d.hasTo = true, true
	}
}

// refuseBoth says which to drop of a phrase and the ends that were sent beside it.
func (d *draft) refuseBoth(known bool) {
	if !known {
		d.refuse("when %s is not known, and from or to says the window: drop when", quote(d.When))
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

// refuseWords refuses what is no date, with what to send where the words mean one.
func (d *draft) refuseWords(field, sent string) {
	m, known := d.meaningOf(sent)
	switch {
	case known && !m.other.IsZero():
		d.refuse("%s %s is not a date: send %s or %s, whichever is meant", field, quote(sent), ymd(m.first), ymd(m.other))
	case known && (d.From == "" || d.To == ""):
		d.refuse("%s %s is not a date: send when %q instead of from and to, or %s", field, quote(sent), m.words, m.ends(field))
	case known:
		d.refuse("%s %s is not a date: send %s", field, quote(sent), m.ends(field))
	default:
		tomorrow := d.Now.AddDate(0, 0, 1)
		example := time.Date(tomorrow.Year(), tomorrow.Month(), tomorrow.Day(), 9, 0, 0, 0, d.Loc)
		d.refuse("%s %s is not a date or time: send a date such as %s, or a time with its offset such as %s",
			field, quote(sent), ymd(d.Now), example.Format(exact))
	}
}

// ends are the dates to send instead of the phrase.
func (m meaning) ends(field string) string {
	if m.first.Equal(m.last) {
		return field + " " + ymd(m.first)
	}
	return "from " + ymd(m.first) + " and to " + ymd(m.last)
}

func ymd(t time.Time) string { return t.Format(time.DateOnly) }

// daysBetween counts the days from one date to another.
func daysBetween(first, last time.Time) int { return int(last.Sub(first).Hours() / 24) }
