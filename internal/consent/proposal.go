package consent

import (
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// State is how a proposal stands.
type State string

// The states. Only an open proposal can be answered; a used one is an approved
// one whose write was sent.
const (
	StateOpen     State = "open"
	StateApproved State = "approved"
	StateDeclined State = "declined"
	StateExpired  State = "expired"
	StateUsed     State = "used"
)

// Proposal is a question to a person.
type Proposal struct {
	ID          string // 26 letters and digits, 130 random bits: whoever has it may read it
	Act         Act
	At, Expires time.Time // UTC, to the millisecond
	State       State
	Client      string // the program that asked, as it calls itself; only Result fills it in
	Unanswered  string // why asking in the client brought no answer; empty if it was not tried, or answered
	Account     string // as Asker has it; empty if it is not known
	Policy      Policy // as Asker has it; empty if it is not known
}

// proposal reads what is kept. An open one whose time is up has expired,
// whether or not that was noted.
func (w *work) proposal(kept sqldb.Proposal) (Proposal, error) {
	act, err := parseAct(kept.Act.JSON)
	if err != nil {
		return Proposal{}, fmt.Errorf("the act of proposal %s cannot be read: %w", kept.ID, err)
	}
	state := State(kept.State)
	if w.overdue(kept) {
		state = StateExpired
	}
	return Proposal{ID: kept.ID, Act: act, At: kept.At, Expires: kept.Expires, State: state, Unanswered: kept.Unanswered, Account: kept.Account, Policy: Policy(kept.Policy)}, nil
}

// proposals reads what is kept of several, in their order.
func (w *work) proposals(kept []sqldb.Proposal) (all []Proposal, err error) {
	for _, k := range kept {
		p, err := w.proposal(k)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// overdue: its time is up, and that is not on record yet.
func (w *work) overdue(p sqldb.Proposal) bool {
	return p.State == string(StateOpen) && !p.Expires.After(w.now)
}

// find returns the proposal with this id.
func (w *work) find(id string) (sqldb.Proposal, Proposal, error) {
	kept, err := w.Proposal(id)
	if err == nil && kept == nil {
		err = ErrNoProposal
	}
	if err != nil {
		return sqldb.Proposal{}, Proposal{}, err
	}
	told, err := w.proposal(*kept)
	return *kept, told, err
}

// answerable refuses a proposal that no longer waits for an answer.
func (p Proposal) answerable() error {
	switch p.State {
	case StateOpen:
		return nil
	case StateExpired:
		return ErrExpired
	default:
		return ErrAnswered
	}
}
