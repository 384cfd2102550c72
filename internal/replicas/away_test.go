package replicas_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// settled waits until the outcome of every grant is known: a sweep checks each grant one minute after it was created.
func settled(t *testing.T, where string) {
	t.Helper()
	l := consent.New(open(t, where), nil)
	require.Eventually(t, func() bool {
		sent, err := l.UnsettledSent(t.Context(), 0)
		unknown, err2 := l.UnsettledUnknown(t.Context(), 0, 24*time.Hour)
		return err == nil && err2 == nil && len(sent)+len(unknown) == 0
	}, 6*patience, time.Second, "grants stay sent or unknown")
}

// readiness returns the status of /readyz.
func readiness(r *replica) int {
	resp, err := http.Get(r.url() + "/readyz") //nolint:noctx // loopback, responds within a second
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func is(r *replica, status int) func() bool { return func() bool { return readiness(r) == status } }

// administer runs statements on a database as its administrator.
func administer(t *testing.T, where, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), where)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, err, statement)
}

// req: W5
// field: read-only database; full disk; other SQLSTATEs. Each is reported as unavailable, nothing is sent to Vennio,
// and the same call succeeds afterwards without a restart.
func TestReq_W5_AnUnwritableDatabaseIsReportedAndPasses(t *testing.T) {
	t.Parallel()
	server, where := database(t)
	box, vennio := vennio(t)
	r := startReplica(t, environment(t, vennio, where))
	require.Eventually(t, is(r, http.StatusOK), patience, tick)
	all := offers(t, vennio, 10)
	faults := map[string][2]string{
		"read-only": {
			"ALTER SYSTEM SET default_transaction_read_only = on", "ALTER SYSTEM SET default_transaction_read_only = off",
		},
	}
	for _, state := range []string{"53100", "53200", "58030", "57P03", "40001"} {
		faults[state] = [2]string{
			fmt.Sprintf(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '%s'; END $$;
				CREATE TRIGGER fails BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION fail();
				CREATE TRIGGER fails BEFORE INSERT ON probe FOR EACH ROW EXECUTE FUNCTION fail()`, state),
			`DROP FUNCTION fail() CASCADE`,
		}
	}
	for fault, statements := range faults {
		o := all[0]
		all = all[1:]
		at := where
		if fault == "read-only" {
			at = server.URL("postgres")
		}
		administer(t, at, statements[0])
		administer(t, at, "SELECT pg_reload_conf()")
		require.Eventually(t, is(r, http.StatusServiceUnavailable), patience, tick, fault)
		before := len(box.Bookings())
		got, err := call(t.Context(), r.url(), "book_slot", o.arguments("ada"))
		require.NoError(t, err, fault)
		require.NotNil(t, got.Error, fault)
		assert.Equal(t, schemas.CodeStoreAway, got.Error.Code, fault)
		assert.True(t, got.Error.Retryable, fault)
		assert.Len(t, box.Bookings(), before, fault)

		administer(t, at, statements[1])
		administer(t, at, "SELECT pg_reload_conf()")
		require.Eventually(t, is(r, http.StatusOK), patience, tick, fault)
		got, err = call(t.Context(), r.url(), "book_slot", o.arguments("ada"))
		require.NoError(t, err, fault)
		require.Nil(t, got.Error, "%s: %+v", fault, got.Error)
		assert.Len(t, box.Bookings(), before+1, fault)
	}
	ledgerOf(t, where)
}

// req: W5
// field: connections used up. A replica whose job engine gets no connection is not ready, and works as soon as it
// gets one.
func TestReq_W5_AReplicaWithoutConnectionsForItsJobsIsNotReady(t *testing.T) {
	t.Parallel()
	server := postgres(t, storetest.Careless+" -c max_connections=14 -c superuser_reserved_connections=0")
	where, err := storetest.Create(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	_, vennio := vennio(t)
	var held []*pgx.Conn
	for range 13 { // leaves one connection, for the store but not for the listener
		conn, err := pgx.Connect(t.Context(), where)
		require.NoError(t, err)
		held = append(held, conn)
	}
	r := startReplica(t, environment(t, vennio, where))
	require.Eventually(t, is(r, http.StatusServiceUnavailable), patience, tick)
	require.Never(t, is(r, http.StatusOK), 3*time.Second, 10*tick)
	for _, conn := range held {
		require.NoError(t, conn.Close(t.Context()))
	}
	require.Eventually(t, is(r, http.StatusOK), patience, tick)
}

// req: W5
// field: 40 s without a database. Bookings in progress are reported correctly. Afterwards every reported booking
// exists once, and no grant has the state sent.
func TestReq_W5_FortySecondsWithoutADatabaseLoseNothing(t *testing.T) {
	t.Parallel()
	const total, without = 60, 40 * time.Second
	server, where := database(t)
	box, vennio := vennio(t)
	l := &load{booked: map[string]string{}, unknown: map[string]int{}}
	for range 2 {
		l.replicas = append(l.replicas, startReplica(t, environment(t, vennio, where)))
	}
	all := offers(t, vennio, total)
	done := make(chan error, total)
	for i, o := range all {
		go func() { done <- l.book(t.Context(), o, fmt.Sprintf("guest-%d", i)) }()
		if i == total/3 {
			require.NoError(t, server.Down(t.Context()))
		}
	}
	for _, r := range l.replicas {
		require.Eventually(t, is(r, http.StatusServiceUnavailable), patience, tick)
	}
	<-time.After(without)
	require.NoError(t, server.Up(t.Context()))
	for range total {
		require.NoError(t, <-done)
	}
	there := map[string]int{}
	for _, b := range box.Bookings() {
		there[b.ID]++
	}
	assert.Len(t, there, total)
	assert.Len(t, l.booked, total)
	for slot, id := range l.booked {
		assert.Equal(t, 1, there[id], slot)
	}
	settled(t, where)
	ledgerOf(t, where)
}
