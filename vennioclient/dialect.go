package vennioclient

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Dialect is the form in which requests are written (vennio-api.md, Two dialects). All
// differences between the two are in this file. Answers are decoded in either dialect,
// whatever the dialect of the request.
type Dialect string

// Reference is the dialect of Vennio's API reference, Guide that of its
// getting-started guide.
const (
	Reference Dialect = "reference"
	Guide     Dialect = "guide"
)

// Recipients returns the people to whom Vennio sends an e-mail about a booking made from
// r, and those to whom it does not. The reference dialect has one customer_email, and
// stores Others only in the notes and the metadata. The guide's dialect lists everyone as
// a participant. Hosts are in neither list.
func (d Dialect) Recipients(r BookingRequest) (mailed, notMailed []Person) {
	if r.Customer != (Person{}) {
		mailed = []Person{r.Customer}
	}
	if d == Guide {
		return append(mailed, r.Others...), nil
	}
	return mailed, r.Others
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

// mutual writes a request for mutual availability. The reference has a separate operation
// for it; the guide uses slots with several participants.
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

// hosts writes the hosts whose availability is requested.
func (d Dialect) hosts(q query, ids []string) {
	switch {
	case !q.wrong.hosts(ids): // nothing to write
	case d == Guide:
		q.text("participants", strings.Join(withUserPrefix(ids), ","))
	default:
		q.text("business_id", ids[0])
	}
}

// The bodies of a booking. Fields are encoded in this order and maps in the order of their
// keys, so that equal requests are equal bytes.
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
	wrong := d.argumentErrors(r)
	wrong.metadata(meta)
	if refused := wrong.refused(); refused != nil {
		return nil, refused
	}
	if d == Guide {
		return encode(guideBooking{participants(r), stamp(r.Start), stamp(r.End), r.Title, r.Notes, meta, r.Recurrence.body()})
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

func (d Dialect) argumentErrors(r BookingRequest) argumentErrors {
	wrong := argumentErrors{}
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
	notes, meta := u.merged()
	wrong := argumentErrors{}
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
		return encode(guideUpdate{stampOrEmpty(u.Start), stampOrEmpty(u.End), notes, meta})
	}
	return encode(referenceUpdate{stampOrEmpty(u.Start), stampOrEmpty(u.End), notes, meta})
}

// participants returns a booking's participants in the guide's form, hosts first. That
// form contains no names.
func participants(r BookingRequest) []string {
	all := slices.Clone(r.Hosts)
	for _, p := range append([]Person{r.Customer}, r.Others...) {
		if p.Email != "" {
			all = append(all, p.Email)
		}
	}
	return withUserPrefix(all)
}

// withUserPrefix adds "user:" to the ids that have no prefix.
func withUserPrefix(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		if out[i] = id; !strings.Contains(id, ":") {
			out[i] = "user:" + id
		}
	}
	return out
}

func stampOrEmpty(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return stamp(at)
}

func encode(body any) ([]byte, *Error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, invalid("body", "cannot be encoded as JSON")
	}
	return raw, nil
}
