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

// ErrTampered is among the errors of calls that refuse a stored proposal or grant
// because it differs from its entries in the ledger. Nothing is sent then.
var ErrTampered = errors.New("the stored record of this consent does not match the ledger; run vennio-mcp ledger verify")

// history is the result of replaying the entries about one act: the proposals, grants
// and attempts that must be stored.
type history struct {
	act       storedAct
	complete  bool // false for an act that an older version erased: its entries do not tell everything
	proposals map[string]*Proposal
	grants    map[string]*Grant
	attempts  map[string][]attempt // by grant
	newest    map[string]int64     // the newest entry about a proposal or a grant
	signers   signers
	unsigned  []UnsignedConsent
	failed    error // of the database, while a signature was checked
}

// remains is what an erasure leaves of an act's records, as the entry of the erasure
// contains it. It has no personal data.
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
	State   State  `json:"state"`
	Tenant  string `json:"tenant,omitempty"`
	Caller  string `json:"caller,omitempty"`
	Account string `json:"account,omitempty"`
	Policy  Policy `json:"policy,omitempty"`
	Refused string `json:"refused,omitempty"`
}

type remainingGrant struct {
	ID       string    `json:"id"`
	Proposal string    `json:"proposal,omitempty"`
	Tenant   string    `json:"tenant,omitempty"`
	Slot     string    `json:"slot,omitempty"`
	Method   Method    `json:"rung"`
	At       string    `json:"at"`
	Expires  string    `json:"expires"`
	Outcome  Outcome   `json:"outcome"`
	Bookings int       `json:"bookings,omitempty"`
	Attempts []Outcome `json:"attempts,omitempty"` // the outcome of each
}

// tenant returns the tenant of an act that is erased.
func (r remains) tenant(act storedAct) string {
	if parsed, err := act.parse(); err == nil && !act.erased() {
		return parsed.Tenant
	}
	for _, g := range r.Grants {
		return g.Tenant
	}
	for _, p := range r.Proposals {
		return p.Tenant
	}
	return ""
}

// remaining returns what an erasure leaves of the records of an act: an open proposal expires, and an unsent
// grant is settled as not done.
func (tx *transaction) remaining(act string) (remains, error) {
	r := remains{Act: act}
	proposals, err := tx.proposalsAbout(only(act))
	if err != nil {
		return r, err
	}
	for _, p := range proposals {
		if p.State == StateOpen {
			p.State = StateExpired
		}
		r.Proposals = append(r.Proposals, remainingProposal{
			p.ID, p.seq, sqldb.Text(p.At), sqldb.Text(p.Expires), p.State, p.tenant, p.caller, p.Account, p.Policy, sqldb.Text(p.refused),
		})
	}
	grants, err := tx.grantsAbout(only(act))
	if err != nil {
		return r, err
	}
	for _, g := range grants {
		attempts, err := tx.attempts(g.ID)
		if err != nil {
			return r, err
		}
		if g.Outcome == Unsent {
			g.Outcome = NotDone
		}
		left := remainingGrant{g.ID, g.ProposalID, g.tenant, g.slotID, g.Method, sqldb.Text(g.At), sqldb.Text(g.Expires), g.Outcome, g.bookings, nil}
		for _, a := range attempts {
			left.Attempts = append(left.Attempts, a.outcome)
		}
		r.Grants = append(r.Grants, left)
	}
	return r, nil
}

// replay builds the history of an act from the entries about it, the oldest first,
// whose hashes were verified. left is what an erasure left of the act; nil if the
// ledger has none. The error is a *BrokenError if an entry is about another act, or
// about a record that no earlier entry created.
func replay(act storedAct, left *remains, entries []Entry, find signers) (*history, error) {
	h := &history{
		act: act, complete: !act.erased() || left != nil,
		proposals: map[string]*Proposal{}, grants: map[string]*Grant{}, attempts: map[string][]attempt{}, newest: map[string]int64{}, signers: find,
	}
	var content Act
	if !act.erased() {
		var err error
		if content, err = act.parse(); err != nil || sha256Hex(act.json) != act.digest {
			return nil, &BrokenError{0, "the act " + act.id + " does not match its digest"}
		}
	} else if left != nil {
		h.restore(left)
	}
	digest := maskedDigest(act)
	for _, e := range entries {
		var d details
		why := "the act that it is about was changed"
		if e.Digest == digest && json.Unmarshal([]byte(e.Details), &d) == nil {
			why = h.apply(e, d, content)
		}
		if h.failed != nil {
			return nil, h.failed
		}
		if why != "" {
			return nil, &BrokenError{e.Seq, why}
		}
	}
	return h, nil
}

// restore adds the records that an erasure left.
func (h *history) restore(left *remains) {
	for _, p := range left.Proposals {
		h.proposals[p.ID] = &Proposal{
			ID: p.ID, seq: p.Seq, At: instant(p.At), Expires: instant(p.Expires), State: p.State, tenant: p.Tenant, caller: p.Caller,
			Account: p.Account, Policy: p.Policy, refused: instant(p.Refused),
		}
	}
	for _, g := range left.Grants {
		h.grants[g.ID] = &Grant{
			ID: g.ID, ProposalID: g.Proposal, tenant: g.Tenant, slotID: g.Slot, Method: g.Method, At: instant(g.At), Expires: instant(g.Expires),
			Outcome: g.Outcome, bookings: g.Bookings,
		}
		if g.Method != Signed { // an erasure must not hide it
			h.unsigned = append(h.unsigned, UnsignedConsent{Tenant: g.Tenant, Method: g.Method, at: instant(g.At)})
		}
		for i, outcome := range g.Attempts {
			h.attempts[g.ID] = append(h.attempts[g.ID], attempt{g.ID, i + 1, outcome})
		}
	}
}

// instant reads an instant as the database stores it; the zero time if it is none.
func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// apply repeats the change that an entry describes. why says what is wrong with it.
func (h *history) apply(e Entry, d details, act Act) (why string) {
	h.newest[d.Proposal], h.newest[d.Grant] = e.Seq, e.Seq
	if d.Proposal != "" {
		if e.Kind == kindProposed {
			p := &Proposal{
				ID: d.Proposal, seq: e.Seq, At: instant(e.At), Expires: instant(d.Expires), State: StateOpen, caller: d.Caller,
				Account: d.Account, Policy: d.Policy,
			}
			if p.caller != "" { // earlier versions did not store these
				p.tenant, p.starts, p.subject = act.Tenant, act.takes(), act.BookingID
			}
			h.proposals[d.Proposal] = p
		}
		p := h.proposals[d.Proposal]
		if p == nil {
			return h.ifComplete("it is about a proposal that was never made")
		}
		if why := h.verifySigned(p, e, d, act.Tenant); why != "" {
			return why
		}
		h.applyToProposal(p, e, d)
	}
	if d.Grant == "" {
		return ""
	}
	if h.grants[d.Grant] == nil && (e.Kind == kindApproved || e.Kind == kindAttested) {
		h.grants[d.Grant] = &Grant{ID: d.Grant, tenant: act.Tenant, slotID: act.SlotID, subject: act.BookingID, bookings: act.bookings()}
	}
	if (e.Kind == kindApproved || e.Kind == kindAttested) && d.Signature == nil {
		h.unsigned = append(h.unsigned, UnsignedConsent{Seq: e.Seq, Tenant: act.Tenant, Method: d.Method, seal: e.sealOrder()})
	}
	g := h.grants[d.Grant]
	if g == nil {
		return h.ifComplete("it is about a grant that was never given")
	}
	return h.applyToGrant(g, e, d)
}

// ifComplete returns why for an act whose entries must tell everything.
func (h *history) ifComplete(why string) string {
	if h.complete {
		return why
	}
	return ""
}

func (h *history) applyToProposal(p *Proposal, e Entry, d details) {
	switch e.Kind {
	case kindApproved:
		p.State = StateApproved
		if g := h.grants[d.Grant]; g != nil && g.Outcome != Unsent {
			p.State = StateUsed
		}
	case kindDeclined:
		p.State = StateDeclined
		if d.Closed != "" { // earlier versions did not store it
			p.refused = instant(e.At)
		}
	case kindWithdrawn:
		p.Unanswered = d.Why
	case kindExpired, kindClosed:
		p.State = StateExpired
	}
}

func (h *history) applyToGrant(g *Grant, e Entry, d details) (why string) {
	attempts := h.attempts[g.ID]
	switch e.Kind {
	case kindApproved, kindAttested:
		if g.Outcome == Unsent {
			g.ProposalID, g.GivenBy, g.Words, g.Method, g.Trusted, g.At, g.Expires = d.Proposal, d.By, d.Words, d.Method, d.Trusted, instant(e.At), instant(d.Expires)
		}
	case kindRetired:
		g.Outcome, g.Detail = NotDone, d.Why
	case kindSent:
		h.attempts[g.ID] = append(attempts, attempt{g.ID, d.Attempt, Sent})
		g.Outcome = Sent
		if p := h.proposals[g.ProposalID]; p != nil {
			p.State = StateUsed
		}
	case kindSettled:
		if d.Attempt < 1 || d.Attempt > len(attempts) {
			return h.ifComplete("it settles an attempt that was never made")
		}
		attempts[d.Attempt-1].outcome = d.Outcome
		if g.Outcome != Done {
			g.Outcome, g.BookingID, g.RequestID, g.Detail = overall(attempts), d.Booking, d.Request, d.Detail
		}
	}
	return ""
}

// verifyProposal refuses a proposal that differs from its entries.
func (tx *transaction) verifyProposal(p Proposal) error {
	h, err := tx.history(p.stored)
	if err == nil {
		err = h.compareProposal(p)
	}
	return asTampered(err)
}

// verifyGrant refuses a grant that differs from its entries.
func (tx *transaction) verifyGrant(g Grant) error {
	h, err := tx.history(g.stored)
	if err != nil {
		return asTampered(err)
	}
	attempts, err := tx.attempts(g.ID)
	if err == nil {
		err = h.compareGrant(g, attempts)
	}
	return asTampered(err)
}

// history verifies and replays the entries about an act that was not erased.
func (tx *transaction) history(act storedAct) (*history, error) {
	entries, err := tx.entriesAbout(only(act.id))
	if err != nil {
		return nil, err
	}
	end := chainEnd{0, noEntry}
	for _, e := range entries {
		_, why := verifiedDetails(e)
		if why == "" && e.N != 0 {
			why = follows(e, end)
		}
		if why != "" {
			return nil, &BrokenError{e.Seq, why}
		}
		end = chainEnd{e.N, e.Hash}
	}
	return replay(act, nil, entries, tx.signer)
}

func asTampered(err error) error {
	if _, broken := errors.AsType[*BrokenError](err); broken {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return err
}

// compare compares all stored records of the act with the history.
func (h *history) compare(proposals []Proposal, grants []Grant, attempts map[string][]attempt) error {
	stored := map[string]bool{}
	for _, p := range proposals {
		stored[p.ID] = true
		if err := h.compareProposal(p); err != nil {
			return err
		}
	}
	for _, g := range grants {
		stored[g.ID] = true
		if err := h.compareGrant(g, attempts[g.ID]); err != nil {
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

func (h *history) compareProposal(stored Proposal) error {
	want := h.proposals[stored.ID]
	switch {
	case want == nil && !h.complete && stored.Unanswered == "":
		return nil
	case want == nil:
		return &BrokenError{0, "no entry is about the proposal " + stored.ID}
	}
	state := stored.State
	if stored.overdue {
		state = StateOpen
	}
	return h.compareFields("the proposal "+stored.ID, stored.ID, []field{
		{"seq", fmt.Sprint(want.seq), fmt.Sprint(stored.seq)},
		{"at", sqldb.Text(want.At), sqldb.Text(stored.At)},
		{"expires", sqldb.Text(want.Expires), sqldb.Text(stored.Expires)},
		{"state", string(want.State), string(state)},
		{"unanswered", want.Unanswered, stored.Unanswered},
		{"tenant", want.tenant, stored.tenant},
		{"caller", want.caller, stored.caller},
		{"account", want.Account, stored.Account},
		{"policy", string(want.Policy), string(stored.Policy)},
		{"starts", sqldb.Text(want.starts), sqldb.Text(stored.starts)},
		{"subject", want.subject, stored.subject},
		{"refused", sqldb.Text(want.refused), sqldb.Text(stored.refused)},
	})
}

func (h *history) compareGrant(stored Grant, attempts []attempt) error {
	want := h.grants[stored.ID]
	switch {
	case want == nil && !h.complete && stored.GivenBy+stored.Words+stored.BookingID+stored.RequestID == "":
		return nil
	case want == nil:
		return &BrokenError{0, "no entry is about the grant " + stored.ID}
	}
	if stored.subject == unknownSubject {
		stored.subject = want.subject
	}
	return h.compareFields("the grant "+stored.ID, stored.ID, []field{
		{"proposal", want.ProposalID, stored.ProposalID},
		{"tenant", want.tenant, stored.tenant},
		{"slot", want.slotID, stored.slotID},
		{"given_by", want.GivenBy, stored.GivenBy},
		{"words", want.Words, stored.Words},
		{"rung", string(want.Method), string(stored.Method)},
		{"at", sqldb.Text(want.At), sqldb.Text(stored.At)},
		{"expires", sqldb.Text(want.Expires), sqldb.Text(stored.Expires)},
		{"outcome", string(want.Outcome), string(stored.Outcome)},
		{"booking", want.BookingID, stored.BookingID},
		{"request", want.RequestID, stored.RequestID},
		{"detail", want.Detail, stored.Detail},
		{"subject", want.subject, stored.subject},
		{"bookings", fmt.Sprint(want.bookings), fmt.Sprint(stored.bookings)},
		{"attempts", fmt.Sprint(h.attempts[stored.ID]), fmt.Sprint(attempts)},
	})
}

// field is a column of a record: its value by the ledger, and the stored one.
type field struct{ name, want, stored string }

func (h *history) compareFields(record, id string, fields []field) error {
	for _, f := range fields {
		if f.want != f.stored && storable(f.want) != storable(f.stored) {
			return &BrokenError{h.newest[id], record + " differs from its entries in " + f.name}
		}
	}
	return nil
}

// storable returns a text as every database and JSON can store it: bytes that are not
// UTF-8, and NUL, which PostgreSQL refuses, became U+FFFD in one of them or in both,
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
