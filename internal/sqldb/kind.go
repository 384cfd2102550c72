package sqldb

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// kind is what differs between the databases that a DB may be kept in.
type kind interface {
	// connect opens the database and brings its tables up to date.
	connect(ctx context.Context) (*sql.DB, error)
	// exclude makes tx the only transaction that writes, until it ends, and returns
	// the time since when.
	exclude(ctx context.Context, tx *sql.Tx) (time.Time, error)
	// now is the time by the database's clock.
	now(ctx context.Context, tx *sql.Tx) (time.Time, error)
	// reading is how a transaction begins that sees one unchanging state.
	reading() *sql.TxOptions
	// adapt turns a statement of ours, with ? where a value goes, into one of
	// the database's own.
	adapt(statement string, args []any) (string, []any)
	// passes reports whether a transaction that could not begin may well begin
	// in a moment.
	passes(err error) bool
	// away reports whether an error says that the database cannot be used for now,
	// and nothing of what was asked of it.
	away(err error) bool
	// stale reports whether an error may be the connection's alone: one that was
	// opened later may write.
	stale(err error) bool
	// probe writes to the database and undoes it, without waiting for other writers
	// where they need not be excluded.
	probe(ctx context.Context, pool *sql.DB) error
	// scrub leaves nothing to read of what was deleted.
	scrub(ctx context.Context, pool *sql.DB) error
}

// OnServer reports whether where is the address of a PostgreSQL database, as
// Open takes it, rather than a folder.
func OnServer(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

func kindOf(where string, o Options) kind {
	if OnServer(where) {
		return postgres{where, o.Patience}
	}
	return sqlite{where, o.Patience}
}
