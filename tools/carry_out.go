package tools

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// writeTimeout bounds a write from the moment it is sent, all attempts included.
const writeTimeout = 2 * time.Minute

// agreed does to, once a person has agreed to it. From the moment it is sent the
// caller's cancellation no longer stops it: the outcome must be known.
func agreed[Out any](
	ctx context.Context, d Deps, to deed, reported schemas.Consent, do func(context.Context, consent.Grant) (*Out, error),
) (*Out, error) {
	grant, err := d.agree(ctx, to, reported)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	write, done := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer done()
	return do(write, grant)
}

// carryOut writes under a grant: the ledger is told before and after, so that a
// process that dies in between leaves a grant that the same call settles. It
// returns the grant as it went out and what Vennio made of it. Its error is
// Vennio's, or a Refusal where the ledger knows better.
func (d Deps) carryOut(
	ctx context.Context, g consent.Grant, do func(consent.Grant) (*vennioclient.Booking, error),
) (consent.Grant, *vennioclient.Booking, error) {
	sent, err := d.Ledger.SendWithin(ctx, g, d.quota(g.At))
	if err != nil && (!errors.Is(err, consent.ErrSettled) || sent.Outcome != consent.Done) {
		return g, nil, ledgerRefused(d.overQuota(err))
	}
	made, failed := do(sent) // what was done before, Vennio tells again under the same key
	if sent.Outcome != consent.Done {
		if doubt := d.settle(ctx, sent, made, failed); doubt != nil {
			return sent, nil, doubt
		}
	}
	return sent, made, failed
}

// settle records what became of a write. Its error is what the model must be
// told instead: another attempt under the same consent may have succeeded. A
// record that cannot be kept changes nothing about the booking: it is reported,
// and the grant stands as sent until it can be kept, the same call is made again,
// or SettleLeft asks Vennio.
func (d Deps) settle(ctx context.Context, g consent.Grant, made *vennioclient.Booking, failed error) error {
	outcome, bookingID, requestID, detail := consent.Done, "", "", ""
	switch e, _ := errors.AsType[*vennioclient.Error](failed); {
	case failed == nil:
		bookingID = made.ID
	case vennioclient.OutcomeOf(failed) == vennioclient.NotDone && vennioclient.KindOf(failed) != vennioclient.KindKeyReused:
		outcome, requestID, detail = consent.NotDone, e.RequestID, string(e.Kind)
	default:
		outcome, detail = consent.Unknown, string(vennioclient.KindOf(failed))
	}
	err := d.Ledger.Keep(ctx, g, outcome, bookingID, requestID, detail)
	switch {
	case errors.Is(err, consent.ErrInDoubt):
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: failed}
	case err != nil && !errors.Is(err, consent.ErrSettled):
		d.warn(fmt.Errorf("the outcome of a booking could not be recorded yet: %w", err))
	}
	return nil
}

// warn reports what went wrong beside a call that went well.
func (d Deps) warn(err error) {
	if d.Warn != nil {
		d.Warn(err)
	}
}
