package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// State is what the sandbox and the ledger contain after a run.
type State struct {
	Bookings []Booking  `json:"bookings"`
	Links    []Link     `json:"links,omitempty"`
	Polls    []Proposed `json:"polls,omitempty"`
	Ledger   []Entry    `json:"ledger"`
}

// Booking is a booking in the sandbox.
type Booking struct {
	ID     string    `json:"id"`
	Seed   string    `json:"seed,omitempty"` // its name in the case, if it existed before
	Host   string    `json:"host"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Status string    `json:"status"`
	Title  string    `json:"title"`
	Notes  string    `json:"notes,omitempty"`
	Guests []string  `json:"guests"`         // e-mail addresses
	With   []string  `json:"with,omitempty"` // further hosts
	Series string    `json:"series,omitempty"`
	Moved  bool      `json:"moved,omitempty"`  // it existed before, at another time
	Edited bool      `json:"edited,omitempty"` // it existed before, and anything but its time and status is different
}

func (b Booking) active() bool { return b.Status != vennioclient.StatusCancelled }

// String describes a booking in a finding.
func (b Booking) String() string {
	return fmt.Sprintf("%q with %s for %s, %s, %s", b.Title, b.Host, strings.Join(b.Guests, ", "), b.Start.Format("2 January 2006, 15:04 UTC"), b.End.Sub(b.Start))
}

// Proposed is a poll in the sandbox.
type Proposed struct {
	Message string      `json:"message"`
	Voters  []string    `json:"voters"`
	Starts  []time.Time `json:"starts"` // UTC, in order
	Minutes int         `json:"minutes"`
}

// Entry is an entry of the ledger.
type Entry struct {
	Kind    string `json:"kind"`
	Tool    string `json:"tool"`
	Outcome string `json:"outcome,omitempty"`
	Method  string `json:"method,omitempty"`
	Grant   string `json:"grant,omitempty"`
}

// state reads the sandbox and the ledger; it does not rely on the answers of the program.
func (w *world) state(ctx context.Context) (s State, err error) {
	w.vennio.Calm()
	w.faults.clear()
	for _, b := range w.vennio.Bookings() {
		booking, err := w.booking(ctx, b)
		if err != nil {
			return s, err
		}
		s.Bookings = append(s.Bookings, booking)
	}
	links, err := w.app.Vennio.ListVennLinks(ctx, vennioclient.VennLinksQuery{})
	if err != nil {
		return s, err
	}
	for _, l := range links.Links {
		s.Links = append(s.Links, Link{Host: firstName(l.HostID), Minutes: int(l.Duration.Minutes()), Title: l.Title})
	}
	proposals, err := w.app.Vennio.ListProposals(ctx, vennioclient.ProposalsQuery{})
	if err != nil {
		return s, err
	}
	for _, p := range proposals.Proposals {
		poll := Proposed{Message: p.Message}
		for _, slot := range p.Slots {
			poll.Starts, poll.Minutes = append(poll.Starts, slot.Start.UTC()), int(slot.End.Sub(slot.Start).Minutes())
		}
		slices.SortFunc(poll.Starts, time.Time.Compare)
		for _, voter := range p.Participants {
			poll.Voters = append(poll.Voters, voter.Party.Email)
		}
		s.Polls = append(s.Polls, poll)
	}
	s.Ledger, err = w.ledger(ctx)
	return s, err
}

var emailAddress = regexp.MustCompile(`[\w.+-]+@[\w.-]+\w`)

// booking reads a booking as the program does, because the API has no fields for further hosts and guests.
func (w *world) booking(ctx context.Context, stored sandbox.Booking) (Booking, error) {
	b, err := w.app.Vennio.GetBooking(ctx, stored.ID)
	if err != nil {
		return Booking{}, err
	}
	out := Booking{ID: b.ID, Seed: w.names[b.ID], Host: firstName(b.HostID), Start: b.Start, End: b.End, Status: b.Status, Title: b.Title, Notes: b.Notes, Series: b.SeriesID}
	out.Guests = append(out.Guests, strings.ToLower(b.Customer.Email))
	for _, p := range b.Participants {
		host := slices.IndexFunc(sandbox.Hosts(), func(h sandbox.Host) bool { return strings.Contains(p, h.ID) || strings.Contains(p, h.Email) })
		if host >= 0 {
			out.With = append(out.With, firstName(sandbox.Hosts()[host].ID))
			continue
		}
		out.Guests = append(out.Guests, emailAddress.FindAllString(strings.ToLower(p), -1)...)
	}
	if before, existed := w.before[b.ID]; existed {
		out.Moved = !before.Start.Equal(b.Start) || !before.End.Equal(b.End)
		before.Start, before.End, before.Status = stored.Start, stored.End, stored.Status
		out.Edited = asJSON(before) != asJSON(stored)
	}
	return out, nil
}

// asJSON encodes a value that JSON can represent.
func asJSON(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func firstName(host string) string {
	h, _ := hostNamed(host)
	first, _, _ := strings.Cut(h.Name, " ")
	return first
}

// ledger reads the ledger as vennio-mcp ledger list does.
func (w *world) ledger(ctx context.Context) ([]Entry, error) {
	lines, err := w.app.Ledger.List(ctx, consent.Filter{})
	entries := make([]Entry, len(lines))
	for i, l := range lines {
		entries[i] = Entry{l.Kind, l.Tool, string(l.Outcome), string(l.Method), l.Grant}
	}
	return entries, err
}

// count returns the number of entries of a kind and, unless it is empty, an outcome.
func (s State) count(kind string, outcome consent.Outcome) (n int) {
	for _, e := range s.Ledger {
		if e.Kind == kind && (outcome == "" || e.Outcome == string(outcome)) {
			n++
		}
	}
	return n
}

// changed returns the active bookings that are new or were moved.
func (s State) changed() (changed []Booking) {
	for _, b := range s.Bookings {
		if b.active() && (b.Seed == "" || b.Moved) {
			changed = append(changed, b)
		}
	}
	return changed
}
