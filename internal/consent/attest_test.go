package consent

import "context"

// Attest is Statement and stores a new grant without sending it, as versions before the chains per act did:
// ledgers contain such grants.
func (l *Ledger) Attest(ctx context.Context, act Act, by, words string) (Grant, error) {
	if g, err := l.Statement(ctx, act, by, words); err != nil {
		return g, err
	}
	var g Grant
	err := l.update(ctx, func(tx *transaction) error {
		a, err := tx.attestation(act, by, words)
		if g = a.grant; err != nil || a.stored {
			return err
		}
		return tx.attest(a)
	})
	return g, err
}

// Send is SendWithin without a quota.
func (l *Ledger) Send(ctx context.Context, g Grant) (Grant, error) {
	return l.SendWithin(ctx, g, Quota{})
}
