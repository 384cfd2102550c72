package consent

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Who is a host as Vennio tells of them; what it left out is empty.
type Who struct{ ID, Name, Email string }

// is reports whether a host of an act is meant. Acts know a host by an id, which
// in the guide's dialect is an address ("user:alice@example.com"). A name counts
// only where no id was told: to close one consent too many costs a question, one
// too few a booking that nobody may make.
func (w Who) is(p Party) bool {
	same := func(a, b string) bool { return a != "" && fold(a) == fold(b) }
	_, bare, _ := strings.Cut(p.ID, ":")
	return same(w.ID, p.ID) || same(w.ID, bare) || same(w.Email, p.ID) || same(w.Email, bare) || same(w.Email, p.Name) ||
		w.ID == "" && same(w.Name, p.Name)
}

// CloseHost closes what is agreed or asked in a tenant about a host and not sent
// yet: open questions can no longer be answered and unsent grants no longer be
// sent, as if they had expired. Each gets an entry that says why, cut to 200 characters.
// It returns how many it closed; repeated, none. What was sent stays. What had
// expired before, whoever the host, is recorded as such.
func (l *Ledger) CloseHost(ctx context.Context, tenant string, host Who, why string) (int, error) {
	why, n := sanitize.Line(why, 200), 0
	err := l.change(ctx, func(w *work) error {
		if err := errors.Join(w.expireGrants(), w.expireProposals()); err != nil {
			return err
		}
		grants, err := w.UnsentGrants(w.now)
		if err != nil {
			return err
		}
		for _, g := range grants {
			if involves(g.Act, tenant, host) {
				n++
				if err := w.retire(g, why); err != nil {
					return err
				}
			}
		}
		open, err := w.OpenProposals(w.now)
		if err != nil {
			return err
		}
		for _, p := range open {
			if involves(p.Act, tenant, host) {
				n++
				if err := w.close(p, why); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && n > 0 {
		l.announce()
	}
	return n, err
}

func (w *work) close(p sqldb.Proposal, why string) error {
	if _, err := w.record(kindClosed, p.Act, details{Proposal: p.ID, Why: why}); err != nil {
		return err
	}
	return w.SetProposal(p.ID, string(StateExpired))
}

// involves: an act that cannot be read cannot be shown not to.
func involves(kept sqldb.Act, tenant string, host Who) bool {
	act, err := parseAct(kept.JSON)
	return err != nil || act.Tenant == tenant && slices.ContainsFunc(act.Hosts, host.is)
}
