package tools

import (
	"cmp"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// cancelRefusals are what a refused cancellation is told as: none of Vennio's
// refusals is about a slot.
var cancelRefusals = map[vennioclient.Kind]schemas.Code{
	vennioclient.KindSlotTaken:  schemas.CodeBookingClosed,
	vennioclient.KindImpossible: schemas.CodeBookingClosed,
	vennioclient.KindKeyReused:  schemas.CodeConsentMismatch,
}

// notRead is told where a booking cannot be read before a change under g goes
// out: what was sent before is as uncertain as it was, what was done stays done.
func notRead(g consent.Grant, err error) error {
	switch g.Outcome {
	case consent.Unsent, consent.NotDone:
		return err
	case consent.Done:
		return &Refusal{Code: CodeOf(err), Message: "This was done before, as agreed; how it stands now cannot be read.", Cause: err}
	case consent.Sent, consent.Unknown:
	}
	return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
}

// notChanged turns a failed change into what is true: not done, or not known.
func notChanged(err error, told map[vennioclient.Kind]schemas.Code) error {
	if is[*Refusal](err) || !is[*vennioclient.Error](err) {
		return err // the ledger's
	}
	if vennioclient.OutcomeOf(err) == vennioclient.Unknown {
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
	}
	code := cmp.Or(told[vennioclient.KindOf(err)], CodeOf(err))
	r := &Refusal{Code: code, Message: "This call changed nothing. " + table[code].message, Cause: err}
	if code == schemas.CodeNotFound {
		r.Next = "Check the booking_id with the user."
	}
	return r
}
