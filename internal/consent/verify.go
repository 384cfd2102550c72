package consent

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// BrokenError says from which entry on the ledger is not what was written, or
// which record differs from its entries.
type BrokenError struct {
	Seq int64 // of a record, its newest entry; 0 if it has none
	Why string
}

func (b *BrokenError) Error() string {
	if b.Seq == 0 {
		return "the ledger is broken: " + b.Why
	}
	return fmt.Sprintf("the ledger is broken at entry %d: %s", b.Seq, b.Why)
}

// page is how many entries are read at once, and the records of how many acts.
const page = 100

// Verify reads the whole ledger and returns the number of its entries. A
// *BrokenError names the first that was changed, deleted, inserted, or whose
// details were deleted other than by Erase; or an act, proposal, grant or attempt
// that was changed, added or removed, since all of them follow from the entries.
//
// Of acts that were erased by a version that did not state in the ledger what
// remains, only that their records name nobody is verified.
func (l *Ledger) Verify(ctx context.Context) (int64, error) {
	c := newChecker()
	err := l.look(ctx, func(w *work) error {
		if err := w.eachEntry(c.check); err != nil {
			return err
		}
		if err := c.finish(w); err != nil {
			return err
		}
		return w.checkRecords(c.left)
	})
	return c.seq, err
}

// checkRecords compares all records with what the entries say, a page of acts at
// a time. left is what erasures left, by act.
func (w *work) checkRecords(left map[string]remains) error {
	var seen sqldb.Totals
	for after := ""; ; {
		acts, err := w.Acts(after, page)
		if err != nil {
			return err
		}
		if len(acts) == 0 {
			return w.checkTotals(seen)
		}
		after = acts[len(acts)-1].ID
		if err := w.checkActs(acts, left, &seen); err != nil {
			return err
		}
	}
}

// checkActs compares the records of acts, which follow one another in the order
// of their ids, and counts them.
func (w *work) checkActs(acts []sqldb.Act, left map[string]remains, seen *sqldb.Totals) error {
	about := sqldb.Range{First: acts[0].ID, Last: acts[len(acts)-1].ID}
	entries, err := w.EntriesAbout(about)
	if err != nil {
		return err
	}
	proposals, err := w.ProposalsAbout(about)
	if err != nil {
		return err
	}
	grants, err := w.GrantsAbout(about)
	if err != nil {
		return err
	}
	attempts, err := w.AttemptsAbout(about)
	if err != nil {
		return err
	}
	told := group(entries, func(e sqldb.Entry) string { return e.Act })
	asked := group(proposals, func(p sqldb.Proposal) string { return p.Act.ID })
	given := group(grants, func(g sqldb.Grant) string { return g.Act.ID })
	sent := group(attempts, func(a sqldb.Attempt) string { return a.GrantID })
	for _, act := range acts {
		var remains *remains
		if r, erased := left[act.ID]; erased && act.Digest == "" {
			remains = &r
		}
		seen.Entries += len(told[act.ID])
		seen.Proposals += len(asked[act.ID])
		seen.Grants += len(given[act.ID])
		for _, g := range given[act.ID] {
			seen.Attempts += len(sent[g.ID])
		}
		h, err := historyOf(act, remains, told[act.ID])
		if err == nil {
			err = h.check(asked[act.ID], given[act.ID], sent)
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

// checkTotals finds records of acts that are not stored, and wrong sums.
func (w *work) checkTotals(seen sqldb.Totals) error {
	all, err := w.Totals()
	if err != nil {
		return err
	}
	if all != seen {
		return &BrokenError{0, "an entry, proposal, grant or attempt is about an act that is not stored"}
	}
	hold, err := w.SumsHold()
	if err == nil && !hold {
		err = &BrokenError{0, "the numbers of bookings that daily limits count are not those of the grants"}
	}
	return err
}

func (w *work) eachEntry(do func(sqldb.Entry) error) error {
	for after := int64(0); ; {
		entries, err := w.Entries(after, page)
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

// checker follows the chain.
type checker struct {
	seq  int64
	hash string
	bare map[int64]bool     // entries without details, and without an erasure that says why, so far
	left map[string]remains // what erasures left, by act
}

// newChecker stands before the first entry.
func newChecker() *checker {
	return &checker{hash: strings.Repeat("0", sha256.Size*2), bare: map[int64]bool{}, left: map[string]remains{}}
}

func (c *checker) check(e sqldb.Entry) error {
	why := ""
	switch {
	case e.Seq != c.seq+1:
		return &BrokenError{c.seq + 1, "it is missing"}
	case e.Prev != c.hash:
		why = "it does not follow the one before"
	case e.Hash != link(e):
		why = "its hash does not fit"
	case e.Salt == "" && e.Details == "" && e.Kind != kindErased:
		c.bare[e.Seq] = true
	default:
		why = c.checkDetails(e)
	}
	if why != "" {
		return &BrokenError{e.Seq, why}
	}
	c.seq, c.hash = e.Seq, e.Hash
	return nil
}

func (c *checker) checkDetails(e sqldb.Entry) string {
	d, why := proven(e)
	if why == "" && e.Kind == kindErased {
		for _, seq := range d.Entries {
			delete(c.bare, seq)
		}
		for _, r := range d.Left {
			c.left[r.Act] = r
		}
	}
	return why
}

// finish looks for what the chain itself does not show.
func (c *checker) finish(w *work) error {
	head, err := w.Head()
	switch {
	case err != nil:
		return err
	case head == nil || head.Seq > c.seq:
		return &BrokenError{c.seq + 1, "the end is cut off"}
	case head.Seq < c.seq || head.Hash != c.hash:
		return &BrokenError{c.seq, "it was not written as the end"}
	case len(c.bare) > 0:
		return &BrokenError{slices.Min(slices.Collect(maps.Keys(c.bare))), "its details are gone, and no erasure says why"}
	}
	return nil
}
