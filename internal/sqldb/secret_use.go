package sqldb

// SecretUse is which signing secret a process uses, by fingerprints.
type SecretUse struct {
	Signs  string
	Takes  string // all that it takes, with blanks between
	Origin string
}

func (u *SecretUse) columns() []any { return []any{&u.Signs, &u.Takes, &u.Origin} }

// SecretUse returns what the process that started last uses; nil if none was noted.
func (tx *Tx) SecretUse() (*SecretUse, error) {
	return One(tx, (*SecretUse).columns, `SELECT signs, takes, origin FROM signing_secret WHERE id = 1`)
}

// SetSecretUse notes what a process uses that starts.
func (tx *Tx) SetSecretUse(u SecretUse) error {
	return tx.Exec(`INSERT INTO signing_secret (id, signs, takes, origin) VALUES (1, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET signs = excluded.signs, takes = excluded.takes, origin = excluded.origin`, u.Signs, u.Takes, u.Origin)
}

// ForgetSecretUse forgets it: the next process may use any secret.
func (tx *Tx) ForgetSecretUse() error { return tx.Exec(`DELETE FROM signing_secret`) }
