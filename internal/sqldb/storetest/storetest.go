// Package storetest lets the same tests run on both databases that a store is
// kept in. Alone they run on SQLite; under `make postgres` the variable
// [Variable] names a PostgreSQL server, and they run there.
package storetest

import (
	"context"
	"os"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Variable holds the address of the database postgres on a server where tests
// may make databases of their own. Where it is not set, they use SQLite.
const Variable = "VENNIO_MCP_TEST_POSTGRES"

// T is a test, as far as it is needed here.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	FailNow()
}

// Memory is where a store can be opened that only this test sees and that need
// not outlive its store.DB.
func Memory(t T) string {
	t.Helper()
	return place(t, func() string { return "" })
}

// Folder is where a store can be opened that only this test sees, again and
// again, by several processes.
func Folder(t interface {
	T
	TempDir() string
},
) string {
	t.Helper()
	return place(t, t.TempDir)
}

func place(t T, onSQLite func() string) string {
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

// Pragma sets a pragma of the SQLite database that db keeps, on the connection
// that serves the whole process: "max_page_count = 1" is a full disk,
// "query_only = 1" a file that takes no writes.
func Pragma(t T, db *sqldb.DB, setting string) {
	t.Helper()
	Exec(t, db, "PRAGMA "+setting)
}

// Exec runs any statement, as someone with another program would.
func Exec(t T, db *sqldb.DB, statement string) {
	t.Helper()
	pool, err := db.Pool(context.Background()) //nolint:forbidigo // faults are made below the store
	if err == nil {
		_, err = pool.ExecContext(context.Background(), statement)
	}
	if err != nil {
		t.Errorf("%v", err)
		t.FailNow()
	}
}
