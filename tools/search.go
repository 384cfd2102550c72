package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
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
}

// Vennio is asked for common slots in pages, the first ones first
// (vennio-api.md, Availability: limit). All pages together hold some weeks.
const (
	mutualLimit = 50
	mutualPages = 8
)

// free returns Vennio's candidates inside the window, which overlap one another.
func (d Deps) free(ctx context.Context, q search) ([]vennioclient.Slot, error) {
	found, _, err := d.look(ctx, q)
	return found, err
}

// look returns the candidates inside the window, in order of time, and how far
// it looked: to the end of the window, unless there are too many.
func (d Deps) look(ctx context.Context, q search) (found []vennioclient.Slot, until time.Time, err error) {
	from := q.window.From.Add(time.Minute - 1).Truncate(time.Minute) // slot ids know whole minutes
	until = q.window.To
	if len(q.hosts) == 1 {
		found, err = d.Vennio.Slots(ctx, vennioclient.SlotsQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: from, To: until, Timezone: q.window.Loc.String(),
		})
	} else {
		found, until, err = d.lookTogether(ctx, q, from)
	}
	if err != nil {
		return nil, until, reconnect(err, q.hosts)
	}
	found = slices.DeleteFunc(found, func(s vennioclient.Slot) bool {
		return s.Start.Before(from) || s.End.After(q.window.To) || !s.End.After(s.Start)
	})
	slices.SortStableFunc(found, inTime)
	return found, until, nil
}

// lookTogether asks when all hosts are free, page after page. A page may repeat
// the last slot of the one before: from is moved to its start and not past it,
// because Vennio may count its steps from there.
func (d Deps) lookTogether(ctx context.Context, q search, from time.Time) (found []vennioclient.Slot, until time.Time, err error) {
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
		last := slices.MaxFunc(page, inTime).Start
		if !last.After(from) {
			break // Vennio does not go on
		}
		from = last
	}
	return found, from, nil
}

func inTime(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) }

// reconnect says whose calendar Vennio cannot see and what mends that.
func reconnect(err error, hosts []Host) error {
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

// nextOpening looks beyond a window without slots. It returns nil where there is
// none to be found: that is not worth failing a call that already has its answer.
func (d Deps) nextOpening(ctx context.Context, q search, after time.Time) *schemas.Slot {
	const daysAhead = 60
	var found []vennioclient.Slot
	if len(q.hosts) == 1 && !q.wishes.Any() {
		next, err := d.Vennio.NextSlot(ctx, vennioclient.NextSlotQuery{
			Host: q.hosts[0].ID, Duration: q.duration, After: after, DaysAhead: daysAhead, Timezone: q.window.Loc.String(),
		})
		if err == nil && next != nil && next.Start.After(d.Now()) {
			found = append(found, *next)
		}
	} else {
		q.window.From, q.window.To = after, after.AddDate(0, 0, daysAhead)
		found, _ = d.free(ctx, q)
	}
	first, ok := slots.First(found, q.wishes)
	if !ok {
		return nil
	}
	if told := d.offer(q, first); len(told) == 1 {
		return &told[0]
	}
	return nil
}

// offer tells the choices, each with its reason.
func (d Deps) offer(q search, choices ...slots.Choice) []schemas.Slot {
	all := make([]schemas.Slot, 0, len(choices))
	for _, c := range choices {
		for _, told := range d.tell(q, []vennioclient.Slot{c.Slot}) { // none, if an id cannot carry it
			told.Reason = c.Reason
			all = append(all, told)
		}
	}
	return all
}

// tell signs slots and puts them into words. A slot that an id cannot carry (a
// start between whole minutes) is left out.
func (d Deps) tell(q search, found []vennioclient.Slot) []schemas.Slot {
	told := make([]schemas.Slot, 0, len(found))
	for _, s := range found {
		id, err := d.Slots.Sign(slots.Offer{
			Start: s.Start, Duration: s.End.Sub(s.Start), Hosts: hostIDs(q.hosts), Zone: q.window.Loc.String(),
		})
		if err != nil {
			continue
		}
		told = append(told, slotIn(s, id, q.window.Loc, q.guest))
	}
	return told
}

func slotIn(s vennioclient.Slot, id string, loc, guest *time.Location) schemas.Slot {
	local := times.LocalParts(s.Start, s.End, loc)
	return schemas.Slot{
		SlotID:      id,
		Description: or(plain.Line(s.Description, 200), times.Label(s.Start, s.End, loc)),
		Start:       times.UTC(s.Start),
		End:         times.UTC(s.End),
		StartLocal:  local.Start,
		EndLocal:    local.End,
		Timezone:    local.Zone,
		GuestLocal:  times.GuestLabel(s.Start, s.End, loc, guest),
	}
}
