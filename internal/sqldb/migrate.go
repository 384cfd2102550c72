package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
)

// Each migration is one file, or one for each database: NNNNN_name.sqlite.sql and
// NNNNN_name.postgres.sql.
//
//go:embed migrations/*.sql
var allMigrations embed.FS

// migrations are those of one database.
type migrations struct {
	embed.FS
	dialect goose.Dialect
}

// ReadDir hides the files of the other database.
func (m migrations) ReadDir(string) ([]fs.DirEntry, error) {
	other := ".postgres.sql"
	if m.dialect == goose.DialectPostgres {
		other = ".sqlite.sql"
	}
	entries, err := m.FS.ReadDir("migrations")
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), other) }), err
}

// Open opens a file in the folder of the migrations.
func (m migrations) Open(name string) (fs.File, error) {
	return m.FS.Open(path.Join("migrations", name))
}

// Processes that migrate one SQLite database at the same moment disturb one another:
// goose has no lock for SQLite, so all but one find the tables created already, or the
// database busy. Their transactions are rolled back, and another try shows what is
// left to do.
const (
	migrationTries = 10
	migrationPause = 50 * time.Millisecond
)

// migrate updates the schema. It refuses a database that a newer version of the
// program has migrated, because what this version would write there may be wrong.
func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB) error {
	has, knows, err := migrateOnce(ctx, dialect, pool)
	for range migrationTries {
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(migrationPause):
		}
		has, knows, err = migrateOnce(ctx, dialect, pool)
	}
	switch {
	case err != nil:
		return fmt.Errorf("bring the tables up to date: %w", err)
	case has > knows:
		return fmt.Errorf("%w (schema %d, this one knows %d)", errTooNew, has, knows)
	}
	return nil
}

// migrateOnce returns the version that the database has afterwards, and the newest
// that this program knows.
func migrateOnce(ctx context.Context, dialect goose.Dialect, pool *sql.DB) (has, knows int64, err error) {
	provider, err := goose.NewProvider(dialect, pool, migrations{allMigrations, dialect}, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, 0, err
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, 0, err
	}
	return provider.GetVersions(ctx)
}
