package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Event is a stored event.
type Event struct {
	Tenant   string // empty for the default one
	ID       string // unique within the tenant
	Type     string
	At       time.Time // when it happened; zero if Vennio does not say
	Received time.Time
	Booking  string // id of its booking; empty if it is not about one
	Body     []byte // unchanged; empty in lists, and after an erasure
	Erased   time.Time
}

func (e *Event) columns() []any {
	return []any{&e.Tenant, &e.ID, &e.Type, sqldb.Instant{To: &e.At}, sqldb.Instant{To: &e.Received}, &e.Booking, &e.Body, sqldb.Instant{To: &e.Erased}}
}

// AddEvent stores an event. It returns false, and changes nothing, if its tenant has an event
// with this id.
func AddEvent(tx *sqldb.Tx, e Event) (bool, error) {
	n, err := tx.ExecCount(`INSERT INTO events (tenant, id, type, at, received, booking, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Tenant, e.ID, e.Type, sqldb.Text(e.At), sqldb.Text(e.Received), e.Booking, e.Body)
	return n > 0, err
}

// EventByID returns a tenant's event, or nil.
func EventByID(tx *sqldb.Tx, tenant, id string) (*Event, error) {
	return sqldb.One(tx, (*Event).columns, `SELECT tenant, id, type, at, received, booking, body, erased FROM events WHERE tenant = ? AND id = ?`, tenant, id)
}

// EventFilter selects events. The zero value selects all events of the default tenant.
type EventFilter struct {
	Tenant       string
	AllTenants   bool      // ignores Tenant
	Type         string    // a type; * matches any text: booking.*
	Since, Until time.Time // of receipt; Until is exclusive
	Limit        int       // 0: no limit
}

// Events returns the selected events, without their bodies, the newest first.
func Events(tx *sqldb.Tx, f EventFilter) ([]Event, error) {
	query, args := `SELECT tenant, id, type, at, received, booking, substr(body, 1, 0), erased FROM events WHERE received >= ?`, []any{sqldb.Text(f.Since)}
	if !f.AllTenants {
		query, args = query+` AND tenant = ?`, append(args, f.Tenant)
	}
	if !f.Until.IsZero() {
		query, args = query+` AND received < ?`, append(args, sqldb.Text(f.Until))
	}
	if f.Type != "" {
		query, args = query+` AND type LIKE ? ESCAPE '!'`, append(args, likePattern.Replace(f.Type))
	}
	query += ` ORDER BY received DESC, n DESC`
	if f.Limit > 0 {
		query, args = query+` LIMIT ?`, append(args, f.Limit)
	}
	return sqldb.All(tx, (*Event).columns, query, args...)
}

// likePattern converts a pattern with * to one of SQL's LIKE.
var likePattern = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "*", "%")

func hasEvents(tx *sqldb.Tx, tenant string) (bool, error) {
	found, err := sqldb.One(tx, sqldb.Column[string], `SELECT tenant FROM events WHERE tenant = ? LIMIT 1`, tenant)
	return found != nil, err
}

// eventKey identifies an event among those of all tenants.
type eventKey struct{ tenant, id string }

// pruneEvents deletes the events received before a time, except those given, and returns their
// number. Names of tenants contain no spaces.
func pruneEvents(tx *sqldb.Tx, before time.Time, except map[eventKey]bool) (int, error) {
	kept := make(map[string]bool, len(except)) // an object, because both databases return its keys under the same name
	for e := range except {
		kept[e.tenant+" "+e.id] = true
	}
	ids, err := json.Marshal(kept)
	if err != nil {
		return 0, fmt.Errorf("encode ids: %w", err)
	}
	return tx.ExecCount(`DELETE FROM events WHERE received < ? AND tenant || ' ' || id NOT IN (SELECT key FROM json_each(?))`, sqldb.Text(before), string(ids))
}

// ExternalID returns the id that a tenant's sink gave a booking; empty if it gave none.
func ExternalID(tx *sqldb.Tx, tenant, booking, sink string) (string, error) {
	id, err := sqldb.One(tx, sqldb.Column[string], `SELECT id FROM externals WHERE tenant = ? AND booking = ? AND sink = ?`, tenant, booking, sink)
	if err != nil || id == nil {
		return "", err
	}
	return *id, nil
}

func setExternalID(tx *sqldb.Tx, tenant, booking, sink, id string) error {
	return tx.Exec(`INSERT INTO externals (tenant, booking, sink, id) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, booking, sink) DO UPDATE SET id = excluded.id`, tenant, booking, sink, id)
}

const (
	maxBatch   = 64
	batchLimit = 10 * time.Second // to write one batch
)

type pendingEvent struct {
	event Event
	tasks []Task
	added bool  // it was not stored before
	err   error // why it could not be stored
	done  chan struct{}
}

// batchWriter stores events that arrive at the same time in one transaction, so that they wait
// for the disk once. The first caller starts a goroutine, which also writes the events that
// arrive meanwhile.
type batchWriter struct {
	write func(context.Context, []*pendingEvent) error

	mu      sync.Mutex
	waiting []*pendingEvent
	writing bool
}

// store returns when p is stored or has failed. The end of ctx does not stop it.
func (b *batchWriter) store(ctx context.Context, p *pendingEvent) {
	p.done = make(chan struct{})
	b.mu.Lock()
	b.waiting = append(b.waiting, p)
	first := !b.writing
	b.writing = true
	b.mu.Unlock()
	if first {
		go b.writeAll(context.WithoutCancel(ctx))
	}
	<-p.done
}

func (b *batchWriter) writeAll(ctx context.Context) {
	for batch := b.next(); batch != nil; batch = b.next() {
		limited, cancel := context.WithTimeout(ctx, batchLimit)
		err := b.write(limited, batch)
		cancel()
		if errors.Is(err, sqldb.ErrUnavailable) { // the events that arrived meanwhile have already waited for the same failed write
			batch = append(batch, b.takeAll()...)
		}
		for _, p := range batch {
			p.err = err
			close(p.done)
		}
	}
}

func (b *batchWriter) takeAll() []*pendingEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	waiting := b.waiting
	b.waiting = nil
	return waiting
}

// next returns the next batch, or nil after it has marked the writer as idle.
func (b *batchWriter) next() []*pendingEvent {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	if n == 0 {
		b.writing, b.waiting = false, nil
		return nil
	}
	batch := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return batch
}

// writeBatch stores events and their tasks in one transaction.
func (s *Service) writeBatch(ctx context.Context, batch []*pendingEvent) error {
	if err := s.dispatcher.Migrate(ctx); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		var tasks []Task
		for _, p := range batch {
			p.event.Received = now
			if p.added, err = AddEvent(tx, p.event); err != nil {
				return err
			}
			if p.added {
				tasks = append(tasks, p.tasks...)
			}
		}
		return s.dispatcher.Add(ctx, tx, tasks...)
	})
}

// Receive stores an event of the tenant, whose signature must have been verified, with its
// tasks. It returns false for an event that was stored before.
func (b *Inbox) Receive(ctx context.Context, e webhook.Event, body []byte) (bool, error) {
	booking, _ := e.Booking()
	p := &pendingEvent{
		event: Event{Tenant: b.tenant, ID: e.ID, Type: string(e.Type), At: e.At, Booking: booking.ID, Body: body},
		tasks: b.followUps(e.ID, e.Type, ""),
	}
	b.service.writer.store(ctx, p)
	if p.err == nil && p.added {
		b.notifyWatchers(ctx, e)
	}
	return p.added, p.err
}

// eraseBatch is the number of events that Erase reads at once, with bodies of at most 1 MiB each.
const eraseBatch = 32

// numberedEvent is an event with its position in the table.
type numberedEvent struct {
	n int64
	Event
}

func (e *numberedEvent) columns() []any { return append([]any{&e.n}, e.Event.columns()...) }

// Erase empties the bodies of the events of all tenants that contain a text for which mentions
// returns true, and returns their number. The other columns and the time of the erasure are
// kept. sqldb.DB.Scrub removes what remains in the files of the database. Erase may be repeated.
func (s *Service) Erase(ctx context.Context, mentions func(text string) bool) (erased int, err error) {
	for last := int64(0); ; {
		rows, err := sqldb.Select(ctx, s.db, func(tx *sqldb.Tx) ([]numberedEvent, error) {
			return sqldb.All(tx, (*numberedEvent).columns, `SELECT n, tenant, id, type, at, received, booking, body, erased FROM events
				WHERE n > ? AND erased = '' ORDER BY n LIMIT ?`, last, eraseBatch)
		})
		if err != nil || len(rows) == 0 {
			return erased, err
		}
		last = rows[len(rows)-1].n
		n, err := s.eraseMatching(ctx, rows, mentions)
		if err != nil {
			return erased, err
		}
		erased += n
	}
}

func (s *Service) eraseMatching(ctx context.Context, rows []numberedEvent, mentions func(string) bool) (n int, err error) {
	var matching []int64
	for _, row := range rows {
		if containsText(row.Body, mentions) {
			matching = append(matching, row.n)
		}
	}
	if len(matching) == 0 {
		return 0, nil
	}
	return len(matching), s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		for _, n := range matching {
			if err := tx.Exec(`UPDATE events SET body = ?, erased = ? WHERE n = ?`, []byte{}, sqldb.Text(now), n); err != nil {
				return err
			}
		}
		return nil
	})
}

// containsText reports whether mentions returns true for a string in a JSON body, or whether the
// body is invalid, since it may then contain the text.
func containsText(body []byte, mentions func(string) bool) bool {
	for tokens := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := tokens.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if text, ok := token.(string); ok && mentions(text) {
			return true
		}
	}
}
