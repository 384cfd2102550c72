package consent

// Rung is how a yes was obtained. It is shown to people as it is.
type Rung string

// The rungs, the best first.
const (
	InClient   Rung = "asked in the client"
	OnPage     Rung = "approved on the page"
	InTerminal Rung = "approved in the terminal"
	Attested   Rung = "attested by the agent"
)

// human: a person answered a question that the server put to them.
func (r Rung) human() bool { return r == InClient || r == OnPage || r == InTerminal }

// Policy is the operator's choice of the lowest rung that counts (docs/requirements.md, C4).
type Policy string

// The policies. PolicyAsk, the default: the person is asked wherever the client
// can, attested elsewhere. PolicyHuman: only what a person told the server itself.
const (
	PolicyAttested Policy = "attested"
	PolicyAsk      Policy = "ask"
	PolicyHuman    Policy = "human"
)

// Counts tells whether a yes of this rung is enough to write. An unknown policy
// or rung never is.
func (p Policy) Counts(r Rung) bool {
	switch p {
	case PolicyAttested, PolicyAsk:
		return r.human() || r == Attested
	case PolicyHuman:
		return r.human()
	default:
		return false
	}
}
