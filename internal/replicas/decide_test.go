package replicas_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

func insertAct(tx *sqldb.Tx, id string) error {
	return tx.Exec(`INSERT INTO acts (id, digest) VALUES (?, ?)`, id, "digest of "+id)
}

func countActs(tx *sqldb.Tx) (int, error) {
	n, err := sqldb.One(tx, sqldb.Column[int], `SELECT count(*) FROM acts`)
	if err != nil {
		return 0, err
	}
	return *n, nil
}

// A decision takes one round trip to begin and to read the clock, one for each query, and one for everything else.
func TestADecisionHoldsLocksForOneRoundTrip(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	proxy := slowly(t, where, time.Millisecond)
	db := open(t, proxy.URL(where))
	decide := func(id string) error {
		return db.Decide(t.Context(), func(tx *sqldb.Tx) error {
			for range 2 {
				if _, err := countActs(tx); err != nil {
					return err
				}
			}
			_, err := tx.Now()
			return errors.Join(err, tx.Exclude("all"), tx.Require(`NOT EXISTS (SELECT 1 FROM acts WHERE id = ?)`, id), insertAct(tx, id), insertAct(tx, id+"'"))
		})
	}
	require.NoError(t, decide("prepares the statements"))
	proxy.Transactions()
	require.NoError(t, decide("a"))
	seen := proxy.Transactions()
	require.Len(t, seen, 1)
	assert.Equal(t, [2]int{4, 1}, [2]int{seen[0].RoundTrips, seen[0].Locked}, seen)
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error { _, err := countActs(tx); return err }))
	seen = proxy.Transactions()
	require.Len(t, seen, 1)
	assert.Equal(t, [2]int{3, 0}, [2]int{seen[0].RoundTrips, seen[0].Locked}, seen)
}

// raising is a function that raises an error the first time that it is called, and a statement that calls it.
func raising(t *testing.T, where, state string) (statement string) {
	t.Helper()
	administer(t, where, fmt.Sprintf(`CREATE SEQUENCE calls_%[1]s; CREATE FUNCTION raise_%[1]s() RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN IF nextval('calls_%[1]s') = 1 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '%[1]s'; END IF; END $$`, state))
	return fmt.Sprintf(`SELECT raise_%s()`, state)
}

// field: SQLSTATE. Only errors that other writers cause repeat a decision; after any error nothing is stored.
func TestErrorsThatRepeatADecision(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	db := open(t, where)
	stored := func() (n int) {
		require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) (err error) { n, err = countActs(tx); return err }))
		return n
	}
	require.Zero(t, stored())
	want := 0
	for state, repeats := range map[string]bool{"23505": true, "40001": true, "40P01": true, "22012": false, "23503": false, "57014": false, "P0001": false} {
		raise, runs := raising(t, where, state), 0
		err := db.Decide(t.Context(), func(tx *sqldb.Tx) error {
			runs++
			return errors.Join(insertAct(tx, state), tx.Exec(raise))
		})
		if repeats {
			require.NoError(t, err, state)
			assert.Equal(t, 2, runs, state)
			want++
		} else {
			require.ErrorContains(t, err, "injected", state)
			assert.Equal(t, 1, runs, state)
			assert.Equal(t, state == "57014", errors.Is(err, sqldb.ErrUnavailable), state)
		}
		assert.Equal(t, want, stored(), state)
	}
	administer(t, where, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'at the commit'; END $$;
		CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON acts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.ErrorContains(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error { return insertAct(tx, "late") }), "at the commit")
	assert.Equal(t, want, stored())
}

// field: blocked writers. They use up only their own connections, and end after Options.Patience.
func TestBlockedWritersLeaveConnectionsToReaders(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	db := sqldb.OpenWith(where, sqldb.Options{Patience: patience, Stall: patience})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	holder := open(t, where)
	var writers sync.WaitGroup
	require.NoError(t, holder.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, tx.Exec(`LOCK TABLE acts IN SHARE MODE`))
		for n := range 20 {
			id := fmt.Sprint(n)
			writers.Go(func() {
				write := db.Write
				if n%2 == 0 {
					write = db.Decide
				}
				assert.NoError(t, write(t.Context(), func(tx *sqldb.Tx) error { return insertAct(tx, id) }))
			})
		}
		require.Eventually(t, func() bool {
			waiting, err := sqldb.One(tx, sqldb.Column[int], `SELECT count(*) FROM pg_locks WHERE NOT granted`)
			return err == nil && *waiting >= 8 // all connections of writers
		}, patience, tick)
		for range 10 {
			require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) error { _, err := countActs(tx); return err }))
			require.NoError(t, db.Probe(t.Context()))
		}
		return nil
	}))
	writers.Wait()
}

// field: an outage while the statements are executed. The error is ErrUnavailable, and the next decision finds out what
// became of the first.
func TestAnOutageDuringADecision(t *testing.T) {
	t.Parallel()
	server := postgres(t, "-c fsync=off") // it keeps what was committed if it is killed
	where, err := storetest.Create(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	proxy := slowly(t, where, 0)
	db := sqldb.OpenWith(proxy.URL(where), sqldb.Options{Patience: patience, Stall: 5 * time.Second})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	once := func(id string, during func(*sqldb.Tx) error) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			found, err := sqldb.One(tx, sqldb.Column[string], `SELECT id FROM acts WHERE id = ?`, id)
			if err != nil || found != nil {
				return err
			}
			return errors.Join(during(tx), insertAct(tx, id))
		}
	}
	nothing := func(*sqldb.Tx) error { return nil }
	for name, outage := range map[string]struct{ begins, ends func() }{
		"the network loses everything": {proxy.Cut, proxy.Restore},
		"the server is killed": {
			func() { require.NoError(t, server.Down(context.Background())) }, func() { require.NoError(t, server.Up(context.Background())) },
		},
	} {
		require.NoError(t, db.Decide(t.Context(), once("before: "+name, nothing)))
		err := db.Decide(t.Context(), once(name, func(*sqldb.Tx) error { outage.begins(); return nil }))
		require.ErrorIs(t, err, sqldb.ErrUnavailable, name)
		outage.ends()
		require.NoError(t, db.Decide(t.Context(), once(name, nothing)), name)
	}
	err = db.Decide(t.Context(), once("slow", func(tx *sqldb.Tx) error { return tx.Exec(`SELECT pg_sleep(60)`) }))
	require.ErrorIs(t, err, sqldb.ErrUnavailable, "a batch that takes longer than Options.Stall")
	require.NoError(t, db.Decide(t.Context(), func(tx *sqldb.Tx) error {
		n, err := countActs(tx)
		assert.Equal(t, 4, n)
		return err
	}))
}
