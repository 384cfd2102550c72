package tools

import (
	"context"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const daysAhead = 60 // searched for the next opening beyond a window without slots

// beyond is what a look past a window without slots came to.
type beyond struct {
	opening *schemas.Slot // nil: none was found
	until   time.Time     // how far it looked
	short   bool          // it could not look all the days ahead
	free    bool          // hosts are free then, whether it suits or not
	without []leftOut     // where the hosts have no common time: who could be left out
	err     error         // it could not look
}

// lookBeyond searches the days after a time for the first opening, on any day, in
// the hours that the phrase named. What fails here does not fail the call, which
// already has its answer.
func (d Deps) lookBeyond(ctx context.Context, q search, after time.Time) (b beyond) {
	q.window.Days = nil
	q.window.From, q.window.To = after, after.AddDate(0, 0, daysAhead)
	var found []vennioclient.Slot
	if found, b.until, b.err = d.openings(ctx, q); b.err != nil {
		return b
	}
	b.short, b.free = b.until.Before(q.window.To), len(found) > 0
	if first, ok := slots.First(found, q.wishes); ok {
		if told := d.offer(q, first); len(told) == 1 {
			told[0].Number = 0 // it is in no list
			b.opening = &told[0]
		}
	}
	return b
}

// leftOut is a host without whom the others have a common time, and the first such time.
type leftOut struct {
	host  Host
	first time.Time
}

// whoCouldBeLeftOut searches, for hosts who have no common time, the first time of all but one of
// them, for each in turn. What fails here is left out of the answer.
func (d Deps) whoCouldBeLeftOut(ctx context.Context, q search, until time.Time) (all []leftOut) {
	q.window.Days = nil
	q.window.From, q.window.To = wholeMinute(q.window.From), until
	for i, host := range q.hosts {
		fewer := q
		fewer.hosts = slices.Concat(q.hosts[:i], q.hosts[i+1:])
		found, err := d.firstPage(ctx, fewer)
		if err != nil {
			continue
		}
		if first, ok := slots.First(found, q.wishes); ok {
			all = append(all, leftOut{host, first.Start})
		}
	}
	return all
}

// firstPage is look with at most one call of Vennio.
func (d Deps) firstPage(ctx context.Context, q search) (found []vennioclient.Slot, err error) {
	if len(q.hosts) > 1 {
		found, err = d.Vennio.MutualSlots(ctx, vennioclient.MutualQuery{
			Hosts: hostIDs(q.hosts), Duration: q.duration, From: q.window.From, To: q.window.To, Timezone: q.window.Loc.String(), Limit: mutualLimit,
		})
	} else {
		found, _, err = d.lookAlone(ctx, q)
	}
	return d.fitting(found, q), err
}

// openings asks for the one next slot where that will do: of one host, without
// wishes and hours, and in working hours. A Vennio without the operation (its path
// is inferred) is asked for slots.
func (d Deps) openings(ctx context.Context, q search) (found []vennioclient.Slot, until time.Time, err error) {
	if len(q.hosts) > 1 || q.wishes.Any() || len(d.Limits.Hours) > 0 || q.window.Earliest+q.window.Latest > 0 {
		return d.look(ctx, q)
	}
	next, err := d.Vennio.NextSlot(ctx, vennioclient.NextSlotQuery{
		Host: q.hosts[0].ID, Duration: q.duration, After: q.window.From, DaysAhead: daysAhead, Timezone: q.window.Loc.String(),
	})
	switch {
	case vennioclient.KindOf(err) == vennioclient.KindNotFound:
		return d.look(ctx, q)
	case err == nil && next != nil && next.Start.After(d.Now()):
		end := next.Start.Add(q.duration)
		if !q.wishes.InWorkingHours(vennioclient.Slot{Start: next.Start, End: end}) {
			return d.look(ctx, q)
		}
		found = []vennioclient.Slot{{Start: next.Start, End: end, Description: next.Description}}
	}
	return found, q.window.To, err
}
