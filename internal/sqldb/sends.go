package sqldb

// Send is one attempt to carry out what a grant allows.
type Send struct {
	N       int    // 1 is the first
	Outcome string // sent, done, not_done or unknown
}

func (s *Send) columns() []any { return []any{&s.N, &s.Outcome} }

// Sends returns the attempts of a grant, the first one first.
func (tx *Tx) Sends(grant string) ([]Send, error) {
	return All(tx, (*Send).columns, `SELECT n, outcome FROM sends WHERE grant_id = ? ORDER BY n`, grant)
}

// AddSend keeps a new attempt.
func (tx *Tx) AddSend(grant string, s Send) error {
	return tx.Exec(`INSERT INTO sends (grant_id, n, outcome) VALUES (?, ?, ?)`, grant, s.N, s.Outcome)
}

// SetSend changes what became of an attempt.
func (tx *Tx) SetSend(grant string, s Send) error {
	return tx.Exec(`UPDATE sends SET outcome = ? WHERE grant_id = ? AND n = ?`, s.Outcome, grant, s.N)
}
