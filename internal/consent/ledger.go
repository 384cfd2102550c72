package consent

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// This file contains all statements on the entries and their details, and the rules of
// their chains. seals.go contains the seals, which fix the order of all entries.

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

// Entry is one entry of the ledger. Anyone who has it can verify it without this
// program: commitment is the SHA-256 of salt and details as one text; hash is the
// SHA-256 of prev, tenant, chain, n, at, kind, digest and commitment joined by line
// feeds; prev is the hash of the entry before it in its chain. The first entry of a
// chain has as prev the hash of the newest entry of the old chain about the same act,
// or 64 zeros if there is none. All are hexadecimal.
//
// Entries of the old chain, from before there was a chain for each act, have no tenant,
// chain, n and seal. Their hash is the SHA-256 of prev, seq, at, kind, digest and
// commitment, and prev is the hash of the entry numbered seq - 1 (64 zeros for the first).
type Entry struct {
	Seq        int64  `json:"seq"` // increases, with gaps
	At         string `json:"at"`  // RFC 3339 in UTC, to the millisecond
	Kind       string `json:"kind"`
	Digest     string `json:"digest"` // the same for all entries about one act; empty for an erasure
	Commitment string `json:"commitment"`
	Prev       string `json:"prev"`
	Hash       string `json:"hash"`
	Salt       string `json:"salt,omitempty"`    // empty once erased
	Details    string `json:"details,omitempty"` // JSON; empty once erased
	Tenant     string `json:"tenant,omitempty"`  // empty for the default tenant
	Chain      string `json:"chain,omitempty"`   // our id of the act, or "passkeys:" and the tenant
	N          int64  `json:"n,omitempty"`       // in the chain: 1, 2, 3 …; 0 in the old chain
	Seal       int64  `json:"seal,omitempty"`    // the number of the seal; 0 until the entry has one
	Act        string `json:"-"`                 // our id of the act; empty for an erasure, and once erased
}

func (e *Entry) columns() []any {
	return []any{
		&e.Seq, &e.At, &e.Kind, &e.Digest, &e.Commitment, &e.Prev, &e.Hash, &e.Tenant, &e.Chain, &e.N, &e.Seal, &e.Act, &e.Salt, &e.Details,
	}
}

const entryColumns = `e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash, COALESCE(e.tenant, ''), COALESCE(e.chain, ''), COALESCE(e.n, 0), COALESCE(e.seal, 0),
	COALESCE(d.act, ''), COALESCE(d.salt, ''), COALESCE(d.json, '')`

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

// chainEnd is the number and the hash of the newest entry of a chain.
type chainEnd struct {
	n    int64
	hash string
}

// noEntry is the hash that the first entry follows.
var noEntry = strings.Repeat("0", 2*sha256.Size)

// Scan reads an end as endOfAct and endOfChain select it. It implements sql.Scanner.
func (c *chainEnd) Scan(from any) error {
	text, _ := from.(string)
	if text == "" {
		*c = chainEnd{0, noEntry}
		return nil
	}
	number, hash, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(number, 10, 64)
	*c = chainEnd{n, hash}
	return err
}

func (c *chainEnd) columns() []any { return []any{c} }

// endOfAct selects the end of the chain of the act a: its newest entry, or else the
// newest entry of the old chain about the act, with the number 0. The sum keeps
// PostgreSQL from looking for the act in the order of all entries.
const endOfAct = `COALESCE((SELECT e.n || ' ' || e.hash FROM entries e WHERE e.chain = a.id ORDER BY e.n DESC LIMIT 1),
	(SELECT '0 ' || e.hash FROM entries e WHERE e.seq = (SELECT MAX(d.seq + 0) FROM details d WHERE d.act = a.id)), '')`

// passkeyChain returns the id of the chain of the changes of a tenant's passkeys.
func passkeyChain(tenant string) string { return "passkeys:" + storable(tenant) }

// passkeySubject returns what entries about the passkeys of a tenant are recorded for:
// no act, and the end of the chain of these entries.
func (tx *transaction) passkeySubject(tenant string) (storedAct, error) {
	end, err := sqldb.One(tx.Tx, (*chainEnd).columns, `SELECT e.n || ' ' || e.hash FROM entries e WHERE e.chain = ? ORDER BY e.n DESC LIMIT 1`, passkeyChain(tenant))
	if end == nil {
		end = &chainEnd{0, noEntry}
	}
	return storedAct{end: *end}, err
}

// position is the place of an entry. Its seq is known only after it was inserted.
type position struct {
	chain string
	n     int64
}

// seqAt selects the seq of the entry at a position, whose fields are its values.
const seqAt = `(SELECT seq FROM entries WHERE chain = ? AND n = ?)`

// record queues an entry about an act of a tenant, or without an act about the tenant's
// passkeys, after the newest entry of its chain, and collects its event for the
// watchers. If another transaction appends to the chain first, the database refuses the
// entry and the transaction runs again.
func (tx *transaction) record(kind, tenant string, act storedAct, d details) (position, error) {
	at := position{cmp.Or(act.id, passkeyChain(tenant)), 0}
	end, ok := tx.ends[at.chain]
	if !ok {
		end = act.end
	}
	at.n = end.n + 1
	e := Entry{At: sqldb.Text(tx.now), Kind: kind, Digest: maskedDigest(act), Prev: end.hash, Tenant: storable(tenant), Chain: at.chain, N: at.n, Salt: newSalt()}
	if kind != kindErased {
		e.Act, d.Of = act.id, act.id
	}
	e.Details = encode(d)
	e.Commitment = sha256Hex(e.Salt + e.Details)
	e.Hash = entryHash(e)
	tx.ends[at.chain] = chainEnd{e.N, e.Hash}
	if event, ok := eventOf(kind, d); ok {
		tx.events = append(tx.events, event)
	}
	err := tx.Exec(`INSERT INTO entries (at, kind, digest, commitment, prev, hash, tenant, chain, n) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.At, e.Kind, e.Digest, e.Commitment, e.Prev, e.Hash, e.Tenant, e.Chain, e.N)
	if err != nil {
		return at, err
	}
	return at, tx.Exec(`INSERT INTO details (seq, act, salt, json) VALUES (`+seqAt+`, NULLIF(?, ''), ?, ?)`, at.chain, at.n, e.Act, e.Salt, e.Details)
}

// entryHash is the SHA-256 of the fields that Entry names, one per line. None of them
// contains a line feed, so no text can be moved from one field to the next.
func entryHash(e Entry) string {
	number := strconv.FormatInt(e.Seq, 10)
	if e.N != 0 {
		number = strings.Join([]string{e.Tenant, e.Chain, strconv.FormatInt(e.N, 10)}, "\n")
	}
	return sha256Hex(strings.Join([]string{e.Prev, number, e.At, e.Kind, e.Digest, e.Commitment}, "\n"))
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
	return sqldb.All(tx.Tx, (*Entry).columns, `SELECT `+entryColumns+`
		FROM entries e LEFT JOIN details d ON d.seq = e.seq AND d.seq > ? WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, after, after, limit)
}

// entriesAbout returns the entries about the acts of a range, the oldest first,
// except those whose details were erased.
func (tx *transaction) entriesAbout(r actRange) ([]Entry, error) {
	condition, args := r.of(`d.act`)
	return sqldb.All(tx.Tx, (*Entry).columns, `SELECT `+entryColumns+`
		FROM details d JOIN entries e ON e.seq = d.seq WHERE `+condition+` ORDER BY d.seq + 0`, args...)
}

// entriesOfChains returns the entries in the chains of the acts of a range, the oldest
// first, also those whose details were erased, without their details.
func (tx *transaction) entriesOfChains(r actRange) ([]Entry, error) {
	condition, args := r.of(`e.chain`)
	return sqldb.All(tx.Tx, (*Entry).columns, `SELECT e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash, e.tenant, e.chain, e.n, COALESCE(e.seal, 0), '', '', ''
		FROM entries e WHERE `+condition+` ORDER BY e.seq + 0`, args...)
}

// page is how many entries, and the records of how many acts, are read at once.
const page = 100

// eachEntry calls do for every entry, in order.
func (tx *transaction) eachEntry(do func(Entry) error) error {
	for after := int64(math.MinInt64); ; {
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

// Entries returns up to limit entries after the one numbered after; 0 begins at the
// first.
func (l *Ledger) Entries(ctx context.Context, after int64, limit int) (entries []Entry, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		entries, err = tx.entriesAfter(after, limit)
		return err
	})
	return entries, err
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
	if err := json.Unmarshal([]byte(e.Details), &d); err != nil || d.Of != e.Act || e.N != 0 && e.Act != "" && e.Act != e.Chain {
		return d, "its details are filed under another act"
	}
	return d, ""
}
