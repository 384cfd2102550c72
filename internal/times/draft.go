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
	hasFrom, hasTo bool // whether from and to are understood
	problems       []string
}

func newDraft(in WindowInput) *draft {
	in.From, in.To = strings.TrimSpace(in.From), strings.TrimSpace(in.To)
	in.Loc = cmp.Or(in.Loc, time.UTC)
	in.Now = in.Now.In(in.Loc)
	in.DefaultDays = cmp.Or(in.DefaultDays, defaultDays)
	in.MaxDays = cmp.Or(in.MaxDays, maxDays)
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
	if d.from.After(limit) {
		d.refuse("from %s is over %s ahead: send %s or earlier", quote(d.From),
			days(int(d.MaxAhead.Hours()/24)), limit.Format(time.DateOnly))
	}
}

func (d *draft) checkPast() {
	if d.to.After(d.earliest) {
		return
	}
	subject := "to " + quote(d.To) + " is"
	if d.To == "" {
		subject = fmt.Sprintf("from %s with the %s after it is", quote(d.From), days(d.DefaultDays))
	}
	d.refuse("%s past: it is now %s, %s in %s: send %s or later", subject,
		Day(d.Now, d.Loc), d.Now.Format("15:04"), d.Loc, d.earliest.Format(time.DateOnly))
}

func (d *draft) checkOrder() {
	if d.From == "" || d.from.Before(d.to) {
		return // without from, the past says it all
	}
	d.refuse("from (%s) is not before to (%s): send from before to", d.tell(d.from), d.tellTo())
}

func (d *draft) checkLength() {
	start := d.start()
	if !d.to.After(addDays(start, d.MaxDays, d.Loc)) {
		return
	}
	first := dateOf(start, d.Loc)
	length := int(dateOf(d.to, d.Loc).Sub(first).Hours() / 24)
	if addDays(start, length, d.Loc).Before(d.to) {
		length++
	}
	d.refuse("from (%s) to (%s) is %s and one search takes %s: send to %s first, then from %s",
		d.tell(start), d.tellTo(), days(length), days(d.MaxDays),
		first.AddDate(0, 0, d.MaxDays-1).Format(time.DateOnly), first.AddDate(0, 0, d.MaxDays).Format(time.DateOnly))
}

// tell is an instant so that it cannot be mistaken: "Sat 16 May 2026, 00:00 UTC+1".
func (d *draft) tell(t time.Time) string {
	return Day(t, d.Loc) + ", " + Clock(t, d.Loc) + " " + Offset(t, d.Loc)
}

// tellTo tells the end, which of a date is not the midnight after it to those who sent it.
func (d *draft) tellTo() string {
	if len(d.To) == len(time.DateOnly) {
		return "the end of " + Day(d.to.Add(-time.Second), d.Loc)
	}
	return d.tell(d.to)
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
