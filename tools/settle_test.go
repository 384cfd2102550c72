package tools_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// forgetful is a world whose store accepts no writes after something was sent to Vennio.
type forgetful struct {
	*world
	db   *sqldb.DB
	lost bool // what is sent does not arrive
}

func newForgetful(t *testing.T, options ...option) *forgetful {
	t.Helper()
	f := &forgetful{world: newWorld(t, options...), db: sqldb.OpenWith("", longWait)}
	t.Cleanup(func() { require.NoError(t, f.db.Close()) })
	f.deps.Policy = consent.PolicyAttested
	f.restart()
	return f
}

// restart simulates another process with the same store, which accepts writes again.
func (f *forgetful) restart() {
	f.t.Helper()
	if f.db.Probe(f.t.Context()) != nil {
		storetest.Pragma(f.t, f.db, "query_only = 0")
	}
	f.deps.Ledger = consent.New(f.db, f.deps.Now)
	f.connect()
}

// broken makes a call whose outcome cannot be recorded.
func (f *forgetful) broken(call func()) {
	f.t.Helper()
	before, warned := f.deps, 0
	f.deps.Ledger.RetryFor = time.Millisecond
	f.deps.Warn = func(error) { warned++ }
	api := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return http.DefaultTransport.RoundTrip(r)
		}
		storetest.Pragma(f.t, f.db, "query_only = 1")
		if f.lost {
			return nil, errors.New("the process died")
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	f.deps.Vennio = f.client(canary, vennioclient.WithDialect(before.Vennio.Dialect()), vennioclient.WithHTTPClient(&http.Client{Transport: api}))
	f.connect()
	call()
	f.deps = before
	f.restart()
	assert.Equal(f.t, 1, warned, "the operator is notified")
	left, err := f.deps.Ledger.UnsettledSent(f.t.Context(), 0)
	require.NoError(f.t, err)
	require.Len(f.t, left, 1)
}

// settlement is what the ledger's last entry says.
type settlement struct {
	Outcome consent.Outcome
	Booking string
}

// swept settles what is left and returns what was noted; empty where nothing was.
func (f *forgetful) swept() (last settlement) {
	f.t.Helper()
	writes := f.vennio.Writes()
	before, err := f.deps.Ledger.Verify(f.t.Context())
	require.NoError(f.t, err)
	for _, find := range []func() ([]consent.Unsettled, error){
		func() ([]consent.Unsettled, error) { return f.deps.Ledger.UnsettledSent(f.t.Context(), 0) },
		func() ([]consent.Unsettled, error) {
			return f.deps.Ledger.UnsettledUnknown(f.t.Context(), 0, 26*time.Hour)
		},
	} {
		left, err := find()
		require.NoError(f.t, err)
		for _, one := range left {
			require.NoError(f.t, f.deps.SettleLeft(f.t.Context(), one))
		}
	}
	assert.Equal(f.t, writes, f.vennio.Writes(), "nothing is sent again")
	sent, err := f.deps.Ledger.UnsettledSent(f.t.Context(), 0)
	require.NoError(f.t, err)
	assert.Empty(f.t, sent, "no grant stays sent")
	_, err = f.deps.Ledger.Verify(f.t.Context())
	require.NoError(f.t, err)
	entries, err := f.deps.Ledger.Entries(f.t.Context(), before, 100)
	require.NoError(f.t, err)
	for _, e := range entries {
		require.Equal(f.t, "settled", e.Kind)
		require.NoError(f.t, json.Unmarshal([]byte(e.Details), &last))
	}
	return last
}

func args2(by, words string) args { return args{"granted": true, "given_by": by, "statement": words} }

// field: settlement after the store was away. What was done is found at Vennio by
// reads, whichever tool did it, and settled with its booking.
func TestWhatWasDoneAndNotNotedIsSettledByReads(t *testing.T) {
	t.Parallel()
	for _, dialect := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		for name, prepare := range writes {
			t.Run(string(dialect)+"/"+name, func(t *testing.T) {
				t.Parallel()
				f := newForgetful(t, withDialect(dialect))
				arguments := prepare(f.world)
				f.broken(func() { call[map[string]any](f.world, toolOf(name), arguments) })
				got := f.swept()
				assert.Equal(t, consent.Done, got.Outcome)
				assert.NotEmpty(t, got.Booking)
				assert.Empty(t, f.swept(), "once")
			})
		}
	}
}

// field: settlement of a write that never arrived. It is unknown while the same call
// may still be made again, and not done afterwards.
func TestWhatNeverArrivedIsNotDoneOnceItCannotArrive(t *testing.T) {
	t.Parallel()
	for name, prepare := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newForgetful(t)
			arguments := prepare(f.world)
			f.lost = true
			f.broken(func() { call[map[string]any](f.world, toolOf(name), arguments) })
			assert.Equal(t, consent.Unknown, f.swept().Outcome)
			f.clock = f.clock.Add(consent.RepeatWindow + 10*time.Minute)
			assert.Empty(t, f.swept())
			f.clock = f.clock.Add(10 * time.Minute)
			assert.Equal(t, consent.NotDone, f.swept().Outcome)
			assert.Empty(t, f.swept())
		})
	}
}

// field: settlement by the same call. A call that is made again before a sweep
// settles it too, and books nothing more.
func TestTheSameCallSettlesWhatWasNotNoted(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	booking := agreed(f.slot().SlotID)
	f.broken(func() { require.Equal(t, "confirmed", f.book(booking).Data.Status, "the result has the booking") })
	assert.Equal(t, "confirmed", f.book(booking).Data.Status)
	assert.Empty(t, f.swept())
	assert.Equal(t, 1, f.confirmed())
}

// field: settlement after a cancellation. Of two alike bookings each is that of its
// own consent.
func TestABookingIsNotTakenForThatOfAnotherConsent(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	first := f.booked()
	require.False(t, f.change("cancel_booking", args{"booking_id": first.BookingID, "consent": yes}).IsError)
	booking := agreed(f.slot().SlotID)
	f.broken(func() { f.book(booking) })
	got := f.swept()
	assert.Equal(t, consent.Done, got.Outcome)
	assert.NotEqual(t, first.BookingID, got.Booking)

	f.lost = true
	booking = agreed(f.find(args{"from": "2026-05-21", "limit": 1}).Data.Slots[0].SlotID)
	f.broken(func() { f.book(booking) })
	f.lost = false
	_, err := f.otherClient().CreateBooking(t.Context(), "else", vennioclient.BookingRequest{ // the person books it themselves
		Hosts: []string{sandbox.Hosts()[0].ID}, Customer: vennioclient.Person{Email: "ada@example.com"}, Start: friday.Add(-24 * time.Hour), End: friday.Add(-24 * time.Hour).Add(30 * time.Minute),
	})
	require.NoError(t, err)
	assert.Equal(t, consent.Unknown, f.swept().Outcome)
}

// field: settlement while Vennio is away. It is tried again, and after an hour the
// grant stands as unknown.
func TestASweepWaitsForVennio(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	booking := agreed(f.slot().SlotID)
	f.broken(func() { f.book(booking) })
	left, err := f.deps.Ledger.UnsettledSent(t.Context(), 0)
	require.NoError(t, err)
	f.vennio.FailNext(100, http.StatusServiceUnavailable)
	require.Error(t, f.deps.SettleLeft(t.Context(), left[0]))
	f.clock = f.clock.Add(2 * time.Hour)
	left, err = f.deps.Ledger.UnsettledSent(t.Context(), time.Hour)
	require.NoError(t, err)
	require.NoError(t, f.deps.SettleLeft(t.Context(), left[0]))
	f.vennio.Calm()
	assert.Equal(t, consent.Done, f.swept().Outcome, "and is still looked at")
}

// field: settlement with a key that may not read
func TestASweepWithAKeyThatMayNotReadLeavesItUnknown(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	booking := agreed(f.slot().SlotID)
	f.broken(func() { f.book(booking) })
	f.deps.Vennio = f.client("vennio_pk_test_c4n4ry")
	assert.Equal(t, consent.Unknown, f.swept().Outcome)
	f.clock = f.clock.Add(3 * time.Hour)
	assert.Empty(t, f.swept(), "it is never called not done")
}

// field: settlement of an erased consent
func TestASweepSettlesWhatWasErased(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	booking := agreed(f.slot().SlotID)
	f.broken(func() { f.book(booking) })
	_, _, err := f.deps.Ledger.Erase(t.Context(), "ada@example.com")
	require.NoError(t, err)
	assert.Equal(t, settlement{Outcome: consent.Unknown}, f.swept())
	f.clock = f.clock.Add(3 * time.Hour)
	assert.Empty(t, f.swept())
}

// field: settlement that is tried again. The store becomes available while the call
// waits, and the booking is recorded before the call returns it.
func TestASettlementIsTriedAgainWhileTheCallWaits(t *testing.T) {
	t.Parallel()
	w, db := newWorld(t), sqldb.OpenWith("", longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	w.deps.Ledger, w.deps.Policy = consent.New(db, w.deps.Now), consent.PolicyAttested
	w.deps.Ledger.RetryFor = time.Minute
	w.onWrite(func() {
		storetest.Pragma(t, db, "query_only = 1")
		time.AfterFunc(50*time.Millisecond, func() { storetest.Pragma(t, db, "query_only = 0") })
	})
	require.Equal(t, "confirmed", w.book(agreed(w.slot().SlotID)).Data.Status)
	left, err := w.deps.Ledger.UnsettledSent(t.Context(), 0)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// field: settlement by the process that knows the outcome. What could not be kept in
// time is kept as soon as the store is back, without asking Vennio.
func TestAnOutcomeThatIsKnownIsKeptLater(t *testing.T) {
	t.Parallel()
	f := newForgetful(t)
	booking := agreed(f.slot().SlotID)
	ledger := f.deps.Ledger
	f.broken(func() { f.book(booking) })
	require.NoError(t, ledger.Flush(t.Context()))
	left, err := ledger.UnsettledSent(t.Context(), 0)
	require.NoError(t, err)
	assert.Empty(t, left)
	require.NoError(t, ledger.Flush(t.Context()))
	assert.Empty(t, f.swept())
}
