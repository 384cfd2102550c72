package vennioclient

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The metadata keys of extras. Attendees and hosts are numbered from 2, because the first
// of each has a field in the API.
const (
	keyTitle    = "mcp_title"
	keyAttendee = "mcp_attendee_%d"
	keyHost     = "mcp_host_%d"
)

// extras are properties of a booking for which the reference dialect has no field. They are
// written to the notes for people and to the metadata for this client.
type extras struct {
	title            string
	attendees, hosts []string
}

func extrasOf(r BookingRequest) extras {
	x := extras{title: cut(r.Title, maxMetadataValue)}
	for _, p := range r.Others {
		who := p.Email
		if p.Name != "" {
			who = fmt.Sprintf("%s <%s>", p.Name, p.Email)
		}
		x.attendees = append(x.attendees, cut(who, maxMetadataValue))
	}
	for i := 1; i < len(r.Hosts); i++ {
		x.hosts = append(x.hosts, cut(named(r.HostNames, i, r.Hosts[i]), maxMetadataValue))
	}
	return x
}

// named returns "Name <id>", or only the id if the request has no name for it.
func named(names []string, i int, id string) string {
	if i >= len(names) || names[i] == "" || names[i] == id {
		return id
	}
	return fmt.Sprintf("%s <%s>", names[i], id)
}

// notes returns text with the title before it and the other participants after it.
func (x extras) notes(text string) string {
	parts := slices.DeleteFunc([]string{x.title, text, x.people()}, func(part string) bool { return part == "" })
	return strings.Join(parts, "\n\n")
}

func (x extras) people() string {
	var lines []string
	if len(x.attendees) > 0 {
		lines = append(lines, "Also invited: "+strings.Join(x.attendees, ", "))
	}
	if len(x.hosts) > 0 {
		lines = append(lines, "Also hosting: "+strings.Join(x.hosts, ", "))
	}
	return strings.Join(lines, "\n")
}

// metadata returns a copy of m with x added and long values cut.
func (x extras) metadata(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = cut(value, maxMetadataValue)
	}
	if x.title != "" {
		out[keyTitle] = x.title
	}
	for i, who := range x.attendees {
		out[fmt.Sprintf(keyAttendee, i+2)] = who
	}
	for i, id := range x.hosts {
		out[fmt.Sprintf(keyHost, i+2)] = id
	}
	return out
}

// extractExtras removes the extras from the metadata and the notes of b.
func (b *Booking) extractExtras() {
	x := extras{
		title:     pop(b.Metadata, keyTitle),
		attendees: popNumbered(b.Metadata, keyAttendee),
		hosts:     popNumbered(b.Metadata, keyHost),
	}
	if len(b.Metadata) == 0 {
		b.Metadata = nil
	}
	b.Title = cmp.Or(b.Title, x.title)
	if b.Participants == nil {
		b.Participants = append(x.hosts, x.attendees...)
	}
	b.Notes, b.extras = x.originalNotes(b.Notes), x
}

// originalNotes removes what notes added, as far as it is still present.
func (x extras) originalNotes(text string) string {
	const gap = "\n\n"
	text = gap + text + gap
	if x.title != "" {
		if rest, ok := strings.CutPrefix(text, gap+x.title+gap); ok {
			text = gap + rest
		}
	}
	if people := x.people(); people != "" {
		if rest, ok := strings.CutSuffix(text, gap+people+gap); ok {
			text = rest + gap
		}
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, gap), gap)
}

func pop(m map[string]string, key string) string {
	value := m[key]
	delete(m, key)
	return value
}

func popNumbered(m map[string]string, numbered string) []string {
	var all []string
	for n := 2; ; n++ {
		value := pop(m, fmt.Sprintf(numbered, n))
		if value == "" {
			return all
		}
		all = append(all, value)
	}
}

// merged returns the notes and the metadata to send, merged with those of u.Of if it is set.
func (u BookingUpdate) merged() (notes *string, meta map[string]string) {
	if u.Of == nil {
		return u.Notes, extras{}.metadata(u.Metadata)
	}
	if notes = u.Notes; notes != nil {
		notes = new(u.Of.extras.notes(*u.Notes))
	}
	if len(u.Metadata) == 0 {
		return notes, nil
	}
	meta = maps.Clone(u.Of.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	maps.Copy(meta, u.Metadata)
	return notes, u.Of.extras.metadata(meta)
}
