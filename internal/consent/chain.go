package consent

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// What an entry of the ledger is about.
const (
	kindProposed  = "proposed"
	kindApproved  = "approved"
	kindDeclined  = "declined"
	kindWithdrawn = "withdrawn"
	kindExpired   = "expired"
	kindClosed    = "closed"
	kindAttested  = "attested"
	kindRetired   = "retired"
	kindSent      = "sent"
	kindSettled   = "settled"
	kindErased    = "erased"
)

// details is what an entry says in full. Each kind has its own of these.
type details struct {
	Of       string  `json:"of,omitempty"`  // our id of the act
	Act      string  `json:"act,omitempty"` // the act's canonical JSON
	Proposal string  `json:"proposal,omitempty"`
	Grant    string  `json:"grant,omitempty"`
	By       string  `json:"by,omitempty"`
	Claimed  string  `json:"claimed_by,omitempty"` // whom the agent named
	Words    string  `json:"words,omitempty"`
	Rung     Method  `json:"rung,omitempty"`
	Expires  string  `json:"expires,omitempty"`
	Caller   string  `json:"caller,omitempty"` // a keyed hash of who asked
	Client   string  `json:"client,omitempty"` // the program that asked, as it calls itself
	Account  string  `json:"account,omitempty"`
	Policy   Policy  `json:"policy,omitempty"`
	Closed   string  `json:"closed,omitempty"` // until when a refusal closes the slot or booking
	Attempt  int     `json:"attempt,omitempty"`
	Outcome  Outcome `json:"outcome,omitempty"`
	Booking  string  `json:"booking,omitempty"`
	Request  string  `json:"request,omitempty"`
	Detail   string  `json:"detail,omitempty"`
	Why      string  `json:"why,omitempty"`
	Entries  []int64 `json:"entries,omitempty"` // those whose details an erasure deleted

	Left []remains `json:"left,omitempty"` // what an erasure left of each act

	under Method // of the grant the entry is about; for watchers, not written
}

// record appends an entry and returns its number.
func (w *work) record(kind string, act sqldb.Act, d details) (int64, error) {
	head, err := w.Head()
	if err != nil {
		return 0, err
	}
	if head == nil {
		return 0, errors.New("the ledger's end is not on record: it was tampered with")
	}
	d.Of = act.ID
	e := sqldb.Entry{
		Seq: head.Seq + 1, At: sqldb.Text(w.now), Kind: kind, Digest: blind(act), Prev: head.Hash,
		Act: act.ID, Salt: salt(), Details: encode(d),
	}
	e.Commitment = sum(e.Salt + e.Details)
	e.Hash = link(e)
	w.notice(kind, d)
	return e.Seq, w.Append(e)
}

// link is an entry's hash: SHA-256 over prev, seq, at, kind, digest and
// commitment, one a line. None of them has a line feed in it, so nothing can be
// moved from one to the next.
func link(e sqldb.Entry) string {
	return sum(strings.Join([]string{e.Prev, strconv.FormatInt(e.Seq, 10), e.At, e.Kind, e.Digest, e.Commitment}, "\n"))
}

// blind is an act's digest as the ledger carries it: equal for entries about the
// same act, and no longer to be guessed once the act's salt is erased.
func blind(act sqldb.Act) string {
	if act.Digest == "" {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(act.Salt))
	mac.Write([]byte(act.Digest))
	return hex.EncodeToString(mac.Sum(nil))
}

// salt is 256 random bits. Being hexadecimal it has no brace in it, and details
// begin with one: nothing can be moved from one to the other.
func salt() string {
	random := make([]byte, sha256.Size)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}
