package replicas_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	bookings    = 800
	agents      = 8                     // concurrent agents
	pace        = 50 * time.Millisecond // interval between bookings: 40 s of load
	killEvery   = 3 * time.Second       // interval between kills of a replica
	faultsAt    = bookings / 2          // number of bookings before the database fails
	outage      = 30 * time.Second      // how long the database cannot be reached, each time
	giveUpAfter = 10 * time.Minute      // limit for one booking
)

// load books offers and records the results.
type load struct {
	replicas []*replica
	mu       sync.Mutex
	booked   map[string]string // booking ID by slot ID of reported bookings
	took     []time.Duration   // from the first call to the final response
	calls    int
	lost     int            // calls without a response
	unknown  map[string]int // responses that are not final, by error code
	settled  int            // bookings that needed a retry
	worst    int            // the most calls for one booking
}

// book repeats the same call at random replicas until one reports the booking.
func (l *load) book(ctx context.Context, o offer, name string) error {
	ctx, done := context.WithTimeout(ctx, giveUpAfter)
	defer done()
	began := time.Now()
	for n := 1; ; n++ {
		one, end := context.WithTimeout(ctx, 15*time.Second)
		got, err := call(one, l.replicas[rand.IntN(len(l.replicas))].url(), "book_slot", o.arguments(name))
		end()
		if l.note(o, got, err, n, time.Since(began)) {
			return nil
		}
		if err == nil && got.Error != nil && !slices.Contains(passing, got.Error.Code) {
			return fmt.Errorf("%s: %s %s", name, got.Error.Code, got.Error.Message)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not settled by %d calls: %w", name, n, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// passing are the error codes after which a retry makes sense.
var passing = []schemas.Code{schemas.CodeOutcomeUnknown, schemas.CodeStoreAway, schemas.CodeUnavailable}

func (l *load) note(o offer, got schemas.BookSlotResult, err error, n int, took time.Duration) (booked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	switch {
	case errors.Is(err, errLost):
		l.lost++
	case got.Error != nil:
		l.unknown[string(got.Error.Code)]++
	default:
		l.booked[o.id] = got.BookingID
		l.took = append(l.took, took)
		l.worst = max(l.worst, n)
		if n > 1 {
			l.settled++
		}
		return true
	}
	return false
}

// run starts a booking for each offer at regular intervals, and calls faults after the first faultsAt of them.
func (l *load) run(ctx context.Context, t *testing.T, all []offer, faults func()) {
	t.Helper()
	next := make(chan int)
	var working sync.WaitGroup
	for range agents {
		working.Go(func() {
			for i := range next {
				assert.NoError(t, l.book(ctx, all[i], fmt.Sprintf("guest-%d", i)))
			}
		})
	}
	for i := range all {
		if i == faultsAt {
			working.Go(faults)
		}
		<-time.After(pace)
		next <- i
	}
	close(next)
	working.Wait()
}

// The replicas reach the database through a slow network, are killed in turn, and lose the database three times: it is
// restarted; its network fails without ending connections, so that statements arrive half a minute late; and it is down.
//
// req: I2, I3, O5, Q2
func TestReplicasThatAreKilledBookEverythingOnce(t *testing.T) {
	t.Parallel()
	server := postgres(t, "") // with durable commits
	box, url := vennio(t)
	where := created(t, server)
	proxy := slowly(t, where, 2*time.Millisecond)
	l := &load{booked: map[string]string{}, unknown: map[string]int{}}
	for range 3 {
		l.replicas = append(l.replicas, startReplica(t, environment(t, url, proxy.URL(where))))
	}
	all := offers(t, url, bookings)

	ctx, stop := context.WithCancel(t.Context())
	kills := make(chan int, 1)
	go func() { kills <- killInTurn(ctx, t, l.replicas) }()
	began := time.Now()
	l.run(t.Context(), t, all, func() { loseDatabase(t, server, proxy) })
	lasted := time.Since(began)
	stop()
	killed := <-kills

	assert.Len(t, l.booked, bookings)
	there := map[string]int{}
	for _, b := range box.Bookings() {
		there[b.ID]++
	}
	assert.Len(t, there, bookings, "nothing was booked that nobody was told of")
	for slot, id := range l.booked {
		assert.Equal(t, 1, there[id], "%s: every answered booking exists exactly once", slot)
	}
	settled(t, where)
	entries := ledgerOf(t, where)
	slices.Sort(l.took)
	t.Logf("%d bookings in %.1f s over 3 replicas, %d killed, the database restarted once and away twice for %v: all told, each there once", len(l.booked), lasted.Seconds(), killed, outage)
	t.Logf("%d calls, %d without an answer, %v told as not settled; %d bookings settled by a repeat, the worst by call %d", l.calls, l.lost, l.unknown, l.settled, l.worst)
	t.Logf("from first call to answer: median %v, 99 of 100 within %v, the slowest %v; ledger of %d entries unbroken",
		l.took[len(l.took)/2].Round(time.Millisecond), l.took[len(l.took)*99/100].Round(time.Millisecond), l.took[len(l.took)-1].Round(time.Millisecond), entries)
	assert.Greater(t, killed, 5)
	assert.Positive(t, l.settled, "a test without an interrupted booking shows nothing")
}

// loseDatabase takes the database away three times, in different ways.
func loseDatabase(t *testing.T, server *storetest.Server, proxy *storetest.Proxy) {
	t.Helper()
	const between = 2 * killEvery
	assert.NoError(t, server.Restart(t.Context()))
	<-time.After(between)
	proxy.Cut()
	<-time.After(outage)
	proxy.Restore()
	<-time.After(between)
	assert.NoError(t, server.Down(t.Context()))
	<-time.After(outage)
	assert.NoError(t, server.Up(t.Context()))
}

// killInTurn kills and restarts one replica after the other until ctx ends.
func killInTurn(ctx context.Context, t *testing.T, replicas []*replica) (killed int) {
	t.Helper()
	again := time.NewTicker(killEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return killed
		case <-again.C:
		}
		r := replicas[killed%len(replicas)]
		r.kill()
		assert.NoError(t, r.start())
		killed++
	}
}

// ledgerOf verifies the ledger and returns the number of its entries.
func ledgerOf(t *testing.T, where string) int64 {
	t.Helper()
	db := sqldb.Open(where)
	defer func() { require.NoError(t, db.Close()) }()
	n, err := consent.New(db, time.Now).Verify(t.Context())
	require.NoError(t, err)
	return n
}
