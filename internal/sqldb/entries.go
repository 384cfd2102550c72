package sqldb

// Entry is one entry of the ledger, exactly as it was hashed, with its details
// unless they were erased: Salt and Details are empty then.
type Entry struct {
	Seq        int64 // 1, 2, 3 …
	At         string
	Kind       string
	Digest     string
	Commitment string
	Prev       string
	Hash       string
	Act        string // the id of the act it is about; empty if it is about none or its details were erased
	Salt       string
	Details    string
}

func (e *Entry) columns() []any {
	return []any{&e.Seq, &e.At, &e.Kind, &e.Digest, &e.Commitment, &e.Prev, &e.Hash, &e.Act, &e.Salt, &e.Details}
}

// Head is the ledger's end: the number and the hash of its last entry.
type Head struct {
	Seq  int64
	Hash string
}

func (h *Head) columns() []any { return []any{&h.Seq, &h.Hash} }

// Head returns the ledger's end as the last append left it; nil if the record
// of it was removed.
func (tx *Tx) Head() (*Head, error) {
	return One(tx, (*Head).columns, `SELECT seq, hash FROM head WHERE id = 1`)
}

// Append adds an entry, which must follow the ledger's end, and moves the end.
func (tx *Tx) Append(e Entry) error {
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

// Entries returns up to limit entries that come after the one numbered after. The
// join repeats the bound: without it PostgreSQL reads all details for each page.
func (tx *Tx) Entries(after int64, limit int) ([]Entry, error) {
	return All(tx, (*Entry).columns, `SELECT e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash,
		COALESCE(d.act, ''), COALESCE(d.salt, ''), COALESCE(d.json, '')
		FROM entries e LEFT JOIN details d ON d.seq = e.seq AND d.seq > ? WHERE e.seq > ? ORDER BY e.seq LIMIT ?`, after, after, limit)
}
