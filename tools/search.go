package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// search is one question about free time, and how its answer is told.
type search struct {
	hosts    []Host
	duration time.Duration
	window   times.Window
	guest    *time.Location // nil: not told
	wishes   slots.Wishes
	old      *standingBooking // the booking that is to be moved; nil: none
}

// look returns Vennio's candidates inside the window, which overlap one another,
// and how far it looked: to the end of the window, unless there are too many. A
// candidate longer than the meeting is cut to its length.
func (d Deps) look(ctx context.Context, q search) (found []vennioclient.Slot, until time.Time, err error) {
	q.window.From = wholeMinute(q.window.From)
	ask := d.lookTogether
	if len(q.hosts) == 1 {
		ask = d.lookAlone
	}
	if found, until, err = ask(ctx, q); err != nil {
		return nil, until, reconnect(err, q.hosts)
	}
	if q.old != nil && d.overlaps(q) {
		more, err := d.aroundOld(ctx, q)
		if err != nil {
			return nil, until, err
		}
		found = append(found, more...)
	}
	return d.fitting(found, q), until, nil
}

// fitting cuts the candidates to the length of the meeting, and keeps those that
// are in the window and allowed.
func (d Deps) fitting(found []vennioclient.Slot, q search) []vennioclient.Slot {
	for i := range found {
		if end := found[i].Start.Add(q.duration); end.Before(found[i].End) {
			found[i].End = end
		}
	}
	return slices.DeleteFunc(found, func(s vennioclient.Slot) bool {
		return s.Start.Before(q.window.From) || s.End.After(q.window.To) || s.End.Sub(s.Start) != q.duration || !q.window.Holds(s.Start, s.End) || !d.allowed(s.Start, s.End)
	})
}

// wholeMinute rounds up, because slot ids know whole minutes.
func wholeMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

func (d Deps) lookAlone(ctx context.Context, q search) (found []vennioclient.Slot, until time.Time, err error) {
	found, err = d.Vennio.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: hostIDs(q.hosts), Duration: q.duration, From: q.window.From, To: q.window.To, Timezone: q.window.Loc.String(),
	})
	return found, q.window.To, err
}

// Vennio answers at most so many common slots at once, the first ones first
// (vennio-api.md, Availability), so a longer window is read in pages. All of them
// together hold some weeks.
const mutualLimit, mutualPages = 50, 12

// lookTogether asks when all hosts are free, page after page. A page may repeat
// the last slot of the one before: from is moved to its start and not past it,
// because Vennio may count its steps from there.
func (d Deps) lookTogether(ctx context.Context, q search) (found []vennioclient.Slot, until time.Time, err error) {
	from := q.window.From
	for range mutualPages {
		page, err := d.Vennio.MutualSlots(ctx, vennioclient.MutualQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: from, To: q.window.To, Timezone: q.window.Loc.String(), Limit: mutualLimit,
		})
		if err != nil {
			return nil, from, err
		}
		found = append(found, page...)
		if len(page) < mutualLimit {
			return found, q.window.To, nil
		}
		last := slices.MaxFunc(page, func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) }).Start
		if !last.Add(q.duration).Before(q.window.To) {
			return found, q.window.To, nil // nothing later would fit
		}
		if !last.After(from) {
			break // Vennio does not go on
		}
		from = last
	}
	return found, from, nil
}

// reconnect says whose calendar Vennio cannot see and what to do about it, or that it
// looked into another one.
func reconnect(err error, hosts []Host) error {
	if errors.Is(err, vennioclient.ErrOtherHost) {
		return &Refusal{
			Code: schemas.CodeUnavailable, Cause: err,
			Message: fmt.Sprintf("Vennio answered with the free times of another host than %s, so theirs are unknown (not: none).", strings.Join(hostNames(hosts), " and ")),
			Next:    "Make the same call once more. If it happens again, tell the user that Vennio mixes up hosts; do not offer any time.",
		}
	}
	if vennioclient.KindOf(err) != vennioclient.KindCalendarNotConnected {
		return err
	}
	who := strings.Join(hostNames(hosts), " or ")
	return &Refusal{
		Code: schemas.CodeCalendarNotConnected, Cause: err,
		Message: fmt.Sprintf("The calendar of %s is not connected to Vennio, so the free times are unknown (not: none).", who),
		Next: fmt.Sprintf("Tell the user: %s must sign in to Vennio and connect the calendar there, again if it was connected before. "+
			"Then make the same call; until then do not repeat it.", who),
	}
}
