package consent

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Outcome is what became of a grant.
type Outcome string

// The outcomes. Sent: the write is under way, or the process ended before it received
// the answer. Unknown is not a failure: the write may have taken effect.
const (
	Unsent  Outcome = ""
	Sent    Outcome = "sent"
	Done    Outcome = "done"
	NotDone Outcome = "not_done"
	Unknown Outcome = "unknown"
)

// Grant is a person's consent to one act, valid for one write.
type Grant struct {
	ID             string
	GivenBy, Words string // one line each, cleaned
	Method         Method
	Trusted        bool      // as in the Answer; false where it is not known. Only FindConsent reads it
	At, Expires    time.Time // UTC, to the millisecond
	ProposalID     string    // of the question that it answers; empty if it was attested

	Outcome   Outcome
	Attempt   int    // how often it was sent so far; in the result of SendWithin, the number of this attempt
	BookingID string // Vennio's, once done
	RequestID string // Vennio's, of the answer that settled it
	Detail    string

	stored   storedAct
	tenant   string
	slotID   string
	subject  string // the booking that the act changes or cancels; empty if none, and once erased
	bookings int    // how many bookings the act makes; the database computes it
	lapsed   bool   // not sent in time, and the ledger has no entry about that yet

	statement *Act // of a grant that Statement returned and that is not stored yet
}

// unknownSubject is the subject of grants from before it was stored.
const unknownSubject = "unknown"

// Key is the idempotency key of the write that this consent allows: at most 256
// characters of A-Za-z0-9_:.- (docs/vennio-api.md, Idempotency). Vennio keeps it
// for 24 hours, far longer than a slot id can be booked.
func (g Grant) Key() string { return "vennio-mcp:" + g.ID }

func (g *Grant) columns() []any {
	return append([]any{
		&g.ID, &g.ProposalID, &g.tenant, &g.slotID, &g.GivenBy, &g.Words, &g.Method,
		sqldb.Instant{To: &g.At},
		sqldb.Instant{To: &g.Expires},
		&g.Outcome, &g.BookingID, &g.RequestID, &g.Detail, &g.subject, &g.bookings, &g.Attempt,
	}, g.stored.columns()...)
}

const grantColumns = `g.id, g.proposal, g.tenant, g.slot, g.given_by, g.words, g.rung, g.at, g.expires,
	g.outcome, g.booking, g.request, g.detail, g.subject, g.bookings`

// wasSent is the condition of the partial indexes on grants that were sent and not
// settled as not done. A query must repeat an index's condition word for word:
// SQLite cannot prove it from the value of a parameter.
const wasSent = `g.outcome IN ('sent', 'done', 'unknown')`

// grants returns the grants that a condition selects, with the act of each, which is
// empty if it was erased.
func (tx *transaction) grants(condition string, args ...any) ([]Grant, error) {
	found, err := sqldb.All(tx.Tx, (*Grant).columns, `SELECT `+grantColumns+`, (SELECT COUNT(*) FROM sends s WHERE s.grant_id = g.id), `+actColumns+`
		FROM grants g JOIN acts a ON a.id = g.act WHERE `+condition, args...)
	for i := range found {
		found[i].lapsed = found[i].Outcome == Unsent && !found[i].Expires.After(tx.now)
	}
	return found, err
}

// grant returns the first grant that a condition selects, or nil.
func (tx *transaction) grant(condition string, args ...any) (*Grant, error) {
	found, err := tx.grants(condition, args...)
	if len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// liveGrant returns the one grant of an act that is not settled as not done, or nil.
func (tx *transaction) liveGrant(act string) (*Grant, error) {
	return tx.grant(`g.act = ? AND g.outcome <> 'not_done'`, act)
}

// grantOf returns the grant that the answer to a proposal made or upgraded, or nil.
func (tx *transaction) grantOf(proposal string) (*Grant, error) {
	return tx.grant(`g.act = (SELECT p.act FROM proposals p WHERE p.id = ?) AND g.proposal = ?`, proposal, proposal)
}

// showLapsed sets the outcome of a grant that was not sent in time to NotDone. It does not change other
// grants.
func (g *Grant) showLapsed() *Grant {
	if g != nil && g.lapsed {
		g.Outcome, g.Detail = NotDone, whyLapsed
	}
	return g
}

// sentUnder returns the one grant under a slot id that was sent and not settled as
// not done, or nil.
func (tx *transaction) sentUnder(tenant, slotID string) (*Grant, error) {
	return tx.grant(`g.tenant = ? AND g.slot = ? AND g.slot <> '' AND `+wasSent, tenant, slotID)
}

// unsentGrants returns the grants that were neither sent nor erased and have not
// expired, the oldest first.
func (tx *transaction) unsentGrants() ([]Grant, error) {
	return tx.grants(`g.outcome = '' AND g.expires > ? AND a.json IS NOT NULL ORDER BY g.at, g.id`, sqldb.Text(tx.now))
}

func newGrant(stored storedAct, act Act) *Grant {
	return &Grant{ID: rand.Text(), stored: stored, tenant: act.Tenant, slotID: act.SlotID, subject: act.BookingID, bookings: act.bookings()}
}

// insertGrant stores a new grant. The schema refuses a second one of the same act
// that is not settled as not done.
func (tx *transaction) insertGrant(g Grant) error {
	return tx.Exec(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.ID, g.stored.id, g.ProposalID, g.tenant, g.slotID, g.GivenBy, g.Words, g.Method, sqldb.Text(g.At), sqldb.Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail, g.subject)
}

// updateGrant changes how a grant was given and what became of it. The schema refuses
// to send a second act under one slot id.
func (tx *transaction) updateGrant(g Grant) error {
	return tx.Exec(`UPDATE grants SET proposal = ?, given_by = ?, words = ?, rung = ?, at = ?, expires = ?,
		outcome = ?, booking = ?, request = ?, detail = ? WHERE id = ?`,
		g.ProposalID, g.GivenBy, g.Words, g.Method, sqldb.Text(g.At), sqldb.Text(g.Expires),
		g.Outcome, g.BookingID, g.RequestID, g.Detail, g.ID)
}

// Statement returns the grant for act on an agent's statement: by is the person who agreed, words what
// they said, cut to 100 and 500 characters. If the act has a valid or sent grant, however it was
// given, that one is returned. A new grant is not stored: SendWithin makes all checks again and stores it
// together with the sending.
//
// *RequiredError: nobody is named or no words are quoted. ErrDeclined: when the server asked, a person
// declined this act, or the slot or booking that it is about (*RefusedError); an agent's statement
// does not overrule theirs. ErrOtherAct: another act was sent under its slot id.
func (l *Ledger) Statement(ctx context.Context, act Act, by, words string) (Grant, error) {
	switch {
	case !hasText(by):
		return Grant{}, &RequiredError{"consent.given_by names nobody"}
	case !hasText(words):
		return Grant{}, &RequiredError{"consent.statement quotes no words"}
	}
	var g Grant
	err := l.read(ctx, func(tx *transaction) error {
		a, err := tx.attestation(act, by, words)
		if g = a.grant; !a.stored {
			g.statement = &act
		}
		return err
	})
	return g, err
}

// attestation is a grant on an agent's statement.
type attestation struct {
	grant  Grant
	stored bool    // the act has this grant already, however it was given
	isNew  bool    // the act is not stored either
	lapsed *Grant  // an earlier grant of the act that has expired, without an entry about that
	guards []guard // no person has declined the act meanwhile
}

// attestation returns the grant on an agent's statement. It refuses an act that a person has declined, or
// under whose slot id another one was sent.
func (tx *transaction) attestation(act Act, by, words string) (a attestation, err error) {
	stored, isNew, err := tx.findAct(act)
	if err != nil {
		return a, err
	}
	if err := tx.checkSlot(act.Tenant, act.SlotID, stored.id); err != nil {
		return a, err
	}
	a.isNew = isNew
	if !isNew {
		current, err := tx.liveGrant(stored.id)
		switch {
		case err != nil:
			return a, err
		case current != nil && !current.lapsed:
			return attestation{grant: *current, stored: true}, nil
		}
		a.lapsed = current
	}
	refused, guards, err := tx.refusal(act)
	switch {
	case err != nil:
		return a, err
	case refused != nil:
		return a, refused.RefusedError
	}
	a.guards = guards
	if !isNew && act.SlotID != "" { // a refusal of exactly this act counts for as long as the slot id is valid
		p, err := tx.latestProposal(stored.id)
		switch {
		case err != nil:
			return a, err
		case p != nil && p.State == StateDeclined:
			return a, ErrDeclined
		}
	}
	a.grant = *newGrant(stored, act)
	a.grant.GivenBy, a.grant.Words, a.grant.Method = sanitize.Line(by, 100), sanitize.Line(words, 500), Attested
	a.grant.At, a.grant.Expires = tx.now, tx.now.Add(Lifetime)
	return a, nil
}

// attest stores an attestation. Its entry has the time of the statement.
func (tx *transaction) attest(a attestation) error {
	var err error
	if a.isNew {
		err = tx.insertAct(a.grant.stored)
	} else if a.lapsed != nil {
		err = tx.retire(*a.lapsed, whyLapsed)
	}
	if err != nil {
		return err
	}
	g, now := a.grant, tx.now
	tx.now = g.At
	_, err = tx.record(kindAttested, g.tenant, g.stored, details{
		Act: g.stored.json, Grant: g.ID, By: g.GivenBy, Words: g.Words, Method: Attested, Expires: sqldb.Text(g.Expires),
	})
	if tx.now = now; err != nil {
		return err
	}
	return tx.insertGrant(g)
}

// FindConsent returns the grant for exactly this act that can be sent or was sent; without one, the
// act's newest proposal; without either, neither. After an outcome of not_done that is the used
// proposal: a new approval is needed. A declined proposal is returned as long as the refusal holds.
//
// The grant may have been given by any method; the policy decides whether that counts. ErrOtherAct:
// another act was sent under its slot id.
func (l *Ledger) FindConsent(ctx context.Context, act Act) (*Grant, *Proposal, error) {
	var g *Grant
	var p *Proposal
	expired := "" // the act of a grant or proposal that has expired
	err := l.read(ctx, func(tx *transaction) error {
		var stored storedAct
		found, err := tx.actByDigest(act.Digest())
		if err != nil {
			return err
		}
		if found != nil {
			stored = *found
		}
		if err := tx.checkSlot(act.Tenant, act.SlotID, stored.id); err != nil || found == nil {
			return err
		}
		if g, err = tx.liveGrant(stored.id); err != nil {
			return err
		}
		if g != nil && g.lapsed {
			g, expired = nil, stored.id
		}
		if g != nil {
			return tx.readTrusted(g)
		}
		if p, err = tx.latestProposal(stored.id); err != nil || p == nil {
			return err
		}
		if p.overdue {
			expired = stored.id
		}
		if p.State != StateDeclined {
			return nil
		}
		refused, _, err := tx.refusal(act)
		if refused == nil { // a person may be asked again
			p = nil
		}
		return err
	})
	if err == nil && expired != "" {
		err = l.recordExpiry(ctx, expired)
	}
	return g, p, err
}

// readTrusted sets g.Trusted from the entry of the approval, for a grant that was not sent and whose
// method leaves it open. Entries of versions that did not record it leave it false.
func (tx *transaction) readTrusted(g *Grant) error {
	if g.Outcome != Unsent || g.Method == Signed || g.Method == Attested || g.stored.erased() {
		return nil
	}
	h, err := tx.history(g.stored)
	if err != nil {
		return asTampered(err)
	}
	if recorded := h.grants[g.ID]; recorded != nil {
		g.Trusted = recorded.Trusted
	}
	return nil
}

// SentUnder returns the act that was sent under a slot id and not settled as not
// done, or nil. A repeated call finds by it what it was about, although the booking
// has changed since.
func (l *Ledger) SentUnder(ctx context.Context, tenant, slotID string) (act *Act, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		g, err := tx.sentUnder(tenant, slotID)
		if err != nil || g == nil || g.stored.erased() {
			return err
		}
		sent, err := g.stored.parse()
		act = &sent
		return err
	})
	return act, err
}

// RepeatWindow is how long a repeated call without a slot id counts as the same call:
// as long as a slot id is valid. Until then the repetition settles an unknown
// outcome; later it needs a new consent.
const RepeatWindow = 2 * time.Hour

// SentOn returns the newest act of a tool on a booking that was sent within
// RepeatWindow, is not settled as not done, and fits; nil if there is none.
func (l *Ledger) SentOn(ctx context.Context, tenant, tool, bookingID string, fits func(Act) bool) (act *Act, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		sent, err := tx.grants(`g.tenant = ? AND g.slot = '' AND `+wasSent+` AND g.subject IN (?, '`+unknownSubject+`') AND g.at >= ? ORDER BY g.at DESC`,
			tenant, bookingID, sqldb.Text(tx.now.Add(-RepeatWindow)))
		if err != nil {
			return err
		}
		for _, g := range sent {
			if g.stored.erased() {
				continue
			}
			a, err := g.stored.parse()
			if err != nil {
				return err
			}
			if a.Tool == tool && a.BookingID == bookingID && fits(a) {
				act = &a
				return nil
			}
		}
		return nil
	})
	return act, err
}

// HasBooking reports whether a grant other than the given one is settled with a
// booking of Vennio's.
func (l *Ledger) HasBooking(ctx context.Context, tenant, bookingID, otherThan string) (taken bool, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		found, err := tx.grants(`g.tenant = ? AND g.booking = ? AND g.booking <> ''`, tenant, bookingID)
		taken = slices.ContainsFunc(found, func(g Grant) bool { return g.ID != otherThan })
		return err
	})
	return taken, err
}

// checkSlot refuses an act if another one was sent under its slot id.
func (tx *transaction) checkSlot(tenant, slotID, act string) error {
	if slotID == "" {
		return nil
	}
	sent, err := tx.sentUnder(tenant, slotID)
	if err != nil || sent == nil || sent.stored.id == act {
		return err
	}
	other := &OtherActError{BookingID: sent.BookingID}
	if !sent.stored.erased() {
		if other.Act, err = sent.stored.parse(); err != nil {
			return err
		}
	}
	return other
}

// OtherActError is an ErrOtherAct that describes what was sent under the slot id, unless it was
// erased.
type OtherActError struct {
	Act       Act    // zero if its data was erased
	BookingID string // at Vennio; empty while the outcome is unknown
}

func (*OtherActError) Error() string { return ErrOtherAct.Error() }

// Is makes it an ErrOtherAct.
func (*OtherActError) Is(target error) bool { return target == ErrOtherAct }
