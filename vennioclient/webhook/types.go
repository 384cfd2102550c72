package webhook

import "slices"

// Type says what happened. Types that Vennio adds later pass through.
type Type string

// The events of vennio-api.md, Webhooks. ConsentChanged is spoken of by the
// getting-started guide alone, in place of the other two of consent.
const (
	BookingCreated         Type = "booking.created"
	BookingUpdated         Type = "booking.updated"
	BookingConfirmed       Type = "booking.confirmed" // a paid booking's payment came
	BookingCancelled       Type = "booking.cancelled" // of a series, one for each booking
	BookingSeriesCancelled Type = "booking_series.cancelled"
	ConsentGranted         Type = "consent.granted" // calendar access between people
	ConsentRevoked         Type = "consent.revoked"
	ConsentChanged         Type = "consent.changed"
	ProposalCreated        Type = "proposal.created"
	ProposalCountered      Type = "proposal.countered"
	ProposalAccepted       Type = "proposal.accepted"
	ProposalRejected       Type = "proposal.rejected"
	ProposalCancelled      Type = "proposal.cancelled"
	ProposalExpired        Type = "proposal.expired"
	ProposalResolved       Type = "proposal.resolved"
)

// Types lists every Type above, in that order.
func Types() []Type {
	return []Type{
		BookingCreated, BookingUpdated, BookingConfirmed, BookingCancelled, BookingSeriesCancelled,
		ConsentGranted, ConsentRevoked, ConsentChanged,
		ProposalCreated, ProposalCountered, ProposalAccepted, ProposalRejected, ProposalCancelled, ProposalExpired,
		ProposalResolved,
	}
}

// Known reports whether t is one of Types.
func (t Type) Known() bool { return slices.Contains(Types(), t) }

// MayRevoke reports whether calendar access may have ended with such an event.
// consent.changed counts as granted and as revoked.
func (t Type) MayRevoke() bool { return t == ConsentRevoked || t == ConsentChanged }

// MayGrant reports whether calendar access may have been given with such an event.
func (t Type) MayGrant() bool { return t == ConsentGranted || t == ConsentChanged }
