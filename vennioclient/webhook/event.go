package webhook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// ErrMalformed is the error of a body that is not an event: it is not one JSON object, or
// has no type. It does not contain the body.
var ErrMalformed = errors.New("webhook: the body is not an event")

// maxID is the maximum length of ids and types, in bytes.
const maxID = 256

// Event is a decoded delivery.
type Event struct {
	// ID is the same for every delivery of an event: the id of the envelope or, if that is
	// missing or not printable text of at most 256 bytes, "sha256:" and the digest of the
	// body.
	ID   string
	Type Type
	At   time.Time       // UTC; zero if it is missing or invalid
	Data json.RawMessage // the subject of the event, unchanged; nil if there is none
}

// envelope is every plausible form of an event (vennio-api.md, Webhooks).
type envelope struct {
	ID        text            `json:"id"`
	Type      text            `json:"type"`
	Event     text            `json:"event"`
	CreatedAt text            `json:"created_at"`
	Timestamp text            `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Decode decodes an event. Its Data shares no memory with body.
func Decode(body []byte) (Event, error) {
	var in envelope
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || json.Unmarshal(body, &in) != nil {
		return Event{}, ErrMalformed
	}
	e := Event{ID: string(in.ID), Type: Type(cmp.Or(in.Type, in.Event)), Data: in.Data}
	if !plain(string(e.Type)) {
		return Event{}, ErrMalformed
	}
	if !plain(e.ID) {
		sum := sha256.Sum256(body)
		e.ID = "sha256:" + hex.EncodeToString(sum[:])
	}
	if string(e.Data) == "null" {
		e.Data = nil
	}
	e.At = instant(string(cmp.Or(in.CreatedAt, in.Timestamp)))
	return e, nil
}

// Booking returns the booking of a booking event. It returns false if the event is about
// something else or the booking cannot be decoded; in the latter case, fetch it.
func (e Event) Booking() (vennioclient.Booking, bool) {
	return decodeIn(e, "booking.", vennioclient.DecodeBooking)
}

// Consent returns the calendar access of a consent event. It returns false if the event is
// about something else or the consent cannot be decoded.
func (e Event) Consent() (vennioclient.Consent, bool) {
	return decodeIn(e, "consent.", vennioclient.DecodeConsent)
}

// Proposal returns the proposal of a proposal event. It returns false if the event is about
// something else or the proposal cannot be decoded; in the latter case, fetch it.
func (e Event) Proposal() (vennioclient.Proposal, bool) {
	return decodeIn(e, "proposal.", vennioclient.DecodeProposal)
}

// decodeIn decodes the data of an event whose type begins with prefix.
func decodeIn[T any](e Event, prefix string, decode func(json.RawMessage) (T, error)) (v T, ok bool) {
	if !strings.HasPrefix(string(e.Type), prefix) {
		return v, false
	}
	v, err := decode(e.Data)
	return v, err == nil
}

// text is a JSON string or number; anything else counts as absent.
type text string

// UnmarshalJSON never fails, because one unexpected field must not lose an event.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		var n json.Number
		_ = json.Unmarshal(raw, &n)
		s = n.String()
	}
	*t = text(s)
	return nil
}

// plain reports whether s can be stored and displayed unchanged.
func plain(s string) bool {
	odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) }
	return s != "" && len(s) <= maxID && !strings.ContainsFunc(s, odd)
}

// instant parses RFC 3339, or seconds or milliseconds since 1970.
func instant(s string) time.Time {
	const earliestMilli = 100_000_000_000 // as seconds, the year 5138
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at.UTC()
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n <= 0:
		return time.Time{}
	case n < earliestMilli:
		return time.Unix(n, 0).UTC()
	case n < 1000*earliestMilli:
		return time.UnixMilli(n).UTC()
	default:
		return time.Time{}
	}
}

// Type is the type of an event. Unknown types are passed through.
type Type string

// The types in vennio-api.md, Webhooks. Only the getting-started guide mentions
// ConsentChanged, in place of the other two types of consent.
const (
	BookingCreated         Type = "booking.created"
	BookingUpdated         Type = "booking.updated"
	BookingConfirmed       Type = "booking.confirmed" // the payment of a paid booking arrived
	BookingCancelled       Type = "booking.cancelled" // for a series, one for each booking
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

// Types returns every Type above, in that order.
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

// MayRevoke reports whether calendar access may have been revoked by such an event.
// ConsentChanged counts as granted and as revoked.
func (t Type) MayRevoke() bool { return t == ConsentRevoked || t == ConsentChanged }

// MayGrant reports whether calendar access may have been granted by such an event.
func (t Type) MayGrant() bool { return t == ConsentGranted || t == ConsentChanged }
