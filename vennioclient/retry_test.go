package vennioclient_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// flaky fails the given number of times before anything is sent, and then works.
type flaky struct {
	http.RoundTripper
	failures int
}

func (f *flaky) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.failures > 0 {
		f.failures--
		return nil, errRefused
	}
	return f.RoundTripper.RoundTrip(r)
}

// A write that fails at any point goes again under the same key with the same
// bytes. req: I2
func TestReq_I2_RepeatedWritesAreTheSameBytes(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"no answer":        hangsUp(""),
		"half a status":    hangsUp("HTTP/1.1 2"),
		"500":              problem(500, "internal-error", ""),
		"503 of a proxy":   answers(503, htmlPage),
		"cut-off body":     hangsUp("HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n{\"booking\":"),
		"truncated body":   answers(201, aBooking[:40]),
		"in flight":        problem(409, "idempotency-in-progress", ""),
		"rate limited":     problem(429, "rate-limited", ""),
		"cut-off chunks":   hangsUp("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"boo"),
		"gateway time-out": answers(504, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := play(t, fault, fault, answers(201, aBooking))
			made, err := v.client().CreateBooking(t.Context(), "key-1", aRequest)
			require.NoError(t, err)
			assert.Equal(t, "b-1", made.ID)
			sameBytes(t, v.requests(), 3)
		})
	}
}

func TestReq_I2_FailureBeforeSending(t *testing.T) {
	t.Parallel()
	v := play(t, answers(201, aBooking))
	h := &http.Client{Transport: &flaky{RoundTripper: &http.Transport{DisableKeepAlives: true}, failures: 2}}
	_, err := v.client(vennioclient.WithHTTPClient(h)).CreateBooking(t.Context(), "key-1", aRequest)
	require.NoError(t, err)
	sameBytes(t, v.requests(), 1)
}

func sameBytes(t *testing.T, all []exchanged, n int) {
	t.Helper()
	require.Len(t, all, n)
	for _, r := range all {
		assert.Equal(t, "key-1", r.header.Get("Idempotency-Key"))
		assert.Equal(t, all[0].body, r.body)
		assert.Equal(t, all[0].uri, r.uri)
		assert.Equal(t, "Bearer "+canary, r.header.Get("Authorization"))
	}
	assert.NotEmpty(t, all[0].body)
}

func TestWritesWithoutAKeyGoOnce(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(*vennioclient.Client) error{
		"create": func(c *vennioclient.Client) error {
			_, err := c.CreateBooking(t.Context(), "", aRequest)
			return err
		},
		"update": func(c *vennioclient.Client) error {
			_, err := c.UpdateBooking(t.Context(), "", "b-1", vennioclient.BookingUpdate{Notes: new("n")})
			return err
		},
		"cancel": func(c *vennioclient.Client) error {
			return c.CancelBooking(t.Context(), "", "b-1", vennioclient.CancelSingle)
		},
	} {
		for what, fault := range map[string]http.HandlerFunc{
			"503": answers(503, ""), "429": answers(429, ""), "dropped": hangsUp(""), "in flight": problem(409, "idempotency-in-progress", ""),
		} {
			v := play(t, fault)
			require.Error(t, write(v.client()), "%s %s", name, what)
			assert.Len(t, v.requests(), 1, "%s %s", name, what)
			assert.Empty(t, v.requests()[0].header.Get("Idempotency-Key"))
		}
	}
}

// A decision of Vennio is final: the request is not repeated.
func TestDecisionsAreNotRetried(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]http.HandlerFunc{
		"400": answers(400, ""), "401": answers(401, ""), "403": answers(403, ""), "404": answers(404, ""),
		"409": answers(409, ""), "422": answers(422, ""), "taken": problem(409, "slot-unavailable", ""),
		"malformed": answers(201, `{}`), "redirect": answers(302, "", "Location", "/elsewhere"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := play(t, step)
			_, err := v.client().CreateBooking(t.Context(), "key-1", aRequest)
			assert.Equal(t, 1, asError(t, err).Attempts)
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	inFlight := problem(409, "idempotency-in-progress", "")
	v := play(t, inFlight, inFlight, inFlight, inFlight)
	_, err := v.client(vennioclient.WithRetry(vennioclient.Retry{Attempts: 4, Sleep: noSleep})).CreateBooking(t.Context(), "key-1", aRequest)
	e := asError(t, err)
	assert.Equal(t, vennioclient.KindInFlight, e.Kind)
	assert.Equal(t, 4, e.Attempts)
	assert.Contains(t, err.Error(), "after 4 attempts")
}

// afterwards calls then once an answer has been read and closed, which is when
// the client begins to wait.
type afterwards struct {
	http.RoundTripper
	then func()
}

func (a afterwards) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = closing{resp.Body, a.then}
	}
	return resp, err
}

type closing struct {
	io.ReadCloser
	then func()
}

func (c closing) Close() error {
	defer c.then()
	return c.ReadCloser.Close()
}

func TestContextEndsWaitingAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	v := play(t, answers(503, ""))
	h := &http.Client{Transport: afterwards{&http.Transport{DisableKeepAlives: true}, cancel}}
	anHour := vennioclient.Retry{Base: time.Hour, Max: time.Hour} // on a real timer
	_, err := v.client(vennioclient.WithHTTPClient(h), vennioclient.WithRetry(anHour)).CreateBooking(ctx, "key-1", aRequest)
	e := asError(t, err)
	assert.Equal(t, vennioclient.KindCanceled, e.Kind)
	require.ErrorIs(t, err, context.Canceled)
	assert.Contains(t, err.Error(), "while waiting after: vennio: unavailable (503)")
	assert.True(t, e.Sent)
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err))
	assert.Len(t, v.requests(), 1)
}
