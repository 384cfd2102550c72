// Package storetest runs the same tests on both databases: usually on SQLite, and under
// `make postgres` on the PostgreSQL server that the variable [Variable] names.
package storetest

import (
	"context"
	"os"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Variable contains the address of the database postgres on a server on which tests may
// create databases. If it is not set, tests use SQLite.
const Variable = "VENNIO_MCP_TEST_POSTGRES"

// T is the part of testing.TB that this package needs.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// Memory returns the location of a database that only this test uses and that need not
// outlive its sqldb.DB.
func Memory(t T) string {
	t.Helper()
	return location(t, func() string { return "" })
}

// Folder returns the location of a database that only this test uses and that several
// processes can open repeatedly.
func Folder(t interface {
	T
	TempDir() string
},
) string {
	t.Helper()
	return location(t, t.TempDir)
}

func location(t T, onSQLite func() string) string {
	t.Helper()
	url := os.Getenv(Variable)
	if url == "" {
		return onSQLite()
	}
	where, err := Create(context.Background(), url)
	if err != nil {
		t.Errorf("%v", err)
		t.FailNow()
	}
	return where
}

// Pragma sets a pragma on db's one connection to SQLite: "max_page_count = 1" simulates
// a full disk, "query_only = 1" a read-only file.
func Pragma(t T, db *sqldb.DB, setting string) {
	t.Helper()
	Exec(t, db, "PRAGMA "+setting)
}

// Exec runs any statement, as with another program.
func Exec(t T, db *sqldb.DB, statement string) {
	t.Helper()
	pool, err := db.Pool(context.Background()) //nolint:forbidigo // simulates faults below the package
	if err == nil {
		_, err = pool.ExecContext(context.Background(), statement)
	}
	if err != nil {
		t.Errorf("%v", err)
		t.FailNow()
	}
}
