package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func keyed(r request, key string) request {
	r.idempotency = key
	return r
}

func TestSameKeySameBodyIsOneBooking(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k:1._-A")
	first, second := send(s, r), send(s, r)
	assert.Equal(t, http.StatusCreated, first.Code)
	assert.Equal(t, http.StatusCreated, second.Code)
	assert.Equal(t, first.Body.String(), second.Body.String())
	assert.Empty(t, first.Header().Get("Idempotency-Replayed"))
	assert.Equal(t, "true", second.Header().Get("Idempotency-Replayed"))
	assert.NotEqual(t, first.Header().Get("X-Request-Id"), second.Header().Get("X-Request-Id"))
	require.Len(t, s.Bookings(), 1)
	assert.Equal(t, "k:1._-A", s.Bookings()[0].IdempotencyKey)
	assert.Equal(t, 1, s.Writes())
	assert.Equal(t, 3, s.Calls())
}

// req: I4
func TestSameKeyOtherRequestIsRefused(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k1")
	made := want[bookingAnswer](t, s, http.StatusCreated, r).Booking
	other := r
	other.body = strings.Replace(r.body, "Gwen", "Glen", 1)
	refused(t, s, http.StatusUnprocessableEntity, "idempotency-key-reused", other)
	refused(t, s, http.StatusUnprocessableEntity, "idempotency-key-reused", keyed(cancel(made.ID, ""), "k1"))
	assert.Equal(t, "confirmed", s.Bookings()[0].Status)
}

// req: I6
func TestBookCancelBookAgain(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	first := want[bookingAnswer](t, s, http.StatusCreated, keyed(book(alice, free.Start, free.End), "k1")).Booking
	want[bookingAnswer](t, s, http.StatusOK, keyed(cancel(first.ID, ""), "k2"))
	second := want[bookingAnswer](t, s, http.StatusCreated, keyed(book(alice, free.Start, free.End), "k3")).Booking
	assert.NotEqual(t, first.ID, second.ID)
	replay := want[bookingAnswer](t, s, http.StatusCreated, keyed(book(alice, free.Start, free.End), "k1")).Booking
	assert.Equal(t, first, replay, "the stored answer, though the booking is cancelled by now")
}

func TestRefusedWriteLeavesItsKeyFree(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	r := keyed(book(alice, made.StartTime, made.EndTime), "k1")
	refused(t, s, http.StatusConflict, "slot-unavailable", r)
	require.NoError(t, s.Cancel(made.ID))
	want[bookingAnswer](t, s, http.StatusCreated, r)
}

func TestKeysAreKeptADay(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	free := freeSlot(t, s, bob)
	r := keyed(book(bob, free.Start.Add(week), free.End.Add(week)), "k1")
	made := want[bookingAnswer](t, s, http.StatusCreated, r).Booking
	now.Advance(24*time.Hour - time.Second)
	assert.Equal(t, made.ID, want[bookingAnswer](t, s, http.StatusCreated, r).Booking.ID)
	now.Advance(time.Second)
	refused(t, s, http.StatusConflict, "slot-unavailable", r)
}

func TestKeysCountPerAPIKey(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k1")
	want[bookingAnswer](t, s, http.StatusCreated, r)
	r.key = "vennio_sk_test_other"
	refused(t, s, http.StatusConflict, "slot-unavailable", r)
}

func TestKeysMustBeLegal(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	for _, key := range []string{strings.Repeat("k", 257), "a b", "ключ", "a/b"} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", keyed(book(alice, free.Start, free.End), key))
		assert.Contains(t, p.Errors, "Idempotency-Key")
	}
	want[bookingAnswer](t, s, http.StatusCreated, keyed(book(alice, free.Start, free.End), strings.Repeat("k", 256)))
}

// req: I4
func TestHeldWriteIsInFlight(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k1")
	release := s.HoldNextWrite()
	t.Cleanup(release)
	calls := s.Calls()
	held := make(chan *httptest.ResponseRecorder)
	go func() { held <- send(s, r) }()
	require.Eventually(t, func() bool { return s.Calls() > calls }, time.Minute, time.Millisecond)
	p := refused(t, s, http.StatusConflict, "idempotency-in-progress", r)
	assert.Equal(t, "A request with this idempotency key is still being processed.", p.Detail, "as in testdata/wire")
	assert.Empty(t, s.Bookings(), "nothing is done while held")
	want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week)))

	release()
	release()
	first := <-held
	assert.Equal(t, http.StatusCreated, first.Code)
	assert.Equal(t, first.Body.String(), send(s, r).Body.String())
	assert.Len(t, s.Bookings(), 1)
}

func TestHoldThatIsReleasedFirstHoldsNothing(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.HoldNextWrite()()
	booked(t, s, alice)
}
