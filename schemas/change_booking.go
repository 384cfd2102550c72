package schemas

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// RescheduleBookingInput is what the model sends to reschedule_booking.
type RescheduleBookingInput struct {
	BookingID string `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id of the booking to move"`
	SlotID    string `json:"slot_id" jsonschema:"maxLength=64" jsonschema_description:"slot_id from find_slots with reschedule_of"`
	Gate
}

// CancelBookingInput is what the model sends to cancel_booking.
type CancelBookingInput struct {
	BookingID string `json:"booking_id" jsonschema:"minLength=1,maxLength=100" jsonschema_description:"booking_id of the booking to cancel"`
	Scope     string `json:"scope,omitempty" jsonschema:"enum=single,enum=series,default=single" jsonschema_description:"single (default): this booking; series: all future ones of its series"`
	Timezone  string `json:"timezone,omitempty" jsonschema:"maxLength=64" jsonschema_description:"IANA time zone of the user, default as booked"`
	Gate
}

// CancelSeries is the scope that means a whole series.
const CancelSeries = "series"

// ChangeResult is what reschedule_booking and cancel_booking give back.
type ChangeResult struct {
	Booking
	Changed   bool           `json:"changed" jsonschema_description:"Whether this call did it; false where it stood like this before"`
	Was       string         `json:"was,omitempty" jsonschema_description:"When the booking stood before it was moved"`
	Series    string         `json:"series,omitempty" jsonschema_description:"How much of a series was cancelled"`
	Mailed    []string       `json:"mailed,omitempty" jsonschema_description:"Whom Vennio may e-mail about it"`
	NotMailed []string       `json:"not_mailed,omitempty" jsonschema_description:"Whom it does not write to"`
	Consent   *ConsentOnFile `json:"consent,omitempty"`
	Next      string         `json:"next"`
	others    []Written
	Instead
	Envelope
}

// Wrote is the booking that was changed; none where it stood like this before.
func (r *ChangeResult) Wrote() []Written {
	if !r.Changed {
		return nil
	}
	return append([]Written{{r.BookingID, r.Status, r.Start, r.End, false}}, r.others...)
}

// WroteToo notes further bookings that the call changed.
func (r *ChangeResult) WroteToo(others ...Written) { r.others = append(r.others, others...) }

// Text says what has changed, who hears of it and under whose consent.
func (r *ChangeResult) Text() string {
	lines := []string{r.headline() + ": " + r.line(true)}
	if r.Was != "" {
		lines = append(lines, "It was: "+r.Was)
	}
	if r.Series != "" {
		lines = append(lines, "Cancelled: "+r.Series)
	}
	if len(r.Mailed) > 0 {
		lines = append(lines, "Vennio may e-mail: "+strings.Join(r.Mailed, ", "))
	}
	if len(r.NotMailed) > 0 {
		lines = append(lines, "Vennio does not write to: "+strings.Join(r.NotMailed, ", "))
	}
	if r.Consent != nil {
		lines = append(lines, fmt.Sprintf("Consent: %s, %s (%s).", r.Consent.GivenBy, sanitize.Quote(r.Consent.Statement, 500), r.Consent.Method))
	}
	return strings.Join(append(lines, "Next: "+r.Next), "\n")
}

func (r *ChangeResult) headline() string {
	switch {
	case r.Status == "cancelled" && !r.Changed:
		return "Already cancelled"
	case r.Status == "cancelled":
		return "Cancelled"
	case r.Consent == nil:
		return "Nothing was changed, for it stood like this before"
	case r.Was != "" && !r.Changed:
		return "Already moved"
	case r.Was != "":
		return "Moved"
	}
	return "Changed"
}
