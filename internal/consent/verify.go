package consent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// BrokenError says from which entry on the ledger is not what was written, or
// which record differs from its entries.
type BrokenError struct {
	Seq int64 // for a record, its newest entry; 0 if it has none
	Why string
}

func (b *BrokenError) Error() string {
	if b.Seq == 0 {
		return "the ledger is broken: " + b.Why
	}
	return fmt.Sprintf("the ledger is broken at entry %d: %s", b.Seq, b.Why)
}

// Report is the result of Inspect.
type Report struct {
	Entries    int64
	Seals      int64
	Unsealed   int64           // entries without a seal, which is written about a second after them
	Oldest     string          // when the oldest of these was written, RFC 3339 in UTC; empty if there are none
	Signatures int             // by passkeys; all are valid
	Unsigned   []PasskeyChange // changes of passkeys that nobody signed, after passkeys were lost
	// Consents without a signature that a tenant has after its first request under PolicySigned: another
	// process with a weaker policy has accepted them.
	UnsignedConsents []UnsignedConsent
	// EarlierConsents is the number, by tenant, of the other consents without a signature; nil if there are none.
	EarlierConsents map[string]int
}

// UnsignedConsent is a consent that nobody signed.
type UnsignedConsent struct {
	Seq    int64 // of its entry; 0 if its data was erased
	Tenant string
	Method Method

	at   time.Time // set if its data was erased
	seal int64     // sealOrder of its entry; 0 if its data was erased
}

// Verify is Inspect; it returns the number of entries.
func (l *Ledger) Verify(ctx context.Context) (n int64, err error) {
	r, err := l.Inspect(ctx)
	return r.Entries, err
}

// Inspect reads the whole ledger and verifies it. A *BrokenError names the first entry that was changed,
// deleted or inserted, or whose details were deleted other than by Erase; or a seal that does not fit its
// entries; or an act, proposal, grant, attempt or passkey that was changed, added or removed, because all
// of them follow from the entries; or an answer or a change of passkeys whose signature
// is missing or not valid. The report then has the number of entries before the error.
//
// It reads the entries three times: in the order of their numbers, with the acts that they are about, and
// in the order of their seals.
//
// For acts that were erased by a version that did not record the remaining records in
// the ledger, Inspect checks only that these records contain no personal data.
func (l *Ledger) Inspect(ctx context.Context) (r Report, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		c, err := tx.verifyEntries()
		r = Report{Entries: c.entries, Unsealed: c.unsealed, Oldest: c.oldest}
		if err != nil {
			return err
		}
		if err := c.passkeys.verify(tx); err != nil {
			return err
		}
		if err = tx.verifyRecords(c); err == nil {
			r.Seals, err = tx.verifySeals(c.old.hash)
		}
		r.Signatures, r.Unsigned = c.passkeys.signed, c.passkeys.unsigned()
		r.UnsignedConsents, r.EarlierConsents = c.passkeys.consents, c.passkeys.earlier
		return err
	})
	return r, err
}

// entryVerifier checks entries in the order of their numbers: the old chain, the hash and the details of
// each entry, and the chains of passkeys.
type entryVerifier struct {
	entries       int64
	old           oldEnd
	passkeyEnds   map[string]chainEnd // of the chains of passkeys, by id
	ofActs        int                 // the number of entries in chains of acts
	unsealed      int64
	oldest        string             // when the first entry without a seal was written
	withoutReason map[int64]bool     // entries without details that no erasure has explained so far
	left          map[string]remains // the records that erasures left, by act
	erasedOld     map[string]int64   // by act: the newest entry of the old chain whose details a later erasure deleted
	passkeys      *passkeyHistory
}

// oldEnd is the number and the hash of the last entry of the old chain.
type oldEnd struct {
	seq  int64
	hash string
}

func (e *oldEnd) columns() []any { return []any{&e.seq, &e.hash} }

func newEntryVerifier(passkeys *passkeyHistory) *entryVerifier {
	return &entryVerifier{
		old: oldEnd{0, noEntry}, passkeyEnds: map[string]chainEnd{}, withoutReason: map[int64]bool{}, left: map[string]remains{},
		erasedOld: map[string]int64{}, passkeys: passkeys,
	}
}

// verifyEntries checks every entry, and the end of the old chain.
func (tx *transaction) verifyEntries() (*entryVerifier, error) {
	c := newEntryVerifier(newPasskeyHistory(tx.pinned))
	if err := tx.eachEntry(c.verify); err != nil {
		return c, err
	}
	stored, err := sqldb.One(tx.Tx, (*oldEnd).columns, `SELECT seq, hash FROM head WHERE id = 1`)
	if err != nil {
		return c, err
	}
	return c, c.verifyEnd(stored)
}

func (c *entryVerifier) verify(e Entry) error {
	why := ""
	switch {
	case e.N == 0 && e.Seq != c.old.seq+1:
		return &BrokenError{c.old.seq + 1, "it is missing"}
	case e.N == 0 && e.Prev != c.old.hash:
		why = "it does not follow the one before"
	case e.Hash != entryHash(e):
		why = "its hash does not fit"
	case e.Salt == "" && e.Details == "" && e.Kind != kindErased:
		c.withoutReason[e.Seq] = true
	default:
		why = c.verifyDetails(e)
	}
	if why == "" && e.N != 0 {
		why = c.count(e)
	}
	if why != "" {
		return &BrokenError{e.Seq, why}
	}
	c.entries++
	if e.N == 0 {
		c.old = oldEnd{e.Seq, e.Hash}
	}
	return nil
}

// count counts an entry that is not in the old chain. The chains of acts are checked with their records.
func (c *entryVerifier) count(e Entry) (why string) {
	if e.Seal == 0 {
		c.unsealed++
		c.oldest = cmp.Or(c.oldest, e.At)
	}
	if e.Chain != passkeyChain(e.Tenant) {
		c.ofActs++
		return ""
	}
	c.passkeys.seals[e.Seq] = e.sealOrder()
	end, ok := c.passkeyEnds[e.Chain]
	if !ok {
		end = chainEnd{0, noEntry}
	}
	c.passkeyEnds[e.Chain] = chainEnd{e.N, e.Hash}
	return follows(e, end)
}

// follows returns the reason for which an entry is not the next one of its chain; empty if it is.
func follows(e Entry, end chainEnd) (why string) {
	switch {
	case e.N != end.n+1:
		return fmt.Sprintf("it is number %d in its chain, and number %d is missing", e.N, end.n+1)
	case e.Prev != end.hash:
		return "it does not follow the one before"
	}
	return ""
}

func (c *entryVerifier) verifyDetails(e Entry) (why string) {
	d, why := verifiedDetails(e)
	if why == "" {
		why = c.passkeys.apply(e, d)
	}
	if why == "" && e.Kind == kindErased {
		for _, seq := range d.Entries {
			delete(c.withoutReason, seq)
			if e.N != 0 && seq <= c.old.seq {
				c.erasedOld[e.Chain] = max(c.erasedOld[e.Chain], seq)
			}
		}
		for _, r := range d.Left {
			c.left[r.Act] = r
		}
	}
	return why
}

// verifyEnd finds what the entries alone do not show: entries missing at the end of the
// old chain, and details deleted without an erasure.
func (c *entryVerifier) verifyEnd(stored *oldEnd) error {
	switch {
	case stored == nil || stored.seq > c.old.seq:
		return &BrokenError{c.old.seq + 1, "the end is cut off"}
	case *stored != c.old:
		return &BrokenError{c.old.seq, "the stored end of the old chain is another one"}
	case len(c.withoutReason) > 0:
		return &BrokenError{slices.Min(slices.Collect(maps.Keys(c.withoutReason))), "its details are gone, and no erasure says why"}
	}
	return nil
}

type recordCounts struct {
	entries, proposals, grants, attempts int
	ofActs                               int // entries in chains of acts; not a column
}

func (c *recordCounts) columns() []any {
	return []any{&c.entries, &c.proposals, &c.grants, &c.attempts}
}

// verifyRecords compares all records with the entries, a page of acts at a time.
// c has read the entries.
func (tx *transaction) verifyRecords(c *entryVerifier) error {
	var seen recordCounts
	for after := ""; ; {
		acts, err := sqldb.All(tx.Tx, (*storedAct).columns, `SELECT `+actColumns+` FROM acts a WHERE a.id > ? ORDER BY a.id LIMIT ?`, after, page)
		if err != nil {
			return err
		}
		if len(acts) == 0 {
			seen.ofActs -= c.ofActs
			return tx.verifyCounts(seen)
		}
		after = acts[len(acts)-1].id
		if err := tx.verifyActs(acts, c, &seen); err != nil {
			return err
		}
	}
}

// verifyActs compares the records of acts that follow one another in the order of
// their ids, and counts them.
func (tx *transaction) verifyActs(acts []storedAct, c *entryVerifier, seen *recordCounts) error {
	about := actRange{acts[0].id, acts[len(acts)-1].id}
	allEntries, err := tx.entriesAbout(about)
	if err != nil {
		return err
	}
	allChains, err := tx.entriesOfChains(about)
	if err != nil {
		return err
	}
	allProposals, err := tx.proposalsAbout(about)
	if err != nil {
		return err
	}
	allGrants, err := tx.grantsAbout(about)
	if err != nil {
		return err
	}
	condition, args := about.of(`g.act`)
	allAttempts, err := sqldb.All(tx.Tx, (*attempt).columns, `SELECT s.grant_id, s.n, s.outcome FROM grants g JOIN sends s ON s.grant_id = g.id WHERE `+condition+` ORDER BY s.n + 0`, args...)
	if err != nil {
		return err
	}
	entries := group(allEntries, func(e Entry) string { return e.Act })
	chains := group(allChains, func(e Entry) string { return e.Chain })
	proposals := group(allProposals, func(p Proposal) string { return p.stored.id })
	grants := group(allGrants, func(g Grant) string { return g.stored.id })
	attempts := group(allAttempts, func(a attempt) string { return a.grant })
	for _, act := range acts {
		var remaining *remains
		if r, erased := c.left[act.id]; erased && act.erased() {
			remaining = &r
		}
		if err := tx.verifyChain(act, chains[act.id], entries[act.id], c.erasedOld[act.id]); err != nil {
			return err
		}
		seen.entries += len(entries[act.id])
		seen.ofActs += len(chains[act.id])
		seen.proposals += len(proposals[act.id])
		seen.grants += len(grants[act.id])
		for _, g := range grants[act.id] {
			seen.attempts += len(attempts[g.ID])
		}
		h, err := replay(act, remaining, entries[act.id], c.passkeys.signer)
		if err == nil {
			c.passkeys.addUnsigned(h)
			err = h.compare(proposals[act.id], grants[act.id], attempts)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyChain checks the chain of an act. about are the entries about it that still have details, old ones
// included; erasedOld is the newest old entry whose details were erased later, 0 if none were.
func (tx *transaction) verifyChain(act storedAct, chain, about []Entry, erasedOld int64) error {
	if len(chain) == 0 {
		return nil
	}
	before, err := tx.endBefore(about, erasedOld)
	if err != nil {
		return err
	}
	tenant := chain[0].Tenant
	if !act.erased() {
		if parsed, err := act.parse(); err == nil {
			tenant = storable(parsed.Tenant)
		}
	}
	for _, e := range chain {
		why := follows(e, before)
		if e.Tenant != tenant {
			why = "it is not of the act's tenant"
		}
		if why != "" {
			return &BrokenError{e.Seq, why}
		}
		before = chainEnd{e.N, e.Hash}
	}
	return nil
}

// endBefore returns what the first entry of an act's chain follows: the newest entry of the old chain about
// the act.
func (tx *transaction) endBefore(about []Entry, erasedOld int64) (chainEnd, error) {
	end := chainEnd{0, noEntry}
	for _, e := range about {
		if e.N == 0 && e.Seq > erasedOld {
			end.hash, erasedOld = e.Hash, 0
		}
	}
	if erasedOld == 0 {
		return end, nil
	}
	hash, err := sqldb.One(tx.Tx, sqldb.Column[string], `SELECT hash FROM entries WHERE seq = ?`, erasedOld)
	if err == nil && hash != nil {
		end.hash = *hash
	}
	return end, err
}

func group[T any](all []T, by func(T) string) map[string][]T {
	groups := map[string][]T{}
	for _, one := range all {
		groups[by(one)] = append(groups[by(one)], one)
	}
	return groups
}

// verifyCounts finds records of acts that are not stored, and wrong sums of bookings.
func (tx *transaction) verifyCounts(seen recordCounts) error {
	stored, err := sqldb.One(tx.Tx, (*recordCounts).columns, `SELECT (SELECT COUNT(*) FROM details WHERE act <> ''), (SELECT COUNT(*) FROM proposals),
		(SELECT COUNT(*) FROM grants), (SELECT COUNT(*) FROM sends)`)
	if err != nil {
		return err
	}
	if *stored != seen { // seen.ofActs is 0 if every entry of a chain belongs to a stored act
		return &BrokenError{0, "an entry, proposal, grant or attempt is about an act that is not stored"}
	}
	wrong, err := sqldb.One(tx.Tx, sqldb.Column[int], `SELECT COUNT(*) FROM sent_bookings s FULL JOIN
		(SELECT g.tenant, g.slice, SUM(g.bookings) AS n FROM grants g WHERE g.bookings > 0 AND `+wasSent+` GROUP BY g.tenant, g.slice) AS found
		ON found.tenant = s.tenant AND found.slice = s.slice WHERE COALESCE(s.n, 0) <> COALESCE(found.n, 0)`)
	if err == nil && *wrong > 0 {
		err = &BrokenError{0, "the numbers of bookings that daily limits count are not those of the grants"}
	}
	return err
}

// actRange is a range of act ids, both ends included.
type actRange struct{ first, last string }

// only is the range of a single act.
func only(act string) actRange { return actRange{act, act} }

// of returns the condition that a column contains the id of an act of the range. For
// a single act it is an equation, whose cost databases estimate better.
func (r actRange) of(column string) (condition string, args []any) {
	if r.first == r.last {
		return column + ` = ?`, []any{r.first}
	}
	return column + ` >= ? AND ` + column + ` <= ?`, []any{r.first, r.last}
}

// proposalsAbout returns the proposals of the acts of a range, erased ones too, as
// they are stored. Of their acts they have only the ids.
func (tx *transaction) proposalsAbout(r actRange) ([]Proposal, error) {
	condition, args := r.of(`p.act`)
	return sqldb.All(tx.Tx, (*Proposal).columns, `SELECT `+proposalColumns+`, p.act, '', '', '', '' FROM proposals p WHERE `+condition, args...)
}

// grantsAbout returns the grants of the acts of a range, erased ones too. Of their
// acts they have only the ids, and Attempt is not set.
func (tx *transaction) grantsAbout(r actRange) ([]Grant, error) {
	condition, args := r.of(`g.act`)
	return sqldb.All(tx.Tx, (*Grant).columns, `SELECT `+grantColumns+`, 0, g.act, '', '', '', '' FROM grants g WHERE `+condition, args...)
}
