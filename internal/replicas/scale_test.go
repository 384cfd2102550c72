package replicas_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
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

// caller books its offers one after the other. Its token is empty if it needs none.
type caller struct {
	token  string
	offers []offer
}

// callersOf returns n callers of one tenant, with as many offers each.
func callersOf(all []offer, n int) (callers []caller) {
	each := len(all) / n
	for i := range n {
		callers = append(callers, caller{"", all[i*each : (i+1)*each]})
	}
	return callers
}

// tenants returns n callers of as many tenants, with each offers, and a settings file with these.
func tenants(t *testing.T, vennio string, n, each int) (callers []caller, settings string) {
	t.Helper()
	var accounts, tokens strings.Builder
	for i := range n {
		name, token := fmt.Sprint("tenant-", i), auth.NewToken()
		callers = append(callers, caller{token, offersTo(t, name, vennio, n*each)[i*each : (i+1)*each]})
		fmt.Fprintf(&accounts, "  - {name: %s, api_key: %s}\n", name, sandbox.DefaultKey())
		fmt.Fprintf(&tokens, "  - {name: caller-%d, hash: %q, tenant: %s}\n", i, auth.HashOf(token), name)
	}
	settings = filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, []byte("tenants:\n"+accounts.String()+"tokens:\n"+tokens.String()), 0o600))
	return callers, settings
}

// bookAll makes the bookings of all callers at the same time and returns how long it took.
func bookAll(t *testing.T, r *replica, callers []caller) time.Duration {
	t.Helper()
	began := time.Now()
	var working sync.WaitGroup
	for i, c := range callers {
		working.Go(func() {
			for _, o := range c.offers {
				got, err := callAs[schemas.BookSlotResult](t.Context(), r.url(), c.token, "book_slot", o.arguments(fmt.Sprint("guest-", i)))
				if assert.NoError(t, err) {
					assert.Nil(t, got.Error, "%+v", got.Error)
				}
			}
		})
	}
	working.Wait()
	return time.Since(began)
}

// background finds the statements of work that is not part of a booking: jobs, the creation of their tables, which the
// first bookings do not wait for, the check of readiness, and seals.
var background = regexp.MustCompile(`river_|pg_advisory_xact_lock\(8366487001\)|INTO probe|INTO seals`)

// A booking takes locks twice, before and after Vennio is called, and each time only while the server executes one
// request.
//
// req: O5
// field: round trips under a lock
func TestReq_O5_ABookingHoldsLocksForTwoRoundTrips(t *testing.T) {
	t.Parallel()
	const count = 10
	_, where := database(t)
	_, vennio := vennio(t)
	proxy := slowly(t, where, 2*time.Millisecond)
	r := startReplica(t, environment(t, vennio, proxy.URL(where)))
	all := offers(t, vennio, 2*count)
	bookAll(t, r, callersOf(all[:count], 1)) // prepares the statements
	proxy.Transactions()
	bookAll(t, r, callersOf(all[count:], 1))
	trips, locked := 0, 0
	for _, seen := range proxy.Transactions() {
		if background.MatchString(strings.Join(seen.Statements, "\n")) {
			continue
		}
		trips += seen.RoundTrips
		locked += seen.Locked
		if seen.Locked > 1 {
			t.Log(seen)
		}
	}
	t.Logf("a booking: %.1f round trips, %.1f of them under a lock", float64(trips)/count, float64(locked)/count)
	assert.Positive(t, locked)
	assert.LessOrEqual(t, locked, 2*count)
}

// lockWait finds the lines with which the server reports a wait for a lock. Two processes that extend the same file
// wait for each other only while the server writes.
var lockWait = regexp.MustCompile(`still waiting for \w+ on (?:transaction|tuple|advisory lock|relation|virtual transaction|speculative token) .*`)

// req: O5
// field: lock waits between tenants
func TestReq_O5_BookingsOfDistinctTenantsWaitForNoLock(t *testing.T) {
	t.Parallel()
	const each = 10
	server := postgres(t, storetest.Careless+" -c log_lock_waits=on -c deadlock_timeout=1ms")
	where := created(t, server)
	_, vennio := vennio(t)
	callers, settings := tenants(t, vennio, 8, each+1)
	proxy := slowly(t, where, 2*time.Millisecond)
	r := startReplica(t, environment(t, vennio, proxy.URL(where), "VENNIO_MCP_SETTINGS="+settings))
	waits := func(do func()) []string {
		before, err := server.Log()
		require.NoError(t, err)
		do()
		after, err := server.Log()
		require.NoError(t, err)
		return lockWait.FindAllString(after[len(before):], -1)
	}
	first := slices.Clone(callers)
	for i := range first {
		first[i].offers, callers[i].offers = callers[i].offers[:1], callers[i].offers[1:]
	}
	bookAll(t, r, first) // the tables exist, and the signing secret is registered
	assert.Empty(t, waits(func() { bookAll(t, r, callers) }))

	assert.Len(t, waits(func() { waitForEachOther(t, where) }), 1, "the server reports waits")
}

// waitForEachOther has two transactions of which one waits for a lock of the other.
func waitForEachOther(t *testing.T, where string) {
	t.Helper()
	const lock = `SELECT pg_advisory_xact_lock(1)`
	first, err := pgx.Connect(t.Context(), where)
	require.NoError(t, err)
	defer func() { _ = first.Close(context.Background()) }()
	second, err := pgx.Connect(t.Context(), where)
	require.NoError(t, err)
	defer func() { _ = second.Close(context.Background()) }()
	held, err := first.Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), lock)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := second.Exec(t.Context(), lock)
		done <- err
	}()
	require.Eventually(t, func() bool {
		var waiting int
		require.NoError(t, held.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart < clock_timestamp() - interval '20ms'`).Scan(&waiting))
		return waiting == 1
	}, patience, tick)
	require.NoError(t, held.Rollback(t.Context()))
	require.NoError(t, <-done)
}

// With a slow network the round trips dominate: callers of one tenant that waited for each other would together make as
// many bookings a second as one of them, in every round. A machine that is busy with something else may spoil a round.
//
// req: O5
// field: bookings a second with many callers
func TestReq_O5_CallersOfOneTenantBookSideBySide(t *testing.T) {
	t.Parallel()
	const each, callers, rounds = 4, 8, 3
	_, where := database(t)
	_, vennio := vennio(t)
	proxy := slowly(t, where, 150*time.Millisecond)
	r := startReplica(t, environment(t, vennio, proxy.URL(where)))
	left := offers(t, vennio, callers+rounds*(each+each*callers))
	book := func(n, callers int) time.Duration {
		next := left[:n]
		left = left[n:]
		return bookAll(t, r, callersOf(next, callers))
	}
	book(callers, callers) // opens connections and prepares their statements
	ratio := 0.0
	for range rounds {
		one, many := book(each, 1), book(each*callers, callers)
		ratio = callers * one.Seconds() / many.Seconds()
		t.Logf("%d bookings by one caller: %v; %d by %d callers: %v; %.1f times the bookings a second", each, one, each*callers, callers, many, ratio)
		if ratio >= 4 {
			return
		}
	}
	assert.GreaterOrEqual(t, ratio, 4.0)
}
