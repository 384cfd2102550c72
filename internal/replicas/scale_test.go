package replicas_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// slowly returns a proxy in front of the server of a database.
func slowly(t *testing.T, where string, delay time.Duration) *storetest.Proxy {
	t.Helper()
	proxy, err := storetest.NewProxy(t.Context(), where, delay)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Close()) })
	return proxy
}

// The other tests of this file rely on the proxy: it counts the round trips of a transaction, and a connection
// survives a cut.
func TestTheProxyDelaysCountsAndCuts(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Millisecond
	_, where := database(t)
	proxy := slowly(t, where, delay)
	db := open(t, proxy.URL(where))
	insert := func(id string) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			if _, err := sqldb.One(tx, sqldb.Column[int], `SELECT count(*) FROM acts WHERE id = ?`, id); err != nil {
				return err
			}
			return tx.Exec(`INSERT INTO acts (id, digest) VALUES (?, ?)`, id, id)
		}
	}
	require.NoError(t, db.Write(t.Context(), insert("warm-up"))) // prepares the statements
	proxy.Transactions()
	began := time.Now()
	require.NoError(t, db.Write(t.Context(), insert("a")))
	assert.GreaterOrEqual(t, time.Since(began), 5*delay)
	seen := proxy.Transactions()
	require.Len(t, seen, 1)
	assert.Equal(t, [2]int{5, 4}, [2]int{seen[0].RoundTrips, seen[0].Locked}, "begin, lock, select, insert, commit: %v", seen)

	proxy.Cut()
	ctx, stop := context.WithTimeout(t.Context(), 5*delay)
	defer stop()
	require.ErrorIs(t, db.Write(ctx, insert("lost")), context.DeadlineExceeded)
	done := make(chan error)
	go func() { done <- db.Write(t.Context(), insert("waits")) }()
	select {
	case err := <-done:
		require.Fail(t, "a transaction passed a network that is cut", "%v", err)
	case <-time.After(5 * delay):
	}
	proxy.Restore()
	require.NoError(t, <-done)
}
