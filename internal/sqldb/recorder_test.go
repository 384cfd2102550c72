package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	sqlitedriver "modernc.org/sqlite"
)

// Statement is an SQL statement that was run, with the values of its first run.
type Statement struct {
	SQL  string
	Args []any
}

// Recorder records every statement that is run on a DB, each text once, and counts
// what the database reads for them.
type Recorder struct {
	dialect
	where string

	mu   sync.Mutex
	seen map[string]bool
	all  []Statement
	read int
}

// Recorded opens a DB that records its statements. where is not empty.
func Recorded(where string) (*DB, *Recorder) {
	db := OpenWith(where, Options{Patience: time.Minute, Stall: 5 * time.Minute})
	r := &Recorder{dialect: db.dialect, where: where, seen: map[string]bool{}}
	db.dialect = r
	return db, r
}

// Taken returns the statements recorded since it was last called.
func (r *Recorder) Taken() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.all
	r.all, r.seen = nil, map[string]bool{}
	return taken
}

// Read returns how much the transactions read that ended since its last call: rows on
// PostgreSQL, pages on SQLite, which does not count rows.
func (r *Recorder) Read() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	read := r.read
	r.read = 0
	return read
}

// beginDecision records the statements of a decision on PostgreSQL, which bypass
// database/sql. On SQLite the connection records them.
func (r *Recorder) beginDecision(ctx context.Context, pool *sql.DB) (decision, time.Time, error) {
	begun, now, err := r.dialect.beginDecision(ctx, pool)
	inner, ok := begun.(postgresDecision)
	if err != nil || !ok {
		return begun, now, err
	}
	d := recordedDecision{postgresDecision: inner, r: r}
	err = inner.QueryRowContext(ctx, rowsRead).Scan(&d.before)
	return d, now, err
}

type recordedDecision struct {
	postgresDecision
	r      *Recorder
	before int // what the connection's counter said
}

// commit counts what was read in the same batch, because the server may reset its counter
// after it.
func (d recordedDecision) commit(ctx context.Context, queue []statement) error {
	for _, s := range queue {
		d.r.note(s.sql, s.args)
	}
	count := statement{sql: `INSERT INTO recorded (n) SELECT n - $1 FROM (` + rowsRead + `) AS counted (n)`, args: []any{d.before}}
	if err := d.postgresDecision.commit(ctx, append(slices.Clone(queue), count)); err != nil {
		return err
	}
	var n int
	err := d.raw(func(conn *pgx.Conn) error { // not recorded
		return conn.QueryRow(ctx, `WITH taken AS (DELETE FROM recorded RETURNING n) SELECT COALESCE(SUM(n), 0)::bigint FROM taken`).Scan(&n)
	})
	if err != nil {
		return err
	}
	d.r.mu.Lock()
	defer d.r.mu.Unlock()
	d.r.read += n
	return nil
}

// connect migrates first, without recording.
func (r *Recorder) connect(ctx context.Context) (pools, error) {
	plain, err := r.dialect.connect(ctx)
	if err != nil {
		return pools{}, err
	}
	c := connector{driver: plain.read.Driver(), name: r.where, r: r}
	if file, ok := r.dialect.(sqlite); ok {
		c.name = fileURI(filepath.Join(r.where, DatabaseFile)) + "?" + file.settings().Encode()
	} else if _, err := plain.read.ExecContext(ctx, `CREATE TABLE recorded (n BIGINT)`); err != nil {
		return pools{}, errors.Join(err, plain.close())
	}
	if err := plain.close(); err != nil {
		return pools{}, err
	}
	pool := sql.OpenDB(c)
	pool.SetMaxOpenConns(map[bool]int{true: maxWriters, false: 1}[OnServer(r.where)])
	return pools{pool, pool}, nil
}

func (r *Recorder) note(statement string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[statement] {
		return
	}
	r.seen[statement] = true
	r.all = append(r.all, Statement{SQL: statement, Args: args})
}

func values(args []driver.NamedValue) (all []any) {
	for _, a := range args {
		all = append(all, a.Value)
	}
	return all
}

type connector struct {
	driver driver.Driver
	name   string
	r      *Recorder
}

func (c connector) Driver() driver.Driver { return c.driver }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	inner, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	return &recordedConn{inner.(innerConn), c.r}, nil
}

// innerConn is the common interface of both drivers' connections.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
}

type recordedConn struct {
	innerConn
	r *Recorder
}

// Conn returns the connection of pgx, as that of its database/sql driver does.
func (c *recordedConn) Conn() *pgx.Conn { return c.innerConn.(interface{ Conn() *pgx.Conn }).Conn() }

// CheckNamedValue calls the driver's own checker if it has one.
func (c *recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.innerConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *recordedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.r.note(query, values(args))
	return c.innerConn.ExecContext(ctx, query, args)
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.r.note(query, values(args))
	return c.innerConn.QueryContext(ctx, query, args)
}

func (c *recordedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.innerConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	before, err := c.counter(ctx)
	return &recordedTx{tx, c, before}, err
}

type recordedTx struct {
	driver.Tx
	conn   *recordedConn
	before int // what the connection's counter said
}

func (t *recordedTx) Commit() error {
	t.count()
	return t.Tx.Commit()
}

func (t *recordedTx) Rollback() error {
	t.count()
	return t.Tx.Rollback()
}

// count adds what the transaction read. An interrupted one adds nothing.
func (t *recordedTx) count() {
	n, err := t.conn.counter(context.Background())
	if err == nil {
		t.conn.r.mu.Lock()
		defer t.conn.r.mu.Unlock()
		t.conn.r.read += n - t.before
	}
}

// rowsRead is how many rows a connection to PostgreSQL has read since the server last
// collected its counters.
const rowsRead = `SELECT COALESCE(SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables`

// counter returns how much was read so far. PostgreSQL flushes its counters between
// transactions, never within one.
func (c *recordedConn) counter(ctx context.Context) (int, error) {
	if pages, ok := c.innerConn.(sqlitedriver.DBStatus); ok {
		hit, _, err := pages.Status(sqlitedriver.DBStatusCacheHit, false)
		miss, _, err2 := pages.Status(sqlitedriver.DBStatusCacheMiss, false)
		if err == nil {
			err = err2
		}
		return hit + miss, err
	}
	rows, err := c.innerConn.QueryContext(ctx, rowsRead, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	value := make([]driver.Value, 1)
	if err := rows.Next(value); err != nil {
		return 0, err
	}
	return int(value[0].(int64)), nil
}

// Plan returns the database's plan for a statement, one line per step.
func (db *DB) Plan(ctx context.Context, s Statement) ([]string, error) {
	pools, err := db.connected(ctx)
	if err != nil {
		return nil, err
	}
	how := map[bool]string{true: "EXPLAIN ", false: "EXPLAIN QUERY PLAN "}[db.Shared()]
	rows, err := pools.read.QueryContext(ctx, how+s.SQL, s.Args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.SQL, err)
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	for rows.Next() {
		var step, parent, unused int
		var line string
		to := []any{&step, &parent, &unused, &line}
		if db.Shared() {
			to = to[3:]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, rows.Err()
}
