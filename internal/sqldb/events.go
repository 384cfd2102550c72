package sqldb

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Event is something that Vennio told a tenant.
type Event struct {
	Tenant   string // whose account; empty for the default one
	ID       string // one tenant's has nothing to do with another's
	Type     string
	At       time.Time // when it happened; zero if Vennio does not say
	Received time.Time
	Booking  string // id of the booking it is about; empty if none
	Body     []byte // as it came; empty in lists, and once erased
	Erased   time.Time
}

func (e *Event) columns() []any {
	return []any{&e.Tenant, &e.ID, &e.Type, Instant{&e.At}, Instant{&e.Received}, &e.Booking, &e.Body, Instant{&e.Erased}}
}

// AddEvent keeps an event, unless its tenant has one of this id already: then
// it returns false, and nothing has changed.
func (tx *Tx) AddEvent(e Event) (bool, error) {
	n, err := tx.ExecCount(`INSERT INTO events (tenant, id, type, at, received, booking, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Tenant, e.ID, e.Type, Text(e.At), Text(e.Received), e.Booking, e.Body)
	return n > 0, err
}

// Event returns a tenant's event with this id, or nil.
func (tx *Tx) Event(tenant, id string) (*Event, error) {
	return One(tx, (*Event).columns, `SELECT tenant, id, type, at, received, booking, body, erased FROM events WHERE tenant = ? AND id = ?`, tenant, id)
}

// EventsWanted selects events; the zero value selects all of the default tenant.
type EventsWanted struct {
	Tenant       string
	AllTenants   bool      // whatever Tenant says
	Type         string    // a type, or with * for anything: booking.*
	Since, Until time.Time // of receipt; Until itself is left out
	Limit        int       // 0: no limit
}

// Events returns the events wanted, without their bodies, the newest first.
func (tx *Tx) Events(w EventsWanted) ([]Event, error) {
	query, args := `SELECT tenant, id, type, at, received, booking, substr(body, 1, 0), erased FROM events WHERE received >= ?`, []any{Text(w.Since)}
	if !w.AllTenants {
		query, args = query+` AND tenant = ?`, append(args, w.Tenant)
	}
	if !w.Until.IsZero() {
		query, args = query+` AND received < ?`, append(args, Text(w.Until))
	}
	if w.Type != "" {
		query, args = query+` AND type LIKE ? ESCAPE '!'`, append(args, like.Replace(w.Type))
	}
	query += ` ORDER BY received DESC, n DESC`
	if w.Limit > 0 {
		query, args = query+` LIMIT ?`, append(args, w.Limit)
	}
	return All(tx, (*Event).columns, query, args...)
}

// like turns a pattern with * into one of SQL.
var like = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "*", "%")

// HasEvents reports whether events of a tenant are stored.
func (tx *Tx) HasEvents(tenant string) (bool, error) {
	found, err := One(tx, (*name).columns, `SELECT tenant FROM events WHERE tenant = ? LIMIT 1`, tenant)
	return found != nil, err
}

func (tx *Tx) names(query string) (tenants []string, err error) {
	found, err := All(tx, (*name).columns, query)
	for _, n := range found {
		tenants = append(tenants, string(n))
	}
	return tenants, err
}

// EventKey names an event among those of all tenants.
type EventKey struct{ Tenant, ID string }

// PruneEvents deletes the events received before a time, except those given, and
// returns how many that were. No tenant's name has a blank in it.
func (tx *Tx) PruneEvents(before time.Time, except []EventKey) (int, error) {
	spared := make(map[string]bool, len(except)) // as an object: both databases list its keys under one name
	for _, e := range except {
		spared[e.Tenant+" "+e.ID] = true
	}
	ids, err := json.Marshal(spared)
	if err != nil {
		return 0, fmt.Errorf("encode ids: %w", err)
	}
	return tx.ExecCount(`DELETE FROM events WHERE received < ? AND tenant || ' ' || id NOT IN (SELECT key FROM json_each(?))`, Text(before), string(ids))
}
