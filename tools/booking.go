package tools

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// booking tells what Vennio holds, in the zone loc.
func (d Deps) booking(b standingBooking, loc *time.Location) schemas.Booking {
	hosts, attendees := b.people()
	out := schemas.Booking{
		BookingID:   sanitize.Line(b.ID, 100),
		Status:      sanitize.Line(b.Status, 40),
		Title:       sanitize.Line(b.Title, 120),
		Description: "at a time that Vennio did not tell",
		Hosts:       hosts,
		Attendees:   attendees,
		SeriesID:    sanitize.Line(b.SeriesID, 100),
	}
	if !b.Start.IsZero() && b.End.After(b.Start) {
		out.Description, out.Start, out.End = times.Label(b.Start, b.End, loc), times.UTC(b.Start), times.UTC(b.End)
	}
	return out
}

// people tells who hosts and who attends.
func (b standingBooking) people() (hosts, attendees []string) {
	hosts, attendees = []string{}, []string{}
	for i, h := range b.hosts {
		if i == 0 && len(b.hosts) > 1 && (h.unnamed() || h.foreign && slices.ContainsFunc(b.hosts, func(h Host) bool { return strings.Contains(h.ID, "@") })) {
			continue // an id says nothing beside a name, and in the guide's dialect it repeats an address
		}
		hosts = append(hosts, h.shown())
	}
	for _, p := range b.guests {
		attendees = append(attendees, sanitize.Line(who(p.Name, p.Email), 160))
	}
	return hosts, attendees
}

// parties are the hosts and the guests of a booking, each once, its owner and
// the customer first. Vennio's participants hold both: an id, an address or
// "Name <either>", perhaps behind a kind such as "user:".
func (d Deps) parties(b vennioclient.Booking) (hosts []Host, guests []vennioclient.Person) {
	seen := map[string]bool{"": true}
	fresh := func(id string) bool {
		id = strings.ToLower(id)
		was := seen[id]
		seen[id] = true
		return !was
	}
	if fresh(b.HostID) {
		hosts = append(hosts, d.hostOf(b.HostID, b.HostID))
	}
	customer := vennioclient.Person{Name: sanitize.Line(b.Customer.Name, 100), Email: sanitize.Line(b.Customer.Email, 254)}
	if fresh(cmp.Or(customer.Email, customer.Name)) {
		guests = append(guests, customer)
	}
	for _, p := range b.Participants {
		name, id := identity(sanitize.Line(p, 400))
		_, isSet := d.Hosts.find(id)
		switch isHost := isSet || !strings.Contains(id, "@") && (name != "" || consent.IsUUID(id)); {
		case !fresh(id):
		case isHost:
			hosts = append(hosts, d.hostOf(id, name))
		default:
			guests = append(guests, vennioclient.Person{Name: name, Email: id})
		}
	}
	return hosts, guests
}

// hostOf is the host of this id: the operator's, else under the name given.
func (d Deps) hostOf(id, name string) Host {
	if set, ok := d.Hosts.find(id); ok {
		return set
	}
	if name = nameFrom(name); name != "" {
		return Host{Name: name, ID: id, foreign: true}
	}
	return Host{Name: sanitize.Line(id, 100), ID: id}
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

// within keeps as many of the people as their texts fit into peopleSize bytes, and
// counts the rest.
func within(people []string) []string {
	size := peopleSize
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
	return sanitize.Line(name, 60) + " <" + email + ">"
}
