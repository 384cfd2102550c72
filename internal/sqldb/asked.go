package sqldb

import "time"

// Asker is whose requests are counted: a caller, or a whole tenant.
type Asker struct {
	column string
	id     string
}

// ByCaller counts the requests of one caller.
func ByCaller(key string) Asker { return Asker{"caller", key} }

// ByTenant counts the requests of all callers of a tenant.
func ByTenant(name string) Asker { return Asker{"tenant", name} }

// NthOpen returns when the nth of the open requests that expire last expires, nil if fewer than n
// are open at now.
func (tx *Tx) NthOpen(by Asker, now time.Time, n int) (*time.Time, error) {
	return nth(One(tx, (*moment).columns, `SELECT p.expires FROM proposals p WHERE p.`+by.column+` = ? AND p.state = 'open' AND p.expires > ?
		ORDER BY p.expires DESC LIMIT 1 OFFSET ?`, by.id, Text(now), n-1))
}

// NthAsked returns when the nth newest of the requests after an instant was made, nil if fewer
// than n were made.
func (tx *Tx) NthAsked(by Asker, since time.Time, n int) (*time.Time, error) {
	return nth(One(tx, (*moment).columns, `SELECT p.at FROM proposals p WHERE p.`+by.column+` = ? AND p.caller <> '' AND p.at > ?
		ORDER BY p.at DESC LIMIT 1 OFFSET ?`, by.id, Text(since), n-1))
}

// moment is a single instant.
type moment time.Time

func (m *moment) columns() []any { return []any{Instant{(*time.Time)(m)}} }

func nth(m *moment, err error) (*time.Time, error) { return (*time.Time)(m), err }

// RefusalsOfSlot returns up to limit requests of a tenant for a slot that begins at an instant,
// with whatever hosts, that were declined: those declined last first.
func (tx *Tx) RefusalsOfSlot(tenant string, starts time.Time, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.tenant = ? AND p.starts = ? AND p.starts <> '' AND p.refused <> '' ORDER BY p.refused DESC LIMIT ?`,
		tenant, Text(starts), limit)
}

// RefusalsOfBooking is RefusalsOfSlot for changes and cancellations of a booking.
func (tx *Tx) RefusalsOfBooking(tenant, booking string, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.tenant = ? AND p.subject = ? AND p.subject <> '' AND p.refused <> '' ORDER BY p.refused DESC LIMIT ?`,
		tenant, booking, limit)
}

// AskedOfSlot returns up to limit requests of a tenant for a slot that begins at an instant, made
// since another one, the oldest first.
func (tx *Tx) AskedOfSlot(tenant string, starts, since time.Time, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.tenant = ? AND p.starts = ? AND p.starts <> '' AND p.at >= ? ORDER BY p.at LIMIT ?`,
		tenant, Text(starts), Text(since), limit)
}

// AskedOfBooking is AskedOfSlot for changes and cancellations of a booking.
func (tx *Tx) AskedOfBooking(tenant, booking string, since time.Time, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+`p.tenant = ? AND p.subject = ? AND p.subject <> '' AND p.at >= ? ORDER BY p.at LIMIT ?`,
		tenant, booking, Text(since), limit)
}

// Cursor is a place in the list of open requests: behind the request with these values.
type Cursor struct {
	Expires time.Time
	Seq     int64
}

func (c *Cursor) columns() []any { return []any{Instant{&c.Expires}, &c.Seq} }

// CursorOf returns the place of a request in the list, nil if there is no such request. It may have
// been answered meanwhile.
func (tx *Tx) CursorOf(id string) (*Cursor, error) {
	return One(tx, (*Cursor).columns, `SELECT p.expires, p.seq FROM proposals p WHERE p.id = ?`, id)
}

// FirstCursor is the place before all requests.
func FirstCursor() Cursor {
	return Cursor{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), 0}
}

const listed = `p.state = 'open' AND p.expires > ? AND p.expires <= ? AND (p.expires < ? OR p.seq < ?)`

func (c Cursor) args(now time.Time) []any {
	return []any{Text(now), Text(c.Expires), Text(c.Expires), c.Seq}
}

// NewestOpen returns up to limit open requests behind a place in the list, the newest first.
func (tx *Tx) NewestOpen(now time.Time, after Cursor, limit int) ([]Proposal, error) {
	return All(tx, (*Proposal).columns, proposals+listed+` ORDER BY p.expires DESC, p.seq DESC LIMIT ?`, append(after.args(now), limit)...)
}

// CountOpen counts the open requests behind a place in the list.
func (tx *Tx) CountOpen(now time.Time, after Cursor) (int, error) {
	n, err := One(tx, (*number).columns, `SELECT COUNT(*) FROM proposals p WHERE `+listed, after.args(now)...)
	return int(deref(n)), err
}
