package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Event is something that Vennio told us.
type Event struct {
	ID       string
	Type     string
	At       time.Time // when it happened; zero if Vennio does not say
	Received time.Time
	Booking  string // id of the booking it is about; empty if none
	Body     []byte // as it came; empty in lists
}

func (e *Event) columns() []any {
	return []any{&e.ID, &e.Type, instant{&e.At}, instant{&e.Received}, &e.Booking, &e.Body}
}

// AddEvent keeps an event, unless one of this id is kept already: then it
// returns false, and nothing has changed.
func (tx *Tx) AddEvent(e Event) (bool, error) {
	n, err := tx.changed(`INSERT INTO events (id, type, at, received, booking, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.ID, e.Type, Text(e.At), Text(e.Received), e.Booking, e.Body)
	return n > 0, err
}

// Event returns the event with this id, or nil.
func (tx *Tx) Event(id string) (*Event, error) {
	return one[Event](tx, `SELECT id, type, at, received, booking, body FROM events WHERE id = ?`, id)
}

// EventsWanted selects events; the zero value selects all.
type EventsWanted struct {
	Type         string    // a type, or with * for anything: booking.*
	Since, Until time.Time // of receipt; Until itself is left out
	Limit        int       // 0: no limit
}

// Events returns the events wanted, without their bodies, the newest first.
func (tx *Tx) Events(w EventsWanted) ([]Event, error) {
	query, args := `SELECT id, type, at, received, booking, substr(body, 1, 0) FROM events WHERE received >= ?`, []any{Text(w.Since)}
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
	return all[Event](tx, query, args...)
}

// like turns a pattern with * into one of SQL.
var like = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "*", "%")

// PruneEvents deletes the events received before a time, except those with the
// given ids, and returns how many that were.
func (tx *Tx) PruneEvents(before time.Time, except []string) (int, error) {
	spared := make(map[string]bool, len(except)) // as an object: both databases list its keys under one name
	for _, id := range except {
		spared[id] = true
	}
	ids, err := json.Marshal(spared)
	if err != nil {
		return 0, fmt.Errorf("encode ids: %w", err)
	}
	return tx.changed(`DELETE FROM events WHERE received < ? AND id NOT IN (SELECT key FROM json_each(?))`, Text(before), string(ids))
}
