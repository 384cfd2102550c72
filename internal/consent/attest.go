package consent

import (
	"context"
	"crypto/rand"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Attest returns the grant for act on an agent's word: by is who agreed, words
// how, cut to 100 and 500 characters. If the act has a grant that was sent, or
// lives, it is that one, whoever gave it.
//
// *Required: nobody is named or no words are quoted. ErrDeclined: asked by the
// server, a person declined this act, or the slot or booking that it is about
// (*RefusedError); an agent's statement does not outrank theirs. ErrOtherAct: another act was sent under its slot id.
func (l *Ledger) Attest(ctx context.Context, act Act, by, words string) (Grant, error) {
	switch {
	case !says(by):
		return Grant{}, &Required{"consent.given_by names nobody"}
	case !says(words):
		return Grant{}, &Required{"consent.statement quotes no words"}
	}
	given := sqldb.Grant{
		ID: rand.Text(), Tenant: act.Tenant, SlotID: act.SlotID, Subject: act.BookingID,
		GivenBy: sanitize.Line(by, 100), Words: sanitize.Line(words, 500), Rung: string(Attested),
	}
	err := l.change(ctx, func(w *work) error {
		kept, err := w.keep(act)
		if err != nil {
			return err
		}
		if err := w.slotFree(act.Tenant, act.SlotID, kept.ID); err != nil {
			return err
		}
		g, err := w.current(kept.ID)
		if g != nil || err != nil {
			given = deref(g)
			return err
		}
		given.Act, given.At, given.Expires = kept, w.now, w.now.Add(Life)
		return w.attest(given, act)
	})
	return grant(given), err
}

func (w *work) attest(g sqldb.Grant, act Act) error {
	if err := w.closed(act); err != nil {
		return err
	}
	p, err := w.LatestProposal(g.Act.ID)
	if err != nil {
		return err
	}
	if p != nil && p.State == string(StateDeclined) && g.SlotID != "" { // for as long as a slot id lives
		return ErrDeclined
	}
	_, err = w.record(kindAttested, g.Act, details{
		Act: g.Act.JSON, Grant: g.ID, By: g.GivenBy, Words: g.Words, Rung: Attested, Expires: sqldb.Text(g.Expires),
	})
	if err != nil {
		return err
	}
	return w.AddGrant(g)
}

// Why a grant was retired before it was sent.
const (
	whyDeclined = "declined by the person"
	whyLapsed   = "expired before it was sent"
)

// current returns the grant of an act that can be sent or was; nil if there is
// none. One whose time ran out is retired.
func (w *work) current(act string) (*sqldb.Grant, error) {
	g, err := w.LiveGrant(act)
	if err != nil || g == nil || !w.lapsed(g) {
		return g, err
	}
	return nil, w.retire(*g, whyLapsed)
}

func (w *work) retire(g sqldb.Grant, why string) error {
	if _, err := w.record(kindRetired, g.Act, details{Grant: g.ID, Why: why, under: Method(g.Rung)}); err != nil {
		return err
	}
	g.Outcome, g.Detail = string(NotDone), why
	return w.SetGrant(g)
}
