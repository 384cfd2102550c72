package consent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// This file has all statements on the tables of the ledger (entries, details, head)
// and all rules of its chain, so that another design of the chain changes nothing
// else in the package (docs/decisions/ledger.md).

// The kinds of entries.
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

	kindPasskeyAdded   = "passkey_added"
	kindPasskeyRemoved = "passkey_removed"
)

// Entry is one entry of the ledger. Anyone who has it can prove it without this
// program: commitment is the SHA-256 of salt and details as one text; hash is the
// SHA-256 of prev, seq, at, kind, digest and commitment joined by line feeds; prev is
// the hash of the entry before (64 zeros for the first). All are hexadecimal.
type Entry struct {
	Seq        int64  `json:"seq"` // 1, 2, 3 …
	At         string `json:"at"`  // RFC 3339 in UTC, to the millisecond
	Kind       string `json:"kind"`
	Digest     string `json:"digest"` // the same for all entries about one act; empty for an erasure
	Commitment string `json:"commitment"`
	Prev       string `json:"prev"`
	Hash       string `json:"hash"`
	Salt       string `json:"salt,omitempty"`    // empty once erased
	Details    string `json:"details,omitempty"` // JSON; empty once erased
	Act        string `json:"-"`                 // our id of the act; empty for an erasure, and once erased
}

func (e *Entry) columns() []any {
	return []any{&e.Seq, &e.At, &e.Kind, &e.Digest, &e.Commitment, &e.Prev, &e.Hash, &e.Act, &e.Salt, &e.Details}
}

// details is the content of an entry. Each kind uses some of the fields.
type details struct {
	Of       string  `json:"of,omitempty"`  // our id of the act
	Act      string  `json:"act,omitempty"` // the act's canonical JSON
	Proposal string  `json:"proposal,omitempty"`
	Grant    string  `json:"grant,omitempty"`
	By       string  `json:"by,omitempty"`
	Claimed  string  `json:"claimed_by,omitempty"` // the person that the agent named
	Words    string  `json:"words,omitempty"`
	Method   Method  `json:"rung,omitempty"`
	Trusted  bool    `json:"trusted,omitempty"` // as in the Answer; false in entries of earlier versions
	Expires  string  `json:"expires,omitempty"`
	Caller   string  `json:"caller,omitempty"` // a keyed hash of the caller that asked
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
	Entries  []int64 `json:"entries,omitempty"` // whose details an erasure deleted

	Left []remains `json:"left,omitempty"` // the records that an erasure left of each act

	LeftPasskeys []remainingPasskey `json:"left_passkeys,omitempty"` // those that an erasure removed

	Passkey   string     `json:"passkey,omitempty"` // the canonical JSON of the one that was added or removed
	How       Trust      `json:"how,omitempty"`     // why that change is trusted
	Signature *signature `json:"signature,omitempty"`

	eventMethod Method // for the entry's event if Method is empty: the method of the grant; not stored
}

// ledgerEnd is the number and the hash of the last entry.
type ledgerEnd struct {
	seq  int64
	hash string
}

func (e *ledgerEnd) columns() []any { return []any{&e.seq, &e.hash} }

// end returns the ledger's end as the last append stored it; nil if somebody deleted
// that row.
func (tx *transaction) end() (*ledgerEnd, error) {
	return sqldb.One(tx.Tx, (*ledgerEnd).columns, `SELECT seq, hash FROM head WHERE id = 1`)
}

// record appends an entry about an act, collects its event for the watchers, and
// returns its number.
func (tx *transaction) record(kind string, act storedAct, d details) (int64, error) {
	end, err := tx.end()
	if err != nil {
		return 0, err
	}
	if end == nil {
		return 0, errors.New("the row with the ledger's end is missing: somebody has tampered with the database")
	}
	d.Of = act.id
	e := Entry{
		Seq: end.seq + 1, At: sqldb.Text(tx.now), Kind: kind, Digest: maskedDigest(act), Prev: end.hash,
		Act: act.id, Salt: newSalt(), Details: encode(d),
	}
	e.Commitment = sha256Hex(e.Salt + e.Details)
	e.Hash = entryHash(e)
	if event, ok := eventOf(kind, d); ok {
		tx.events = append(tx.events, event)
	}
	return e.Seq, tx.insertEntry(e)
}

func (tx *transaction) insertEntry(e Entry) error {
	err := tx.Exec(`INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, e.At, e.Kind, e.Digest, e.Commitment, e.Prev, e.Hash)
	if err != nil {
		return err
	}
	if err := tx.Exec(`UPDATE head SET seq = ?, hash = ? WHERE id = 1`, e.Seq, e.Hash); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO details (seq, act, salt, json) VALUES (?, NULLIF(?, ''), ?, ?)`, e.Seq, e.Act, e.Salt, e.Details)
}

// entryHash is the SHA-256 over prev, seq, at, kind, digest and commitment, one per
// line. None of them contains a line feed, so no text can be moved from one field to
// the next.
func entryHash(e Entry) string {
	return sha256Hex(strings.Join([]string{e.Prev, strconv.FormatInt(e.Seq, 10), e.At, e.Kind, e.Digest, e.Commitment}, "\n"))
}

// maskedDigest is an act's digest as entries contain it: equal for all entries about
// the act, and impossible to guess once the act's salt is erased.
func maskedDigest(act storedAct) string {
	if act.digest == "" {
		return ""
	}
	return hex.EncodeToString(tenant.SaltedHash(act.salt, act.digest))
}

// newSalt returns 256 random bits. They are hexadecimal and details begin with a
// brace, so no text can be moved from one to the other.
func newSalt() string {
	random := make([]byte, sha256.Size)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// entriesAfter returns up to limit entries after the one numbered after. The join
// repeats the bound: without it PostgreSQL reads all details for each page.
func (tx *transaction) entriesAfter(after int64, limit int) ([]Entry, error) {
	return sqldb.All(tx.Tx, (*Entry).columns, `SELECT e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash,
		COALESCE(d.act, ''), COALESCE(d.salt, ''), COALESCE(d.json, '')
		FROM entries e LEFT JOIN details d ON d.seq = e.seq AND d.seq > ? WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, after, after, limit)
}

// entriesAbout returns the entries about the acts of a range, the oldest first,
// except those whose details were erased.
func (tx *transaction) entriesAbout(r actRange) ([]Entry, error) {
	condition, args := r.of(`d.act`)
	return sqldb.All(tx.Tx, (*Entry).columns, `SELECT e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash, d.act, d.salt, d.json
		FROM details d JOIN entries e ON e.seq = d.seq WHERE `+condition+` ORDER BY d.seq + 0`, args...)
}

// page is how many entries, and the records of how many acts, are read at once.
const page = 100

// eachEntry calls do for every entry, in order.
func (tx *transaction) eachEntry(do func(Entry) error) error {
	for after := int64(0); ; {
		entries, err := tx.entriesAfter(after, page)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if err := do(e); err != nil {
				return err
			}
		}
		after = entries[len(entries)-1].Seq
	}
}

// eraseDetails deletes the details of all entries about an act and returns the
// numbers of these entries.
func (tx *transaction) eraseDetails(act string) ([]int64, error) {
	erased, err := sqldb.All(tx.Tx, sqldb.Column[int64], `SELECT seq FROM details WHERE act = ? ORDER BY seq`, act)
	if err != nil {
		return nil, err
	}
	return erased, tx.Exec(`DELETE FROM details WHERE act = ?`, act)
}

// Entries returns up to limit entries after the one numbered after; 0 begins at the
// first.
func (l *Ledger) Entries(ctx context.Context, after int64, limit int) (entries []Entry, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		entries, err = tx.entriesAfter(after, limit)
		return err
	})
	return entries, err
}

// Export writes the ledger as JSON lines, one Entry each, personal data included.
func (l *Ledger) Export(ctx context.Context, to io.Writer) error {
	for after := int64(0); ; {
		entries, err := l.Entries(ctx, after, page)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if _, err := fmt.Fprintln(to, encode(e)); err != nil {
				return fmt.Errorf("export the ledger: %w", err)
			}
		}
		after = entries[len(entries)-1].Seq
	}
}

// chainVerifier checks entries in their order.
type chainVerifier struct {
	end           ledgerEnd
	withoutReason map[int64]bool     // entries without details that no erasure has explained so far
	left          map[string]remains // the records that erasures left, by act
	passkeys      *passkeyHistory
}

func newChainVerifier(passkeys *passkeyHistory) *chainVerifier {
	return &chainVerifier{ledgerEnd{0, strings.Repeat("0", sha256.Size*2)}, map[int64]bool{}, map[string]remains{}, passkeys}
}

// verifyChain checks every entry and the ledger's end.
func (tx *transaction) verifyChain() (*chainVerifier, error) {
	c := newChainVerifier(newPasskeyHistory(tx.pinned))
	if err := tx.eachEntry(c.verify); err != nil {
		return c, err
	}
	end, err := tx.end()
	if err != nil {
		return c, err
	}
	return c, c.verifyEnd(end)
}

func (c *chainVerifier) verify(e Entry) error {
	why := ""
	switch {
	case e.Seq != c.end.seq+1:
		return &BrokenError{c.end.seq + 1, "it is missing"}
	case e.Prev != c.end.hash:
		why = "it does not follow the one before"
	case e.Hash != entryHash(e):
		why = "its hash does not fit"
	case e.Salt == "" && e.Details == "" && e.Kind != kindErased:
		c.withoutReason[e.Seq] = true
	default:
		why = c.verifyDetails(e)
	}
	if why != "" {
		return &BrokenError{e.Seq, why}
	}
	c.end = ledgerEnd{e.Seq, e.Hash}
	return nil
}

func (c *chainVerifier) verifyDetails(e Entry) (why string) {
	d, why := verifiedDetails(e)
	if why == "" {
		why = c.passkeys.apply(e, d)
	}
	if why == "" && e.Kind == kindErased {
		for _, seq := range d.Entries {
			delete(c.withoutReason, seq)
		}
		for _, r := range d.Left {
			c.left[r.Act] = r
		}
	}
	return why
}

// verifyEnd finds what the entries alone do not show: entries missing at the end,
// and details deleted without an erasure.
func (c *chainVerifier) verifyEnd(stored *ledgerEnd) error {
	switch {
	case stored == nil || stored.seq > c.end.seq:
		return &BrokenError{c.end.seq + 1, "the end is cut off"}
	case *stored != c.end:
		return &BrokenError{c.end.seq, "it was not written as the end"}
	case len(c.withoutReason) > 0:
		return &BrokenError{slices.Min(slices.Collect(maps.Keys(c.withoutReason))), "its details are gone, and no erasure says why"}
	}
	return nil
}

// verifiedDetails returns the details of an entry, or why they are not those that
// were written.
func verifiedDetails(e Entry) (d details, why string) {
	switch {
	case e.Hash != entryHash(e):
		return d, "its hash does not fit"
	case e.Commitment != sha256Hex(e.Salt+e.Details):
		return d, "its details are not those it was written with"
	}
	if err := json.Unmarshal([]byte(e.Details), &d); err != nil || d.Of != e.Act {
		return d, "its details are filed under another act"
	}
	return d, ""
}
