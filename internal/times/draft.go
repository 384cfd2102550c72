package times

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// draft is a window while it is read.
type draft struct {
	WindowInput
	earliest       time.Time // where the window may begin: Now, or the whole minute after it
	from, to       time.Time
	hasFrom, hasTo bool    // whether from and to are understood
	said           meaning // what When means, if it was sent and understood
	problems       []string
}

func newDraft(in WindowInput) *draft {
	in.When, in.From, in.To = strings.TrimSpace(in.When), strings.TrimSpace(in.From), strings.TrimSpace(in.To)
	in.Loc = cmp.Or(in.Loc, time.UTC)
	in.Now = in.Now.In(in.Loc)
	in.DefaultDays = cmp.Or(in.DefaultDays, defaultDays)
	in.MaxDays = cmp.Or(in.MaxDays, maxDays)
	in.MaxWhenDays = cmp.Or(in.MaxWhenDays, in.MaxDays)
	in.MaxAhead = cmp.Or(in.MaxAhead, maxAhead)
	return &draft{WindowInput: in, earliest: wholeMinute(in.Now)}
}

func wholeMinute(t time.Time) time.Time {
	whole := t.Truncate(time.Minute)
	if whole.Before(t) {
		whole = whole.Add(time.Minute)
	}
	return whole
}

func (d *draft) readFrom() {
	d.from, d.hasFrom = d.earliest, true
	if d.From != "" {
		d.from, d.hasFrom = d.parse("from", d.From)
	}
}

func (d *draft) readTo() {
	switch {
	case d.To != "":
		d.to, d.hasTo = d.parse("to", d.To)
	case d.hasFrom:
		d.to, d.hasTo = addDays(d.from, d.DefaultDays, d.Loc), true
	}
}

// start is where the search begins: not in the past.
func (d *draft) start() time.Time {
	if d.from.Before(d.earliest) {
		return d.earliest
	}
	return d.from
}

func (d *draft) refuse(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

func (d *draft) checkAhead() {
	limit := d.Now.Add(d.MaxAhead)
	if !d.from.After(limit) {
		return
	}
	most := days(int(d.MaxAhead.Hours() / 24))
	if d.When != "" {
		d.refuse(`when %s is over %s ahead: send when "in %s" or less`, quote(d.When), most, most)
		return
	}
	d.refuse("from %s is over %s ahead: send %s or earlier", quote(d.From), most, ymd(limit))
}

func (d *draft) checkPast() {
	if d.to.After(d.earliest) {
		return
	}
	subject, cure := "to "+quote(d.To)+" is", ymd(d.earliest)+" or later"
	switch {
	case d.When != "": // the last seconds of a day
		subject, cure = "when "+quote(d.When)+" is", `when "tomorrow", or later`
	case d.To == "":
		subject = fmt.Sprintf("from %s with the %s after it is", quote(d.From), days(d.DefaultDays))
	}
	d.refuse("%s past: it is now %s, %s in %s: send %s", subject, Day(d.Now, d.Loc), d.Now.Format("15:04"), d.Loc, cure)
}

func (d *draft) checkOrder() {
	if d.From == "" || d.from.Before(d.to) {
		return // without from, the past says it all
	}
	d.refuse("from (%s) is not before to (%s): send from before to", tell(d.from, d.Loc), d.tellTo())
}

func (d *draft) checkLength() {
	start := d.start()
	most := d.MaxDays
	if d.When != "" {
		most = max(most, d.MaxWhenDays)
	}
	if !d.to.After(addDays(start, most, d.Loc)) {
		return
	}
	first := dateOf(start, d.Loc)
	length := int(dateOf(d.to, d.Loc).Sub(first).Hours() / 24)
	if addDays(start, length, d.Loc).Before(d.to) {
		length++
	}
	if d.When != "" {
		d.refuse("when %s is %s and one search takes %s: send from %s and to %s first", quote(d.When),
			days(length), days(most), ymd(first), ymd(first.AddDate(0, 0, d.MaxDays-1)))
		return
	}
	d.refuse("from (%s) to (%s) is %s and one search takes %s: send to %s first, then from %s",
		tell(start, d.Loc), d.tellTo(), days(length), days(d.MaxDays),
		ymd(first.AddDate(0, 0, d.MaxDays-1)), ymd(first.AddDate(0, 0, d.MaxDays)))
}

// tellTo tells the end, which of a date is not the midnight after it to those who sent it.
func (d *draft) tellTo() string {
	if len(d.To) == len(time.DateOnly) {
		return endOf(d.to, d.Loc)
	}
	return tell(d.to, d.Loc)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
