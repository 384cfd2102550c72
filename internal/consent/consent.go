// Package consent decides whether a person has agreed to what is about to be
// written, and derives from that agreement the key under which it is written.
//
// Consent to book is a person's yes to one booking. It has nothing to do with
// calendar access, Vennio's permission between people.
package consent

import (
	"errors"
	"strings"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

// Rung is how a consent was obtained.
type Rung string

// Attested is a consent that the agent reports.
const Attested Rung = "attested"

// Attestation is a consent as an agent reports it.
type Attestation struct {
	Granted        bool
	GivenBy, Words string
}

// Grant is a person's yes to one booking.
type Grant struct {
	GivenBy, Words string
	Rung           Rung

	subject string
}

// Key is the idempotency key of the write that this consent allows. One slot id
// is one offer to one person: the first agreement under it fixes people, title
// and notes, and the same key with another body is refused by Vennio
// (vennio-api.md, Idempotency).
func (g Grant) Key() string { return "vennio-mcp:book:" + g.subject }

// ErrDeclined is the error of a consent that says no.
var ErrDeclined = errors.New("the person did not agree")

// Required is the error of a consent that is absent or incomplete.
type Required struct{ Why string }

func (r *Required) Error() string { return "consent is required: " + r.Why }

// Attest turns what the agent reports about subject, a slot id, into a Grant.
// misfit says what was malformed about the report, if anything.
func Attest(a *Attestation, misfit, subject string) (Grant, error) {
	switch {
	case misfit != "":
		return Grant{}, &Required{misfit}
	case a == nil:
		return Grant{}, &Required{"consent is missing"}
	case !a.Granted:
		return Grant{}, ErrDeclined
	case !says(a.GivenBy):
		return Grant{}, &Required{"consent.given_by names nobody"}
	case !says(a.Words):
		return Grant{}, &Required{"consent.statement quotes no words"}
	}
	return Grant{GivenBy: plain.Line(a.GivenBy, 100), Words: plain.Line(a.Words, 500), Rung: Attested, subject: subject}, nil
}

// says: at least one letter or digit of any script, or a thumbs-up.
func says(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r) })
}
