package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// overHTTP sends r over a real connection and returns the status, or the error of the line.
func overHTTP(t *testing.T, srv *httptest.Server, r request) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, srv.URL+r.target, strings.NewReader(r.body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
	req.Header.Set("Idempotency-Key", r.idempotency)
	resp, err := srv.Client().Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, nil
}

// req: I2
func TestLostAndDroppedCallsAreSeenOnce(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k1")
	status, err := overHTTP(t, srv, operations["list"])
	require.NoError(t, err, "the connection is now open and will be used again")
	require.Equal(t, http.StatusOK, status)

	before := s.Calls()
	s.DropNext(1)
	_, err = overHTTP(t, srv, r)
	require.Error(t, err)
	assert.Empty(t, s.Bookings(), "dropped before the work")
	s.LoseNext(1)
	_, err = overHTTP(t, srv, r)
	require.Error(t, err)
	assert.Len(t, s.Bookings(), 1, "lost after the work")
	assert.Equal(t, before+2, s.Calls(), "nothing was repeated behind our back")

	status, err = overHTTP(t, srv, r)
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, status)
	assert.Len(t, s.Bookings(), 1, "replayed")
	assert.Equal(t, 1, s.Writes())
}

func TestTimedOutCallIsDone(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	s.TimeOutNext(1)
	w := send(s, book(alice, free.Start, free.End))
	assert.Equal(t, http.StatusGatewayTimeout, w.Code)
	assert.Contains(t, w.Body.String(), "<html>")
	assert.Len(t, s.Bookings(), 1)
}

// req: E2
func TestFaultsWaitInLine(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.FailNext(2, http.StatusBadGateway)
	s.FailNextProblem(1, http.StatusServiceUnavailable, "service-unavailable", 90*time.Second)
	s.FailNextProblem(1, http.StatusTeapot, "tea", 0)
	free := slot{Start: tomorrow.Add(12 * time.Hour), End: tomorrow.Add(13 * time.Hour)}
	for range 2 {
		w := send(s, book(alice, free.Start, free.End))
		assert.Equal(t, http.StatusBadGateway, w.Code)
		assert.Equal(t, "text/html", w.Header().Get("Content-Type"))
	}
	w := send(s, operations["list"])
	assert.Equal(t, "90", w.Header().Get("Retry-After"))
	assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	refused(t, s, http.StatusTeapot, "tea", operations["list"])
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code)
	assert.Empty(t, s.Bookings())
	assert.Equal(t, 5, s.Calls())
}

func TestFaultsWithoutAConnection(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.DropNext(1)
	assert.Equal(t, http.StatusBadGateway, send(s, operations["list"]).Code)
}

func TestSlowCallPassesTheTimeGiven(t *testing.T) {
	t.Parallel()
	var passed []time.Duration
	gone := errors.New("caller is gone")
	var outcome error
	s := newServer(sandbox.Options{Wait: func(_ context.Context, d time.Duration) error {
		passed = append(passed, d)
		return outcome
	}})
	s.SlowNext(2, 3*time.Second)
	made := freeSlot(t, s, alice)
	outcome = gone
	send(s, book(alice, made.Start, made.End))
	assert.Equal(t, []time.Duration{3 * time.Second, 3 * time.Second}, passed)
	assert.Empty(t, s.Bookings(), "who gives up has changed nothing")
}

func TestSlowCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.SlowNext(1, time.Millisecond)
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code, "the real timer")
	s.SlowNext(1, time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/bookings", nil))
	assert.Equal(t, http.StatusBadGateway, w.Code)
}

func TestTakeNeedsAHostAndATime(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	require.Error(t, s.Take("nobody", wednesday, wednesday.Add(time.Hour)))
	require.Error(t, s.Take(alice.ID, wednesday, wednesday))
	require.NoError(t, s.Take(alice.Email, tomorrow, tomorrow.Add(week)))
	assert.Empty(t, want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week))).Slots)
	assert.Empty(t, s.Bookings())
}

func TestDisconnectedHostCannotBeBooked(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	s.Disconnect(alice.ID)
	refused(t, s, http.StatusNotFound, "calendar-not-connected", book(alice, free.Start, free.End))
	refused(t, s, http.StatusNotFound, "calendar-not-connected", slotsOf(alice, tomorrow, tomorrow.Add(week)))
}

func TestHiddenDescriptions(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.HideDescriptions(true)
	w := send(s, slotsOf(alice, tomorrow, tomorrow.Add(week)))
	assert.NotContains(t, w.Body.String(), "description")
	s.HideDescriptions(false)
	assert.NotEmpty(t, freeSlot(t, s, alice).Description)
}

func TestCancelByTheSandbox(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	require.NoError(t, s.Cancel(made.ID))
	require.Error(t, s.Cancel(made.ID))
	require.Error(t, s.Cancel("nothing"))
	assert.Equal(t, "cancelled", want[bookingAnswer](t, s, http.StatusOK, get("/v1/bookings/"+made.ID)).Booking.Status)
	assert.Equal(t, 1, s.Writes())
}
