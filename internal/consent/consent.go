package consent

import (
	"errors"
	"strings"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Attestation is a consent as an agent reports it.
type Attestation struct {
	Granted        bool
	GivenBy, Words string
}

// ErrDeclined is the error of a write that a person declined.
var ErrDeclined = errors.New("the person did not agree")

// Required is the error of an attestation that is incomplete.
type Required struct{ Why string }

func (r *Required) Error() string { return "consent is required: " + r.Why }

// Check returns an attestation cleaned and cut. One that claims that somebody agreed must say
// who and in what words; otherwise the error is *Required.
func Check(a Attestation) (Attestation, error) {
	a.GivenBy, a.Words = sanitize.Line(a.GivenBy, 100), sanitize.Line(a.Words, 500)
	switch {
	case a.Granted && !says(a.GivenBy):
		return Attestation{}, &Required{"consent.given_by must name the person who agreed"}
	case a.Granted && !says(a.Words):
		return Attestation{}, &Required{"consent.statement must quote the person's words"}
	}
	return a, nil
}

// says: at least one letter or digit of any script, or a thumbs-up, that can be
// seen: the Hangul fillers are letters.
func says(s string) bool {
	return strings.ContainsFunc(sanitize.Line(s, len(s)), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r) })
}
