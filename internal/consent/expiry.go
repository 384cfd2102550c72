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

// currentGrant returns the grant of an act that can be sent or was sent; nil if there
// is none. It retires one that has expired.
func (tx *transaction) currentGrant(act string) (*Grant, error) {
	g, err := tx.liveGrant(act)
	if err != nil || g == nil || !g.lapsed {
		return g, err
	}
	return nil, tx.retire(*g, whyLapsed)
}

// retire records that a grant was not sent and no longer can be.
func (tx *transaction) retire(g Grant, why string) error {
	if _, err := tx.record(kindRetired, g.stored, details{Grant: g.ID, Why: why, eventMethod: g.Method}); err != nil {
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

// expireProposal records that an open proposal has expired.
func (tx *transaction) expireProposal(p Proposal) error {
	if _, err := tx.record(kindExpired, p.stored, details{Proposal: p.ID}); err != nil {
		return err
	}
	return tx.setProposal(p.ID, StateExpired)
}

// recordExpiry records that the grant and the newest proposal of an act have expired,
// if they have. What was seen expired once remains so, even if the clock is set back.
func (l *Ledger) recordExpiry(ctx context.Context, act string) error {
	return l.update(ctx, func(tx *transaction) error {
		if _, err := tx.currentGrant(act); err != nil {
			return err
		}
		p, err := tx.latestProposal(act)
		if err != nil || p == nil || !p.overdue {
			return err
		}
		return tx.expireProposal(*p)
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
	for _, p := range overdue {
		if err == nil {
			err = tx.expireProposal(p)
		}
	}
	return err
}

func (tx *transaction) expireGrants() error {
	lapsed, err := tx.grants(`g.outcome = '' AND g.expires <= ? AND a.json IS NOT NULL ORDER BY g.expires DESC LIMIT ?`, sqldb.Text(tx.now), expireAtOnce)
	for _, g := range lapsed {
		if err == nil {
			err = tx.retire(g, whyLapsed)
		}
	}
	return err
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
		if err := errors.Join(tx.expireGrants(), tx.expireProposals()); err != nil {
			return err
		}
		grants, err := tx.unsentGrants()
		if err != nil {
			return err
		}
		for _, g := range grants {
			if !involves(g.stored, tenant, host) {
				continue
			}
			if err := tx.retire(g, why); err != nil {
				return err
			}
			n++
		}
		open, err := tx.openProposals()
		if err != nil {
			return err
		}
		for _, p := range open {
			if !involves(p.stored, tenant, host) {
				continue
			}
			if _, err := tx.record(kindClosed, p.stored, details{Proposal: p.ID, Why: why}); err != nil {
				return err
			}
			if err := tx.setProposal(p.ID, StateExpired); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err == nil && n > 0 {
		l.wakeWaiting()
	}
	return n, err
}

// involves reports whether an act has the host. One that cannot be read counts, because
// it cannot be shown not to.
func involves(stored storedAct, tenant string, host HostIdentity) bool {
	act, err := stored.parse()
	return err != nil || act.Tenant == tenant && slices.ContainsFunc(act.Hosts, host.matches)
}
