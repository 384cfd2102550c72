package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// ErrTampered is among the errors of what is refused because a stored proposal or
// grant is not what its entries in the ledger say. Nothing is sent then.
var ErrTampered = errors.New("the stored record of this consent does not match the ledger; run vennio-mcp ledger verify")

// history is what the entries about one act say: how its proposals and grants
// must stand.
type history struct {
	act       sqldb.Act
	known     bool // whether the entries tell of everything: not of an act erased by an older version
	proposals map[string]*sqldb.Proposal
	grants    map[string]*sqldb.Grant
	attempts  map[string][]sqldb.Send // by grant
	newest    map[string]int64        // the newest entry about a proposal or a grant
}

// remains is what an erasure leaves of an act's records, as the entry of the
// erasure states it. It names nobody.
type remains struct {
	Act       string              `json:"act"`
	Proposals []remainingProposal `json:"proposals,omitempty"`
	Grants    []remainingGrant    `json:"grants,omitempty"`
}

type remainingProposal struct {
	ID      string `json:"id"`
	Seq     int64  `json:"seq"`
	At      string `json:"at"`
	Expires string `json:"expires"`
	State   string `json:"state"`
	Tenant  string `json:"tenant,omitempty"`
	Caller  string `json:"caller,omitempty"`
	Account string `json:"account,omitempty"`
	Policy  string `json:"policy,omitempty"`
	Refused string `json:"refused,omitempty"`
}

type remainingGrant struct {
	ID       string   `json:"id"`
	Proposal string   `json:"proposal,omitempty"`
	Tenant   string   `json:"tenant,omitempty"`
	Slot     string   `json:"slot,omitempty"`
	Rung     string   `json:"rung"`
	At       string   `json:"at"`
	Expires  string   `json:"expires"`
	Outcome  string   `json:"outcome"`
	Bookings int      `json:"bookings,omitempty"`
	Attempts []string `json:"attempts,omitempty"` // the outcome of each
}

// remaining returns what is left of an erased act.
func (w *work) remaining(act string) (remains, error) {
	r, about := remains{Act: act}, sqldb.Range{First: act, Last: act}
	proposals, err := w.ProposalsAbout(about)
	if err != nil {
		return r, err
	}
	for _, p := range proposals {
		r.Proposals = append(r.Proposals, remainingProposal{
			p.ID, p.Seq, sqldb.Text(p.At), sqldb.Text(p.Expires), p.State, p.Tenant, p.Caller, p.Account, p.Policy, sqldb.Text(p.Refused),
		})
	}
	grants, err := w.GrantsAbout(about)
	if err != nil {
		return r, err
	}
	for _, g := range grants {
		sends, err := w.Sends(g.ID)
		if err != nil {
			return r, err
		}
		left := remainingGrant{g.ID, g.ProposalID, g.Tenant, g.SlotID, g.Rung, sqldb.Text(g.At), sqldb.Text(g.Expires), g.Outcome, g.Bookings, nil}
		for _, s := range sends {
			left.Attempts = append(left.Attempts, s.Outcome)
		}
		r.Grants = append(r.Grants, left)
	}
	return r, nil
}

// historyOf replays the entries about an act, the oldest first, which are those
// that were written. left is what an erasure left of it, nil if none is on record.
// The error is a *BrokenError where the act is not the one that an entry is about,
// or an entry is about what no entry before it made.
func historyOf(act sqldb.Act, left *remains, entries []sqldb.Entry) (*history, error) {
	h := &history{
		act: act, known: act.Digest != "" || left != nil,
		proposals: map[string]*sqldb.Proposal{}, grants: map[string]*sqldb.Grant{}, attempts: map[string][]sqldb.Send{}, newest: map[string]int64{},
	}
	about, err := h.begin(left)
	if err != nil {
		return nil, err
	}
	digest := blind(act)
	for _, e := range entries {
		var d details
		why := "the act that it is about was changed"
		if e.Digest == digest && json.Unmarshal([]byte(e.Details), &d) == nil {
			why = h.apply(e, d, about)
		}
		if why != "" {
			return nil, &BrokenError{e.Seq, why}
		}
	}
	return h, nil
}

// proven returns the details of an entry, or why they are not those it was
// written with.
func proven(e sqldb.Entry) (d details, why string) {
	switch {
	case e.Hash != link(e):
		return d, "its hash does not fit"
	case e.Commitment != sum(e.Salt+e.Details):
		return d, "its details are not those it was written with"
	}
	if err := json.Unmarshal([]byte(e.Details), &d); err != nil || d.Of != e.Act {
		return d, "its details are filed under another act"
	}
	return d, ""
}

// begin reads the act and what an erasure left of it.
func (h *history) begin(left *remains) (about Act, err error) {
	if h.act.Digest != "" {
		about, err = parseAct(h.act.JSON)
		if err != nil || sum(h.act.JSON) != h.act.Digest {
			return about, &BrokenError{0, "the act " + h.act.ID + " is not the one that its digest tells of"}
		}
		return about, nil
	}
	if left == nil {
		return about, nil
	}
	for _, p := range left.Proposals {
		h.proposals[p.ID] = &sqldb.Proposal{ID: p.ID, Act: h.act, Seq: p.Seq, At: instant(p.At), Expires: instant(p.Expires), State: p.State, Tenant: p.Tenant, Caller: p.Caller, Account: p.Account, Policy: p.Policy, Refused: instant(p.Refused)}
	}
	for _, g := range left.Grants {
		h.grants[g.ID] = &sqldb.Grant{
			ID: g.ID, Act: h.act, ProposalID: g.Proposal, Tenant: g.Tenant, SlotID: g.Slot, Rung: g.Rung, At: instant(g.At), Expires: instant(g.Expires),
			Outcome: g.Outcome, Bookings: g.Bookings,
		}
		for i, outcome := range g.Attempts {
			h.attempts[g.ID] = append(h.attempts[g.ID], sqldb.Send{N: i + 1, Outcome: outcome})
		}
	}
	return about, nil
}

// instant reads an instant as the store writes it; the zero time where it is none.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// apply repeats what an entry says was done.
func (h *history) apply(e sqldb.Entry, d details, about Act) (why string) {
	h.newest[d.Proposal], h.newest[d.Grant] = e.Seq, e.Seq
	if d.Proposal != "" {
		if e.Kind == kindProposed {
			h.proposals[d.Proposal] = &sqldb.Proposal{
				ID: d.Proposal, Act: h.act, Seq: e.Seq, At: instant(e.At), Expires: instant(d.Expires), State: string(StateOpen), Caller: d.Caller,
				Account: d.Account, Policy: string(d.Policy),
			}
			if p := h.proposals[d.Proposal]; p.Caller != "" { // earlier versions did not store these
				p.Tenant, p.Starts, p.Subject = about.Tenant, about.takes(), about.BookingID
			}
		}
		p := h.proposals[d.Proposal]
		if p == nil {
			return h.unless("it is about a proposal that was never made")
		}
		h.answered(p, e, d)
	}
	if d.Grant == "" {
		return ""
	}
	if h.grants[d.Grant] == nil && (e.Kind == kindApproved || e.Kind == kindAttested) {
		h.grants[d.Grant] = &sqldb.Grant{
			ID: d.Grant, Act: h.act, Tenant: about.Tenant, SlotID: about.SlotID, Subject: about.BookingID, Bookings: about.bookings(),
		}
	}
	g := h.grants[d.Grant]
	if g == nil {
		return h.unless("it is about a grant that was never given")
	}
	return h.given(g, e, d)
}

// unless is why, for an act of which everything is known.
func (h *history) unless(why string) string {
	if h.known {
		return why
	}
	return ""
}

// answered repeats what became of a proposal.
func (h *history) answered(p *sqldb.Proposal, e sqldb.Entry, d details) {
	switch e.Kind {
	case kindApproved:
		p.State = string(StateApproved)
		if g := h.grants[d.Grant]; g != nil && g.Outcome != string(Unsent) {
			p.State = string(StateUsed)
		}
	case kindDeclined:
		p.State = string(StateDeclined)
		if d.Closed != "" { // earlier versions did not store it
			p.Refused = instant(e.At)
		}
	case kindWithdrawn:
		p.Unanswered = d.Why
	case kindExpired, kindClosed:
		p.State = string(StateExpired)
	}
}

// given repeats what became of a grant.
func (h *history) given(g *sqldb.Grant, e sqldb.Entry, d details) (why string) {
	attempts := h.attempts[g.ID]
	switch e.Kind {
	case kindApproved, kindAttested:
		if g.Outcome == string(Unsent) {
			g.ProposalID, g.GivenBy, g.Words, g.Rung, g.At, g.Expires = d.Proposal, d.By, d.Words, string(d.Rung), instant(e.At), instant(d.Expires)
		}
	case kindRetired:
		g.Outcome, g.Detail = string(NotDone), d.Why
	case kindSent:
		h.attempts[g.ID] = append(attempts, sqldb.Send{N: d.Attempt, Outcome: string(Sent)})
		g.Outcome = string(Sent)
		if p := h.proposals[g.ProposalID]; p != nil {
			p.State = string(StateUsed)
		}
	case kindSettled:
		if d.Attempt < 1 || d.Attempt > len(attempts) {
			return h.unless("it settles an attempt that was never made")
		}
		attempts[d.Attempt-1].Outcome = string(d.Outcome)
		if g.Outcome != string(Done) {
			g.Outcome, g.BookingID, g.RequestID, g.Detail = string(overall(attempts)), d.Booking, d.Request, d.Detail
		}
	}
	return ""
}

// bookings is how many bookings the act makes.
func (a Act) bookings() int {
	if a.BookingID != "" {
		return 0
	}
	return max(1, a.Count)
}

// provenProposal refuses a proposal that is not what its entries say.
func (w *work) provenProposal(p sqldb.Proposal) error {
	h, err := w.history(p.Act)
	if err == nil {
		err = h.proposal(p)
	}
	return tampered(err)
}

// provenGrant refuses a grant that is not what its entries say.
func (w *work) provenGrant(g sqldb.Grant) error {
	h, err := w.history(g.Act)
	if err != nil {
		return tampered(err)
	}
	sends, err := w.Sends(g.ID)
	if err == nil {
		err = h.grant(g, sends)
	}
	return tampered(err)
}

func (w *work) history(act sqldb.Act) (*history, error) {
	entries, err := w.EntriesAbout(sqldb.Range{First: act.ID, Last: act.ID})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, why := proven(e); why != "" {
			return nil, &BrokenError{e.Seq, why}
		}
	}
	return historyOf(act, nil, entries)
}

func tampered(err error) error {
	if _, broken := errors.AsType[*BrokenError](err); broken {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return err
}

// check compares all stored records of the act with its entries.
func (h *history) check(proposals []sqldb.Proposal, grants []sqldb.Grant, attempts map[string][]sqldb.Attempt) error {
	stored := map[string]bool{}
	for _, p := range proposals {
		stored[p.ID] = true
		if err := h.proposal(p); err != nil {
			return err
		}
	}
	for _, g := range grants {
		stored[g.ID] = true
		var sends []sqldb.Send
		for _, a := range attempts[g.ID] {
			sends = append(sends, a.Send)
		}
		if err := h.grant(g, sends); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.proposals)) {
		if !stored[id] {
			return &BrokenError{h.newest[id], "the proposal " + id + " was removed"}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(h.grants)) {
		if !stored[id] {
			return &BrokenError{h.newest[id], "the grant " + id + " was removed"}
		}
	}
	return nil
}

// proposal tells in what a stored proposal differs from its entries.
func (h *history) proposal(got sqldb.Proposal) error {
	want := h.proposals[got.ID]
	switch {
	case want == nil && !h.known && got.Unanswered == "":
		return nil
	case want == nil:
		return &BrokenError{0, "no entry tells of the proposal " + got.ID}
	}
	return h.same("the proposal "+got.ID, got.ID, []field{
		{"seq", fmt.Sprint(want.Seq), fmt.Sprint(got.Seq)},
		{"at", sqldb.Text(want.At), sqldb.Text(got.At)},
		{"expires", sqldb.Text(want.Expires), sqldb.Text(got.Expires)},
		{"state", want.State, got.State},
		{"unanswered", want.Unanswered, got.Unanswered},
		{"tenant", want.Tenant, got.Tenant},
		{"caller", want.Caller, got.Caller},
		{"account", want.Account, got.Account},
		{"policy", want.Policy, got.Policy},
		{"starts", sqldb.Text(want.Starts), sqldb.Text(got.Starts)},
		{"subject", want.Subject, got.Subject},
		{"refused", sqldb.Text(want.Refused), sqldb.Text(got.Refused)},
	})
}

// grant tells in what a stored grant, with its attempts, differs from its entries.
func (h *history) grant(got sqldb.Grant, attempts []sqldb.Send) error {
	want := h.grants[got.ID]
	switch {
	case want == nil && !h.known && got.GivenBy+got.Words+got.BookingID+got.RequestID == "":
		return nil
	case want == nil:
		return &BrokenError{0, "no entry tells of the grant " + got.ID}
	}
	if got.Subject == sqldb.UnknownSubject {
		got.Subject = want.Subject
	}
	return h.same("the grant "+got.ID, got.ID, []field{
		{"proposal", want.ProposalID, got.ProposalID},
		{"tenant", want.Tenant, got.Tenant},
		{"slot", want.SlotID, got.SlotID},
		{"given_by", want.GivenBy, got.GivenBy},
		{"words", want.Words, got.Words},
		{"rung", want.Rung, got.Rung},
		{"at", sqldb.Text(want.At), sqldb.Text(got.At)},
		{"expires", sqldb.Text(want.Expires), sqldb.Text(got.Expires)},
		{"outcome", want.Outcome, got.Outcome},
		{"booking", want.BookingID, got.BookingID},
		{"request", want.RequestID, got.RequestID},
		{"detail", want.Detail, got.Detail},
		{"subject", want.Subject, got.Subject},
		{"bookings", fmt.Sprint(want.Bookings), fmt.Sprint(got.Bookings)},
		{"attempts", fmt.Sprint(h.attempts[got.ID]), fmt.Sprint(attempts)},
	})
}

// field is a column of a record: its value by the ledger, and the stored one.
type field struct{ name, want, got string }

// same compares a record with what its entries say.
func (h *history) same(what, id string, fields []field) error {
	for _, f := range fields {
		if f.want != f.got && storable(f.want) != storable(f.got) {
			return &BrokenError{h.newest[id], what + " differs from its entries in " + f.name}
		}
	}
	return nil
}

// storable is a text as every store and JSON can hold it: bytes that are not
// UTF-8, and NUL, which PostgreSQL refuses, became U+FFFD in one of them or both,
// one for each or one for several.
func storable(s string) string {
	const replacement = '\uFFFD'
	var last rune
	return strings.Map(func(r rune) rune {
		if r == 0 {
			r = replacement
		}
		again := r == replacement && last == replacement
		if last = r; again {
			return -1
		}
		return r
	}, s)
}
