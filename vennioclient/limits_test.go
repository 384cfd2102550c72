package vennioclient_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Answers are read up to 8 MiB, errors up to 64 KiB, however much comes.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	endless := func(status int, head string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			chunk := []byte(head + strings.Repeat(" ", 1<<16))
			for r.Context().Err() == nil {
				if _, err := w.Write(chunk); err != nil {
					return
				}
				chunk = chunk[len(chunk)-1<<16:]
			}
		}
	}
	_, err := play(t, endless(200, `{"slots":[]`)).client().Slots(t.Context(), aQuery)
	e := asError(t, err)
	assert.Equal(t, vennioclient.KindMalformed, e.Kind)
	assert.Contains(t, err.Error(), "8388608 bytes")

	_, err = play(t, endless(403, `{"title":"No"`)).client().Slots(t.Context(), aQuery)
	assert.Equal(t, vennioclient.KindForbidden, asError(t, err).Kind)
}

// Decoding takes many times the memory of a short value, so that a limit of bytes alone is no
// sufficient. A list of slots ends at the first element that is not a slot.
// field: answer of Vennio with many values
func TestAnswersOfManyValuesAreRefused(t *testing.T) {
	t.Parallel()
	many := "[" + strings.Repeat("{},", 1<<20) + "{}]"
	for _, body := range []string{many, `{"slots":` + many + `}`, `{"data":` + many + `}`, `{"slots":{"2026-05-13":` + many + `}}`, `{"a":[` + strings.Repeat("1,", 1<<20) + `1]}`} {
		c := play(t, answers(200, body)).client()
		_, err := c.Slots(t.Context(), aQuery)
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind)
		assert.Contains(t, err.Error(), "too many values")
	}
	few := "[" + strings.Repeat("{},", 200_000) + "{}]"
	_, err := play(t, answers(200, few)).client().Slots(t.Context(), aQuery)
	require.ErrorContains(t, err, "slots[0]")
}

// field: byte order mark in an answer of Vennio
func TestAnAnswerMayBeginWithAByteOrderMark(t *testing.T) {
	t.Parallel()
	found, err := play(t, answers(200, "\ufeff{\"slots\":[]}")).client().Slots(t.Context(), aQuery)
	require.NoError(t, err)
	assert.Empty(t, found)
	_, err = play(t, answers(200, "{\ufeff\"slots\":[]}")).client().Slots(t.Context(), aQuery)
	assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind)
}

func TestLongAnswersAreRead(t *testing.T) {
	t.Parallel()
	body := `{"slots":[],"padding":"` + strings.Repeat("x", 8<<20-64) + `"}`
	found, err := play(t, answers(200, body)).client().Slots(t.Context(), aQuery)
	require.NoError(t, err)
	assert.Empty(t, found)
}

// One connection serves all calls, whatever their answers were. On a busy machine this takes several attempts: net/http
// uses no connection again whose request it has not noted as sent 50 ms after the answer.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	for attempt := 1; ; attempt++ {
		n := connectionsForCalls(t)
		if n == 1 {
			return
		}
		require.Less(t, attempt, 50, "%d connections", n)
	}
}

// connectionsForCalls returns how many connections calls with all kinds of answers take.
func connectionsForCalls(t *testing.T) int32 {
	t.Helper()
	v := &vennio{t: t, steps: []http.HandlerFunc{
		answers(200, aBooking),
		answers(404, strings.Repeat("x", 100<<10)), // more than is read of an error
		answers(502, htmlPage),
		answers(200, aBooking+strings.Repeat(" ", 10<<10)),
		answers(200, aBooking), // to a DELETE, which does not look at it
		answers(204, ""),
		answers(200, aBooking),
	}}
	var connections atomic.Int32
	v.Server = httptest.NewUnstartedServer(v)
	v.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	v.Start()
	t.Cleanup(v.Close)
	c := v.client(once)
	for range 4 {
		_, _ = c.GetBooking(t.Context(), "b-1")
	}
	require.NoError(t, c.CancelBooking(t.Context(), "k", "b-1", ""))
	require.NoError(t, c.CancelBooking(t.Context(), "k", "b-1", ""))
	_, err := c.GetBooking(t.Context(), "b-1")
	require.NoError(t, err)
	assert.Len(t, v.requests(), 7)
	return connections.Load()
}
