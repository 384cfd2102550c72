package consent

import (
	"context"
	"fmt"
	"io"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Entry is one entry of the ledger. Whoever has it can prove it without this
// program: commitment is the SHA-256 of salt and details as one text, hash that
// of prev, seq, at, kind, digest and commitment joined by line feeds, prev the
// hash of the entry before (64 zeros for the first); all hexadecimal.
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
}

func entry(e sqldb.Entry) Entry {
	return Entry{e.Seq, e.At, e.Kind, e.Digest, e.Commitment, e.Prev, e.Hash, e.Salt, e.Details}
}

// Entries returns up to limit entries that follow the one numbered after; 0
// begins at the first.
func (l *Ledger) Entries(ctx context.Context, after int64, limit int) ([]Entry, error) {
	var entries []Entry
	err := l.look(ctx, func(w *work) error {
		kept, err := w.Entries(after, limit)
		for _, e := range kept {
			entries = append(entries, entry(e))
		}
		return err
	})
	return entries, err
}

// Export writes the ledger as JSON lines, one Entry each, personal data
// included.
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
