package vennioclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Slot is a time that was free according to Vennio's copy of the calendars, which may be 15
// minutes old. Booking checks again (vennio-api.md, Availability).
type Slot struct {
	Start, End time.Time // UTC
	// Description is Vennio's text about the slot, unchanged; "" if there is none.
	Description string
}

// SlotsQuery asks for the free times of a host. Zero fields are not sent. Vennio documents
// different defaults in different places, so set Duration, From and To.
type SlotsQuery struct {
	// Hosts are ids of businesses or principals: one in the reference dialect, any number
	// in the guide's dialect, for times at which all of them are free.
	Hosts    []string
	Duration time.Duration // whole minutes
	From, To time.Time
	Timezone string // IANA name of the zone of the answer
	// Interval is the step between starts, in whole minutes. Vennio's default is the
	// shorter of Duration and 15 minutes, so that slots overlap.
	Interval time.Duration
	Buffer   time.Duration // whole minutes kept free between bookings
	// ConsentID is the calendar access to use; the caller must be its grantee.
	ConsentID string
}

// Slots returns the free times that match q, in Vennio's order, or an empty list. They may
// overlap. An answer about another host than that of q is an error (ErrOtherHost).
func (c *Client) Slots(ctx context.Context, q SlotsQuery) ([]Slot, error) {
	query, refused := c.dialect.slots(q)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(pathSlots, query), slotsOfHost(q.Hosts, slotsFrom))
}

// NextSlotQuery asks for the first free time of a host. Zero fields are not sent.
type NextSlotQuery struct {
	Host      string
	Duration  time.Duration // whole minutes; Vennio's default is 30
	After     time.Time     // Vennio's default is now
	DaysAhead int           // length of the search
	Timezone  string        // IANA name
}

// NextSlot returns the first free time, or nil if Vennio reports that there is none.
func (c *Client) NextSlot(ctx context.Context, q NextSlotQuery) (*Slot, error) {
	query, refused := c.dialect.next(q)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(pathNext, query), slotsOfHost([]string{q.Host}, nextFrom))
}

// MutualQuery asks for times at which 2 to 5 hosts are free. The caller needs calendar
// access to each of them. Zero fields are not sent; Vennio requires From and To.
type MutualQuery struct {
	Hosts    []string
	Duration time.Duration // whole minutes
	From, To time.Time
	Timezone string // IANA name
	Limit    int    // the most slots returned
}

// MutualSlots returns times at which all of q.Hosts are free, or an empty list.
func (c *Client) MutualSlots(ctx context.Context, q MutualQuery) ([]Slot, error) {
	path, query, refused := c.dialect.mutual(q)
	if refused != nil {
		return nil, refused
	}
	found, err := call(ctx, c, get(path, query), slotsFrom)
	if q.Limit > 0 && len(found) > q.Limit { // the guide has no limit
		found = found[:q.Limit]
	}
	return found, err
}

// TeamQuery asks for times at which all schedulable members of a team are free. Zero fields are not
// sent; Vennio requires From and To.
type TeamQuery struct {
	TeamID   string
	Duration time.Duration // whole minutes; Vennio's default is 30
	From, To time.Time
	Timezone string // IANA name; Vennio's default is UTC
	Limit    int    // the most slots returned, 1 to 50; Vennio's default is 10
}

// TeamAvailability returns times at which the members of a team are free, or an empty list. Both
// dialects write the same request.
func (c *Client) TeamAvailability(ctx context.Context, q TeamQuery) ([]Slot, error) {
	path, refused := itemPath(pathTeams, q.TeamID)
	if refused != nil {
		return nil, refused
	}
	query := newQuery()
	query.minutes("duration_minutes", q.Duration)
	query.instant("from", q.From)
	query.instant("to", q.To)
	query.text("timezone", q.Timezone)
	query.number("limit", q.Limit)
	if refused := query.wrong.refused(); refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(path+"/availability", query.values), slotsFrom)
}

var errNoSlots = errors.New("the answer holds no list of slots")

// ErrOtherHost is the cause (errors.Is) of a KindMalformed: the answer lists the free times
// of another host than the requested one.
var ErrOtherHost = errors.New("the answer is about another host than the requested one")

// slotsOfHost returns a decoder that refuses an answer about another host. An answer need
// not name a host; in the guide's dialect hosts are e-mail addresses, but answers contain ids.
func slotsOfHost[T any](hosts []string, decode func(json.RawMessage) (T, error)) func(json.RawMessage) (T, error) {
	return func(raw json.RawMessage) (T, error) {
		var isNull T
		if len(hosts) == 1 && isAboutOtherHost(raw, hosts[0]) {
			return isNull, ErrOtherHost
		}
		return decode(raw)
	}
}

func isAboutOtherHost(raw json.RawMessage, host string) bool {
	var envelope struct { // does not decode the list of slots
		BusinessID  json.RawMessage `json:"business_id"`
		PrincipalID json.RawMessage `json:"principal_id"`
		Data        struct {
			BusinessID  json.RawMessage `json:"business_id"`
			PrincipalID json.RawMessage `json:"principal_id"`
		} `json:"data"`
	}
	if !opens(raw, '{') {
		return false
	}
	_ = json.Unmarshal(raw, &envelope) // data may be a list
	named := 0
	for _, id := range []json.RawMessage{envelope.BusinessID, envelope.PrincipalID, envelope.Data.BusinessID, envelope.Data.PrincipalID} {
		switch id := bareID(scalar(id)); {
		case id == "" || strings.Contains(id, "@") != strings.Contains(host, "@"):
		case strings.EqualFold(id, bareID(host)):
			return false
		default:
			named++
		}
	}
	return named > 0
}

// bareID returns an id without its kind: "alice@example.com" for "user:alice@example.com".
func bareID(id string) string { return id[strings.Index(id, ":")+1:] }

// maxNesting bounds envelopes within envelopes.
const maxNesting = 4

// slotsFrom decodes slots: a list, a list under `slots` or `data`, or lists under their
// dates (the form of group_by_day is not published).
func slotsFrom(raw json.RawMessage) ([]Slot, error) { return slotsIn([]Slot{}, raw, 0) }

func slotsIn(out []Slot, raw json.RawMessage, depth int) ([]Slot, error) {
	if depth > maxNesting {
		return nil, errNoSlots
	}
	if opens(raw, '[') {
		return slotsOf(out, raw, depth)
	}
	o, err := objectFrom(raw)
	if err != nil {
		return nil, errNoSlots
	}
	for _, name := range []string{"slots", "data"} {
		if inner, ok := o[name]; ok {
			if isNull(inner) {
				return out, nil
			}
			return slotsIn(out, inner, depth+1)
		}
	}
	return slotsByDay(out, o, depth)
}

// slotsOf decodes a list of slots, or of days with slots. It decodes one element after the
// other, so that an invalid one stops it before the rest is allocated.
func slotsOf(out []Slot, raw json.RawMessage, depth int) ([]Slot, error) {
	items := json.NewDecoder(bytes.NewReader(raw))
	if _, err := items.Token(); err != nil {
		return nil, errNoSlots
	}
	for i := 0; items.More(); i++ {
		var f slotFields
		err := items.Decode(&f)
		if err != nil {
			return nil, errNoSlots
		}
		if isNull(f.Slots) {
			var s Slot
			s, err = f.slot()
			out = append(out, s)
		} else {
			out, err = slotsIn(out, f.Slots, depth+1)
		}
		if err != nil {
			return nil, fmt.Errorf("slots[%d]: %w", i, err)
		}
	}
	return out, nil
}

// slotFields is a slot under every name that Vennio may give its fields, or a day that holds
// slots. An answer may hold thousands, so they are decoded into a struct and not into an object.
type slotFields struct {
	Start           scalarText      `json:"start"`
	StartTime       scalarText      `json:"start_time"`
	End             scalarText      `json:"end"`
	EndTime         scalarText      `json:"end_time"`
	Description     scalarText      `json:"description"`
	NaturalLanguage scalarText      `json:"natural_language"`
	HumanReadable   scalarText      `json:"human_readable"`
	Label           scalarText      `json:"label"`
	Display         scalarText      `json:"display"`
	Slots           json.RawMessage `json:"slots"`
}

type scalarText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *scalarText) UnmarshalJSON(raw []byte) error {
	*t = scalarText(scalar(raw))
	return nil
}

func (f slotFields) slot() (Slot, error) {
	start, ok1 := instant(string(cmp.Or(f.Start, f.StartTime)))
	end, ok2 := instant(string(cmp.Or(f.End, f.EndTime)))
	switch {
	case !ok1:
		return Slot{}, errors.New("start is not an RFC 3339 time with an offset")
	case !ok2:
		return Slot{}, errors.New("end is not an RFC 3339 time with an offset")
	case !end.After(start):
		return Slot{}, errors.New("a slot must have a start and a later end")
	}
	return Slot{
		Start: start.UTC(), End: end.UTC(),
		Description: string(cmp.Or(f.Description, f.NaturalLanguage, f.HumanReadable, f.Label, f.Display)),
	}, nil
}

// slotsByDay decodes an object of lists under dates. An empty object is valid only inside
// an envelope.
func slotsByDay(out []Slot, o object, depth int) ([]Slot, error) {
	days := 0
	for name, inner := range sorted(o) {
		if _, err := time.Parse(time.DateOnly, name); err != nil {
			continue
		}
		days++
		if isNull(inner) {
			continue
		}
		var err error
		if out, err = slotsIn(out, inner, depth+1); err != nil {
			return nil, err
		}
	}
	if days == 0 && (depth == 0 || len(o) > 0) {
		return nil, errNoSlots
	}
	return out, nil
}

// nextFrom decodes one slot: flat, in an envelope, or the first of a list. It returns nil
// for 204, null, an empty envelope and `available: false`.
func nextFrom(raw json.RawMessage) (*Slot, error) {
	if isNull(raw) {
		return nil, nil
	}
	o, err := payload(raw)
	if err != nil {
		return nil, err
	}
	if o.field("start", "start_time") != nil {
		return slotFromObject(o)
	}
	for _, name := range []string{"slot", "next_slot", "next_available", "next"} {
		if inner, ok := o[name]; ok {
			return oneSlot(inner)
		}
	}
	if scalar(o["available"]) == "false" {
		return nil, nil
	}
	all, err := slotsFrom(raw)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func oneSlot(raw json.RawMessage) (*Slot, error) {
	if isNull(raw) {
		return nil, nil
	}
	o, err := objectFrom(raw)
	if err != nil {
		return nil, err
	}
	return slotFromObject(o)
}

func slotFromObject(o object) (*Slot, error) {
	s, err := slotFields{
		Start: scalarText(o.text("start", "start_time")), End: scalarText(o.text("end", "end_time")),
		Description: scalarText(o.text("description", "natural_language", "human_readable", "label", "display")),
	}.slot()
	return &s, err
}
