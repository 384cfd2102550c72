package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// booking tells what Vennio holds, in the zone loc.
func (d Deps) booking(b vennioclient.Booking, loc *time.Location) schemas.Booking {
	hosts, attendees := d.people(b)
	out := schemas.Booking{
		BookingID:   plain.Line(b.ID, 100),
		Status:      plain.Line(b.Status, 40),
		Title:       plain.Line(b.Title, 120),
		Description: "at a time that Vennio did not tell",
		Hosts:       hosts,
		Attendees:   attendees,
		SeriesID:    plain.Line(b.SeriesID, 100),
	}
	if !b.Start.IsZero() && b.End.After(b.Start) {
		out.Description, out.Start, out.End = times.Label(b.Start, b.End, loc), times.UTC(b.Start), times.UTC(b.End)
	}
	return out
}

// people tells who hosts and who attends. Vennio's participants hold both: an id,
// an address or "Name <either>", perhaps behind a kind such as "user:".
func (d Deps) people(b vennioclient.Booking) (hosts, attendees []string) {
	hosts, attendees = []string{}, []string{}
	seen := map[string]bool{}
	add := func(list *[]string, id, text string) {
		if id = strings.ToLower(id); id != "" && !seen[id] {
			seen[id] = true
			*list = append(*list, plain.Line(text, 160))
		}
	}
	if name := d.nameOf(b.HostID); name != "" {
		add(&hosts, b.HostID, name)
	}
	if c := b.Customer; c != (vennioclient.Person{}) {
		add(&attendees, cmp.Or(c.Email, c.Name), who(c.Name, c.Email))
	}
	for _, p := range b.Participants {
		name, id := identity(p)
		if known := d.nameOf(id); known != "" {
			add(&hosts, id, known)
		} else if strings.Contains(id, "@") || name == "" {
			add(&attendees, id, who(name, id))
		} else {
			add(&hosts, id, name)
		}
	}
	if len(hosts) == 0 {
		add(&hosts, b.HostID, b.HostID)
	}
	return hosts, slices.Clip(attendees)
}

// identity takes "user:Name <id>" apart.
func identity(participant string) (name, id string) {
	name, id, named := strings.Cut(participant, "<")
	if !named {
		name, id = "", participant
	}
	id = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(id), ">"))
	if _, bare, kind := strings.Cut(id, ":"); kind {
		id = bare
	}
	return strings.TrimSpace(name), id
}

// within keeps as many of the people as their texts fit into size bytes, and
// counts the rest.
func within(people []string, size int) []string {
	for i, p := range people {
		if size -= len(p); size < 0 && i > 0 {
			return append(people[:i:i], fmt.Sprintf("%d more", len(people)-i))
		}
	}
	return people
}

func who(name, email string) string {
	switch {
	case name == "":
		return email
	case email == "":
		return name
	}
	return plain.Line(name, 60) + " <" + email + ">"
}
