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

// postgres is a database on a PostgreSQL server, shared by every process that
// knows its address.
type postgres struct {
	url      string
	patience time.Duration // for a connection to be made, and for a lock
}

// connections bounds what one process takes of the server's; idleFor is how long
// it keeps those it does not use.
const (
	connections = 8
	idleFor     = time.Minute
)

// CheckURL tells whether address is one that Open takes. The error quotes
// nothing of it, since it has a password in it.
func CheckURL(address string) error {
	if _, err := pgx.ParseConfig(address); !OnServer(address) || err != nil {
		return errors.New("want postgres://user:password@host:port/database, with ?sslmode=verify-full where a network lies between")
	}
	return nil
}

func (p postgres) connect(ctx context.Context) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(p.url)
	if err != nil {
		return nil, CheckURL(p.url)
	}
	for name, value := range p.settings() {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, p.patience)
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(idleFor)
	if err := alone(ctx, pool, func() error { return migrate(ctx, goose.DialectPostgres, pool) }); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return pool, nil
}

// settings are those of every connection, unless the address has others. A
// transaction of a machine that is gone ends by itself, so that it does not keep
// the others from writing
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

// migrating is the lock of those who change tables: an arbitrary number.
const migrating = 8366487001

// alone runs do while no other process is in alone. The lock is a transaction's,
// which ends with its connection, however the process ends; do uses others.
func alone(ctx context.Context, pool *sql.DB, do func() error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		`SET LOCAL lock_timeout = '60s'`,
		`SET LOCAL idle_in_transaction_session_timeout = 0`,
		`SELECT pg_advisory_xact_lock(` + strconv.Itoa(migrating) + `)`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return do()
}

// exclude takes a lock that every transaction that writes takes first, and that
// ends with it. What is read after that, each statement sees as it was last
// committed: PostgreSQL's default isolation (READ COMMITTED) is enough, nothing is
// ever tried again, and no writer finds at its end that it was in vain. Measured
// against others in docs/operations/scaling.md. Two deployments in two schemas of one
// database do not wait for one another: the lock is named after a table.
//
// The clock is read in the same journey, and once the lock is had: OFFSET keeps the
// planner from turning the two around.
func (postgres) exclude(ctx context.Context, tx *sql.Tx) (now time.Time, err error) {
	err = tx.QueryRowContext(ctx, `SELECT clock_timestamp() FROM (SELECT pg_advisory_xact_lock(1, 'head'::regclass::oid::int) OFFSET 0) AS held`).Scan(&now)
	return now, err
}

func (postgres) now(ctx context.Context, tx *sql.Tx) (now time.Time, err error) {
	if err = tx.QueryRowContext(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		err = fmt.Errorf("read the store's clock: %w", err)
	}
	return now, err
}

func (postgres) reading() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// adapt numbers the values. No statement of ours has a ? anywhere else. A text
// of PostgreSQL's has no NUL and is UTF-8 throughout: others become U+FFFD,
// wherever they are written or looked for.
func (postgres) adapt(statement string, args []any) (string, []any) {
	var numbered strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			numbered.WriteString("$" + strconv.Itoa(i))
		}
		numbered.WriteString(part)
	}
	args = slices.Clone(args) // the caller's own stay as they are
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	return numbered.String(), args
}

// SQLSTATEs, or their first characters, by which a server says that it cannot be
// used for now (https://www.postgresql.org/docs/current/errcodes-appendix.html).
var (
	// A transaction may begin in a moment: the connection broke, resources are used
	// up, the server is stopping or starting.
	statesThatPass = []string{"08", "53", "57P01", "57P02", "57P03", "57P05"}
	// The database takes no writes (a standby, or a server set to read-only), or gave
	// this transaction up: it idled or lasted too long, was in another's way, or the
	// system below failed to read or write.
	statesOfAway = []string{"25006", "25P03", "25P04", "40001", "40P01", "55P03", "57014", "58000", "58030"}
)

func stateIn(err error, states ...string) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(refused.Code, s) })
}

// passes: the server cannot be reached, or says that it cannot serve for now.
func (postgres) passes(err error) bool {
	if _, ok := errors.AsType[*pgconn.PgError](err); ok {
		return stateIn(err, statesThatPass...)
	}
	_, unreachable := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[net.Error](err)
	return unreachable || broken || pgconn.SafeToRetry(err) || slices.ContainsFunc(
		[]error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, pgconn.ErrConnClosed}, func(cut error) bool { return errors.Is(err, cut) })
}

func (p postgres) away(err error) bool { return stateIn(err, statesOfAway...) || p.passes(err) }

// stale: a server that became a standby keeps its connections, while the address
// may lead to another by now.
func (postgres) stale(err error) bool { return stateIn(err, "25006") }

// probe writes one row to a table of its own, so that it waits for no writer and
// leaves nothing in the others to vacuum.
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

// scrub writes the tables anew, where what was deleted from them is not. Other
// transactions wait meanwhile; one that began before keeps what it may still read.
func (postgres) scrub(ctx context.Context, pool *sql.DB) error {
	if _, err := pool.ExecContext(ctx, `VACUUM (FULL) acts, details, proposals, grants, events`); err != nil {
		return fmt.Errorf("rewrite the store: %w", err)
	}
	return nil
}
