package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Tx is a transaction. It ends with the function to which it was passed.
type Tx struct {
	ctx      context.Context // of the call for which the transaction was begun; it lives no longer
	reader   reader          // the transaction, for queries
	sql      *sql.Tx         // of Write and Read; nil in Decide
	decision decision        // of Decide; nil in Write and Read
	queue    []statement     // of Decide
	watch    *watchdog
	db       *DB
	now      time.Time // zero until it is read
}

// SQL returns the transaction for the job engine, which adds a job in the transaction
// that stores what the job is about. It is nil in Decide. Only internal/webhooks calls it.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Write runs do in a transaction that excludes every other writer, in this and in
// other processes, from its beginning: what do reads is still true when it writes. An
// error of do rolls everything back and is returned unchanged. Waiting for other
// writers, or for an unavailable server, ends after Options.Patience with ErrUnavailable. A
// transaction that a stopping server cuts off, and one with a step that takes longer
// than Options.Stall, end with ErrUnavailable too.
//
// After any other error of a shared DB the transaction may have been committed: its
// connection can break at that moment.
func (db *DB) Write(ctx context.Context, do func(*Tx) error) error {
	err := db.watched(ctx, func(watch *watchdog) error { return db.transact(watch, nil, do) })
	if err == nil {
		db.readOnlySince.Store(nil)
	}
	return err
}

// Read runs do on one snapshot. It does not wait for writers of other processes.
func (db *DB) Read(ctx context.Context, do func(*Tx) error) error {
	return db.watched(ctx, func(watch *watchdog) error { return db.transact(watch, db.dialect.readOptions(), do) })
}

// Select returns the result of find on one snapshot (see [DB.Read]).
func Select[T any](ctx context.Context, db *DB, find func(*Tx) (T, error)) (found T, err error) {
	err = db.Read(ctx, func(tx *Tx) (err error) {
		found, err = find(tx)
		return err
	})
	return found, err
}

// Probe writes something and rolls back. Its error says that the database takes no
// writes now.
func (db *DB) Probe(ctx context.Context) error {
	return db.watched(ctx, func(watch *watchdog) error {
		pools, err := db.connected(watch.ctx)
		if err != nil {
			return err
		}
		defer watch.step()()
		return db.dialect.probe(watch.ctx, pools.read)
	})
}

// watched runs do with a watchdog and adds ErrUnavailable to its error if the database was
// unavailable.
func (db *DB) watched(ctx context.Context, do func(*watchdog) error) error {
	watch := newWatchdog(ctx, db.o.Stall)
	defer watch.stop()
	err := do(watch)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the caller gave up
		return err
	case watch.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnavailable, errStalled)
	case errors.Is(err, ErrClosed), !errors.Is(err, errConflict) && !db.dialect.isUnavailable(err):
		return err
	}
	if db.dialect.needsReconnect(err) {
		db.reconnect()
	}
	if db.Volatile() || db.Shared() {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, filepath.Join(db.location, DatabaseFile), err)
}

// reconnect closes the idle connections, so that the next transaction opens a new
// one, if every write was refused for longer than Options.Patience.
func (db *DB) reconnect() {
	first := db.readOnlySince.Load()
	if first == nil {
		db.readOnlySince.Store(new(time.Now()))
		return
	}
	if time.Since(*first) < db.o.Patience {
		return
	}
	select {
	case db.opening <- struct{}{}:
	default: // another goroutine is opening the database
		return
	}
	defer func() { <-db.opening }()
	db.readOnlySince.Store(nil)
	for _, pool := range db.pools.all() {
		pool.SetMaxIdleConns(-1)
		pool.SetMaxIdleConns(maxWriters)
	}
}

func (db *DB) transact(watch *watchdog, options *sql.TxOptions, do func(*Tx) error) error {
	tx, err := db.begin(watch, func(watch *watchdog) (*Tx, error) { return db.beginTx(watch, options) })
	if err != nil {
		return err
	}
	defer func() { _ = tx.sql.Rollback() }() // does nothing after Commit
	if err := do(tx); err != nil {
		return err
	}
	defer watch.step()()
	if err := tx.sql.Commit(); err != nil {
		return fmt.Errorf("commit to the store: %w", err)
	}
	return nil
}

// watchdog cancels a transaction if one of its steps takes too long: a server that
// hangs does not close its connections.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

var errStalled = errors.New("the database does not answer")

func newWatchdog(ctx context.Context, limit time.Duration) *watchdog {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{ctx, cancel, limit, time.AfterFunc(limit, func() { cancel(errStalled) })}
	w.timer.Stop()
	return w
}

// step starts the timer for a step; the caller calls end after it. The time between
// two steps is the caller's own and is not limited.
func (w *watchdog) step() (end func() bool) {
	w.timer.Reset(w.limit)
	return w.timer.Stop
}

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// beginInterval is the pause between two tries to begin a transaction.
const beginInterval = 100 * time.Millisecond

// begin begins a transaction with once and tries again while that may help: nothing has
// been written yet.
func (db *DB) begin(watch *watchdog, once func(*watchdog) (*Tx, error)) (*Tx, error) {
	for began := time.Now(); ; {
		tx, err := once(watch)
		if err == nil || errors.Is(err, ErrClosed) || !db.dialect.isTransient(err) || time.Since(began) > db.o.Patience {
			return tx, err
		}
		select {
		case <-watch.ctx.Done():
			return nil, fmt.Errorf("begin in the store: %w", errors.Join(watch.ctx.Err(), err))
		case <-time.After(beginInterval):
		}
	}
}

// beginTx begins a transaction, one that writes if options is nil. Opening the
// database is not a watched step, because migrations may take long.
func (db *DB) beginTx(watch *watchdog, options *sql.TxOptions) (*Tx, error) {
	pools, err := db.connected(watch.ctx)
	if err != nil {
		return nil, err
	}
	pool := pools.read
	if options == nil {
		pool = pools.write
	}
	defer watch.step()()
	begun, err := pool.BeginTx(watch.ctx, options)
	if err != nil {
		return nil, fmt.Errorf("begin in the store: %w", err)
	}
	tx := &Tx{ctx: watch.ctx, reader: begun, sql: begun, watch: watch, db: db}
	if options == nil {
		now, err := db.dialect.lockWriters(watch.ctx, begun)
		if err != nil {
			_ = begun.Rollback()
			return nil, fmt.Errorf("begin in the store: %w", err)
		}
		tx.setNow(now)
	}
	return tx, nil
}

// Exec runs a statement that returns no rows. On both databases, ? is the placeholder
// of each value. In Decide it queues the statement.
func (tx *Tx) Exec(query string, args ...any) error {
	if tx.decision != nil {
		tx.enqueue(statement{sql: query, args: args})
		return nil
	}
	_, err := tx.ExecCount(query, args...)
	return err
}

// ExecCount is Exec; it returns how many rows a statement changed. It does not work in
// Decide.
func (tx *Tx) ExecCount(query string, args ...any) (int, error) {
	if tx.decision != nil {
		return 0, errNotInDecide
	}
	defer tx.watch.step()()
	query, args = tx.db.dialect.rewrite(query, args)
	result, err := tx.sql.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("write to the store: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// One returns the only row that query finds, or nil if there is none; columns returns
// the destinations of its columns.
func One[T any](tx *Tx, columns func(*T) []any, query string, args ...any) (*T, error) {
	if len(tx.queue) > 0 {
		return nil, errReadsTooLate
	}
	defer tx.watch.step()()
	query, args = tx.db.dialect.rewrite(query, args)
	var found T
	err := tx.reader.QueryRowContext(tx.ctx, query, args...).Scan(columns(&found)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return &found, nil
}

// All returns every row that query finds; columns returns the destinations of its
// columns.
func All[T any](tx *Tx, columns func(*T) []any, query string, args ...any) ([]T, error) {
	if len(tx.queue) > 0 {
		return nil, errReadsTooLate
	}
	defer tx.watch.step()()
	query, args = tx.db.dialect.rewrite(query, args)
	rows, err := tx.reader.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var found []T
	for rows.Next() {
		_ = tx.watch.step()
		var next T
		if err := rows.Scan(columns(&next)...); err != nil {
			return nil, fmt.Errorf("read from the store: %w", err)
		}
		found = append(found, next)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return found, nil
}

// Column is the columns function of a query with one column, for One and All.
func Column[T any](value *T) []any { return []any{value} }

// InstantColumn is Column for an instant.
func InstantColumn(at *time.Time) []any { return []any{Instant{at}} }

// layout is how instants are stored: RFC 3339 in UTC, always of the same length, so
// that they sort as texts.
const layout = "2006-01-02T15:04:05.000Z"

// Text returns t as the database stores it: RFC 3339 in UTC, truncated to the
// millisecond. The zero time is the empty text.
func Text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}

// Instant scans a time that is stored as Text writes it.
type Instant struct{ To *time.Time }

// Scan implements sql.Scanner.
func (i Instant) Scan(from any) error {
	text, ok := from.(string)
	if !ok {
		return fmt.Errorf("an instant is stored as text, not as %T", from)
	}
	if text == "" {
		*i.To = time.Time{}
		return nil
	}
	t, err := time.Parse(layout, text)
	*i.To = t
	return err
}
