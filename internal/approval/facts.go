package approval

import (
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// facts is all that will be written but the notes, in whose Vennio account, and
// everyone who hears of it. The title is a quotation.
func facts(a consent.Act) []fact {
	all := []fact{{Name: "What", Text: sanitize.Quote(a.Title, 120)}}
	if a.Tenant != "" { // the one who answers may do so for several
		all = append(all, fact{Name: "Tenant", Text: sanitize.Line(a.Tenant, 100)})
	}
	all = append(all, whenFacts(a)...)
	all = append(all, peopleFacts(a)...)
	if a.Price != "" {
		all = append(all, fact{Name: "Price", Text: sanitize.Line(a.Price, 100)})
	}
	for i, f := range all {
		all[i].Text, all[i].Small = sanitize.Mask(f.Text), sanitize.Mask(f.Small)
	}
	return all
}

// whenFacts is when it stands, stood, and is to stand or to end.
func whenFacts(a consent.Act) []fact {
	loc, _ := times.Zone(a.Zone)
	guest, err := times.Zone(a.GuestZone)
	if err != nil {
		guest = nil
	}
	stands := func(name string, start, end time.Time) fact {
		f := fact{Name: name, Text: times.Label(start, end, loc), Small: start.In(loc).Weekday().String() + ", " + length(end.Sub(start))}
		if there := times.GuestLabel(start, end, loc, guest); there != "" {
			f.Small += " · " + there
		}
		return f
	}
	switch {
	case cancelsSeries(a):
		return []fact{repeats("Cancels", a)}
	case !a.WasStart.IsZero():
		return []fact{stands("Now", a.WasStart, a.WasEnd), stands("New time", a.Start, a.End)}
	case a.Repeat != "":
		return []fact{stands("When", a.Start, a.End), repeats("Repeats", a)}
	}
	return []fact{stands("When", a.Start, a.End)}
}

// length is a duration in words: "30 minutes", "1 h 30 min".
func length(d time.Duration) string {
	switch h, m := int(d.Hours()), int(d.Minutes())%60; {
	case h == 0:
		return fmt.Sprintf("%d minutes", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %d min", h, m)
	}
}

func repeats(name string, a consent.Act) fact {
	return fact{Name: name, Text: sanitize.Line(a.Repeat, 4000), Long: true}
}

// peopleFacts is who meets, and whom Vennio e-mails.
func peopleFacts(a consent.Act) (all []fact) {
	for i, h := range a.Hosts {
		name := "With"
		if i > 0 {
			name = "and"
		}
		all = append(all, fact{Name: name, Text: h.Label(100, sanitize.Name)})
	}
	for i, p := range a.Attendees {
		name, told := "Guest", "Vennio sends them no e-mail"
		if i == 0 {
			name = "Customer"
		}
		if p.Mailed {
			told = "Vennio e-mails them"
		}
		all = append(all, fact{Name: name, Text: strings.TrimSpace(sanitize.Name(p.Name, 100) + " <" + sanitize.Line(p.Email, 254) + ">"), Small: told})
	}
	return all
}
