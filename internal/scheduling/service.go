// Package scheduling finds free times and books, moves and cancels meetings with one account at
// Vennio. It knows nothing of the protocol between agents and this server: package tools obtains
// people's consent, and writes the results and the errors for the model.
package scheduling

import (
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Service schedules with one account at Vennio. All fields are set before its first use.
type Service struct {
	// Tenant is the owner of the Vennio account; it is empty where the server has one account.
	Tenant string
	// Account distinguishes the account at Vennio, by its key, from those of other processes that
	// share the ledger.
	Account string
	Vennio  *vennioclient.Client
	NoMail  bool // the key is a test key: Vennio sends no e-mail (vennio-api.md, Hosts and authentication)
	Slots   *slots.Signer
	Ledger  *consent.Ledger

	Hosts Directory
	Names *HostNames // names of hosts that the operator set without a name, or did not set; nil: none are known

	Now       func() time.Time
	Zone      *time.Location // for calls that name none
	WeekStart time.Weekday   // the first day of "this week" and "next week"; the zero value is Sunday
	// Preferences are those of all hosts that have no others in HostPreferences, which is by the hosts' ids
	// in lower case. Without a zone they are in Zone.
	Preferences     slots.Preferences
	HostPreferences map[string]slots.Preferences

	Limits  Limits
	Rollout Rollout

	Warn    func(error)             // receives failures that do not fail the call; may be nil
	Changed func([]schemas.Written) // receives the bookings that a call wrote, possibly none; must not block; may be nil

	// Approved is the approved act that is being executed. Its hosts are taken from it, whatever the
	// settings of this process are. It is nil for the calls of agents.
	Approved *consent.Act
}

// Refusal is an error whose code is known. If Code is empty, the code is that of Cause. If Message
// or Next is empty, package tools uses its text for the code.
type Refusal struct {
	Code          schemas.Code
	Message, Next string
	Instead       schemas.Instead // what the result offers instead
	Wait          time.Duration   // until the same call may succeed; 0: not known
	Cause         error           // for the operator; never shown to the model
}

func (r *Refusal) Error() string {
	text := string(r.Code) + ": " + r.Message
	if r.Cause != nil {
		text += ": " + r.Cause.Error()
	}
	return text
}

func (r *Refusal) Unwrap() error { return r.Cause }

func refuse(code schemas.Code, message, next string) *Refusal {
	return &Refusal{Code: code, Message: message, Next: next}
}

// SearchAgain is the next step where an offered time can no longer be booked.
const SearchAgain = "Call find_slots for current times and let the person choose again."

func (s *Service) warn(err error) {
	if s.Warn != nil {
		s.Warn(err)
	}
}

// Notify passes the bookings that a call wrote to Changed.
func (s *Service) Notify(written []schemas.Written) {
	if s.Changed != nil {
		s.Changed(written)
	}
}
