package store

// name is a single text.
type name string

func (n *name) columns() []any { return []any{(*string)(n)} }

// External returns what a sink calls a booking; empty if it never said.
func (tx *Tx) External(booking, sink string) (string, error) {
	id, err := one[name](tx, `SELECT id FROM externals WHERE booking = ? AND sink = ?`, booking, sink)
	return string(deref(id)), err
}

// SetExternal keeps what a sink calls a booking.
func (tx *Tx) SetExternal(booking, sink, id string) error {
	return tx.exec(`INSERT INTO externals (booking, sink, id) VALUES (?, ?, ?)
		ON CONFLICT (booking, sink) DO UPDATE SET id = excluded.id`, booking, sink, id)
}

func deref[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}
