package consent

// Method says how a consent was obtained. Results and pages show it to people
// without change.
type Method string

// The methods, the most reliable first.
const (
	InClient   Method = "asked in the client"
	OnPage     Method = "approved on the page"
	InTerminal Method = "approved in the terminal"
	Attested   Method = "attested by the agent"
)

// human reports whether a person answered a question that the server itself asked.
func (m Method) human() bool { return m == InClient || m == OnPage || m == InTerminal }

// Policy is the operator's choice of the methods that count (docs/requirements.md, C4).
type Policy string

// The policies. With PolicyAsk, the default, the server asks the person wherever
// the client can show the question, and accepts the agent's statement elsewhere.
// With PolicyHuman only an answer that a person gave to the server counts.
const (
	PolicyAttested Policy = "attested"
	PolicyAsk      Policy = "ask"
	PolicyHuman    Policy = "human"
)

// Counts reports whether a consent obtained by this method is enough to write.
// With an unknown policy or method it is not.
func (p Policy) Counts(m Method) bool {
	switch p {
	case PolicyAttested, PolicyAsk:
		return m.human() || m == Attested
	case PolicyHuman:
		return m.human()
	default:
		return false
	}
}
