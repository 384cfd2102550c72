package sqldb

// Act is what a person agrees to. Digest, Salt and JSON are empty once a
// person's data was erased from it.
type Act struct {
	ID     string
	Digest string // of the act; no two acts share one
	Salt   string // hides Digest in the ledger
	JSON   string
}

func (a *Act) columns() []any { return []any{&a.ID, &a.Digest, &a.Salt, &a.JSON} }

const actColumns = `a.id, COALESCE(a.digest, ''), COALESCE(a.salt, ''), COALESCE(a.json, '')`

// ActByDigest returns the act with this digest, or nil.
func (tx *Tx) ActByDigest(digest string) (*Act, error) {
	return One(tx, (*Act).columns, `SELECT `+actColumns+` FROM acts a WHERE a.digest = ?`, digest)
}

// AddAct keeps a new act.
func (tx *Tx) AddAct(a Act) error {
	return tx.Exec(`INSERT INTO acts (id, digest, salt, json) VALUES (?, ?, ?, ?)`, a.ID, a.Digest, a.Salt, a.JSON)
}
