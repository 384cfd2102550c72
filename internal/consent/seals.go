package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// This file contains the seals. A chain orders the entries about one act; a seal, written a
// moment later, contains the hashes of all entries since the seal before, so that no chain
// can be shortened or removed afterwards. The seals are one chain for all tenants: those of
// a tenant that no longer books could otherwise be removed together with its entries.

// Seal fixes the order of entries. hash is the SHA-256 of prev, n, at and entries, and of
// the hashes of the sealed entries in the order of their seq, all joined by line feeds. prev
// is the hash of the seal before; that of the first seal is the hash of the last entry of
// the old chain, 64 zeros if there is none.
type Seal struct {
	Kind    string `json:"kind"` // seal, which no entry has
	N       int64  `json:"n"`    // 1, 2, 3 …
	At      string `json:"at"`   // RFC 3339 in UTC, to the millisecond
	Entries int64  `json:"entries"`
	Prev    string `json:"prev"`
	Hash    string `json:"hash"`
}

func (s *Seal) columns() []any {
	s.Kind = "seal"
	return []any{&s.N, &s.At, &s.Entries, &s.Prev, &s.Hash}
}

// sealOrder is the number of the seal of an entry, 0 in the old chain and the largest number
// without a seal. Where verification depends on which of two entries was first, it compares
// their seals as well as their seq, which no hash contains: an entry that was added later
// could have any.
func (e Entry) sealOrder() int64 {
	if e.N != 0 && e.Seal == 0 {
		return math.MaxInt64
	}
	return e.Seal
}

// hashOf returns the hash of a seal over the hashes of its entries.
func (s Seal) hashOf(hashes []string) string {
	sum := sha256.New()
	_, _ = io.WriteString(sum, strings.Join([]string{s.Prev, strconv.FormatInt(s.N, 10), s.At, strconv.Itoa(len(hashes))}, "\n"))
	for _, hash := range hashes {
		_, _ = io.WriteString(sum, "\n"+hash)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// sealAtOnce is how many entries are sealed in one transaction.
const sealAtOnce = 1000

// Seal seals all entries that have no seal. Several processes may call it at the same
// time: if two seal the same entries, one of them succeeds, and the other one seals the rest.
func (l *Ledger) Seal(ctx context.Context) error {
	for {
		var n int
		err := l.update(ctx, func(tx *transaction) (err error) {
			n, err = tx.seal()
			return err
		})
		if err != nil || n < sealAtOnce {
			return err
		}
	}
}

const (
	sealDelay   = time.Second      // after an entry was appended
	sealRetry   = 10 * time.Second // after a failure
	lastSealing = time.Second      // limit of the sealing before the DB is closed
)

// noteAppended notes that entries were appended that are to be sealed.
func (l *Ledger) noteAppended() {
	select {
	case l.appended <- struct{}{}:
	default: // noted already
	}
}

// sealLast seals the entries that were appended through this Ledger and that KeepSealed has not sealed.
// After a failure, another process seals them.
func (l *Ledger) sealLast() {
	select {
	case <-l.appended:
	default:
		return
	}
	ctx, done := context.WithTimeout(context.Background(), lastSealing)
	defer done()
	if l.db.Exists() {
		_ = l.Seal(ctx)
	}
}

// KeepSealed seals the entries that are appended through this Ledger, a second after the first of them,
// until ctx ends; closing the DB seals those that are left. Without new entries it seals once, after the
// delay first, what ended processes have left. It creates no database, and its failures affect no other
// call: the entries are sealed later, by this process or another one.
func (l *Ledger) KeepSealed(ctx context.Context, first time.Duration) {
	due, waiting := time.NewTimer(first), false // waiting: to seal entries of this Ledger
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			if waiting {
				l.noteAppended()
			}
			return
		case <-l.appended:
			if !waiting {
				due.Reset(sealDelay)
			}
			waiting = true
		case <-due.C:
			if waiting = false; l.db.Exists() && l.Seal(ctx) != nil {
				due.Reset(sealRetry)
				waiting = true
			}
		}
	}
}

// seal seals the oldest entries that have no seal and returns their number. An entry that
// is committed meanwhile is part of a later seal. If another process seals first, it has
// stored a seal with the same number, and the transaction runs again.
func (tx *transaction) seal() (int, error) {
	found, err := sqldb.All(tx.Tx, func(e *Entry) []any { return []any{&e.Seq, &e.Hash} },
		`SELECT e.seq, e.hash FROM entries e WHERE e.n IS NOT NULL AND e.seal IS NULL ORDER BY e.seal, e.seq LIMIT ?`, sealAtOnce)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	end, err := sqldb.One(tx.Tx, (*chainEnd).columns, `SELECT COALESCE((SELECT s.n || ' ' || s.hash FROM seals s ORDER BY s.n DESC LIMIT 1), (SELECT '0 ' || h.hash FROM head h), '')`)
	if err != nil {
		return 0, err
	}
	s := Seal{N: end.n + 1, At: sqldb.Text(tx.now), Entries: int64(len(found)), Prev: end.hash}
	hashes, numbers := make([]string, len(found)), map[int64]bool{}
	for i, e := range found {
		hashes[i], numbers[e.Seq] = e.Hash, true
	}
	s.Hash = s.hashOf(hashes)
	if err := tx.Exec(`INSERT INTO seals (n, at, entries, prev, hash) VALUES (?, ?, ?, ?, ?)`, s.N, s.At, s.Entries, s.Prev, s.Hash); err != nil {
		return 0, err
	}
	return len(found), tx.Exec(`UPDATE entries SET seal = ? WHERE seq BETWEEN ? AND ? AND seq IN (SELECT CAST(key AS BIGINT) FROM json_each(?))`,
		s.N, found[0].Seq, found[len(found)-1].Seq, encode(numbers))
}

// sealedPage is how many sealed entries, and seals, are read at once.
const sealedPage = 1000

// sealsAfter returns the seals after the one with this number.
func (tx *transaction) sealsAfter(n int64, limit int) ([]Seal, error) {
	return sqldb.All(tx.Tx, (*Seal).columns, `SELECT s.n, s.at, s.entries, s.prev, s.hash FROM seals s WHERE s.n > ? ORDER BY s.n LIMIT ?`, n, limit)
}

// sealedAfter returns the sealed entries after another one, in the order of their seals,
// without their details.
func (tx *transaction) sealedAfter(last Entry, limit int) ([]Entry, error) {
	return sqldb.All(tx.Tx, func(e *Entry) []any { return []any{&e.Seal, &e.Seq, &e.Hash} },
		`SELECT e.seal, e.seq, e.hash FROM entries e WHERE e.n IS NOT NULL AND (e.seal, e.seq) > (?, ?) ORDER BY e.seal, e.seq LIMIT ?`,
		last.Seal, last.Seq, limit)
}

// verifySeals checks the seals, of which the first one follows the end of the old chain, and
// that every sealed entry belongs to its seal.
func (tx *transaction) verifySeals(old string) (n int64, err error) {
	var entries []Entry // that were read and belong to later seals
	last := Entry{Seal: math.MinInt64, Seq: math.MinInt64}
	next := func() (*Entry, error) {
		if len(entries) == 0 {
			var err error
			if entries, err = tx.sealedAfter(last, sealedPage); err != nil || len(entries) == 0 {
				return nil, err
			}
			last = entries[len(entries)-1]
		}
		return &entries[0], nil
	}
	end := chainEnd{0, old}
	for after := int64(math.MinInt64); ; {
		seals, err := tx.sealsAfter(after, sealedPage)
		if err != nil {
			return n, err
		}
		if len(seals) == 0 {
			break
		}
		for _, s := range seals {
			if s.N != end.n+1 || s.Prev != end.hash {
				return n, s.broken("it does not follow the seal before")
			}
			var hashes []string
			for e, err := next(); err != nil || e != nil && e.Seal <= s.N; e, err = next() {
				switch {
				case err != nil:
					return n, err
				case e.Seal != s.N:
					return n, &BrokenError{e.Seq, "its seal was removed"}
				}
				hashes, entries = append(hashes, e.Hash), entries[1:]
			}
			if len(hashes) == 0 || s.Entries != int64(len(hashes)) || s.Hash != s.hashOf(hashes) {
				return n, s.broken("it does not fit the entries that have it: one was changed, added or removed")
			}
			end = chainEnd{s.N, s.Hash}
			n++
		}
		after = end.n
	}
	if e, err := next(); err != nil || e == nil {
		return n, err
	}
	return n, &BrokenError{entries[0].Seq, "its seal was removed"}
}

func (s Seal) broken(why string) error {
	return &BrokenError{0, fmt.Sprintf("the seal %d: %s", s.N, why)}
}

// Export writes the ledger as JSON lines, personal data included: first the entries of
// the old chain, one Entry each, then the entries of each seal, followed by the Seal, and
// at last the entries without a seal.
func (l *Ledger) Export(ctx context.Context, to io.Writer) error {
	write := func(line any) error {
		if _, err := fmt.Fprintln(to, encode(line)); err != nil {
			return fmt.Errorf("export the ledger: %w", err)
		}
		return nil
	}
	if err := l.exportOldChain(ctx, write); err != nil {
		return err
	}
	for last := int64(0); ; {
		var seals []Seal
		var entries []Entry // of these seals, or those without one
		err := l.read(ctx, func(tx *transaction) (err error) {
			if seals, err = tx.sealsAfter(last, 1); err != nil {
				return err
			}
			condition, args := `e.seal IS NULL`, []any(nil)
			if len(seals) > 0 {
				condition, args = `e.seal = ?`, []any{seals[0].N}
			}
			entries, err = sqldb.All(tx.Tx, (*Entry).columns, `SELECT `+entryColumns+`
				FROM entries e LEFT JOIN details d ON d.seq = e.seq WHERE e.n IS NOT NULL AND `+condition+` ORDER BY e.seq`, args...)
			return err
		})
		if err != nil {
			return err
		}
		if err := each(entries, func(e Entry) error { return write(e) }); err != nil || len(seals) == 0 {
			return err
		}
		if err := write(seals[0]); err != nil {
			return err
		}
		last = seals[0].N
	}
}

func (l *Ledger) exportOldChain(ctx context.Context, write func(any) error) error {
	for after := int64(0); ; {
		entries, err := l.Entries(ctx, after, page)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if e.N != 0 {
				return nil
			}
			if err := write(e); err != nil {
				return err
			}
		}
		after = entries[len(entries)-1].Seq
	}
}
