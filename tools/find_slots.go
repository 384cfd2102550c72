package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	defaultDuration = 30 // minutes
	defaultLimit    = 3
	defaultDays     = 7
	maxDays         = 60
	maxAhead        = 600 * 24 * time.Hour // with the window and the days searched beyond it less than the 728 days a slot id can carry
)

// FindSlots finds free times and offers a few of them.
func FindSlots(d Deps) Tool {
	return define(d, Spec{
		Name: "find_slots", Title: "Find free times", Effect: Reads,
		Description: "Find free times of hosts. Call it before each booking and when asked whether a host is free; only reads. " +
			"Returns slots in words to read to the person, who chooses; each slot_id serves book_slot for 2 hours.",
	}, d.findSlots)
}

func (d Deps) findSlots(ctx context.Context, in schemas.FindSlotsInput) (*schemas.FindSlotsResult, error) {
	q, err := d.understand(in)
	if err != nil {
		return nil, err
	}
	found, err := d.free(ctx, q)
	if err != nil {
		return nil, err
	}
	chosen, more := slots.Pick(found, cmp.Or(in.Limit, defaultLimit), q.window.Loc)
	out := &schemas.FindSlotsResult{
		Now: at(d.Now(), q.window.Loc),
		Window: schemas.Window{
			From: at(q.window.From, q.window.Loc), To: at(q.window.To, q.window.Loc), Timezone: q.window.Loc.String(),
		},
		DurationMinutes: int(q.duration / time.Minute),
		Hosts:           hostNames(q.hosts),
		Slots:           d.tell(q, chosen),
		More:            more,
	}
	var beyond error
	if len(out.Slots) == 0 {
		out.NextOpening, beyond = d.nextOpening(ctx, q)
	}
	out.Note = note(in, q, out, beyond)
	return out, nil
}

// understand resolves what the model left open or said in words. Its error
// names everything that was not understood.
func (d Deps) understand(in schemas.FindSlotsInput) (search, error) {
	loc, badZone := zone("timezone", in.Timezone, d.Zone)
	guest, badGuest := zone("guest_timezone", in.GuestTimezone, nil)
	hosts, badHosts := d.Hosts.Resolve(in.Participants)
	window, badWindow := times.ParseWindow(times.WindowInput{
		From: in.From, To: in.To, Loc: cmp.Or(loc, d.Zone), Now: d.Now(), DefaultDays: defaultDays, MaxDays: maxDays, MaxAhead: maxAhead,
	})
	q := search{hosts: hosts, guest: guest, window: window, duration: time.Duration(cmp.Or(in.DurationMinutes, defaultDuration)) * time.Minute}
	return q, together(badZone, badGuest, badHosts, badWindow)
}

// zone reads a time zone argument.
func zone(argument, name string, otherwise *time.Location) (*time.Location, error) {
	if name == "" {
		return otherwise, nil
	}
	loc, err := times.Zone(name)
	if err != nil {
		return nil, &Refusal{Code: schemas.CodeInvalidTimezone, Message: argument + strings.TrimPrefix(err.Error(), "timezone"), Cause: err}
	}
	return loc, nil
}

// together is the one error there is, or one that says all of them.
func together(all ...error) error {
	var wrong []error
	var said []string
	for _, err := range all {
		if err != nil {
			wrong, said = append(wrong, err), append(said, failure(err).Error.Message)
		}
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return wrong[0]
	}
	return &Refusal{Code: schemas.CodeInvalidArguments, Message: strings.Join(said, "; "), Cause: errors.Join(wrong...)}
}

// note says what the person or the model might otherwise not know.
func note(in schemas.FindSlotsInput, q search, out *schemas.FindSlotsResult, beyond error) string {
	var say []string
	if in.Timezone == "" {
		say = append(say, fmt.Sprintf("No timezone was given: times are in %s, the server's default.", q.window.Loc))
	}
	if q.window.Cut {
		say = append(say, "The window began in the past and was cut to the future.")
	}
	switch {
	case len(out.Slots) > 0:
	case beyond != nil:
		say = append(say, "Nothing is free in this window, and looking further failed: search a later window.")
	case out.NextOpening != nil:
		say = append(say, "Nothing is free in this window; offer the next opening or search another window.")
	default:
		say = append(say, fmt.Sprintf("Nothing is free in this window or in the %d days after it; try other hosts or a shorter meeting.", daysAhead))
	}
	if len(out.Slots) > 0 || out.NextOpening != nil {
		say = append(say, "Free times may be up to 15 minutes old; booking checks them again.")
	}
	if out.More {
		say = append(say, "More are free: narrow from and to, or raise limit (at most 10).")
	}
	return strings.Join(say, " ")
}

func at(t time.Time, loc *time.Location) string {
	return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
}
