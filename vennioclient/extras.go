package vennioclient

import (
	"fmt"
	"maps"
	"strings"
)

// The metadata keys under which extras are kept. People and hosts are counted
// from 2: the first of each has a field of its own.
const (
	keyTitle    = "mcp_title"
	keyAttendee = "mcp_attendee_%d"
	keyHost     = "mcp_host_%d"
)

// extras are what a booking has no field for in the reference dialect. They go
// into the notes, where people read them, and into the metadata, where this
// client finds them again.
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

// named is "Name <id>", or the id alone where the request has no name for it.
func named(names []string, i int, id string) string {
	if i >= len(names) || names[i] == "" || names[i] == id {
		return id
	}
	return fmt.Sprintf("%s <%s>", names[i], id)
}

// notes puts the title before text, and who else takes part after it.
func (x extras) notes(text string) string {
	parts := []string{x.title, text, x.people()}
	kept := parts[:0]
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "\n\n")
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

// metadata adds x to a copy of m, whose long values are cut.
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

// unfold takes back out of b's metadata and notes what extras put there.
func (b *Booking) unfold() {
	x := extras{
		title:     take(b.Metadata, keyTitle),
		attendees: takeAll(b.Metadata, keyAttendee),
		hosts:     takeAll(b.Metadata, keyHost),
	}
	if len(b.Metadata) == 0 {
		b.Metadata = nil
	}
	if b.Title == "" {
		b.Title = x.title
	}
	if b.Participants == nil {
		b.Participants = append(x.hosts, x.attendees...)
	}
	b.Notes, b.kept = x.notesBefore(b.Notes), x
}

// notesBefore undoes notes, as far as the additions still stand there.
func (x extras) notesBefore(text string) string {
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

func take(m map[string]string, key string) string {
	value := m[key]
	delete(m, key)
	return value
}

func takeAll(m map[string]string, numbered string) []string {
	var all []string
	for n := 2; ; n++ {
		value := take(m, fmt.Sprintf(numbered, n))
		if value == "" {
			return all
		}
		all = append(all, value)
	}
}

// whole returns the notes and the metadata of u, with those of the booking that
// is changed, where it is known.
func (u BookingUpdate) whole() (notes *string, meta map[string]string) {
	if u.Of == nil {
		return u.Notes, extras{}.metadata(u.Metadata)
	}
	if notes = u.Notes; notes != nil {
		notes = new(u.Of.kept.notes(*u.Notes))
	}
	if len(u.Metadata) == 0 {
		return notes, nil
	}
	meta = maps.Clone(u.Of.Metadata)
	if meta == nil {
		meta = map[string]string{}
	}
	maps.Copy(meta, u.Metadata)
	return notes, u.Of.kept.metadata(meta)
}
