package consent

import (
	"slices"
	"strings"
	"unicode"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Method says how a consent was obtained. Results and pages show it to people
// without change.
type Method string

// The methods, the most reliable first.
const (
	Signed     Method = "signed with a passkey"
	InClient   Method = "asked in the client"
	OnCard     Method = "approved on the card"
	OnPage     Method = "approved on the page"
	InTerminal Method = "approved in the terminal"
	Attested   Method = "attested by the agent"
)

// Methods lists every Method, the most reliable first.
func Methods() []Method { return []Method{Signed, InClient, OnCard, OnPage, InTerminal, Attested} }

// human reports whether a person answered a question that the server itself asked.
func (m Method) human() bool {
	return m == Signed || m == InClient || m == OnCard || m == OnPage || m == InTerminal
}

// Policy is the operator's choice of the methods that count (docs/requirements.md, C4).
type Policy string

// The policies. With PolicyAsk, the default, the server asks the person wherever
// the client can show the question, and accepts the agent's statement elsewhere.
// With PolicyHuman only an answer that a person gave to the server counts, and with PolicySigned
// only one that a person signed with a passkey.
const (
	PolicyAttested Policy = "attested"
	PolicyAsk      Policy = "ask"
	PolicyHuman    Policy = "human"
	PolicySigned   Policy = "signed"
)

// Policies lists every Policy, the weakest first.
func Policies() []Policy { return []Policy{PolicyAttested, PolicyAsk, PolicyHuman, PolicySigned} }

// NeedsPerson reports whether a person must answer the server: an agent's statement never counts.
func (p Policy) NeedsPerson() bool { return p == PolicyHuman || p == PolicySigned }

// Strictest returns the strictest of policies. An empty one is unknown and counts as the weakest; any
// other that this version does not know counts as PolicySigned.
func Strictest(policies ...Policy) (strictest Policy) {
	for _, p := range policies {
		if p != "" && !slices.Contains(Policies(), p) {
			return PolicySigned
		}
		if slices.Index(Policies(), p) > slices.Index(Policies(), strictest) {
			strictest = p
		}
	}
	return strictest
}

// Accepts reports whether a grant is enough to write. PolicyHuman also requires that nobody but a person
// can have answered there: processes with other policies may share the store (docs/consent.md).
func (p Policy) Accepts(g Grant) bool {
	return p.Counts(g.Method) && (p != PolicyHuman || g.Trusted || g.Method == Signed)
}

// Counts reports whether a consent obtained by this method can be enough to write.
// With an unknown policy or method it is not.
func (p Policy) Counts(m Method) bool {
	switch p {
	case PolicyAttested, PolicyAsk:
		return m.human() || m == Attested
	case PolicyHuman:
		return m.human()
	case PolicySigned:
		return m == Signed
	default:
		return false
	}
}

// Attestation is a consent as an agent reports it.
type Attestation struct {
	Granted        bool
	GivenBy, Words string
}

// RequiredError is the error of an incomplete attestation.
type RequiredError struct{ Why string }

func (r *RequiredError) Error() string { return "consent is required: " + r.Why }

// CheckAttestation returns an attestation with its texts cleaned, and cut to 100 (GivenBy) and
// 500 (Words) characters. If it claims that somebody agreed, it must name the person
// and quote them; otherwise the error is *RequiredError.
func CheckAttestation(a Attestation) (Attestation, error) {
	a.GivenBy, a.Words = sanitize.Line(a.GivenBy, 100), sanitize.Line(a.Words, 500)
	switch {
	case a.Granted && !hasText(a.GivenBy):
		return Attestation{}, &RequiredError{"consent.given_by must name the person who agreed"}
	case a.Granted && !hasText(a.Words):
		return Attestation{}, &RequiredError{"consent.statement must quote the person's words"}
	}
	return a, nil
}

// hasText reports whether s has at least one visible letter or digit of any script,
// or a symbol such as a thumbs-up. It looks at the sanitized text because the Hangul
// fillers, which are invisible, are letters.
func hasText(s string) bool {
	return strings.ContainsFunc(sanitize.Line(s, len(s)), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.So, r) })
}
