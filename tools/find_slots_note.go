package tools

import (
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// outcome is a search that is done, before its note is written.
type outcome struct {
	in       schemas.FindSlotsInput
	q        search
	until    time.Time // how far Vennio was asked; the window's end as a rule
	ruledOut bool      // hosts are free in the window; without slots, only when it does not suit
	missed   bool      // nothing fits all that was preferred
	beyond   beyond    // only where there are no slots
	out      *schemas.FindSlotsResult
	hours    string // those of the operator, where there are no slots
}

// note says what the person or the model might otherwise not know.
func (o outcome) note() string {
	var say []string
	if o.in.Timezone == "" {
		say = append(say, fmt.Sprintf("No timezone was given: times are in %s, the server's default.", o.q.window.Loc))
	}
	if note := o.in.Note(o.in.Limit); note != "" {
		say = append(say, note)
	}
	if o.q.window.Cut {
		say = append(say, "The window began in the past and was cut to the future.")
	}
	if hint := o.q.window.Hint; hint != "" {
		say = append(say, hint+".")
	}
	if o.until.Before(o.q.window.To) {
		say = append(say, fmt.Sprintf("Searched only up to %s; for later times send from there.", o.moment(o.until)))
	}
	say = append(say, o.found()...)
	if o.hours != "" {
		say = append(say, o.hours)
	}
	for _, h := range o.q.hosts {
		if h.Price != "" && len(o.out.Slots) > 0 {
			say = append(say, fmt.Sprintf("A booking with %s costs %s.", h.shown(), sanitize.Line(h.Price, 40)))
		}
	}
	if len(o.out.Slots) > 0 || o.out.NextOpening != nil {
		say = append(say, "Free times may be up to 15 minutes old; booking checks them again.")
	}
	if o.out.More {
		say = append(say, "More are free: narrow from and to, or raise limit (at most 10).")
	}
	return strings.Join(say, " ")
}

// noCommonTime reports whether several hosts have no time in common, neither in the window nor in
// the days after it.
func (o outcome) noCommonTime() bool {
	return len(o.q.hosts) > 1 && len(o.out.Slots) == 0 && o.out.NextOpening == nil && !o.ruledOut && o.beyond.err == nil && !o.beyond.short && !o.beyond.free
}

// withoutCommonTime names the hosts and who could be left out.
func (o outcome) withoutCommonTime() string {
	at := ""
	if w := o.q.window; w.Earliest > 0 || w.Latest > 0 {
		at = " at these hours"
	}
	say := fmt.Sprintf("%s have no common free time%s in this window or in the %d days after it.", and(hostNames(o.q.hosts)), at, daysAhead)
	if o.q.old != nil {
		return say + " To meet without one of them, cancel this booking and make another."
	}
	if len(o.beyond.without) == 0 {
		return say + " Leaving out one of them does not help: offer separate meetings or a shorter one."
	}
	for _, w := range o.beyond.without {
		say += fmt.Sprintf(" Without %s the first time is %s.", w.host.shown(), o.moment(w.first))
	}
	return say + " Ask who can be left out, then search with the others in hosts."
}

func and(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// found says what came of it.
func (o outcome) found() []string {
	nothing := "Nothing is free in this window"
	if o.ruledOut {
		nothing = "What is free in this window falls on days to avoid or in the guest's own appointments"
	}
	switch {
	case len(o.out.Slots) > 0 && o.missed:
		return []string{"Nothing fits all that was preferred; these come nearest and say what they miss."}
	case len(o.out.Slots) > 0:
		return nil
	case o.beyond.err != nil:
		return []string{nothing + ", and looking further failed: search a later window."}
	case o.out.NextOpening != nil:
		return []string{nothing + ".", "Offer the next opening or search another window."}
	case o.noCommonTime():
		return []string{o.withoutCommonTime()}
	case o.beyond.short:
		return []string{nothing + ".", fmt.Sprintf("Nothing was found after it up to %s; search a later window or with fewer wishes.", o.moment(o.beyond.until))}
	}
	return []string{fmt.Sprintf("Nothing was found in this window or in the %d days after it; try other hosts, a shorter meeting or fewer wishes.", daysAhead)}
}

func (o outcome) moment(t time.Time) string {
	return times.Day(t, o.q.window.Loc) + ", " + times.Clock(t, o.q.window.Loc)
}
