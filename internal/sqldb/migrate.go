package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Processes that bring one database up to date at the same moment get into each
// other's way: goose has no lock for SQLite, so all but one find the tables made
// already, or the database busy. Their transactions are rolled back, and a
// second look shows what is left to do.
const (
	migrationTries = 10
	migrationPause = 50 * time.Millisecond
)

// migrate brings the schema up to date. It refuses a database that a newer
// version of the program has changed: what this one would write there is not
// known to be right.
func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB) error {
	has, knows, err := upgrade(ctx, dialect, pool)
	for range migrationTries {
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(migrationPause):
		}
		has, knows, err = upgrade(ctx, dialect, pool)
	}
	switch {
	case err != nil:
		return fmt.Errorf("bring the tables up to date: %w", err)
	case has > knows:
		return fmt.Errorf("%w (schema %d, this one knows %d)", errTooNew, has, knows)
	}
	return nil
}

// upgrade returns the version that the database has afterwards, and the newest
// that this program knows.
func upgrade(ctx context.Context, dialect goose.Dialect, pool *sql.DB) (has, knows int64, err error) {
	files, err := fs.Sub(migrations, folders[dialect])
	if err != nil {
		return 0, 0, err
	}
	provider, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, 0, err
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, 0, err
	}
	return provider.GetVersions(ctx)
}

// folders are where each database's own migrations are. Both have the same
// versions.
var folders = map[goose.Dialect]string{goose.DialectSQLite3: "migrations/sqlite", goose.DialectPostgres: "migrations/postgres"}
