package vennioclient

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Dialect is the way in which requests are written (vennio-api.md, Two
// dialects). All that differs between the two is in this file; answers are read
// in either dialect whatever the request was written in.
type Dialect string

// Reference is the dialect of Vennio's API reference, Guide that of its
// getting-started guide.
const (
	Reference Dialect = "reference"
	Guide     Dialect = "guide"
)

// Told says whom Vennio mails about a booking made from r. The reference dialect
// has one customer_email: Others stand only in the notes and the metadata. The
// guide names everyone as a participant. Hosts are not listed.
func (d Dialect) Told(r BookingRequest) (told, untold []Person) {
	if r.Customer != (Person{}) {
		told = []Person{r.Customer}
	}
	if d == Guide {
		return append(told, r.Others...), nil
	}
	return told, r.Others
}

func (d Dialect) slots(s SlotsQuery) (url.Values, *Error) {
	q := newQuery()
	if d != Guide && len(s.Hosts) > 1 {
		q.wrong["hosts"] = "must be one; MutualSlots takes more"
	}
	d.hosts(q, s.Hosts)
	q.minutes(d.duration(), s.Duration)
	q.instant("from", s.From)
	q.instant("to", s.To)
	q.text("timezone", s.Timezone)
	q.minutes("slot_interval", s.Interval)
	q.minutes("buffer", s.Buffer)
	q.text("consent_id", s.ConsentID)
	return q.values, q.wrong.refused()
}

func (d Dialect) next(n NextSlotQuery) (url.Values, *Error) {
	q := newQuery()
	d.hosts(q, []string{n.Host})
	q.minutes(d.duration(), n.Duration)
	q.instant("after", n.After)
	q.number("days_ahead", n.DaysAhead)
	q.text("timezone", n.Timezone)
	return q.values, q.wrong.refused()
}

// mutual is an operation of its own in the reference; in the guide it is slots
// with several participants.
func (d Dialect) mutual(m MutualQuery) (string, url.Values, *Error) {
	if d == Guide {
		q, refused := d.slots(SlotsQuery{Hosts: m.Hosts, Duration: m.Duration, From: m.From, To: m.To, Timezone: m.Timezone})
		return pathSlots, q, refused
	}
	q := newQuery()
	q.wrong.hosts(m.Hosts)
	q.text("principal_ids", strings.Join(m.Hosts, ","))
	q.minutes(d.duration(), m.Duration)
	q.instant("from", m.From)
	q.instant("to", m.To)
	q.text("timezone", m.Timezone)
	q.number("limit", m.Limit)
	return pathMutual, q.values, q.wrong.refused()
}

func (d Dialect) duration() string {
	if d == Guide {
		return "duration"
	}
	return "duration_minutes"
}

// hosts names whose time is asked for.
func (d Dialect) hosts(q query, ids []string) {
	switch {
	case !q.wrong.hosts(ids): // nothing to write
	case d == Guide:
		q.text("participants", strings.Join(users(ids), ","))
	default:
		q.text("business_id", ids[0])
	}
}

// The bodies of a booking. Their fields are written in this order, and maps in
// the order of their keys: equal requests are equal bytes.
type (
	referenceBooking struct {
		BusinessID    string            `json:"business_id"`
		CustomerEmail string            `json:"customer_email"`
		CustomerName  string            `json:"customer_name,omitempty"`
		StartTime     string            `json:"start_time"`
		EndTime       string            `json:"end_time"`
		Notes         string            `json:"notes,omitempty"`
		Metadata      map[string]string `json:"metadata,omitempty"`
		Recurrence    *recurrenceBody   `json:"recurrence,omitempty"`
	}
	guideBooking struct {
		Participants []string          `json:"participants"`
		Start        string            `json:"start"`
		End          string            `json:"end"`
		Title        string            `json:"title,omitempty"`
		Notes        string            `json:"notes,omitempty"`
		Metadata     map[string]string `json:"metadata,omitempty"`
		Recurrence   *recurrenceBody   `json:"recurrence,omitempty"`
	}
	referenceUpdate struct {
		StartTime string            `json:"start_time,omitempty"`
		EndTime   string            `json:"end_time,omitempty"`
		Notes     *string           `json:"notes,omitempty"`
		Metadata  map[string]string `json:"metadata,omitempty"`
	}
	guideUpdate struct {
		Start    string            `json:"start,omitempty"`
		End      string            `json:"end,omitempty"`
		Notes    *string           `json:"notes,omitempty"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}
)

func (d Dialect) booking(r BookingRequest) ([]byte, *Error) {
	extra := extrasOf(r)
	if d == Guide {
		extra = extras{}
	}
	meta := extra.metadata(r.Metadata)
	wrong := d.misfits(r)
	wrong.metadata(meta)
	if refused := wrong.refused(); refused != nil {
		return nil, refused
	}
	if d == Guide {
		return encode(guideBooking{guests(r), stamp(r.Start), stamp(r.End), r.Title, r.Notes, meta, r.Recurrence.body()})
	}
	return encode(referenceBooking{
		BusinessID:    r.Hosts[0],
		CustomerEmail: r.Customer.Email,
		CustomerName:  r.Customer.name(),
		StartTime:     stamp(r.Start),
		EndTime:       stamp(r.End),
		Notes:         extra.notes(r.Notes),
		Metadata:      meta,
		Recurrence:    r.Recurrence.body(),
	})
}

func (d Dialect) misfits(r BookingRequest) misfits {
	wrong := misfits{}
	wrong.hosts(r.Hosts)
	wrong.span(r.Start, r.End)
	wrong.recurrence(r.Recurrence)
	if d != Guide && r.Customer.Email == "" {
		wrong["customer"] = "must have an e-mail address"
	}
	if slices.ContainsFunc(r.Others, func(p Person) bool { return p.Email == "" }) {
		wrong["others"] = "must each have an e-mail address"
	}
	return wrong
}

func (d Dialect) update(u BookingUpdate) ([]byte, *Error) {
	notes, meta := u.whole()
	wrong := misfits{}
	wrong.metadata(meta)
	if u.Start.IsZero() && u.End.IsZero() && u.Notes == nil && len(meta) == 0 {
		wrong["update"] = "must change something"
	}
	if !u.Start.IsZero() && !u.End.IsZero() {
		wrong.span(u.Start, u.End)
	}
	if refused := wrong.refused(); refused != nil {
		return nil, refused
	}
	if d == Guide {
		return encode(guideUpdate{maybe(u.Start), maybe(u.End), notes, meta})
	}
	return encode(referenceUpdate{maybe(u.Start), maybe(u.End), notes, meta})
}

// guests lists a booking's participants in the guide's form, hosts first. It has
// no place for names.
func guests(r BookingRequest) []string {
	all := slices.Clone(r.Hosts)
	for _, p := range append([]Person{r.Customer}, r.Others...) {
		if p.Email != "" {
			all = append(all, p.Email)
		}
	}
	return users(all)
}

// users puts "user:" before what has no prefix yet.
func users(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		if out[i] = id; !strings.Contains(id, ":") {
			out[i] = "user:" + id
		}
	}
	return out
}

func maybe(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return stamp(at)
}

func encode(body any) ([]byte, *Error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, invalid("body", "cannot be written as JSON")
	}
	return raw, nil
}
