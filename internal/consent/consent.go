package consent

import (
	"errors"
	"strings"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
)

// Attestation is a consent as an agent reports it.
type Attestation struct {
	Granted        bool
	GivenBy, Words string
}

// ErrDeclined is the error of a consent that says no.
var ErrDeclined = errors.New("the person did not agree")

// Required is the error of a consent that is absent or incomplete.
type Required struct{ Why string }

func (r *Required) Error() string { return "consent is required: " + r.Why }

// Check tells whether a report says that somebody agreed, and returns it cleaned
// and cut. misfit says what was malformed about it, if anything. The error is
// *Required or ErrDeclined.
func Check(a *Attestation, misfit string) (Attestation, error) {
	switch {
	case misfit != "":
		return Attestation{}, &Required{misfit}
	case a == nil:
		return Attestation{}, &Required{"consent is missing"}
	case !a.Granted:
		return Attestation{}, ErrDeclined
	case !says(a.GivenBy):
		return Attestation{}, &Required{"consent.given_by names nobody"}
	case !says(a.Words):
		return Attestation{}, &Required{"consent.statement quotes no words"}
	}
	return Attestation{Granted: true, GivenBy: plain.Line(a.GivenBy, 100), Words: plain.Line(a.Words, 500)}, nil
}

// says: at least one letter or digit of any script, or a thumbs-up, that can be
// seen: the Hangul fillers are letters.
func says(s string) bool {
	return strings.ContainsFunc(plain.Line(s, len(s)), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r) })
}
