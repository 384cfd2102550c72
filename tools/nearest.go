package tools

import (
	"context"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// nearest are the free times around one that was taken, where q's window begins,
// read afresh. None where the search fails: the refusal then names find_slots.
func (d Deps) nearest(ctx context.Context, q search) []schemas.Slot {
	const before, after = 24 * time.Hour, 4 * 24 * time.Hour
	wanted := vennioclient.Slot{Start: q.window.From, End: q.window.From.Add(q.duration)}
	q.window.From, q.window.To = d.notPast(wanted.Start.Add(-before)), wanted.Start.Add(after)
	found, _, err := d.look(ctx, q)
	if err != nil {
		return nil
	}
	w := slots.Wishes{Zone: q.window.Loc, People: d.persons(q.window.Loc, q.guest, q.window.Loc.String() == d.Zone.String())}
	if q.old != nil {
		w.Leaving = &slots.Span{Start: q.old.Start, End: q.old.End}
	}
	return d.offer(q, slots.Nearest(found, defaultLimit, wanted, w)...)
}

func (d Deps) notPast(t time.Time) time.Time {
	if now := d.Now(); t.Before(now) {
		return now
	}
	return t
}

// overlaps: the window touches the time that the booking has, and that time is
// the booking's own for all hosts. In the reference dialect it stands in the
// first one's calendar alone: what the others do then is not known.
func (d Deps) overlaps(q search) bool {
	ownForAll := len(q.hosts) == 1 || d.Vennio.Dialect() == vennioclient.Guide
	return ownForAll && q.window.From.Before(q.old.End) && q.old.Start.Before(q.window.To)
}

// aroundOld are the times to which a booking can be moved and that overlap the one
// it has: what Vennio takes for busy there is the booking itself. Vennio is asked
// for pieces of time around it, which may be shorter than the meeting.
func (d Deps) aroundOld(ctx context.Context, q search) ([]vennioclient.Slot, error) {
	const piece, step = 5 * time.Minute, 15 * time.Minute
	old := q.old
	around := q
	around.old, around.duration = nil, piece
	around.window = times.Window{From: d.notPast(old.Start.Add(-q.duration)), To: old.End.Add(q.duration), Loc: q.window.Loc}
	if !around.window.To.After(around.window.From) {
		return nil, nil
	}
	free, _, err := d.look(ctx, around)
	if err != nil {
		return nil, err
	}
	covered := merge(append(free, vennioclient.Slot{Start: old.Start, End: old.End}))
	var found []vennioclient.Slot
	for start := old.Start.Add(-q.duration / step * step); start.Before(old.End); start = start.Add(step) {
		s := vennioclient.Slot{Start: start, End: start.Add(q.duration)}
		asItIs := s.Start.Equal(old.Start) && s.End.Equal(old.End)
		if s.End.After(old.Start) && !asItIs && contained(s, covered) {
			found = append(found, s)
		}
	}
	return found, nil
}

// merge joins the spans that touch or overlap.
func merge(all []vennioclient.Slot) (joined []vennioclient.Slot) {
	slices.SortFunc(all, func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) })
	for _, s := range all {
		if n := len(joined); n > 0 && !s.Start.After(joined[n-1].End) {
			if s.End.After(joined[n-1].End) {
				joined[n-1].End = s.End
			}
			continue
		}
		joined = append(joined, vennioclient.Slot{Start: s.Start, End: s.End})
	}
	return joined
}

func contained(s vennioclient.Slot, all []vennioclient.Slot) bool {
	return slices.ContainsFunc(all, func(one vennioclient.Slot) bool {
		return !s.Start.Before(one.Start) && !s.End.After(one.End)
	})
}
