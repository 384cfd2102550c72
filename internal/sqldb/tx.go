package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Tx is one transaction, with every statement there is as a method. It ends
// with the function it was given to.
type Tx struct {
	ctx   context.Context // of the call it was made for; it lives no longer
	sql   *sql.Tx
	kind  kind
	watch *watchdog
	db    *DB
	now   time.Time // zero: not asked for yet
}

// Write runs do in a transaction that excludes every other writer, in this and
// in other processes, from its start: what do reads is still true when it
// writes. An error of do undoes all of it and is returned as it is. Waiting for
// other writers, or for a database server to come back, ends after
// Options.Patience, with ErrAway; so does a transaction that a server which stops
// cuts off, and one of which a step takes longer than Options.Stall.
//
// Any other error of a shared DB may hide that the transaction was committed:
// its connection can break in that moment.
func (db *DB) Write(ctx context.Context, do func(*Tx) error) error {
	err := db.within(ctx, func(watch *watchdog) error { return db.transact(watch, nil, do) })
	if err == nil {
		db.refused.Store(nil)
	}
	return err
}

// Read runs do on one unchanging state. It waits for no writer of another
// process.
func (db *DB) Read(ctx context.Context, do func(*Tx) error) error {
	return db.within(ctx, func(watch *watchdog) error { return db.transact(watch, db.kind.reading(), do) })
}

// Probe writes something and undoes it. Its error says that nothing can be written
// now.
func (db *DB) Probe(ctx context.Context) error {
	return db.within(ctx, func(watch *watchdog) error {
		pool, err := db.ready(watch.ctx)
		if err != nil {
			return err
		}
		defer watch.step()()
		return db.kind.probe(watch.ctx, pool)
	})
}

// within says by its error whether the database was away.
func (db *DB) within(ctx context.Context, do func(*watchdog) error) error {
	watch := newWatchdog(ctx, db.o.Stall)
	defer watch.stop()
	err := do(watch)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // whoever called gave up
		return err
	case watch.ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrAway, errStalled)
	case errors.Is(err, ErrClosed), !db.kind.away(err):
		return err
	}
	if db.kind.stale(err) {
		db.refresh()
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// refresh closes the connections that are not in use, so that the next
// transaction opens another one, where every write was refused for longer than
// Options.Patience.
func (db *DB) refresh() {
	first := db.refused.Load()
	if first == nil {
		db.refused.Store(new(time.Now()))
		return
	}
	if time.Since(*first) < db.o.Patience {
		return
	}
	select {
	case db.opening <- struct{}{}:
	default: // it is being opened
		return
	}
	defer func() { <-db.opening }()
	db.refused.Store(nil)
	if db.pool != nil {
		db.pool.SetMaxIdleConns(-1)
		db.pool.SetMaxIdleConns(connections)
	}
}

func (db *DB) transact(watch *watchdog, how *sql.TxOptions, do func(*Tx) error) error {
	tx, err := db.begin(watch, how)
	if err != nil {
		return err
	}
	defer func() { _ = tx.sql.Rollback() }() // nothing is left to undo after Commit
	if err := do(tx); err != nil {
		return err
	}
	defer watch.step()()
	if err := tx.sql.Commit(); err != nil {
		return fmt.Errorf("commit to the store: %w", err)
	}
	return nil
}

// watchdog cancels a transaction of which one step does not end in time: a
// server that hangs closes no connection.
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

// step: a step begins, until its end is called. What the caller does in between is
// not the database's matter.
func (w *watchdog) step() (end func() bool) {
	w.timer.Reset(w.limit)
	return w.timer.Stop
}

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// pause comes before the beginning of a transaction is tried again.
const pause = 100 * time.Millisecond

// begin begins a transaction, again and again while that may help: nothing has
// happened yet.
func (db *DB) begin(watch *watchdog, how *sql.TxOptions) (*Tx, error) {
	for began := time.Now(); ; {
		tx, err := db.beginOnce(watch, how)
		if err == nil || errors.Is(err, ErrClosed) || !db.kind.passes(err) || time.Since(began) > db.o.Patience {
			return tx, err
		}
		select {
		case <-watch.ctx.Done():
			return nil, fmt.Errorf("begin in the store: %w", errors.Join(watch.ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// beginOnce begins a transaction that writes if how is nil. To open the database
// may take long, where tables are changed, and is not watched.
func (db *DB) beginOnce(watch *watchdog, how *sql.TxOptions) (*Tx, error) {
	pool, err := db.ready(watch.ctx)
	if err != nil {
		return nil, err
	}
	defer watch.step()()
	begun, err := pool.BeginTx(watch.ctx, how)
	if err != nil {
		return nil, fmt.Errorf("begin in the store: %w", err)
	}
	tx := &Tx{ctx: watch.ctx, sql: begun, kind: db.kind, watch: watch, db: db}
	if how == nil {
		now, err := db.kind.exclude(watch.ctx, begun)
		if err != nil {
			_ = begun.Rollback()
			return nil, fmt.Errorf("begin in the store: %w", err)
		}
		tx.note(now)
	}
	return tx, nil
}

// Exec runs a statement that returns no rows. A ? stands for each value, on
// both databases.
func (tx *Tx) Exec(query string, args ...any) error {
	_, err := tx.ExecCount(query, args...)
	return err
}

// ExecCount is Exec; it returns how many rows a statement changed.
func (tx *Tx) ExecCount(query string, args ...any) (int, error) {
	defer tx.watch.step()()
	query, args = tx.kind.adapt(query, args)
	result, err := tx.sql.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("write to the store: %w", err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// One returns the only row that query finds, or nil if there is none; columns
// says where its columns go.
func One[T any](tx *Tx, columns func(*T) []any, query string, args ...any) (*T, error) {
	defer tx.watch.step()()
	query, args = tx.kind.adapt(query, args)
	var found T
	err := tx.sql.QueryRowContext(tx.ctx, query, args...).Scan(columns(&found)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read from the store: %w", err)
	}
	return &found, nil
}

// All returns every row that query finds; columns says where its columns go.
func All[T any](tx *Tx, columns func(*T) []any, query string, args ...any) ([]T, error) {
	defer tx.watch.step()()
	query, args = tx.kind.adapt(query, args)
	rows, err := tx.sql.QueryContext(tx.ctx, query, args...)
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
