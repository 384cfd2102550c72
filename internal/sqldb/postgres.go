package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgres is a PostgreSQL database, shared by every process that uses its address.
type postgres struct {
	url      string
	patience time.Duration // for a connection, and for a lock
}

// The connections of each process. A decision keeps its connection for several round
// trips, so that writers need more of them than the server executes at the same time.
const (
	maxReaders  = 4
	maxWriters  = 8
	maxIdleTime = time.Minute
)

// CheckURL returns an error if address is not a PostgreSQL address that Open takes. The
// error does not quote it, because it contains a password.
func CheckURL(address string) error {
	if _, err := pgx.ParseConfig(address); !OnServer(address) || err != nil {
		return errors.New("want postgres://user:password@host:port/database, with ?sslmode=verify-full where a network lies between")
	}
	return nil
}

func (p postgres) connect(ctx context.Context) (pools, error) {
	cfg, err := pgx.ParseConfig(p.url)
	if err != nil {
		return pools{}, CheckURL(p.url)
	}
	for name, value := range p.settings() {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, p.patience)
	// DB.begin notices a broken connection of the writers and tries again, so they need no ping.
	withoutPing := stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false })
	open := pools{read: stdlib.OpenDB(*cfg), write: stdlib.OpenDB(*cfg, withoutPing)}
	open.read.SetMaxOpenConns(maxReaders)
	open.write.SetMaxOpenConns(maxWriters)
	for _, pool := range open.all() {
		pool.SetMaxIdleConns(maxWriters)
		pool.SetConnMaxIdleTime(maxIdleTime)
	}
	if err := withMigrationLock(ctx, open.read, func() error { return migrate(ctx, goose.DialectPostgres, open.read) }); err != nil {
		return pools{}, errors.Join(err, open.close())
	}
	return open, nil
}

// settings are those of every connection, unless the address has others. With them a
// transaction of a machine that disappeared ends by itself and stops blocking other
// writers
// (https://www.postgresql.org/docs/current/runtime-config-client.html).
func (p postgres) settings() map[string]string {
	return map[string]string{
		"application_name":                    "vennio-mcp",
		"lock_timeout":                        strconv.FormatInt(p.patience.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": "10000", // milliseconds
		"tcp_keepalives_idle":                 "10",    // seconds
		"tcp_keepalives_interval":             "5",     // seconds
		"tcp_keepalives_count":                "3",
	}
}

// migrationLock is the advisory lock of processes that change tables: an arbitrary
// number.
const migrationLock = 8366487001

// withMigrationLock runs do while it holds the migration lock. The lock belongs to a
// transaction, which ends with its connection, however the process ends; do uses other
// connections.
func withMigrationLock(ctx context.Context, pool *sql.DB, do func() error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		`SET LOCAL lock_timeout = '60s'`,
		`SET LOCAL idle_in_transaction_session_timeout = 0`,
		`SELECT pg_advisory_xact_lock(` + strconv.Itoa(migrationLock) + `)`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return do()
}

// lockWriters takes an advisory lock that every writing transaction takes first and
// that ends with the transaction. Each later statement sees what was last committed:
// PostgreSQL's default isolation (READ COMMITTED) is enough, no transaction has to be
// repeated, and none fails at its commit. docs/operations/scaling.md compares it with
// alternatives. Two deployments in two schemas of one database do not wait for one
// another, because the lock's number is that of a table.
//
// The same round trip reads the clock after the lock was acquired: OFFSET keeps the
// planner from changing that order.
func (postgres) lockWriters(ctx context.Context, tx *sql.Tx) (now time.Time, err error) {
	err = tx.QueryRowContext(ctx, `SELECT clock_timestamp() FROM (SELECT pg_advisory_xact_lock(1, 'head'::regclass::oid::int) OFFSET 0) AS held`).Scan(&now)
	return now, err
}

// beginDecision begins the snapshot and reads the clock in one round trip.
func (postgres) beginDecision(ctx context.Context, pool *sql.DB) (_ decision, now time.Time, err error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, now, err
	}
	d := postgresDecision{conn}
	err = d.raw(func(conn *pgx.Conn) error {
		batch := new(pgx.Batch)
		batch.Queue(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`)
		batch.Queue(`SELECT clock_timestamp()`).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
		return conn.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		d.end(ctx)
		return nil, now, err
	}
	return d, now, nil
}

// postgresDecision is a connection with a transaction that reads a snapshot. Queries run
// through database/sql, batches through pgx.
type postgresDecision struct{ *sql.Conn }

func (d postgresDecision) raw(do func(*pgx.Conn) error) error {
	return d.Raw(func(conn any) error { return do(conn.(interface{ Conn() *pgx.Conn }).Conn()) })
}

// commit ends the snapshot and executes the statements in a transaction, all in one round
// trip: the server skips everything after the first error
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
// Each statement sees what was committed before it (READ COMMITTED), so that those after
// exclusion see the work of others who held the lock.
func (d postgresDecision) commit(ctx context.Context, queue []statement) error {
	return d.raw(func(conn *pgx.Conn) error {
		if conn.PgConn().TxStatus() != 'T' { // COMMIT after a failed query is no error
			return errors.New("write to the store: a query of the decision failed")
		}
		batch := new(pgx.Batch)
		batch.Queue(`COMMIT`)
		if len(queue) > 0 {
			queue = slices.Concat([]statement{{sql: `BEGIN ISOLATION LEVEL READ COMMITTED`}}, queue, []statement{{sql: `COMMIT`}})
		}
		for _, s := range queue {
			batch.Queue(s.sql, s.args...)
		}
		results := conn.SendBatch(ctx, batch)
		defer func() { _ = results.Close() }()
		if _, err := results.Exec(); err != nil { // also an error in preparing or encoding any statement
			return fmt.Errorf("write to the store: %w", err)
		}
		for _, s := range queue {
			if _, err := results.Exec(); err != nil {
				return conflict(s.wrap(err), s.condition)
			}
		}
		return results.Close()
	})
}

// conflict adds errConflict to an error that other writers caused.
func conflict(err error, condition bool) error {
	if stateIn(err, "23505", "40001", "40P01") || condition && stateIn(err, "22012") {
		return fmt.Errorf("%w: %w", errConflict, err)
	}
	return err
}

func (d postgresDecision) end(ctx context.Context) {
	_ = d.raw(func(conn *pgx.Conn) error {
		if conn.PgConn().TxStatus() == 'I' { // no transaction
			return nil
		}
		if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
			return driver.ErrBadConn // closes the connection
		}
		return nil
	})
	_ = d.Close()
}

// selectCondition divides by zero if the condition is not true, because an error ends the
// batch.
func (postgres) selectCondition(condition string) string {
	return `SELECT 1 / CASE WHEN ` + condition + ` THEN 1 ELSE 0 END`
}

// exclusion takes an advisory lock for the key. Like that of lockWriters, it concerns
// the deployment of one schema.
func (postgres) exclusion() string {
	return `SELECT pg_advisory_xact_lock(hashtextextended(?, 'head'::regclass::oid::bigint))`
}

func (postgres) now(ctx context.Context, tx *sql.Tx) (now time.Time, err error) {
	if err = tx.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		err = fmt.Errorf("read the store's clock: %w", err)
	}
	return now, err
}

func (postgres) readOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// rewrite numbers the placeholders; our statements contain no other ?. PostgreSQL's
// texts are valid UTF-8 without NUL, so invalid bytes and NUL become U+FFFD, in values
// that are written and in values that are searched for.
func (postgres) rewrite(statement string, args []any) (string, []any) {
	var numbered strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			numbered.WriteString("$" + strconv.Itoa(i))
		}
		numbered.WriteString(part)
	}
	args = slices.Clone(args) // the caller's slice remains unchanged
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return numbered.String(), args
}

// SQLSTATEs, or their first characters, with which a server reports that it is
// unavailable (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var (
	// A transaction may be able to begin in a moment: the connection broke, resources
	// are used up, the server is stopping or starting.
	transientStates = []string{"08", "53", "57P01", "57P02", "57P03", "57P05"}
	// The database takes no writes (a standby, or a server set to read-only), or it
	// aborted this transaction: it was idle or lasted too long, conflicted with
	// another one, or the operating system failed to read or write.
	unavailableStates = []string{"25006", "25P03", "25P04", "40001", "40P01", "55P03", "57014", "58000", "58030"}
)

func stateIn(err error, states ...string) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(refused.Code, s) })
}

// isTransient: the server cannot be reached, or reports that it cannot serve now.
func (postgres) isTransient(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return stateIn(err, transientStates...)
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[net.Error](err)
	return unreachable || broken || pgconn.SafeToRetry(err) || slices.ContainsFunc(
		[]error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, pgconn.ErrConnClosed}, func(cut error) bool { return errors.Is(err, cut) })
}

func (p postgres) isUnavailable(err error) bool {
	return stateIn(err, unavailableStates...) || p.isTransient(err)
}

// needsReconnect: a server that became a standby keeps its connections, while the
// address may lead to another server by now.
func (postgres) needsReconnect(err error) bool { return stateIn(err, "25006") }

// probe writes one row to a separate table, so that it waits for no writer and leaves
// nothing to vacuum in the other tables.
func (postgres) probe(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `INSERT INTO probe (filler) VALUES ('')`); err != nil {
		return fmt.Errorf("probe the store: %w", err)
	}
	return nil
}

// scrub rewrites the tables without their deleted rows. Other transactions wait
// meanwhile; for a transaction that began before, the rows that it may still read
// remain.
func (postgres) scrub(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, `VACUUM (FULL) acts, details, proposals, grants, events`); err != nil {
		return fmt.Errorf("rewrite the store: %w", err)
	}
	return nil
}
