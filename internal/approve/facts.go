package approve

import (
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// facts is all that will be written and everyone who hears of it.
func facts(a consent.Act) []fact {
	loc, _ := times.Zone(a.Zone)
	guest, err := times.Zone(a.GuestZone)
	if err != nil {
		guest = nil
	}
	all := []fact{{Name: "What", Text: plain.Line(a.Title, 120)}}
	stands := func(name string, start, end time.Time) {
		all = append(all, fact{Name: name, Text: times.Label(start, end, loc), Small: times.GuestLabel(start, end, loc, guest)})
	}
	switch {
	case cancelsSeries(a):
		all = append(all, fact{Name: "Cancels", Text: plain.Line(a.Repeat, 4000), Long: true})
	case !a.WasStart.IsZero():
		stands("Now", a.WasStart, a.WasEnd)
		stands("New time", a.Start, a.End)
	default:
		stands("When", a.Start, a.End)
		if a.Repeat != "" {
			all = append(all, fact{Name: "Repeats", Text: plain.Line(a.Repeat, 4000), Long: true})
		}
	}
	for i, h := range a.Hosts {
		name := "With"
		if i > 0 {
			name = "and"
		}
		all = append(all, fact{Name: name, Text: plain.Line(h.Name, 100)})
	}
	for i, p := range a.Attendees {
		name, told := "Guest", "Vennio does not write to them"
		if i == 0 {
			name = "Customer"
		}
		if p.Mailed {
			told = "Vennio writes to them"
		}
		all = append(all, fact{Name: name, Text: strings.TrimSpace(plain.Line(p.Name, 100) + " <" + plain.Line(p.Email, 254) + ">"), Small: told})
	}
	if a.Price != "" {
		all = append(all, fact{Name: "Price", Text: plain.Line(a.Price, 100)})
	}
	if a.Notes != "" {
		all = append(all, fact{Name: "Notes", Text: plain.Block(a.Notes, 2000), Long: true})
	}
	return all
}
