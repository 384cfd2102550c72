package tools

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	defaultDays = 7
	maxDays     = 60
	maxWhenDays = 92                   // a quarter of a year
	maxAhead    = 600 * 24 * time.Hour // with the window less than the 728 days a slot id can carry
)

// understand resolves what the model left open or said in words. Its error
// names everything that was not understood.
func (d Deps) understand(ctx context.Context, in schemas.FindSlotsInput) (search, error) {
	loc, badZone := d.zone("timezone", in.Timezone, d.Zone)
	guest, badGuest := d.zone("guest_timezone", in.GuestTimezone, nil)
	hosts, badHosts := d.hostsFor(ctx, in)
	window, badWindow := d.window(in, cmp.Or(loc, d.Zone), in.Duration())
	busy, badBusy := d.busyTimes(in, cmp.Or(loc, d.Zone))
	if err := together(badZone, badGuest, badHosts, badWindow, badBusy); err != nil {
		return search{}, err
	}
	q := search{hosts: hosts, guest: guest, window: window, duration: in.Duration(), wishes: d.wishes(in, loc, guest, busy)}
	if in.RescheduleOf == "" {
		return q, nil
	}
	return d.toMove(ctx, q, in)
}

// toMove searches for another time of a booking: with its hosts, as long as it
// is unless a length is asked for.
func (d Deps) toMove(ctx context.Context, q search, in schemas.FindSlotsInput) (search, error) {
	old, err := d.readBooking(ctx, in.RescheduleOf)
	if err != nil {
		return q, err
	}
	if err := d.open(old); err != nil {
		return q, err
	}
	if len(old.hosts) == 0 {
		return q, refuse(schemas.CodeBookingClosed, "Vennio did not tell whose booking this is, so no other time can be searched for it.", "Have the person move it in Vennio.")
	}
	q.old, q.hosts = &old, old.hosts
	q.wishes.Leaving = &slots.Span{Start: old.Start, End: old.End}
	if length := old.End.Sub(old.Start); in.DurationMinutes == 0 && length > 0 && length <= longest && length != q.duration {
		q.duration = length
		q.window, err = d.window(in, q.window.Loc, length)
	}
	return q, err
}

const longest = 480 * time.Minute // as find_slots' duration_minutes

// hostsFor are the hosts that are meant; those of a booking that is to be moved
// are read with it.
func (d Deps) hostsFor(ctx context.Context, in schemas.FindSlotsInput) ([]Host, error) {
	if in.RescheduleOf != "" {
		return nil, nil
	}
	return d.hostsMeant(ctx, in.Hosts)
}

// zone reads a time zone argument.
func (d Deps) zone(argument, name string, otherwise *time.Location) (*time.Location, error) {
	if name == "" {
		return otherwise, nil
	}
	loc, err := times.ZoneNow(name, d.Now())
	if err != nil {
		return nil, &Refusal{Code: schemas.CodeInvalidTimezone, Message: argument + strings.TrimPrefix(err.Error(), "timezone"), Cause: err}
	}
	return loc, nil
}

func (d Deps) window(in schemas.FindSlotsInput, loc *time.Location, meeting time.Duration) (times.Window, error) {
	w, err := times.ParseWindow(times.WindowInput{
		When: in.When, From: in.From, To: in.To, WeekStart: d.WeekStart, Loc: loc, Now: d.Now(),
		DefaultDays: defaultDays, MaxDays: maxDays, MaxWhenDays: maxWhenDays, MaxAhead: maxAhead, Meeting: meeting, Prefers: true,
	})
	return w, phraseRefused(err, in.When, in.From+in.To)
}

// phraseRefused says what to do about a phrase that is refused, beside from or to or alone.
func phraseRefused(err error, when, ends string) error {
	next := "Make the call that the message names. Where it names several, ask the person which is meant."
	switch {
	case err == nil || when == "":
		return err
	case ends != "":
		next = "Send when alone, or from and to without it."
	}
	return &Refusal{Code: schemas.CodeInvalidWindow, Message: err.Error(), Next: next, Cause: err}
}

// together is the one error there is, or one that says all of them.
func together(all ...error) error {
	var wrong []error
	var said []string
	for _, err := range all {
		if err != nil {
			wrong, said = append(wrong, err), append(said, strings.TrimSuffix(failure(err).Error.Message, "."))
		}
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return wrong[0]
	}
	return &Refusal{Code: schemas.CodeInvalidArguments, Message: strings.Join(said, "; ") + ".", Cause: errors.Join(wrong...)}
}
