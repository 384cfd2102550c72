package consent

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Line is one entry of the ledger together with what is on record about its act and its grant. It holds
// no personal data unless Details is set.
type Line struct {
	Seq      int64           `json:"seq"`
	At       string          `json:"at"` // RFC 3339, UTC
	Kind     string          `json:"kind"`
	Tenant   string          `json:"tenant,omitempty"` // absent for the default one
	Tool     string          `json:"tool,omitempty"`
	Booking  string          `json:"booking,omitempty"`  // at Vennio: the one that the grant made, or that the act changes
	Outcome  Outcome         `json:"outcome,omitempty"`  // of the attempt that the entry is about
	Method   Method          `json:"method,omitempty"`   // how consent was given
	Proposal string          `json:"proposal,omitempty"` // the request to a person
	Grant    string          `json:"grant,omitempty"`
	Erased   bool            `json:"erased,omitempty"` // the details were deleted together with a person's data
	Hash     string          `json:"hash"`
	Details  json.RawMessage `json:"details,omitempty"` // as they were hashed; of Show only
}

// UnderConsent reports whether the entry is a consent, or an attempt to write under one.
func (l Line) UnderConsent() bool {
	return l.Kind == kindApproved || l.Kind == kindAttested || l.Kind == kindSent || l.Kind == kindSettled
}

// Refusal reports whether the entry is about a person who declined.
func (l Line) Refusal() bool { return l.Kind == kindDeclined }

// Filter chooses entries of the ledger. A zero field chooses all.
type Filter struct {
	Tenant       *string // empty: the default tenant
	Booking      string  // id at Vennio
	Outcome      Outcome
	Method       Method
	Since, Until time.Time
	Limit        int // the newest so many
}

func (f Filter) chooses(l Line) bool {
	at := instant(l.At)
	return (f.Tenant == nil || l.Tenant == *f.Tenant && !l.Erased) && (f.Booking == "" || l.Booking == f.Booking) &&
		(f.Outcome == "" || l.Outcome == f.Outcome) && (f.Method == "" || l.Method == f.Method) &&
		(f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until))
}

// List returns the entries that the filter chooses, the oldest first.
func (l *Ledger) List(ctx context.Context, f Filter) ([]Line, error) {
	var lines []Line
	err := l.eachLine(ctx, func(line Line) {
		line.Details = nil
		if !f.chooses(line) {
			return
		}
		lines = append(lines, line)
		if f.Limit > 0 && len(lines) > f.Limit {
			lines = slices.Delete(lines, 0, 1)
		}
	})
	return lines, err
}

// Show returns the entries with an id in full, personal data included: the one entry of that number, or
// all entries about a request, a grant or a booking.
func (l *Ledger) Show(ctx context.Context, id string) ([]Line, error) {
	seq, err := strconv.ParseInt(id, 10, 64)
	isSeq := err == nil
	var lines []Line
	err = l.eachLine(ctx, func(line Line) {
		if isSeq && line.Seq == seq || !isSeq && id != "" && slices.Contains([]string{line.Proposal, line.Grant, line.Booking}, id) {
			lines = append(lines, line)
		}
	})
	return lines, err
}

// known is what the entries of one act have said.
type known struct {
	tenant, tool, booking string
	grants                map[string]*grantLine
}

// grantLine is what the entries about one grant have said.
type grantLine struct {
	proposal, booking string
	method            Method
}

// eachLine reads the ledger twice: a booking is known only from the last entries of its act.
func (l *Ledger) eachLine(ctx context.Context, do func(Line)) error {
	acts := map[string]*known{}
	if err := l.pages(ctx, func(e Entry) { learn(acts, e) }); err != nil {
		return err
	}
	return l.pages(ctx, func(e Entry) { do(lineOf(acts, e)) })
}

// pages calls do for every entry, the oldest first.
func (l *Ledger) pages(ctx context.Context, do func(Entry)) error {
	for after := int64(0); ; {
		entries, err := l.Entries(ctx, after, page)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			do(e)
		}
		after = entries[len(entries)-1].Seq
	}
}

// learn notes what an entry says of its act. Details that cannot be read are for Verify to report.
func learn(acts map[string]*known, e Entry) {
	var d details
	if json.Unmarshal([]byte(e.Details), &d) != nil || d.Of == "" {
		return
	}
	k := acts[d.Of]
	if k == nil {
		k = &known{grants: map[string]*grantLine{}}
		acts[d.Of] = k
	}
	if act, err := parseAct(d.Act); d.Act != "" && err == nil {
		k.tenant, k.tool, k.booking = act.Tenant, act.Tool, act.BookingID
	}
	if d.Grant == "" {
		return
	}
	g := k.grants[d.Grant]
	if g == nil {
		g = &grantLine{}
		k.grants[d.Grant] = g
	}
	if d.Method != "" {
		g.method = d.Method
	}
	if d.Proposal != "" {
		g.proposal = d.Proposal
	}
	if d.Booking != "" {
		g.booking = d.Booking
	}
}

func lineOf(acts map[string]*known, e Entry) Line {
	line := Line{Seq: e.Seq, At: e.At, Kind: e.Kind, Hash: e.Hash, Erased: e.Details == ""}
	var d details
	if json.Unmarshal([]byte(e.Details), &d) != nil {
		return line
	}
	line.Details = json.RawMessage(e.Details)
	line.Outcome, line.Method, line.Proposal, line.Grant, line.Booking = d.Outcome, d.Method, d.Proposal, d.Grant, d.Booking
	if e.Kind == kindSent {
		line.Outcome = Sent
	}
	k := acts[d.Of]
	if k == nil {
		return line
	}
	line.Tenant, line.Tool = k.tenant, k.tool
	grant := k.grants[d.Grant]
	if grant == nil { // the entry is about a proposal: its grant, if it has one
		for id, g := range k.grants {
			if g.proposal == d.Proposal && d.Proposal != "" {
				line.Grant, grant = id, g
			}
		}
	}
	if grant != nil {
		line.Method, line.Proposal = grant.method, cmp.Or(d.Proposal, grant.proposal)
		line.Booking = cmp.Or(line.Booking, grant.booking)
	}
	line.Booking = cmp.Or(line.Booking, k.booking)
	return line
}
