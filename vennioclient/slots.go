package vennioclient

import (
	"context"
	"errors"
	"time"
)

// Slot is a time that was free when Vennio looked. Its calendars may be 15
// minutes old; booking checks again (vennio-api.md, Availability).
type Slot struct {
	Start, End time.Time // UTC
	// Description is the slot in Vennio's own words, as they are; "" where it has none.
	Description string
}

// SlotsQuery asks for the free times of a host. Zero fields are not sent; what
// Vennio then assumes differs between its pages, so Duration, From and To are
// best always given.
type SlotsQuery struct {
	// Hosts are ids of businesses or principals: one in the reference dialect, in
	// the guide's any number, for times at which all of them are free.
	Hosts    []string
	Duration time.Duration // whole minutes
	From, To time.Time
	Timezone string // IANA name; the zone Vennio answers in
	// Interval is the step between starts, in whole minutes. By Vennio's default,
	// the shorter of Duration and 15 minutes, slots overlap one another.
	Interval time.Duration
	Buffer   time.Duration // whole minutes kept free between bookings
	// ConsentID is the calendar access to look under; the caller must be its grantee.
	ConsentID string
}

// Slots returns the free times that match q, in Vennio's order; none is an
// empty list. They may overlap one another. An answer that names another host than
// the one of q is an error (ErrOtherHost).
func (c *Client) Slots(ctx context.Context, q SlotsQuery) ([]Slot, error) {
	query, refused := c.dialect.slots(q)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(pathSlots, query), slotsAlone(q.Hosts, slotsFrom))
}

// NextSlotQuery asks for the first free time of a host. Zero fields are not sent.
type NextSlotQuery struct {
	Host      string
	Duration  time.Duration // whole minutes; Vennio's default is 30
	After     time.Time     // Vennio's default is now
	DaysAhead int           // how far to look
	Timezone  string        // IANA name
}

// NextSlot returns the first free time, or nil where Vennio says that there is none.
func (c *Client) NextSlot(ctx context.Context, q NextSlotQuery) (*Slot, error) {
	query, refused := c.dialect.next(q)
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, get(pathNext, query), slotsAlone([]string{q.Host}, nextFrom))
}

// MutualQuery asks when several hosts, 2 to 5, are free at once. The caller needs
// calendar access to each of them. Zero fields are not sent; Vennio requires
// From and To.
type MutualQuery struct {
	Hosts    []string
	Duration time.Duration // whole minutes
	From, To time.Time
	Timezone string // IANA name
	Limit    int    // the most slots returned
}

// MutualSlots returns times at which all of q.Hosts are free; none is an empty list.
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

func slotFrom(o object) (Slot, error) {
	start, err1 := o.time("start", "start_time")
	end, err2 := o.time("end", "end_time")
	if err := errors.Join(err1, err2); err != nil {
		return Slot{}, err
	}
	if start.IsZero() || !end.After(start) {
		return Slot{}, errors.New("no slot: it must have a start and a later end")
	}
	return Slot{
		Start: start, End: end,
		Description: o.text("description", "natural_language", "human_readable", "label", "display"),
	}, nil
}
