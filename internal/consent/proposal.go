package consent

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// State is the state of a proposal.
type State string

// The states. Only an open proposal can be answered; a used one is an approved
// one whose write was sent.
const (
	StateOpen     State = "open"
	StateApproved State = "approved"
	StateDeclined State = "declined"
	StateExpired  State = "expired"
	StateUsed     State = "used"
)

// Proposal is a question to a person.
type Proposal struct {
	ID          string // 26 letters and digits, 130 random bits: anyone who has it may read the proposal
	Act         Act
	At, Expires time.Time // UTC, to the millisecond
	State       State
	Client      string // the program that asked, as it calls itself; only Result sets it
	Unanswered  string // why asking in the client brought no answer; empty if it was not tried, or answered
	Account     string // see Asker; empty if an earlier version asked
	Policy      Policy // see Asker; empty if an earlier version asked

	stored  storedAct
	seq     int64 // the entry with which it began
	tenant  string
	caller  string    // a keyed hash of the caller; empty if an earlier version asked, and then the fields below are zero
	starts  time.Time // of the slot that the act would occupy; zero for a cancellation, and once erased
	subject string    // the booking that the act changes or cancels; empty if none, and once erased
	refused time.Time // when the person declined
	overdue bool      // expired, and the ledger has no entry about that yet
}

func (p *Proposal) columns() []any {
	return append([]any{
		&p.ID, &p.seq,
		sqldb.Instant{To: &p.At},
		sqldb.Instant{To: &p.Expires},
		&p.State, &p.Unanswered, &p.tenant, &p.caller,
		sqldb.Instant{To: &p.starts},
		&p.subject,
		sqldb.Instant{To: &p.refused},
		&p.Account, &p.Policy,
	}, p.stored.columns()...)
}

const proposalColumns = `p.id, p.seq, p.at, p.expires, p.state, p.unanswered, p.tenant, p.caller, p.starts, p.subject, p.refused, p.account, p.policy`

// proposals returns the proposals that a condition selects, except erased ones.
func (tx *transaction) proposals(condition string, args ...any) ([]Proposal, error) {
	found, err := sqldb.All(tx.Tx, (*Proposal).columns, `SELECT `+proposalColumns+`, `+actColumns+`
		FROM proposals p JOIN acts a ON a.id = p.act WHERE a.digest IS NOT NULL AND `+condition, args...)
	if err != nil {
		return nil, err
	}
	for i := range found {
		p := &found[i]
		if p.Act, err = p.stored.parse(); err != nil {
			return nil, fmt.Errorf("the act of proposal %s cannot be read: %w", p.ID, err)
		}
		if p.State == StateOpen && !p.Expires.After(tx.now) {
			p.State, p.overdue = StateExpired, true
		}
	}
	return found, nil
}

// proposal returns the proposal with this id; ErrNoProposal if there is none or it
// was erased.
func (tx *transaction) proposal(id string) (Proposal, error) {
	found, err := tx.proposals(`p.id = ?`, id)
	if err == nil && len(found) == 0 {
		err = ErrNoProposal
	}
	if err != nil {
		return Proposal{}, err
	}
	return found[0], nil
}

func (tx *transaction) latestProposal(act string) (*Proposal, error) {
	found, err := tx.proposals(`p.act = ? ORDER BY p.seq DESC LIMIT 1`, act)
	if len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (tx *transaction) setProposal(id string, state State) error {
	return tx.Exec(`UPDATE proposals SET state = ? WHERE id = ?`, state, id)
}

// Propose is Ask without limits on how often people are asked.
func (l *Ledger) Propose(ctx context.Context, act Act) (Proposal, error) {
	return l.Ask(ctx, act, Asker{})
}

// Ask returns the question to a person about act: an open one, the one that was approved and still
// counts, or a new one. Only a new one counts towards the limits of the caller.
//
// *TooManyError: the limits allow no further request now. *RefusedError: a person declined this act,
// or another one about the same slot or booking. ErrOtherAct: another act was sent under its slot
// id. ErrSettled: it was sent already, on an agent's statement.
func (l *Ledger) Ask(ctx context.Context, act Act, from Asker) (Proposal, error) {
	var p Proposal
	err := l.update(ctx, func(tx *transaction) error {
		stored, isNew, err := tx.findAct(act)
		if err != nil {
			return err
		}
		if err := tx.checkSlot(act.Tenant, act.SlotID, stored.id); err != nil {
			return err
		}
		var before earlier
		if !isNew {
			before, err = tx.findEarlier(stored, from.Policy)
		}
		if err != nil {
			return err
		}
		if before.valid != nil {
			p = *before.valid
			return tx.recordEnd(before)
		}
		guards, err := tx.checkAskable(act, from)
		if err != nil {
			return err
		}
		if err := tx.enforce(guards...); err != nil {
			return err
		}
		if isNew {
			err = tx.insertAct(stored)
		} else {
			err = tx.recordEnd(before)
		}
		if err != nil {
			return err
		}
		p, err = tx.ask(stored, act, from)
		return err
	})
	return p, err
}

// earlier is what a person was asked and agreed to about an act before.
type earlier struct {
	valid   *Proposal // open, or approved and still counts; nil if there is none
	retired *Grant    // a grant that can no longer be sent, and has no entry about that yet
	why     string    // the reason for which the grant was retired
	overdue *Proposal // a proposal that has expired, and has no entry about that yet
}

// findEarlier returns what was asked and agreed to about an act. It retires a grant that the policy of the
// process that asks does not accept: the person must be asked again.
func (tx *transaction) findEarlier(act storedAct, policy Policy) (e earlier, err error) {
	g, err := tx.liveGrant(act.id)
	switch {
	case err != nil:
		return e, err
	case g != nil && g.lapsed:
		e.retired, e.why, g = g, whyLapsed, nil
	case g != nil && g.ProposalID != "" && g.Outcome == Unsent && policy != "":
		if err := tx.readTrusted(g); err != nil {
			return e, err
		}
		if !policy.Accepts(*g) {
			e.retired, e.why, g = g, whyWeak, nil
		}
	}
	switch {
	case g != nil && g.ProposalID != "":
		p, err := tx.proposal(g.ProposalID)
		e.valid = &p
		return e, err
	case g != nil && g.Outcome != Unsent:
		return e, ErrSettled
	}
	p, err := tx.latestProposal(act.id)
	switch {
	case err != nil || p == nil:
	case p.overdue:
		e.overdue = p
	case p.State == StateOpen:
		e.valid = p
	}
	return e, err
}

// recordEnd appends the missing entries about the end of an earlier grant and proposal.
func (tx *transaction) recordEnd(e earlier) error {
	if e.retired != nil {
		if err := tx.retire(*e.retired, e.why); err != nil {
			return err
		}
	}
	if e.overdue != nil {
		return tx.expireProposal(*e.overdue)
	}
	return nil
}

// checkAskable refuses a request that a person has declined, or that exceeds the limits on asking. The
// guards check this again when the request is stored.
func (tx *transaction) checkAskable(act Act, from Asker) ([]guard, error) {
	refused, unchanged, err := tx.refusal(act)
	if err != nil {
		return nil, err
	}
	if refused != nil && !refused.allowsAsking {
		return nil, refused.RefusedError
	}
	limits, err := tx.checkAskLimits(act.Tenant, from)
	return append(unchanged, limits...), err
}

// ask stores a new proposal. An act has at most one open proposal.
func (tx *transaction) ask(stored storedAct, act Act, from Asker) (Proposal, error) {
	p := Proposal{
		ID: rand.Text(), Act: act, At: tx.now, Expires: tx.now.Add(Lifetime), State: StateOpen, Account: from.Account, Policy: from.Policy,
		stored: stored, tenant: act.Tenant, caller: from.key(), starts: act.takes(), subject: act.BookingID,
	}
	at, err := tx.record(kindProposed, p.tenant, stored, details{
		Act: stored.json, Proposal: p.ID, Expires: sqldb.Text(p.Expires), Caller: p.caller, Account: p.Account, Policy: p.Policy, Client: sanitize.Line(from.Client, 60),
	})
	if err != nil {
		return Proposal{}, err
	}
	return p, tx.Exec(`INSERT INTO proposals (id, act, seq, at, expires, state, unanswered, tenant, caller, starts, subject, refused, account, policy)
		VALUES (?, ?, `+seqAt+`, ?, ?, ?, '', ?, ?, ?, ?, '', ?, ?)`,
		p.ID, stored.id, at.chain, at.n, sqldb.Text(p.At), sqldb.Text(p.Expires), p.State, p.tenant, p.caller, sqldb.Text(p.starts), p.subject, p.Account, p.Policy)
}

// Answer is a person's answer to a proposal.
type Answer struct {
	Agreed  bool
	By      string // the person who answered, as far as the channel shows; cut to 100 characters
	Claimed string // the person that the agent names, recorded as its claim only; cut to 100 characters
	Words   string // what they said or pressed; cut to 500 characters
	Method  Method // Signed, InClient, OnCard, OnPage or InTerminal
	Policy  Policy // in force where the person answers; that of the request applies too
	Trusted bool   // the connection, browser or terminal is one that PolicyHuman accepts, whatever the policy

	Card CardKey // for the method OnCard

	// For the method Signed: the signature over Proposal.Statement, and the site of the page. By is then
	// the owner of the passkey.
	Assertion *passkey.Assertion
	Site      passkey.Site
}

// Answer records a person's answer. An approval makes the act's one grant, or upgrades the one that
// an agent attested and that was not sent yet. A refusal also retires such a grant, and closes the
// slot or booking of the act for some time (see Ask).
//
// Only the first answer counts: the second gets ErrAnswered, and a late one ErrExpired, together
// with the proposal. ErrNoProposal: unknown id. ErrOtherAct, for an approval: another act was sent
// under the slot id meanwhile. ErrNotHuman: the method is not one of those five. ErrTampered: the
// proposal differs from its entries in the ledger. ErrUnsigned: the policy requires a signature.
// ErrCardKey: the answer of a card has no valid key. ErrNoPasskey, and the errors of package passkey: the
// signature is not valid.
func (l *Ledger) Answer(ctx context.Context, id string, a Answer) (Proposal, error) {
	var p Proposal
	if !a.Method.human() {
		return p, ErrNotHuman
	}
	a.By, a.Words, a.Claimed = sanitize.Line(a.By, 100), sanitize.Line(a.Words, 500), sanitize.Line(a.Claimed, 100)
	var late error // refuses the answer and keeps what the transaction recorded
	given := a
	err := l.update(ctx, func(tx *transaction) (err error) {
		a, late = given, nil
		if p, err = tx.proposal(id); err != nil {
			return err
		}
		if err := tx.verifyProposal(p); err != nil {
			return err
		}
		var guards []guard
		if a.Method == OnCard {
			var refused error
			guards, refused, err = tx.checkCardKey(p, a.Card)
			if refused != nil || err != nil {
				late = refused
				return err
			}
		}
		if p.overdue {
			late = ErrExpired
			return tx.expireProposal(p)
		}
		if err := p.answerable(); err != nil {
			return err
		}
		signed, err := tx.checkSigned(p, &a)
		if err != nil {
			return err
		}
		if a.Agreed {
			p.State, err = tx.approve(p, a, signed, guards)
		} else {
			p.State, p.refused, err = StateDeclined, tx.now, tx.decline(p, a, signed, guards)
		}
		return err
	})
	if err == nil {
		l.wakeWaiting()
	}
	return p, cmp.Or(err, late)
}

// answerable refuses a proposal that is no longer open.
func (p Proposal) answerable() error {
	switch p.State {
	case StateOpen:
		return nil
	case StateExpired:
		return ErrExpired
	default:
		return ErrAnswered
	}
}

func (tx *transaction) approve(p Proposal, a Answer, signed *checkedSignature, guards []guard) (State, error) {
	if err := tx.checkSlot(p.Act.Tenant, p.Act.SlotID, p.stored.id); err != nil {
		return StateOpen, err
	}
	current, err := tx.liveGrant(p.stored.id)
	if err != nil {
		return StateOpen, err
	}
	if err := tx.enforceSigned(signed, guards...); err != nil {
		return StateOpen, err
	}
	g := current
	if current == nil || current.lapsed {
		g = newGrant(p.stored, p.Act)
	}
	if current != nil && current.lapsed {
		if err := tx.retire(*current, whyLapsed); err != nil {
			return StateOpen, err
		}
	}
	_, err = tx.record(kindApproved, p.Act.Tenant, p.stored, details{
		Act: p.signedAct(signed), Proposal: p.ID, Grant: g.ID, By: a.By, Claimed: a.Claimed, Words: a.Words, Method: a.Method, Trusted: a.Trusted,
		Expires: sqldb.Text(tx.now.Add(Lifetime)), Signature: signed.stored(),
	})
	if err != nil {
		return StateOpen, err
	}
	if g.Outcome != Unsent { // it was sent on the agent's statement: the grant keeps saying so
		return StateUsed, tx.setProposal(p.ID, StateUsed)
	}
	g.ProposalID, g.GivenBy, g.Words, g.Method, g.Trusted, g.At, g.Expires = p.ID, a.By, a.Words, a.Method, a.Trusted, tx.now, tx.now.Add(Lifetime)
	if g == current {
		err = tx.updateGrant(*g)
	} else {
		err = tx.insertGrant(*g)
	}
	if err != nil {
		return StateOpen, err
	}
	return StateApproved, tx.setProposal(p.ID, StateApproved)
}

func (tx *transaction) decline(p Proposal, a Answer, signed *checkedSignature, guards []guard) error {
	until, unchanged, err := tx.closedUntil(p)
	if err != nil {
		return err
	}
	g, err := tx.liveGrant(p.stored.id)
	if err != nil {
		return err
	}
	if err := tx.enforceSigned(signed, append(guards, unchanged...)...); err != nil {
		return err
	}
	_, err = tx.record(kindDeclined, p.Act.Tenant, p.stored, details{
		Act: p.signedAct(signed), Proposal: p.ID, By: a.By, Claimed: a.Claimed, Words: a.Words, Method: a.Method, Closed: sqldb.Text(until), Signature: signed.stored(),
	})
	if err != nil {
		return err
	}
	if err := tx.Exec(`UPDATE proposals SET state = 'declined', refused = ? WHERE id = ?`, sqldb.Text(tx.now), p.ID); err != nil {
		return err
	}
	switch {
	case g == nil || g.Outcome != Unsent:
		return nil
	case g.lapsed:
		return tx.retire(*g, whyLapsed)
	}
	return tx.retire(*g, whyDeclined)
}

// Withdraw records that asking in the client brought no answer, and why, such as
// "cancelled in the client"; why is cut to 200 characters. The proposal can still be
// answered on the page or in the terminal. Its field Unanswered then says not to ask
// in the same way again.
//
// ErrNoProposal, ErrAnswered and ErrExpired as for Answer.
func (l *Ledger) Withdraw(ctx context.Context, id, why string) error {
	why = cmp.Or(sanitize.Line(why, 200), "no answer")
	var late error
	err := l.update(ctx, func(tx *transaction) error {
		late = nil
		p, err := tx.proposal(id)
		if err != nil {
			return err
		}
		if p.overdue {
			late = ErrExpired
			return tx.expireProposal(p)
		}
		if err := p.answerable(); err != nil {
			return err
		}
		if _, err := tx.record(kindWithdrawn, p.Act.Tenant, p.stored, details{Proposal: id, Why: why, eventMethod: InClient}); err != nil {
			return err
		}
		return tx.Exec(`UPDATE proposals SET unanswered = ? WHERE id = ?`, why, id)
	})
	return cmp.Or(err, late)
}

// pollInterval is how often Wait looks for answers given elsewhere.
const pollInterval = time.Second

// Wait returns as soon as the proposal is no longer open, or with the error of ctx.
// It notices an answer through this Ledger at once, and others, from the terminal or
// another replica, within a second.
func (l *Ledger) Wait(ctx context.Context, id string) error {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		l.mu.Lock()
		answered := l.answered
		l.mu.Unlock()
		switch p, err := l.Proposal(context.WithoutCancel(ctx), id); {
		case err != nil:
			return err
		case p.State != StateOpen:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		select {
		case <-answered:
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

func (l *Ledger) wakeWaiting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.answered)
	l.answered = make(chan struct{})
}
