package tools

import (
	"fmt"
	"strings"
	"time"

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
	out      *schemas.FindSlotsResult
}

// note says what the person or the model might otherwise not know.
func (o outcome) note() string {
	var say []string
	if o.in.Timezone == "" {
		say = append(say, fmt.Sprintf("No timezone was given: times are in %s, the server's default.", o.q.window.Loc))
	}
	if o.q.window.Cut {
		say = append(say, "The window began in the past and was cut to the future.")
	}
	if hint := o.q.window.Hint; hint != "" {
		say = append(say, hint+".")
	}
	if o.until.Before(o.q.window.To) {
		say = append(say, fmt.Sprintf("Searched only up to %s, %s; for later times send from there.",
			times.Day(o.until, o.q.window.Loc), times.Clock(o.until, o.q.window.Loc)))
	}
	say = append(say, o.found()...)
	return strings.Join(say, " ")
}

// found says what came of it.
func (o outcome) found() (say []string) {
	switch {
	case len(o.out.Slots) == 0 && o.out.NextOpening == nil:
		return []string{"Nothing was found in this window or in the 60 days after it; try other hosts, a shorter meeting or fewer wishes."}
	case len(o.out.Slots) == 0:
		why := "Nothing is free in this window."
		if o.ruledOut {
			why = "What is free in this window falls on days to avoid or in the guest's own appointments."
		}
		return []string{why, "Offer the next opening or search another window."}
	case o.missed:
		say = append(say, "Nothing fits all that was preferred; these come nearest and say what they miss.")
	}
	say = append(say, "Free times may be up to 15 minutes old and are checked again at booking.")
	if o.out.More {
		say = append(say, "More are free: narrow from and to, or raise limit.")
	}
	return say
}
