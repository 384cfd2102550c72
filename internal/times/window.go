package times

import (
	"strings"
	"time"
)

// Window is a span to search, [From, To), in whole seconds, told in Loc.
type Window struct {
	From, To time.Time
	Loc      *time.Location
	// Cut says that the From that was sent is past and is now the present, in whole minutes. Of a
	// phrase such as "today" what is left is what was meant, and nothing was cut.
	Cut bool
	// When is the phrase that was sent for the window, in its one spelling; "" where none was.
	When string
	// Earliest and Latest are the part of each day, in minutes after midnight, in which a meeting lies
	// as a whole, where When names hours; 0 for none.
	Earliest, Latest int
	// Days are the weekdays on which it may lie, where When names some.
	Days []time.Weekday
	// Hint says what else When could have meant, or what decided it, as a sentence without a full
	// stop; "" where there is no doubt.
	Hint string
}

// WindowInput is a window as it was sent, and what it is read against.
type WindowInput struct {
	// When says in English, instead of From and To, which days and hours are meant: "next week",
	// "Tue or Wed afternoon", "by Friday". What has several readings is refused.
	When string
	// From and To are RFC 3339 times with an offset (seconds may be missing), dates
	// ("2026-05-14": from its first instant, to its last), or local times in Loc
	// ("2026-05-14T09:00"). An empty From is now; an empty To is DefaultDays after From.
	From, To string
	// WeekStart is the day on which weeks begin; as ever in Go, zero is Sunday.
	WeekStart time.Weekday
	// Loc is the zone of dates and local times; nil means UTC.
	Loc *time.Location
	// Now is the present.
	Now time.Time
	// DefaultDays is the length without To, MaxDays the greatest length, both in calendar days
	// of Loc. Zero means 7 and 60.
	DefaultDays, MaxDays int
	// MaxWhenDays is the greatest length of a window that When names. Zero means MaxDays.
	MaxWhenDays int
	// MaxAhead is how far from Now the window may begin. Zero means 728 days.
	MaxAhead time.Duration
	// Meeting is the length of the meeting that is sought: "at 3pm" is a time of that length. Zero means
	// 30 minutes.
	Meeting time.Duration
	// Prefers says that hours can also be sent as prefer, which refusals then name.
	Prefers bool
}

const (
	defaultDays = 7
	maxDays     = 60
	maxAhead    = 728 * 24 * time.Hour
)

// WindowError refuses a window. Its text is one plain sentence without a full stop, under 1,000
// bytes, with what to send instead.
type WindowError struct {
	// Problems holds every misfit of when, from and to, each with its next step.
	Problems []string
}

// Error names all misfits at once.
func (e *WindowError) Error() string { return strings.Join(e.Problems, "; ") }

// ParseWindow understands a window, or refuses it with a [*WindowError]. A window that began in
// the past is cut to the next whole minute; one that ended there, runs backwards, is too long or
// too far ahead is refused, and so is a local time that the clocks of Loc skip or show twice, a
// phrase that is not understood or has several readings, and one beside From or To.
func ParseWindow(in WindowInput) (Window, error) {
	d := newDraft(in)
	if d.When != "" {
		d.readWhen()
	} else {
		d.readFrom()
		d.readTo()
	}
	if d.hasFrom {
		d.checkAhead()
	}
	if d.hasTo {
		d.checkPast()
	}
	if d.hasFrom && d.hasTo {
		d.checkOrder()
		d.checkLength()
	}
	if len(d.problems) > 0 {
		return Window{}, &WindowError{d.problems}
	}
	return Window{
		From: d.start(), To: d.to, Loc: d.Loc, Cut: d.When == "" && d.from.Before(d.earliest),
		When: d.said.words, Hint: strings.Join(d.said.hints, ". "),
		Earliest: d.said.earliest, Latest: d.said.latest, Days: d.said.named.days(),
	}, nil
}
