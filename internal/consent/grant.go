package consent

import (
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Outcome is what became of a grant.
type Outcome string

// The outcomes. Sent: on its way, or the process died before it heard. Unknown
// is no failure: the write may have taken effect.
const (
	Unsent  Outcome = ""
	Sent    Outcome = "sent"
	Done    Outcome = "done"
	NotDone Outcome = "not_done"
	Unknown Outcome = "unknown"
)

// Grant is a person's yes to one act, good for one write.
type Grant struct {
	ID             string
	GivenBy, Words string // one line each, cleaned
	Rung           Method
	At, Expires    time.Time // UTC, to the millisecond
	ProposalID     string    // of the question it answers; empty if it was attested

	Outcome   Outcome
	Attempt   int    // how often it was sent, so far; as Send returns it, which of these this is
	BookingID string // Vennio's, once done
	RequestID string // Vennio's, of the answer that settled it
	Detail    string
}

// Key is the idempotency key of the write that this consent allows: at most 256
// characters of A-Za-z0-9_:.- (docs/vennio-api.md, Idempotency). Vennio keeps it
// for 24 hours, far longer than a slot id can be booked.
func (g Grant) Key() string { return "vennio-mcp:" + g.ID }

func grant(kept sqldb.Grant) Grant {
	return Grant{
		ID: kept.ID, GivenBy: kept.GivenBy, Words: kept.Words, Rung: Method(kept.Rung), At: kept.At, Expires: kept.Expires,
		ProposalID: kept.ProposalID, Outcome: Outcome(kept.Outcome), Attempt: kept.Sends,
		BookingID: kept.BookingID, RequestID: kept.RequestID, Detail: kept.Detail,
	}
}
