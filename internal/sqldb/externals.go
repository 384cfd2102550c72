package sqldb

// name is a single text.
type name string

func (n *name) columns() []any { return []any{(*string)(n)} }

// External returns what a tenant's sink calls a booking; empty if it never said.
func (tx *Tx) External(tenant, booking, sink string) (string, error) {
	id, err := One(tx, (*name).columns, `SELECT id FROM externals WHERE tenant = ? AND booking = ? AND sink = ?`, tenant, booking, sink)
	return string(deref(id)), err
}

// SetExternal keeps what a tenant's sink calls a booking.
func (tx *Tx) SetExternal(tenant, booking, sink, id string) error {
	return tx.Exec(`INSERT INTO externals (tenant, booking, sink, id) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, booking, sink) DO UPDATE SET id = excluded.id`, tenant, booking, sink, id)
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
