package consent

import (
	"context"
	"fmt"
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

	at time.Time // set if its data was erased
}

// Verify is Inspect; it returns the number of entries.
func (l *Ledger) Verify(ctx context.Context) (n int64, err error) {
	r, err := l.Inspect(ctx)
	return r.Entries, err
}

// Inspect reads the whole ledger and verifies it. A *BrokenError names the first entry that was changed,
// deleted or inserted, or whose details were deleted other than by Erase; or an act,
// proposal, grant, attempt or passkey that was changed, added or removed, because all
// of them follow from the entries; or an answer or a change of passkeys whose signature
// is missing or not valid. The report then has the number of entries before the error.
//
// For acts that were erased by a version that did not record the remaining records in
// the ledger, Inspect checks only that these records contain no personal data.
func (l *Ledger) Inspect(ctx context.Context) (r Report, err error) {
	err = l.read(ctx, func(tx *transaction) error {
		c, err := tx.verifyChain()
		r = Report{Entries: c.end.seq}
		if err != nil {
			return err
		}
		if err := c.passkeys.verify(tx); err != nil {
			return err
		}
		err = tx.verifyRecords(c)
		r.Signatures, r.Unsigned = c.passkeys.signed, c.passkeys.unsigned()
		r.UnsignedConsents, r.EarlierConsents = c.passkeys.consents, c.passkeys.earlier
		return err
	})
	return r, err
}

// recordCounts counts records.
type recordCounts struct{ entries, proposals, grants, attempts int }

func (c *recordCounts) columns() []any {
	return []any{&c.entries, &c.proposals, &c.grants, &c.attempts}
}

// verifyRecords compares all records with the entries, a page of acts at a time.
// c has read the chain.
func (tx *transaction) verifyRecords(c *chainVerifier) error {
	var seen recordCounts
	for after := ""; ; {
		acts, err := sqldb.All(tx.Tx, (*storedAct).columns, `SELECT `+actColumns+` FROM acts a WHERE a.id > ? ORDER BY a.id LIMIT ?`, after, page)
		if err != nil {
			return err
		}
		if len(acts) == 0 {
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
func (tx *transaction) verifyActs(acts []storedAct, c *chainVerifier, seen *recordCounts) error {
	about := actRange{acts[0].id, acts[len(acts)-1].id}
	allEntries, err := tx.entriesAbout(about)
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
	proposals := group(allProposals, func(p Proposal) string { return p.stored.id })
	grants := group(allGrants, func(g Grant) string { return g.stored.id })
	attempts := group(allAttempts, func(a attempt) string { return a.grant })
	for _, act := range acts {
		var remaining *remains
		if r, erased := c.left[act.id]; erased && act.erased() {
			remaining = &r
		}
		seen.entries += len(entries[act.id])
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
	if *stored != seen {
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
	return sqldb.All(tx.Tx, (*Proposal).columns, `SELECT `+proposalColumns+`, p.act, '', '', '' FROM proposals p WHERE `+condition, args...)
}

// grantsAbout returns the grants of the acts of a range, erased ones too. Of their
// acts they have only the ids, and Attempt is not set.
func (tx *transaction) grantsAbout(r actRange) ([]Grant, error) {
	condition, args := r.of(`g.act`)
	return sqldb.All(tx.Tx, (*Grant).columns, `SELECT `+grantColumns+`, 0, g.act, '', '', '' FROM grants g WHERE `+condition, args...)
}
