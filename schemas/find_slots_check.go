package schemas

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// misfits finds what no JSON Schema says: times that cannot be, and wishes that
// nothing could ever fulfil.
func (in FindSlotsInput) misfits() (wrong []Misfit) {
	if in.Prefer != nil {
		wrong = append(in.Prefer.hours(in.Duration()), in.Prefer.days()...)
	}
	if in.RescheduleOf != "" && len(in.Hosts) > 0 {
		wrong = append(wrong, Misfit{[]string{"hosts"}, "is not to be sent with reschedule_of: the hosts are the booking's"})
	}
	return wrong
}

const noTime = "is not a time of day, want HH:MM from 00:00 to 23:59"

func (p *Prefer) hours(meeting time.Duration) (wrong []Misfit) {
	earliest, ok1 := times.ParseClock(cmp.Or(p.Earliest, "00:00"))
	latest, ok2 := times.ParseClock(cmp.Or(p.Latest, "23:59"))
	if !ok1 {
		wrong = append(wrong, Misfit{[]string{"prefer", "earliest"}, noTime})
	}
	if !ok2 {
		wrong = append(wrong, Misfit{[]string{"prefer", "latest"}, noTime})
	}
	if len(wrong) > 0 || p.Latest == "" {
		return wrong
	}
	switch between := time.Duration(latest-earliest) * time.Minute; {
	case p.Earliest != "" && between <= 0:
		return []Misfit{{[]string{"prefer", "latest"}, "is not after prefer.earliest"}}
	case between < meeting:
		return []Misfit{{[]string{"prefer", "latest"}, fmt.Sprintf(
			"leaves %d minutes of the day, the meeting takes %d", int(between.Minutes()), int(meeting.Minutes()))}}
	}
	return nil
}

func (p *Prefer) days() (wrong []Misfit) {
	avoided := map[string]bool{}
	for i, day := range p.AvoidDays {
		avoided[day] = true
		if slices.Contains(p.Days, day) {
			wrong = append(wrong, Misfit{[]string{"prefer", "avoid_days", strconv.Itoa(i)}, "is also in prefer.days, drop one"})
		}
	}
	if len(avoided) == 7 {
		wrong = append(wrong, Misfit{[]string{"prefer", "avoid_days"}, "leaves no day"})
	}
	return wrong
}
