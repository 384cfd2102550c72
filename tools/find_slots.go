package tools

import (
	"context"
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
	maxAhead        = 700 * 24 * time.Hour // what a slot id can carry, less the longest window
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
	chosen, more := slots.Pick(found, orInt(in.Limit, defaultLimit), q.window.Loc)
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
	if len(out.Slots) == 0 {
		out.NextOpening = d.nextOpening(ctx, q)
	}
	out.Note = note(in, q, out)
	return out, nil
}

// understand resolves what the model left open or said in words.
func (d Deps) understand(in schemas.FindSlotsInput) (q search, err error) {
	loc := d.Zone
	if in.Timezone != "" {
		if loc, err = times.Zone(in.Timezone); err != nil {
			return q, err
		}
	}
	if in.GuestTimezone != "" {
		if q.guest, err = times.Zone(in.GuestTimezone); err != nil {
			return q, err
		}
	}
	if q.hosts, err = d.Hosts.Resolve(in.Participants); err != nil {
		return q, err
	}
	q.duration = time.Duration(orInt(in.DurationMinutes, defaultDuration)) * time.Minute
	q.window, err = times.ParseWindow(times.WindowInput{
		From: in.From, To: in.To, Loc: loc, Now: d.Now(), DefaultDays: defaultDays, MaxDays: maxDays, MaxAhead: maxAhead,
	})
	return q, err
}

// note says what the person or the model might otherwise not know.
func note(in schemas.FindSlotsInput, q search, out *schemas.FindSlotsResult) string {
	var say []string
	if in.Timezone == "" {
		say = append(say, fmt.Sprintf("No timezone was given: times are in %s, the server's default.", q.window.Loc))
	}
	if q.window.Cut {
		say = append(say, "The window began in the past and was cut to the future.")
	}
	switch {
	case len(out.Slots) > 0:
		say = append(say, "Free times may be up to 15 minutes old and are checked again at booking.")
	case out.NextOpening != nil:
		say = append(say, "Nothing is free in this window; offer the next opening or search another window.")
	default:
		say = append(say, "Nothing is free in this window or in the 60 days after it; try other hosts or a shorter meeting.")
	}
	if out.More {
		say = append(say, "More are free: narrow from and to, or raise limit (at most 10).")
	}
	return strings.Join(say, " ")
}

func at(t time.Time, loc *time.Location) string {
	return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
}

func orInt(v, otherwise int) int {
	if v != 0 {
		return v
	}
	return otherwise
}
