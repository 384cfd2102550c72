package consent

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// passkeyHistory is the result of replaying the entries about passkeys: the passkeys that must be stored.
type passkeyHistory struct {
	pinned   map[string][]passkey.Credential // by tenant
	passkeys map[string]*Passkey             // by id, removed ones too
	seals    map[int64]int64                 // sealOrder of the entries in the chains of passkeys, by number
	changes  []passkeyChange                 // whose signatures are checked once all passkeys are known
	counters map[string]uint32               // the last counter of each passkey that signed
	signed   int                             // the number of signatures
	since    map[string]Entry                // by tenant: number and time of the first request under PolicySigned
	consents []UnsignedConsent               // after that
	earlier  map[string]int                  // by tenant: the number of those before it; nil if there are none
}

type passkeyChange struct {
	entry   Entry
	details details
	passkey Passkey
}

// PasskeyChange is a change of passkeys that nobody signed.
type PasskeyChange struct {
	Seq     int64  // of its entry
	At      string // RFC 3339, UTC
	Added   bool   // or else removed
	Passkey Passkey
}

// remainingPasskey is what an erasure leaves of a passkey: it was removed, and signatures by it can still be
// verified.
type remainingPasskey struct {
	ID        string `json:"id"`
	Tenant    string `json:"tenant,omitempty"`
	PublicKey string `json:"public_key"`
	RP        string `json:"rp"`
	How       Trust  `json:"how"`
	Added     int64  `json:"added"`
	Removed   int64  `json:"removed"` // 0: by the entry of the erasure
}

func newPasskeyHistory(pinned map[string][]passkey.Credential) *passkeyHistory {
	return &passkeyHistory{pinned: pinned, passkeys: map[string]*Passkey{}, seals: map[int64]int64{}, counters: map[string]uint32{}, since: map[string]Entry{}}
}

// apply repeats the change that an entry describes. why says what is wrong with it.
func (h *passkeyHistory) apply(e Entry, d details) (why string) {
	if d.Signature != nil {
		h.signed++
		next := d.Signature.Counter()
		if last, ok := h.counters[d.Signature.Credential]; ok && !passkey.Counts(last, next) {
			return "the counter of the passkey that signed it did not increase"
		}
		h.counters[d.Signature.Credential] = next
	}
	switch e.Kind {
	case kindProposed:
		if d.Policy != PolicySigned {
			return ""
		}
		if act, err := parseAct(d.Act); err == nil {
			h.signsSince(act.Tenant, e)
		}
		return ""
	case kindErased:
		for _, r := range d.Left {
			for _, p := range r.Proposals {
				if p.Policy == PolicySigned {
					h.signsSince(p.Tenant, Entry{Seq: p.Seq, At: p.At, Seal: math.MaxInt64}) // its seal is not known here
				}
			}
		}
		for _, r := range d.LeftPasskeys {
			h.passkeys[r.ID] = &Passkey{
				Credential: passkey.Credential{ID: r.ID, PublicKey: r.PublicKey, RP: r.RP}, Tenant: r.Tenant, How: r.How, added: r.Added, removed: cmp.Or(r.Removed, e.Seq),
			}
		}
		return ""
	case kindPasskeyAdded, kindPasskeyRemoved:
	default:
		return ""
	}
	p, err := parsePasskey(d.Passkey)
	if err != nil || p.canonical() != d.Passkey || (d.Signature != nil) != (d.How == BySignature) {
		return "what it says about a passkey cannot be read"
	}
	h.changes = append(h.changes, passkeyChange{e, d, p})
	if e.Kind == kindPasskeyRemoved {
		added := h.passkeys[p.ID]
		if added == nil || added.removed != 0 || added.canonical() != d.Passkey {
			return "it removes a passkey that the tenant did not have"
		}
		added.removed = e.Seq
		return ""
	}
	switch before := slices.Collect(maps.Values(h.passkeys)); {
	case h.passkeys[p.ID] != nil:
		return "it adds a passkey that was added before"
	case d.How == FirstUse && slices.ContainsFunc(before, func(b *Passkey) bool { return b.Tenant == p.Tenant }),
		d.How == Unsigned && slices.ContainsFunc(before, func(b *Passkey) bool { return b.Tenant == p.Tenant && b.removed == 0 }):
		return "it adds a passkey that no other passkey of the tenant has confirmed"
	}
	p.How, p.added = d.How, e.Seq
	h.passkeys[p.ID] = &p
	return ""
}

// signsSince records a request under PolicySigned.
func (h *passkeyHistory) signsSince(tenant string, e Entry) {
	if first, ok := h.since[tenant]; !ok || e.Seq < first.Seq {
		h.since[tenant] = e
	}
}

// signer returns the passkey of a tenant that could sign what an entry records.
func (h *passkeyHistory) signer(tenant, id string, e Entry) (passkey.Credential, error) {
	if pinned := h.pinned[tenant]; len(pinned) > 0 {
		return pinnedSigner(pinned, id, e)
	}
	return h.enrolled(tenant, id, e)
}

// enrolled is signer for changes of passkeys, which pinned ones never sign.
func (h *passkeyHistory) enrolled(tenant, id string, e Entry) (passkey.Credential, error) {
	p := h.passkeys[id]
	if p == nil || p.Tenant != tenant || !p.countsAt(e.Seq) || h.seals[p.added] > e.sealOrder() || p.removed != 0 && e.sealOrder() > h.seals[p.removed] {
		return passkey.Credential{}, ErrNoPasskey
	}
	return p.Credential, nil
}

// verify checks the signatures of all changes, and compares the stored passkeys and their counters with the
// entries. An erasure deletes signatures, so a stored counter may be higher than the entries show.
func (h *passkeyHistory) verify(tx *transaction) error {
	for _, c := range h.changes {
		if c.details.Signature == nil {
			continue
		}
		verb := map[string]string{kindPasskeyAdded: verbAdd, kindPasskeyRemoved: verbRemove}[c.entry.Kind]
		if _, why := c.details.Signature.checkStored(c.entry, c.passkey.Tenant, verb, c.details.Passkey, h.enrolled); why != "" {
			return &BrokenError{c.entry.Seq, why}
		}
	}
	stored, err := sqldb.All(tx.Tx, (*Passkey).columns, `SELECT id, tenant, public_key, name, rp, how, added, removed, '' FROM passkeys`)
	if err != nil {
		return err
	}
	for _, p := range stored {
		want := h.passkeys[p.ID]
		if want == nil || *want != p {
			return &BrokenError{p.added, "the passkey " + p.ID + " differs from its entries"}
		}
	}
	if len(stored) < len(h.passkeys) {
		return &BrokenError{0, "a passkey was deleted from the database"}
	}
	return h.verifyCounters(tx)
}

func (h *passkeyHistory) verifyCounters(tx *transaction) error {
	counters, err := sqldb.All(tx.Tx, (*storedCounter).columns, `SELECT id, counter FROM passkey_counters`)
	if err != nil {
		return err
	}
	last := map[string]uint32{}
	for _, c := range counters {
		last[c.id] = c.counter
	}
	for id, seen := range h.counters {
		if last[id] < seen {
			return &BrokenError{0, "the counter of the passkey " + id + " was lowered"}
		}
	}
	return nil
}

type storedCounter struct {
	id      string
	counter uint32
}

func (c *storedCounter) columns() []any { return []any{&c.id, &c.counter} }

// unsigned returns the changes that nobody signed although the tenant had a passkey before.
func (h *passkeyHistory) unsigned() (all []PasskeyChange) {
	for _, c := range h.changes {
		if c.details.How == Unsigned {
			all = append(all, PasskeyChange{c.entry.Seq, c.entry.At, c.entry.Kind == kindPasskeyAdded, c.passkey})
		}
	}
	return all
}

// addUnsigned adds the consents to an act that nobody signed.
func (h *passkeyHistory) addUnsigned(of *history) {
	for _, c := range of.unsigned {
		if since, ok := h.since[c.Tenant]; ok && (c.Seq > since.Seq || c.seal > since.sealOrder() || c.Seq == 0 && !c.at.Before(instant(since.At))) {
			h.consents = append(h.consents, c)
			continue
		}
		if h.earlier == nil {
			h.earlier = map[string]int{}
		}
		h.earlier[c.Tenant]++
	}
}
