package tools

import (
	"context"
	"slices"
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
}

// mutualLimit is how many common slots Vennio is asked for: enough to choose a
// few well-spread ones from.
const mutualLimit = 50

// free returns Vennio's candidates inside the window, which overlap one another.
func (d Deps) free(ctx context.Context, q search) ([]vennioclient.Slot, error) {
	from := q.window.From.Add(time.Minute - 1).Truncate(time.Minute) // slot ids know whole minutes
	zone := q.window.Loc.String()
	var found []vennioclient.Slot
	var err error
	if len(q.hosts) == 1 {
		found, err = d.Vennio.Slots(ctx, vennioclient.SlotsQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: from, To: q.window.To, Timezone: zone,
		})
	} else {
		found, err = d.Vennio.MutualSlots(ctx, vennioclient.MutualQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: from, To: q.window.To, Timezone: zone, Limit: mutualLimit,
		})
	}
	return slices.DeleteFunc(found, func(s vennioclient.Slot) bool {
		return s.Start.Before(from) || s.End.After(q.window.To) || !s.End.After(s.Start)
	}), err
}

// nextOpening looks beyond an empty window. It returns nil where there is none
// to be found: that is not worth failing a call that already has its answer.
func (d Deps) nextOpening(ctx context.Context, q search) *schemas.Slot {
	const daysAhead = 60
	var next *vennioclient.Slot
	if len(q.hosts) == 1 {
		next, _ = d.Vennio.NextSlot(ctx, vennioclient.NextSlotQuery{
			Host: q.hosts[0].ID, Duration: q.duration, After: q.window.To, DaysAhead: daysAhead, Timezone: q.window.Loc.String(),
		})
	} else {
		q.window.From, q.window.To = q.window.To, q.window.To.AddDate(0, 0, daysAhead)
		if found, _ := d.free(ctx, q); len(found) > 0 {
			next = new(slices.MinFunc(found, func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) }))
		}
	}
	if next == nil || !next.Start.After(d.Now()) {
		return nil
	}
	if told := d.tell(q, []vennioclient.Slot{*next}); len(told) == 1 {
		return &told[0]
	}
	return nil
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
