package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Decide runs do on one snapshot of the database, and then executes the statements
// that do queued with Exec, Require and Exclude, in their order and in one transaction.
//
// On PostgreSQL do holds no locks while it reads and computes. The queued statements
// and their commit take one round trip, and the server holds locks only while it
// executes them. If they conflict with what was committed since the snapshot (a unique
// violation, a failed Require, a deadlock or a serialization failure), everything is
// rolled back and do runs again on a new snapshot. It must therefore have no effects
// other than its statements and the variables that it sets each time it runs. If the
// conflicts continue for longer than Options.Patience, the error is ErrUnavailable.
//
// On SQLite the transaction excludes every other writer from its beginning, as that of
// Write does. The same errors are then returned at once: nothing can have been
// committed since do read.
//
// An error of do discards its statements and is returned unchanged. Other errors are
// those of Write; as there, a connection that breaks while the statements are executed
// leaves open whether they were committed.
func (db *DB) Decide(ctx context.Context, do func(*Tx) error) error {
	err := db.watched(ctx, func(watch *watchdog) error {
		pause := minConflictPause
		for began := time.Now(); ; pause = min(2*pause, maxConflictPause) {
			err := db.decideOnce(watch, do)
			if !errors.Is(err, errConflict) || time.Since(began) > db.o.Patience {
				return err
			}
			select {
			case <-watch.ctx.Done():
				return errors.Join(watch.ctx.Err(), err)
			case <-time.After(pause/2 + rand.N(pause/2)): //nolint:gosec // G404: not a secret
			}
		}
	})
	if err == nil {
		db.readOnlySince.Store(nil)
	}
	return err
}

// The pause before do runs again is random, so that processes that conflicted do not
// repeat their transactions at the same moment.
const (
	minConflictPause = time.Millisecond
	maxConflictPause = 50 * time.Millisecond
)

// errConflict is among the errors of a decision that was rolled back because of what was
// committed since its snapshot.
var errConflict = errors.New("other writers changed what the decision depends on")

func (db *DB) decideOnce(watch *watchdog, do func(*Tx) error) error {
	tx, err := db.begin(watch, db.beginDecision)
	if err != nil {
		return err
	}
	defer func() {
		defer watch.step()()
		tx.decision.end(tx.ctx)
	}()
	if err := do(tx); err != nil {
		return err
	}
	defer watch.step()()
	return tx.decision.commit(tx.ctx, tx.queue)
}

func (db *DB) beginDecision(watch *watchdog) (*Tx, error) {
	pools, err := db.connected(watch.ctx)
	if err != nil {
		return nil, err
	}
	defer watch.step()()
	begun, now, err := db.dialect.beginDecision(watch.ctx, pools.write)
	if err != nil {
		return nil, fmt.Errorf("begin in the store: %w", err)
	}
	tx := &Tx{ctx: watch.ctx, reader: begun, decision: begun, watch: watch, db: db}
	tx.setNow(now)
	return tx, nil
}

// decision is the transaction of Decide in one database.
type decision interface {
	reader
	// commit executes statements and commits them. Its error includes errConflict if
	// they were rolled back because of what was committed since the snapshot.
	commit(ctx context.Context, queue []statement) error
	// end rolls back what was not committed and releases the connection.
	end(ctx context.Context)
}

// reader runs queries: a *sql.Tx or a *sql.Conn.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// statement is one that Decide executes after do has returned.
type statement struct {
	sql       string
	args      []any
	condition bool // true for a statement of Require: sql selects the condition
}

// wrap adds the first words of the statement to its error, for example INSERT INTO
// entries.
func (s statement) wrap(err error) error {
	if s.condition {
		return fmt.Errorf("check a condition in the store: %w", err)
	}
	words := strings.Fields(s.sql)
	return fmt.Errorf("write to the store: %s: %w", strings.Join(words[:min(3, len(words))], " "), err)
}

var errCondition = errors.New("the condition is not true")

// Require queues a condition, an SQL expression, in Decide. If it is not true when the
// statements before it have been executed, everything is rolled back and the decision
// runs again. The decision must have found it true in its snapshot: otherwise it fails
// again and again.
func (tx *Tx) Require(condition string, args ...any) error {
	if tx.decision == nil {
		return errOnlyInDecide
	}
	tx.enqueue(statement{sql: tx.db.dialect.selectCondition(condition), args: args, condition: true})
	return nil
}

// Exclude queues a lock in Decide, which the transaction holds until it ends. Of all
// transactions with the same key, only one at a time executes the statements after
// Exclude, and they see what the previous ones committed. A transaction that needs
// several keys must lock them in the same order as the others, to avoid deadlocks.
func (tx *Tx) Exclude(key string) error {
	if tx.decision == nil {
		return errOnlyInDecide
	}
	if lock := tx.db.dialect.exclusion(); lock != "" {
		tx.enqueue(statement{sql: lock, args: []any{key}})
	}
	return nil
}

// Errors of a caller in this program.
var (
	errOnlyInDecide = errors.New("sqldb: Require and Exclude work only in Decide")
	errNotInDecide  = errors.New("sqldb: ExecCount does not work in Decide, which executes its statements later: queue them with Exec")
	errReadsTooLate = errors.New("sqldb: a decision must read before its first Exec, Require or Exclude, which are executed later")
)

func (tx *Tx) enqueue(s statement) {
	s.sql, s.args = tx.db.dialect.rewrite(s.sql, s.args)
	tx.queue = append(tx.queue, s)
}
