package tools

import (
	"cmp"
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

// Vennio answers at most so many common slots at once (vennio-api.md,
// Availability), so a longer window is read in pages.
const mutualLimit, mutualPages = 50, 12

// free returns Vennio's candidates inside the window, which overlap one another.
// A candidate longer than the meeting is cut to its length.
func (d Deps) free(ctx context.Context, q search) ([]vennioclient.Slot, error) {
	q.window.From = q.window.From.Add(time.Minute - 1).Truncate(time.Minute) // slot ids know whole minutes
	ask := d.mutual
	if len(q.hosts) == 1 {
		ask = d.single
	}
	found, err := ask(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if end := found[i].Start.Add(q.duration); end.Before(found[i].End) {
			found[i].End = end
		}
	}
	return slices.DeleteFunc(found, func(s vennioclient.Slot) bool {
		return s.Start.Before(q.window.From) || s.End.After(q.window.To) || s.End.Sub(s.Start) != q.duration
	}), nil
}

func (d Deps) single(ctx context.Context, q search) ([]vennioclient.Slot, error) {
	return d.Vennio.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: hostIDs(q.hosts), Duration: q.duration, From: q.window.From, To: q.window.To, Timezone: q.window.Loc.String(),
	})
}

// mutual asks on from the last slot for as long as an answer comes back full.
func (d Deps) mutual(ctx context.Context, q search) (all []vennioclient.Slot, err error) {
	for range mutualPages {
		page, err := d.Vennio.MutualSlots(ctx, vennioclient.MutualQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: q.window.From, To: q.window.To, Timezone: q.window.Loc.String(), Limit: mutualLimit,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < mutualLimit {
			break
		}
		last := slices.MaxFunc(page, byStart).Start
		if q.window.From = last.Add(time.Minute); !q.window.From.Add(q.duration).Before(q.window.To) {
			break
		}
	}
	return all, nil
}

func byStart(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) }

const daysAhead = 60 // searched for the next opening beyond an empty window

// nextOpening looks beyond an empty window; nil where nothing is free there. A
// Vennio without the operation (its path is inferred) is asked for slots.
func (d Deps) nextOpening(ctx context.Context, q search) (*schemas.Slot, error) {
	var found []vennioclient.Slot
	after := q
	after.window.From, after.window.To = q.window.To, q.window.To.AddDate(0, 0, daysAhead)
	next, err := d.next(ctx, q)
	switch {
	case len(q.hosts) > 1, vennioclient.KindOf(err) == vennioclient.KindNotFound:
		if found, err = d.free(ctx, after); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case next != nil && next.Start.After(d.Now()):
		found = []vennioclient.Slot{{Start: next.Start, End: next.Start.Add(q.duration), Description: next.Description}}
	}
	if len(found) == 0 {
		return nil, nil //nolint:nilnil // nothing is free: no slot, and no error
	}
	told := d.tell(q, []vennioclient.Slot{slices.MinFunc(found, byStart)})
	if len(told) == 0 {
		return nil, nil //nolint:nilnil // what is free there cannot be offered
	}
	return &told[0], nil
}

func (d Deps) next(ctx context.Context, q search) (*vennioclient.Slot, error) {
	if len(q.hosts) > 1 {
		return nil, nil //nolint:nilnil // Vennio has no such operation for several
	}
	return d.Vennio.NextSlot(ctx, vennioclient.NextSlotQuery{
		Host: q.hosts[0].ID, Duration: q.duration, After: q.window.To, DaysAhead: daysAhead, Timezone: q.window.Loc.String(),
	})
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
		Description: cmp.Or(plain.Line(s.Description, 200), times.Label(s.Start, s.End, loc)),
		Start:       times.UTC(s.Start),
		End:         times.UTC(s.End),
		StartLocal:  local.Start,
		EndLocal:    local.End,
		Timezone:    local.Zone,
		GuestLocal:  times.GuestLabel(s.Start, s.End, loc, guest),
	}
}
