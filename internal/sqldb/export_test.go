package sqldb

import (
	"context"
	"database/sql"
	"path/filepath"

	"github.com/pressly/goose/v3"
)

// Raw runs any statement, as with another program.
func (db *DB) Raw(ctx context.Context, statement string, args ...any) error {
	pools, err := db.connected(ctx)
	if err != nil {
		return err
	}
	statement, args = db.dialect.rewrite(statement, args)
	_, err = pools.read.ExecContext(ctx, statement, args...)
	return err
}

// Connections returns the pool that the job engine keeps.
func (db *DB) Connections(ctx context.Context) (*sql.DB, error) {
	pools, err := db.connected(ctx)
	return pools.read, err
}

// Texts returns the single column of texts that query finds.
func (db *DB) Texts(ctx context.Context, query string, args ...any) ([]string, error) {
	var found []string
	err := db.Read(ctx, func(tx *Tx) error {
		texts, err := All(tx, (*text).columns, query, args...)
		for _, t := range texts {
			found = append(found, string(t))
		}
		return err
	})
	return found, err
}

// Away reports whether an error says that the database at a location is unavailable.
func Away(where string, err error) bool { return dialectOf(where, Options{}).isUnavailable(err) }

type text string

func (t *text) columns() []any { return []any{(*string)(t)} }

// Once creates a database with the schema of an older version of this program, and
// runs statements on it.
func Once(ctx context.Context, where string, version int64, statements ...string) error {
	dialect, driver, name := goose.DialectPostgres, "pgx", where
	if !OnServer(where) {
		dialect, driver, name = goose.DialectSQLite3, "sqlite", fileURI(filepath.Join(where, DatabaseFile))
	}
	pool, err := sql.Open(driver, name)
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	provider, err := goose.NewProvider(dialect, pool, migrations{allMigrations, dialect}, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.UpTo(ctx, version); err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := pool.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
