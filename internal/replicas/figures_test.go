package replicas_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// measured is the duration of each measurement, callers the number of concurrent callers.
const (
	measured = 3 * time.Second
	callers  = 8
)

// rate returns how often do succeeds per second on all stores.
func rate(t *testing.T, stores []*sqldb.DB, do func(db *sqldb.DB, n int64) error) float64 {
	t.Helper()
	var done atomic.Int64
	var working sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), measured)
	defer stop()
	began := time.Now()
	for i := range callers {
		working.Go(func() {
			for ctx.Err() == nil {
				if !assert.NoError(t, do(stores[i%len(stores)], done.Add(1))) {
					return
				}
			}
		})
	}
	working.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// record runs the three ledger transactions of a booking.
func record(ctx context.Context, db *sqldb.DB, n int64) error {
	l := consent.New(db, time.Now)
	g, err := l.Statement(ctx, consent.Act{Tool: "book_slot", SlotID: fmt.Sprint(n), Title: "Intro"}, "Ada", "yes")
	if err == nil {
		g, err = l.SendWithin(ctx, g, consent.Quota{})
	}
	if err == nil {
		err = l.Settle(ctx, g, consent.Done, fmt.Sprint("bk_", n), "req", "")
	}
	return err
}

// The figures of docs/operations/scaling.md.
func TestFiguresOfBothStores(t *testing.T) {
	server := postgres(t, "") // with durable commits
	for _, kind := range []struct {
		name   string
		where  func() string
		stores int
	}{
		{"SQLite, one process", t.TempDir, 1},
		{"PostgreSQL, one process", func() string { return created(t, server) }, 1},
		{"PostgreSQL, three processes", func() string { return created(t, server) }, 3},
	} {
		where := kind.where()
		var stores []*sqldb.DB
		for range kind.stores {
			stores = append(stores, open(t, where))
		}
		bookings := rate(t, stores, func(db *sqldb.DB, n int64) error { return record(t.Context(), db, n) })
		q, err := webhooks.NewDispatcher(stores[0], webhooks.DispatcherOptions{})
		require.NoError(t, err)
		require.NoError(t, q.Migrate(t.Context()))
		events := rate(t, stores, func(db *sqldb.DB, n int64) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := webhooks.AddEvent(tx, webhooks.Event{ID: fmt.Sprint("evt_", n), Type: "booking.created", Received: time.Now(), Body: make([]byte, 500)}); err != nil {
					return err
				}
				return q.Add(t.Context(), tx, webhooks.Task{Event: fmt.Sprint("evt_", n), To: "crm"})
			})
		})
		began := time.Now()
		n, err := consent.New(stores[0], time.Now).Verify(t.Context())
		require.NoError(t, err)
		t.Logf("%-28s %5.0f bookings/s on record, %5.0f events/s stored with a follow-up, %6.0f entries/s verified",
			kind.name+":", bookings, events, float64(n)/time.Since(began).Seconds())
		assert.Positive(t, n)
	}
}

func created(t *testing.T, server *storetest.Server) string {
	t.Helper()
	where, err := storetest.Create(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	return where
}
