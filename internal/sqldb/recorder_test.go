package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

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
	db := Open(where)
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

// connect migrates first, without recording.
func (r *Recorder) connect(ctx context.Context) (pools, error) {
	plain, err := r.dialect.connect(ctx)
	if err != nil {
		return pools{}, err
	}
	c := connector{driver: plain.read.Driver(), name: r.where, r: r}
	if file, ok := r.dialect.(sqlite); ok {
		c.name = fileURI(filepath.Join(r.where, DatabaseFile)) + "?" + file.settings().Encode()
	}
	if err := plain.close(); err != nil {
		return pools{}, err
	}
	pool := sql.OpenDB(c)
	pool.SetMaxOpenConns(map[bool]int{true: maxConnections, false: 1}[OnServer(r.where)])
	return pools{pool, pool}, nil
}

func (r *Recorder) note(statement string, args []driver.NamedValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[statement] {
		return
	}
	r.seen[statement] = true
	s := Statement{SQL: statement}
	for _, a := range args {
		s.Args = append(s.Args, a.Value)
	}
	r.all = append(r.all, s)
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
	c.r.note(query, args)
	return c.innerConn.ExecContext(ctx, query, args)
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.r.note(query, args)
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
	rows, err := c.innerConn.QueryContext(ctx, `SELECT COALESCE(SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables`, nil)
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
