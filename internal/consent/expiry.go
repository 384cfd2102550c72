package consent

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Reasons for which a grant is retired before it is sent.
const (
	whyDeclined = "declined by the person"
	whyLapsed   = "expired before it was sent"
	whyWeak     = "not accepted under the policy of another request"
)

// retire records that a grant was not sent and no longer can be.
func (tx *transaction) retire(g Grant, why string) error {
	if _, err := tx.record(kindRetired, g.tenant, g.stored, details{Grant: g.ID, Why: why, eventMethod: g.Method}); err != nil {
		return err
	}
	g.Outcome, g.Detail = NotDone, why
	return tx.updateGrant(g)
}

// AbandonedPrefix begins the Detail of a grant that Abandon retired; the reason follows.
const AbandonedPrefix = "not sent: "

// Abandon retires a grant that was not sent and cannot be, for a reason such as "slot_expired". A
// grant that was sent, retired or erased remains unchanged.
func (l *Ledger) Abandon(ctx context.Context, g Grant, reason string) error {
	return l.update(ctx, func(tx *transaction) error {
		stored, err := tx.grant(`g.id = ?`, g.ID)
		if err != nil || stored == nil || stored.stored.erased() || stored.Outcome != Unsent {
			return err
		}
		return tx.retire(*stored, sanitize.Line(AbandonedPrefix+reason, 500))
	})
}

func (tx *transaction) expireProposal(p Proposal) error {
	if _, err := tx.record(kindExpired, p.Act.Tenant, p.stored, details{Proposal: p.ID}); err != nil {
		return err
	}
	return tx.setProposal(p.ID, StateExpired)
}

// recordExpiry records that the grant and the newest proposal of an act have expired,
// if they have. What was seen expired once remains so, even if the clock is set back.
func (l *Ledger) recordExpiry(ctx context.Context, act string) error {
	return l.update(ctx, func(tx *transaction) error {
		var e earlier
		g, err := tx.liveGrant(act)
		if err == nil && g != nil && g.lapsed {
			e.retired, e.why = g, whyLapsed
		}
		if err != nil {
			return err
		}
		p, err := tx.latestProposal(act)
		if err == nil && p != nil && p.overdue {
			e.overdue = p
		}
		if err != nil {
			return err
		}
		return tx.recordEnd(e)
	})
}

// expireAtOnce is how many expired proposals, and grants, are recorded as such in one
// transaction: those that expired last, because these could become valid again if the
// clock were set back.
const expireAtOnce = 20

func (tx *transaction) overdueProposals() ([]Proposal, error) {
	return tx.proposals(`p.state = 'open' AND p.expires <= ? ORDER BY p.expires DESC LIMIT ?`, sqldb.Text(tx.now), expireAtOnce)
}

func (tx *transaction) expireProposals() error {
	overdue, err := tx.overdueProposals()
	if err != nil {
		return err
	}
	return errors.Join(tx.enforce(expiring), each(overdue, tx.expireProposal))
}

// expiring excludes others that append to the chains of several acts, whose order differs.
var expiring = guard{key: "expiring"}

// lapsedGrants returns the grants that were not sent in time and have no entry about that yet.
func (tx *transaction) lapsedGrants() ([]Grant, error) {
	return tx.grants(`g.outcome = '' AND g.expires <= ? AND a.json IS NOT NULL ORDER BY g.expires DESC LIMIT ?`, sqldb.Text(tx.now), expireAtOnce)
}

// each calls do for every value, up to the first error.
func each[T any](all []T, do func(T) error) error {
	for _, one := range all {
		if err := do(one); err != nil {
			return err
		}
	}
	return nil
}

// HostIdentity identifies a host as Vennio does; fields that Vennio left out are empty.
type HostIdentity struct{ ID, Name, Email string }

// matches reports whether a host of an act is meant. Acts identify a host by an id, which
// in the guide's dialect is an address ("user:alice@example.com"). The name counts
// only if Vennio gave no id: closing one consent too many costs a question, closing
// one too few a booking that nobody may make.
func (w HostIdentity) matches(p Host) bool {
	same := func(a, b string) bool { return a != "" && fold(a) == fold(b) }
	_, bare, _ := strings.Cut(p.ID, ":")
	return same(w.ID, p.ID) || same(w.ID, bare) || same(w.Email, p.ID) || same(w.Email, bare) || same(w.Email, p.Name) ||
		w.ID == "" && same(w.Name, p.Name)
}

// CloseForHost closes every open question and unsent grant of a tenant that involves a
// host, as if they had expired. Each gets an entry with the reason, cut to 200
// characters. It returns how many it closed; when it is repeated, 0. Sent grants are
// unchanged. It also records what had expired before, whoever the host.
func (l *Ledger) CloseForHost(ctx context.Context, tenant string, host HostIdentity, why string) (n int, err error) {
	why = sanitize.Line(why, 200)
	err = l.update(ctx, func(tx *transaction) error {
		lapsed, err1 := tx.lapsedGrants()
		overdue, err2 := tx.overdueProposals()
		grants, err3 := tx.unsentGrants()
		open, err4 := tx.openProposals()
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		grants = slices.DeleteFunc(grants, func(g Grant) bool { return !involves(g.stored, tenant, host) })
		open = slices.DeleteFunc(open, func(p Proposal) bool { return !involves(p.stored, tenant, host) })
		n = len(grants) + len(open)
		return errors.Join(
			tx.enforce(expiring),
			each(lapsed, func(g Grant) error { return tx.retire(g, whyLapsed) }),
			each(overdue, tx.expireProposal),
			each(grants, func(g Grant) error { return tx.retire(g, why) }),
			each(open, func(p Proposal) error { return tx.close(p, why) }),
		)
	})
	if err == nil && n > 0 {
		l.wakeWaiting()
	}
	return n, err
}

// close records that an open proposal can no longer be answered.
func (tx *transaction) close(p Proposal, why string) error {
	if _, err := tx.record(kindClosed, p.Act.Tenant, p.stored, details{Proposal: p.ID, Why: why}); err != nil {
		return err
	}
	return tx.setProposal(p.ID, StateExpired)
}

// involves reports whether an act has the host. One that cannot be read counts, because
// it cannot be shown not to.
func involves(stored storedAct, tenant string, host HostIdentity) bool {
	act, err := stored.parse()
	return err != nil || act.Tenant == tenant && slices.ContainsFunc(act.Hosts, host.matches)
}
