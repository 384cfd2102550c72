package consent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// BrokenError says from which entry on the ledger is not what was written.
type BrokenError struct {
	Seq int64
	Why string
}

func (b *BrokenError) Error() string {
	return fmt.Sprintf("the ledger is broken at entry %d: %s", b.Seq, b.Why)
}

// page is how many entries are read at once.
const page = 100

// Verify reads the whole ledger and returns the number of its entries. A
// *BrokenError names the first that was changed, cut off, slipped in, or whose
// details were taken away other than by Erase.
func (l *Ledger) Verify(ctx context.Context) (int64, error) {
	c := newChecker()
	err := l.look(ctx, func(w *work) error {
		if err := w.eachEntry(c.check); err != nil {
			return err
		}
		return c.finish(w)
	})
	return c.seq, err
}

func (w *work) eachEntry(do func(store.Entry) error) error {
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
	bare map[int64]bool // entries without details, and without an erasure that says why, so far
}

// newChecker stands before the first entry.
func newChecker() *checker {
	return &checker{hash: strings.Repeat("0", sha256.Size*2), bare: map[int64]bool{}}
}

func (c *checker) check(e store.Entry) error {
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

func (c *checker) checkDetails(e store.Entry) string {
	if e.Commitment != sum(e.Salt+e.Details) {
		return "its details are not those it was written with"
	}
	var d details
	if err := json.Unmarshal([]byte(e.Details), &d); err != nil || d.Of != e.Act {
		return "its details are filed under another act"
	}
	if e.Kind == kindErased {
		for _, seq := range d.Entries {
			delete(c.bare, seq)
		}
	}
	return ""
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
