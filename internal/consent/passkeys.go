package consent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// This file has the passkeys with which people sign their answers: how they are added and removed, and
// the check of each signature, when it is made and when the ledger is verified.

// Errors of signatures and passkeys, next to those of package passkey.
var (
	ErrUnsigned  = errors.New("this must be signed with a passkey")
	ErrNoPasskey = errors.New("no passkey of this tenant has this id, or it was removed")
	ErrKnown     = errors.New("this passkey was added before")
	ErrPinned    = errors.New("the settings file lists the passkeys of this tenant (passkeys), so they are changed only there")
	ErrNoLink    = errors.New("the link was used before, or it has expired")
)

// Trust says why a change of passkeys is trusted.
type Trust string

// The reasons. FirstUse: the tenant never had a passkey. BySignature: a passkey of the tenant signed the
// change. Unsigned: a person changed it in a terminal without a passkey, after all were lost; Verify
// reports each of these changes.
const (
	FirstUse    Trust = "first use"
	BySignature Trust = "signed"
	Unsigned    Trust = "unsigned"
)

// Passkey is a passkey of a tenant.
type Passkey struct {
	passkey.Credential
	Tenant string
	How    Trust     // how it was added; empty if it is pinned
	At     time.Time // when it was added; zero if it is pinned

	added, removed int64 // entries; removed is 0 if it counts
}

func (p *Passkey) columns() []any {
	return []any{&p.ID, &p.Tenant, &p.PublicKey, &p.Name, &p.RP, &p.How, &p.added, &p.removed, sqldb.Instant{To: &p.At}}
}

const selectEnrolled = `SELECT p.id, p.tenant, p.public_key, p.name, p.rp, p.how, p.added, p.removed, e.at
	FROM passkeys p JOIN entries e ON e.seq = p.added WHERE `

// countsAt reports whether the passkey could sign what the entry with this number records.
func (p Passkey) countsAt(seq int64) bool {
	return p.added < seq && (p.removed == 0 || p.removed >= seq)
}

// enrolment is the canonical form of a passkey in the ledger, of which a change signs the digest.
type enrolment struct {
	Tenant string `json:"tenant"`
	passkey.Credential
}

func (p Passkey) canonical() string { return encode(enrolment{p.Tenant, p.Credential}) }

// signature is an assertion in the ledger. With the kind of its entry, and the act or the passkey that the
// entry contains, it has everything from which the signed statement is built.
type signature struct {
	passkey.Assertion
	Subject string `json:"subject"` // the id of the proposal, or of the link
	Expires string `json:"expires"` // of the proposal or the link, RFC 3339
}

// Pin makes credentials of the settings file the only passkeys of their tenants. Call it before the first
// use of the ledger.
func (l *Ledger) Pin(pinned map[string][]passkey.Credential) *Ledger {
	l.pinned = pinned
	return l
}

// Passkeys returns the passkeys of a tenant that count: the pinned ones, or else those that were added,
// the oldest first.
func (l *Ledger) Passkeys(ctx context.Context, tenant string) (all []Passkey, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		all, err = tx.passkeys(tenant)
		return err
	})
	return all, err
}

func (tx *transaction) passkeys(tenant string) ([]Passkey, error) {
	if pinned := tx.pinned[tenant]; len(pinned) > 0 {
		var all []Passkey
		for _, c := range pinned {
			if c.SignsAt(tx.now) {
				all = append(all, Passkey{Credential: c, Tenant: tenant})
			}
		}
		return all, nil
	}
	return sqldb.All(tx.Tx, (*Passkey).columns, selectEnrolled+`p.tenant = ? AND p.removed = 0 ORDER BY p.added`, tenant)
}

// LostPasskeys returns the passkeys of a tenant that were removed without a signature, the oldest first. At
// is the time of the removal.
func (l *Ledger) LostPasskeys(ctx context.Context, tenant string) (lost []Passkey, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		removed, err := sqldb.All(tx.Tx, (*Passkey).columns, selectEnrolled+`p.tenant = ? AND p.removed > 0 ORDER BY p.removed`, tenant)
		if err != nil {
			return err
		}
		for _, p := range removed {
			entries, err := tx.entriesAfter(p.removed-1, 1)
			if err != nil {
				return err
			}
			var d details
			if len(entries) > 0 && json.Unmarshal([]byte(entries[0].Details), &d) == nil && d.How == Unsigned {
				p.At = instant(entries[0].At)
				lost = append(lost, p)
			}
		}
		return nil
	})
	return lost, err
}

// signers returns the passkey of a tenant that could sign what an entry records, of which it uses the number
// and the time. ErrNoPasskey: there is none.
type signers func(tenant, id string, e Entry) (passkey.Credential, error)

// signer finds a passkey in the database and compares it with the entries that added and removed it.
func (tx *transaction) signer(tenant, id string, e Entry) (passkey.Credential, error) {
	if pinned := tx.pinned[tenant]; len(pinned) > 0 {
		return pinnedSigner(pinned, id, e)
	}
	found, err := sqldb.One(tx.Tx, (*Passkey).columns, selectEnrolled+`p.id = ? AND p.tenant = ?`, id, tenant)
	if err != nil || found == nil || !found.countsAt(e.Seq) {
		return passkey.Credential{}, orNoPasskey(err)
	}
	added, err := tx.entriesAfter(found.added-1, 1)
	if err != nil || len(added) == 0 {
		return passkey.Credential{}, orNoPasskey(err)
	}
	d, why := verifiedDetails(added[0])
	if why == "" && (added[0].Kind != kindPasskeyAdded || d.Passkey != found.canonical()) {
		why = "the passkey " + id + " differs from it"
	}
	if why != "" {
		return passkey.Credential{}, asTampered(&BrokenError{found.added, why})
	}
	removed, err := tx.removal(*found)
	if err == nil && removed != found.removed {
		err = asTampered(&BrokenError{max(removed, found.removed), "the passkey " + id + " differs from the entry of its removal"})
	}
	return found.Credential, err
}

// removal returns the number of the entry that removed a passkey; 0 if there is none. The index
// removed_passkeys finds these entries.
func (tx *transaction) removal(p Passkey) (int64, error) {
	removals, err := sqldb.All(tx.Tx, sqldb.Column[int64], `SELECT seq FROM entries WHERE kind = 'passkey_removed' AND seq > ? ORDER BY seq`, p.added)
	if err != nil {
		return 0, err
	}
	for _, seq := range removals {
		entries, err := tx.entriesAfter(seq-1, 1)
		if err != nil {
			return 0, err
		}
		var d details
		if json.Unmarshal([]byte(entries[0].Details), &d) == nil && d.Passkey == p.canonical() {
			return seq, nil
		}
	}
	return 0, nil
}

func pinnedSigner(pinned []passkey.Credential, id string, e Entry) (passkey.Credential, error) {
	at := slices.IndexFunc(pinned, func(c passkey.Credential) bool { return c.ID == id && c.SignsAt(instant(e.At)) })
	if at < 0 {
		return passkey.Credential{}, ErrNoPasskey
	}
	return pinned[at], nil
}

func orNoPasskey(err error) error {
	if err != nil {
		return err
	}
	return ErrNoPasskey
}

// Statement returns what a person signs to approve or decline the proposal, without the nonce.
func (p Proposal) Statement(agreed bool) passkey.Statement {
	verb := verbDecline
	if agreed {
		verb = verbApprove
	}
	return passkey.Statement{Verb: verb, Digest: p.stored.digest, Subject: p.ID, Expires: sqldb.Text(p.Expires)}
}

// signedAct returns the canonical act for the entry of a signed answer, so that this entry suffices to
// verify the signature.
func (p Proposal) signedAct(signed *checkedSignature) string {
	if signed == nil {
		return ""
	}
	return p.stored.json
}

const verbApprove, verbDecline, verbAdd, verbRemove = "approve", "decline", "add", "remove"

// checkSigned refuses an answer without a signature where the policy requires one, and checks the
// signature of an answer that has one. The person on record is then the owner of the passkey.
func (tx *transaction) checkSigned(p Proposal, a *Answer) (*checkedSignature, error) {
	required := (p.Policy == PolicySigned || a.Policy == PolicySigned) && (a.Agreed || a.Method != OnPage)
	switch {
	case a.Method != Signed && required, a.Method == Signed && a.Assertion == nil:
		return nil, ErrUnsigned
	case a.Method != Signed:
		return nil, nil
	}
	signed, err := tx.checkAssertion(p.Act.Tenant, *a.Assertion, p.Statement(a.Agreed), a.Site)
	if err != nil {
		return nil, err
	}
	a.By = signed.by.Name
	return signed, nil
}

// checkedSignature is a valid signature that was made now.
type checkedSignature struct {
	signature
	by      passkey.Credential
	counter uint32 // of the passkey, after the signature
	guards  []guard
}

// stored returns the signature for an entry; nil if there is none.
func (s *checkedSignature) stored() *signature {
	if s == nil {
		return nil
	}
	return &s.signature
}

func (tx *transaction) checkAssertion(tenant string, a passkey.Assertion, s passkey.Statement, site passkey.Site) (*checkedSignature, error) {
	next := Entry{Seq: math.MaxInt64, At: sqldb.Text(tx.now)} // the entry that will contain it
	c, err := tx.signer(tenant, a.Credential, next)
	if err != nil {
		return nil, err
	}
	counter, err := a.Verify(c, s, site)
	if err != nil {
		return nil, err
	}
	last, err := sqldb.One(tx.Tx, sqldb.Column[uint32], `SELECT counter FROM passkey_counters WHERE id = ?`, c.ID)
	if err != nil {
		return nil, err
	}
	if last != nil && !passkey.Counts(*last, counter) {
		return nil, passkey.ErrCounter
	}
	signed := &checkedSignature{signature: signature{a, s.Subject, s.Expires}, by: c, counter: counter}
	unused := guard{passkeyKey(c.ID), `NOT EXISTS (SELECT 1 FROM passkey_counters WHERE id = ?)`, []any{c.ID}}
	if last != nil {
		unused = guard{passkeyKey(c.ID), `EXISTS (SELECT 1 FROM passkey_counters WHERE id = ? AND counter = ?)`, []any{c.ID, *last}}
	}
	signed.guards = []guard{unused}
	if len(tx.pinned[tenant]) == 0 {
		current := guard{passkeyKey(c.ID), `EXISTS (SELECT 1 FROM passkeys WHERE id = ? AND tenant = ? AND removed = 0)`, []any{c.ID, tenant}}
		signed.guards = append(signed.guards, current)
	}
	return signed, nil
}

// passkeyKey returns the key for Exclude under which the signatures of a passkey and its removal are stored one
// at a time: its counters must increase from entry to entry, and nothing may be signed after its removal.
func passkeyKey(id string) string { return "passkey\n" + id }

// enforceSigned queues guards and, if a passkey signed, those of its signature and its counter.
func (tx *transaction) enforceSigned(signed *checkedSignature, guards ...guard) error {
	if signed == nil {
		return tx.enforce(guards...)
	}
	if err := tx.enforce(append(guards, signed.guards...)...); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO passkey_counters (id, counter) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET counter = excluded.counter`, signed.by.ID, signed.counter)
}

// checkStored checks the signature in an entry over the content that the entry contains. It returns the
// owner of the passkey, or why the signature is not valid.
func (s signature) checkStored(e Entry, tenant, verb, content string, find signers) (by string, why string) {
	c, err := find(tenant, s.Credential, e)
	if err != nil {
		return "", "its signature is by a passkey that the tenant did not have"
	}
	site, err := s.Site()
	if err == nil {
		_, err = s.Verify(c, passkey.Statement{Verb: verb, Digest: sha256Hex(content), Subject: s.Subject, Expires: s.Expires}, site)
	}
	if err != nil {
		return "", "its signature is not valid: " + err.Error()
	}
	return c.Name, ""
}

// verifySigned checks the signature of an answer, which must be there if the request requires one.
func (h *history) verifySigned(p *Proposal, e Entry, d details, tenant string) (why string) {
	verb := map[string]string{kindApproved: verbApprove, kindDeclined: verbDecline}[e.Kind]
	switch {
	case verb == "":
		return ""
	case d.Signature == nil && (d.Method == Signed || p.Policy == PolicySigned && e.Kind == kindApproved):
		return "it has no signature by a passkey, which its request requires"
	case d.Signature == nil:
		return ""
	case d.Method != Signed || d.Act != h.act.json || d.Signature.Subject != d.Proposal || d.Signature.Expires != sqldb.Text(p.Expires):
		return "its signature is about another request"
	}
	by, why := d.Signature.checkStored(e, tenant, verb, d.Act, func(tenant, id string, e Entry) (passkey.Credential, error) {
		c, err := h.signers(tenant, id, e)
		if err != nil && !errors.Is(err, ErrNoPasskey) && !errors.Is(err, ErrTampered) {
			h.failed = err
		}
		return c, err
	})
	if why == "" && by != d.By {
		why = "the person on record is not the owner of the passkey that signed"
	}
	return why
}

// PasskeyLink is a single-use link to the page on which a passkey is added or removed.
type PasskeyLink struct {
	Tenant  string
	Name    string // of the person whose passkey is added; cut to 100 characters
	Remove  string // the id of the passkey that is removed; empty if one is added
	Expires time.Time
	hash    string
}

func (k *PasskeyLink) columns() []any {
	return []any{&k.hash, &k.Tenant, &k.Name, &k.Remove, sqldb.Instant{To: &k.Expires}}
}

const selectLinks = `SELECT hash, tenant, name, remove, expires FROM passkey_links WHERE `

// PasskeyLinkLife is how long a PasskeyLink is valid.
const PasskeyLinkLife = 10 * time.Minute

// NewPasskeyLink stores a link, valid for PasskeyLinkLife, and returns its secret token. ErrPinned: the
// settings file lists the tenant's passkeys. ErrNoPasskey: there is none to remove.
func (l *Ledger) NewPasskeyLink(ctx context.Context, k PasskeyLink) (token string, err error) {
	token = rand.Text()
	k.Name = sanitize.Line(k.Name, 100)
	err = l.update(ctx, func(tx *transaction) error {
		if len(tx.pinned[k.Tenant]) > 0 {
			return ErrPinned
		}
		if k.Remove != "" {
			if _, err := tx.currentPasskey(k.Tenant, k.Remove); err != nil {
				return err
			}
		}
		if err := tx.Exec(`DELETE FROM passkey_links WHERE expires <= ?`, sqldb.Text(tx.now)); err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO passkey_links (hash, tenant, name, remove, expires) VALUES (?, ?, ?, ?, ?)`,
			hashedToken(token), k.Tenant, k.Name, k.Remove, sqldb.Text(tx.now.Add(PasskeyLinkLife)))
	})
	return token, err
}

func hashedToken(token string) string { return sha256Hex("vennio-mcp passkey link v1\n" + token) }

// PasskeyLink returns the link with a token. ErrNoLink: it was used or has expired.
func (l *Ledger) PasskeyLink(ctx context.Context, token string) (k PasskeyLink, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		k, err = tx.passkeyLink(token)
		return err
	})
	return k, err
}

func (tx *transaction) passkeyLink(token string) (PasskeyLink, error) {
	found, err := sqldb.One(tx.Tx, (*PasskeyLink).columns, selectLinks+`hash = ? AND expires > ?`,
		hashedToken(token), sqldb.Text(tx.now))
	if err == nil && found == nil {
		err = ErrNoLink
	}
	if err != nil {
		return PasskeyLink{}, err
	}
	return *found, nil
}

// Statement returns what the owner of another passkey signs to confirm the change of c, without the nonce.
func (k PasskeyLink) Statement(c passkey.Credential) passkey.Statement {
	verb := verbAdd
	if k.Remove != "" {
		verb = verbRemove
	}
	digest := sha256Hex(Passkey{Credential: c, Tenant: k.Tenant}.canonical())
	return passkey.Statement{Verb: verb, Digest: digest, Subject: k.hash, Expires: sqldb.Text(k.Expires)}
}

// AddPasskey adds c with a link, which is used up. Only the tenant's first passkey, and the first one after
// all were removed, need no signature by another one; for others it returns ErrUnsigned if confirmed is
// nil. ErrNoLink, ErrPinned, ErrNoPasskey and the errors of package passkey as for the other calls;
// ErrKnown: somebody added c before.
func (l *Ledger) AddPasskey(ctx context.Context, token string, c passkey.Credential, confirmed *passkey.Assertion, site passkey.Site) error {
	return l.update(ctx, func(tx *transaction) error {
		link, subject, err := tx.usablePasskeyLink(token)
		if err != nil {
			return err
		}
		if link.Remove != "" {
			return ErrNoLink
		}
		added := Passkey{Credential: c, Tenant: link.Tenant}
		known, err := sqldb.All(tx.Tx, (*Passkey).columns, selectEnrolled+`p.tenant = ? OR p.id = ?`, link.Tenant, c.ID)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(known, func(p Passkey) bool { return p.ID == c.ID }) || tx.isPinned(c.ID) {
			return ErrKnown
		}
		signed, err := tx.confirm(link, c, known, confirmed, site, &added.How)
		if err != nil {
			return err
		}
		if err := tx.enforceSigned(signed, link.unused()); err != nil {
			return err
		}
		at, err := tx.record(kindPasskeyAdded, link.Tenant, subject, details{Passkey: added.canonical(), How: added.How, Signature: signed.stored()})
		if err != nil {
			return err
		}
		return errors.Join(
			tx.Exec(`INSERT INTO passkeys (id, tenant, public_key, name, rp, how, added) VALUES (?, ?, ?, ?, ?, ?, `+seqAt+`)`,
				c.ID, added.Tenant, c.PublicKey, c.Name, c.RP, added.How, at.chain, at.n),
			tx.deleteLink(link),
		)
	})
}

// isPinned reports whether a passkey of any tenant that the settings file lists has this id. A browser can
// report any id: another tenant with the same one would change the counter, which is stored by the id.
func (tx *transaction) isPinned(id string) bool {
	for _, pinned := range tx.pinned {
		if slices.ContainsFunc(pinned, func(c passkey.Credential) bool { return c.ID == id }) {
			return true
		}
	}
	return false
}

// confirm checks the signature that confirms a change, and sets why the change is trusted. known are the
// passkeys that the tenant has or had.
func (tx *transaction) confirm(link PasskeyLink, c passkey.Credential, known []Passkey, confirmed *passkey.Assertion, site passkey.Site, how *Trust) (*checkedSignature, error) {
	switch {
	case len(known) == 0:
		*how = FirstUse
		return nil, nil
	case !slices.ContainsFunc(known, func(p Passkey) bool { return p.removed == 0 }):
		*how = Unsigned
		return nil, nil
	case confirmed == nil:
		return nil, ErrUnsigned
	}
	*how = BySignature
	return tx.checkAssertion(link.Tenant, *confirmed, link.Statement(c), site)
}

// RemovePasskey removes the passkey of a link, which is used up. A passkey of the tenant, possibly the
// removed one, must have signed the removal. Errors as for AddPasskey.
func (l *Ledger) RemovePasskey(ctx context.Context, token string, confirmed passkey.Assertion, site passkey.Site) error {
	return l.update(ctx, func(tx *transaction) error {
		link, subject, err := tx.usablePasskeyLink(token)
		if err != nil {
			return err
		}
		removed, err := tx.currentPasskey(link.Tenant, link.Remove)
		if err != nil {
			return err
		}
		signed, err := tx.checkAssertion(link.Tenant, confirmed, link.Statement(removed.Credential), site)
		if err != nil {
			return err
		}
		return errors.Join(tx.removePasskey(subject, removed, BySignature, signed, link.unused()), tx.deleteLink(link))
	})
}

// RemoveLostPasskey removes a passkey without a signature, which the ledger records. ErrNoPasskey and
// ErrPinned as for the other calls.
func (l *Ledger) RemoveLostPasskey(ctx context.Context, tenant, id string) error {
	return l.update(ctx, func(tx *transaction) error {
		if len(tx.pinned[tenant]) > 0 {
			return ErrPinned
		}
		removed, err := tx.currentPasskey(tenant, id)
		if err != nil {
			return err
		}
		subject, err := tx.passkeySubject(tenant)
		if err != nil {
			return err
		}
		return tx.removePasskey(subject, removed, Unsigned, nil)
	})
}

func (tx *transaction) removePasskey(subject storedAct, p Passkey, how Trust, signed *checkedSignature, guards ...guard) error {
	if err := tx.enforceSigned(signed, append(guards, guard{key: passkeyKey(p.ID)})...); err != nil {
		return err
	}
	at, err := tx.record(kindPasskeyRemoved, p.Tenant, subject, details{Passkey: p.canonical(), How: how, Signature: signed.stored()})
	if err != nil {
		return err
	}
	return tx.Exec(`UPDATE passkeys SET removed = `+seqAt+` WHERE id = ?`, at.chain, at.n, p.ID)
}

// currentPasskey returns a passkey of a tenant that counts.
func (tx *transaction) currentPasskey(tenant, id string) (Passkey, error) {
	found, err := sqldb.One(tx.Tx, (*Passkey).columns, selectEnrolled+`p.id = ? AND p.tenant = ? AND p.removed = 0`, id, tenant)
	if err != nil || found == nil {
		return Passkey{}, orNoPasskey(err)
	}
	return *found, nil
}

// usablePasskeyLink returns a valid link, and what the change of passkeys is recorded for.
func (tx *transaction) usablePasskeyLink(token string) (link PasskeyLink, subject storedAct, err error) {
	if link, err = tx.passkeyLink(token); err == nil && len(tx.pinned[link.Tenant]) > 0 {
		err = ErrPinned
	}
	if err != nil {
		return link, subject, err
	}
	subject, err = tx.passkeySubject(link.Tenant)
	return link, subject, err
}

// unused returns the guard that holds as long as a link was neither used nor erased.
func (k PasskeyLink) unused() guard {
	return guard{"passkey link\n" + k.hash, `EXISTS (SELECT 1 FROM passkey_links WHERE hash = ?)`, []any{k.hash}}
}

func (tx *transaction) deleteLink(k PasskeyLink) error {
	return tx.Exec(`DELETE FROM passkey_links WHERE hash = ?`, k.hash)
}

// parsePasskey reads the canonical form.
func parsePasskey(text string) (Passkey, error) {
	var e enrolment
	err := json.Unmarshal([]byte(text), &e)
	return Passkey{Credential: e.Credential, Tenant: e.Tenant}, err
}
