package tools

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const defaultLimit = 3

// FindSlots finds free times and offers a few of them.
func FindSlots(d Deps) Tool {
	return define(d, Spec{
		Name: toolFind, Title: "Find free times", Effect: Reads,
		Description: "Find free times of hosts. Call before each booking and when asked if a host is free; only reads. " +
			"Returns slots in words for the person, who chooses; each slot_id serves book_slot for 2 hours.",
	}, d.findSlots)
}

const toolFind = "find_slots"

func (d Deps) findSlots(ctx context.Context, in schemas.FindSlotsInput) (*schemas.FindSlotsResult, error) {
	q, err := d.understand(ctx, in)
	if err != nil {
		return nil, err
	}
	free, until, err := d.look(ctx, q)
	if err != nil {
		return nil, err
	}
	picked := slots.Pick(free, cmp.Or(in.Limit, defaultLimit), q.wishes)
	out := &schemas.FindSlotsResult{
		Now:             at(d.Now(), q.window.Loc),
		Window:          windowTold(q),
		DurationMinutes: int(q.duration / time.Minute),
		Hosts:           hostNames(q.hosts),
		Preferences:     preferences(in),
		Slots:           d.offer(q, picked.Choices...),
		More:            picked.More,
	}
	o := outcome{in: in, q: q, until: until, ruledOut: len(free) > 0 && len(picked.Choices) == 0, missed: picked.Missed, out: out}
	if len(out.Slots) == 0 {
		o.beyond = d.lookBeyond(ctx, q, until)
		out.NextOpening = o.beyond.opening
		if o.noCommonTime() && q.old == nil {
			o.beyond.without = d.whoCouldBeLeftOut(ctx, q, o.beyond.until)
		}
	}
	if len(d.Limits.Hours) > 0 && len(out.Slots) == 0 {
		o.hours = fmt.Sprintf("This server books only %s (%s).", d.Limits.Hours, d.Zone)
	}
	out.Note = o.note()
	return out, nil
}

func windowTold(q search) schemas.Window {
	w := q.window
	out := schemas.Window{When: w.When, Description: w.Text(), From: at(w.From, w.Loc), To: at(w.To, w.Loc), Timezone: w.Loc.String()}
	if w.Earliest > 0 {
		out.Earliest = times.ClockOf(w.Earliest)
	}
	if w.Latest > 0 {
		out.Latest = times.ClockOf(w.Latest)
	}
	for _, day := range w.Days {
		out.Days = append(out.Days, strings.ToLower(day.String()[:3]))
	}
	return out
}

func at(t time.Time, loc *time.Location) string {
	return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
}
