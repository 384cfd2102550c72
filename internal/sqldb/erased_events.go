package sqldb

import "time"

// numbered is an event with its place in the inbox.
type numbered struct {
	n int64
	Event
}

func (e *numbered) columns() []any { return append([]any{&e.n}, e.Event.columns()...) }

// EventsAfter returns up to limit events of all tenants, with their bodies, in
// the order in which they came: those after a place, and the place of the last.
// Erased ones are not among them. The first place is after 0.
func (tx *Tx) EventsAfter(place int64, limit int) (found []Event, last int64, err error) {
	rows, err := All(tx, (*numbered).columns, `SELECT n, tenant, id, type, at, received, booking, body, erased FROM events
		WHERE n > ? AND erased = '' ORDER BY n LIMIT ?`, place, limit)
	for _, row := range rows {
		found, last = append(found, row.Event), row.n
	}
	return found, last, err
}

// EraseEvent empties the body of an event. What stays names nobody: its id, its
// type, which booking it is about, and when it happened, came and was erased.
func (tx *Tx) EraseEvent(key EventKey, now time.Time) error {
	return tx.Exec(`UPDATE events SET body = ?, erased = ? WHERE tenant = ? AND id = ?`, []byte{}, Text(now), key.Tenant, key.ID)
}
