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
	Polls    []OpenPoll `json:"polls,omitempty"`
	Ledger   []Entry    `json:"ledger"`
}

// Booking is a booking in the sandbox.
type Booking struct {
	ID      string    `json:"id"`
	Seed    string    `json:"seed,omitempty"` // its name in the case, if it existed before
	Host    string    `json:"host"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Status  string    `json:"status"`
	Title   string    `json:"title"`
	Notes   string    `json:"notes,omitempty"`
	Guests  []string  `json:"guests"` // e-mail addresses
	Series  string    `json:"series,omitempty"`
	Moved   bool      `json:"moved,omitempty"`   // it existed before, at another time
	Changed bool      `json:"changed,omitempty"` // it existed before, and anything about it is different
}

func (b Booking) active() bool { return b.Status != vennioclient.StatusCancelled }

// OpenPoll is a proposal in the sandbox.
type OpenPoll struct {
	ID      string   `json:"id"`
	Seed    string   `json:"seed,omitempty"`
	Status  string   `json:"status"`
	Voters  []string `json:"voters"`
	Times   int      `json:"times"`
	Message string   `json:"message,omitempty"`
	Booking string   `json:"booking,omitempty"`
}

// Entry is an entry of the ledger.
type Entry struct {
	Kind    string `json:"kind"`
	Tool    string `json:"tool"`
	Outcome string `json:"outcome,omitempty"`
	Method  string `json:"method,omitempty"`
	Grant   string `json:"grant,omitempty"`
}

// state reads the sandbox and the ledger, not what the program answered.
func (w *world) state(ctx context.Context) (s State, err error) {
	w.vennio.Calm()
	w.faults.clear()
	for _, b := range w.vennio.Bookings() {
		s.Bookings = append(s.Bookings, w.booking(b))
	}
	links, err := w.app.Vennio.ListVennLinks(ctx, vennioclient.VennLinksQuery{})
	if err != nil {
		return s, err
	}
	for _, l := range links.Links {
		s.Links = append(s.Links, Link{Host: firstName(l.HostID), Minutes: int(l.Duration.Minutes())})
	}
	proposals, err := w.app.Vennio.ListProposals(ctx, vennioclient.ProposalsQuery{})
	if err != nil {
		return s, err
	}
	for _, p := range proposals.Proposals {
		poll := OpenPoll{ID: p.ID, Status: p.Status, Times: len(p.Slots), Message: p.Message, Booking: p.BookingID}
		for name, id := range w.polls {
			if id == p.ID {
				poll.Seed = name
			}
		}
		for _, voter := range p.Participants {
			poll.Voters = append(poll.Voters, voter.Party.Email)
		}
		s.Polls = append(s.Polls, poll)
	}
	s.Ledger, err = w.ledger(ctx)
	return s, err
}

var address = regexp.MustCompile(`[\w.+-]+@[\w.-]+\w`)

func (w *world) booking(b sandbox.Booking) Booking {
	out := Booking{ID: b.ID, Seed: w.series[b.ID], Host: firstName(b.HostID), Start: b.Start.UTC(), End: b.End.UTC(), Status: b.Status, Title: b.Title, Notes: b.Notes, Series: b.SeriesID}
	for _, guest := range slices.Concat([]string{b.CustomerEmail}, b.Participants) {
		for _, email := range address.FindAllString(strings.ToLower(guest), -1) {
			if !slices.Contains(out.Guests, email) && !slices.ContainsFunc(sandbox.Hosts(), func(h sandbox.Host) bool { return h.Email == email }) {
				out.Guests = append(out.Guests, email)
			}
		}
	}
	if before, existed := w.before[b.ID]; existed {
		out.Moved = !before.Start.Equal(b.Start) || !before.End.Equal(b.End)
		out.Changed = out.Moved || asJSON(before) != asJSON(b)
	}
	return out
}

func asJSON(v any) string {
	raw, err := json.Marshal(v)
	return fmt.Sprint(string(raw), err)
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

// attested returns how many consents the ledger has on the model's word alone.
func (w *world) attested(ctx context.Context) (n int, err error) {
	entries, err := w.ledger(ctx)
	for _, e := range entries {
		if e.Kind == "attested" {
			n++
		}
	}
	return n, err
}

// written returns how many writes of a tool succeeded.
func (s State) written(tools ...string) (n int) {
	for _, e := range s.Ledger {
		if e.Kind == "settled" && e.Outcome == string(consent.Done) && slices.Contains(tools, e.Tool) {
			n++
		}
	}
	return n
}

// matches reports whether a booking is the meeting, whatever its time.
func (m Meeting) matches(b Booking) bool {
	guests := slices.Sorted(slices.Values(b.Guests))
	want := slices.Sorted(slices.Values(m.Guests))
	status := m.Status
	if status == "" {
		status = vennioclient.StatusConfirmed
	}
	return (m.Host == "" || m.Host == b.Host) && (len(want) == 0 || slices.Equal(want, guests)) && b.Status == status && m.Seed == b.Seed
}

// inTime reports whether a booking has the time and length of the meeting. after is how much later than the first of
// a series it is.
func (m Meeting) inTime(b Booking) bool {
	minutes := m.Minutes
	if minutes == 0 {
		minutes = 30
	}
	from, to := instant(m.From), instant(m.To)
	if m.Start != "" {
		from, to = instant(m.Start), instant(m.Start)
	}
	if m.Count > 1 { // the later ones of a series
		to = to.AddDate(0, 0, 7*(m.Count-1))
	}
	return !b.Start.Before(from) && !b.Start.After(to) && b.End.Sub(b.Start) == time.Duration(minutes)*time.Minute
}
