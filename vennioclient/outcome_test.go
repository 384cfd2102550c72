package vennioclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var (
	booked   = answers(201, aBooking)
	taken    = problem(409, "slot-unavailable", "")
	limited  = problem(429, "rate-limited", "")
	inFlight = problem(409, "idempotency-in-progress", "")
	dropped  = hangsUp("")
	failed   = answers(503, "")
)

var outcomes = map[string]struct {
	steps []http.HandlerFunc
	want  vennioclient.Outcome
}{
	"booked":                 {[]http.HandlerFunc{booked}, vennioclient.Done},
	"booked after a drop":    {[]http.HandlerFunc{dropped, booked}, vennioclient.Done},
	"invalid":                {[]http.HandlerFunc{answers(400, "")}, vennioclient.NotDone},
	"unauthorized":           {[]http.HandlerFunc{answers(401, "")}, vennioclient.NotDone},
	"forbidden":              {[]http.HandlerFunc{answers(403, "")}, vennioclient.NotDone},
	"not found":              {[]http.HandlerFunc{answers(404, "")}, vennioclient.NotDone},
	"not connected":          {[]http.HandlerFunc{problem(404, "calendar-not-connected", "")}, vennioclient.NotDone},
	"taken":                  {[]http.HandlerFunc{taken}, vennioclient.NotDone},
	"past":                   {[]http.HandlerFunc{problem(422, "time-in-past", "")}, vennioclient.NotDone},
	"key reused":             {[]http.HandlerFunc{problem(422, "idempotency-key-reused", "")}, vennioclient.NotDone},
	"bare 422":               {[]http.HandlerFunc{answers(422, "")}, vennioclient.NotDone},
	"limited":                {[]http.HandlerFunc{limited, limited}, vennioclient.NotDone},
	"limited, then taken":    {[]http.HandlerFunc{limited, taken}, vennioclient.NotDone},
	"5xx":                    {[]http.HandlerFunc{failed, failed}, vennioclient.Unknown},
	"dropped":                {[]http.HandlerFunc{dropped, dropped}, vennioclient.Unknown},
	"in flight":              {[]http.HandlerFunc{inFlight, inFlight}, vennioclient.Unknown},
	"bare 409":               {[]http.HandlerFunc{answers(409, "")}, vennioclient.Unknown},
	"malformed":              {[]http.HandlerFunc{answers(201, "{}")}, vennioclient.Unknown},
	"redirected":             {[]http.HandlerFunc{answers(303, "", "Location", "/v1/bookings/b-1")}, vennioclient.Unknown},
	"dropped, then limited":  {[]http.HandlerFunc{dropped, limited}, vennioclient.Unknown},
	"5xx, then unauthorized": {[]http.HandlerFunc{failed, answers(401, "")}, vennioclient.Unknown},
	"dropped, then taken":    {[]http.HandlerFunc{dropped, taken}, vennioclient.Unknown},
	"in flight, then taken":  {[]http.HandlerFunc{inFlight, taken}, vennioclient.Unknown},
}

// Outcomes of a booking by what its attempts met. req: I3
func TestReq_I3_OutcomeOfAttempts(t *testing.T) {
	t.Parallel()
	for name, row := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := play(t, row.steps...).client(vennioclient.WithRetry(vennioclient.Retry{Attempts: 2, Sleep: noSleep}))
			_, err := c.CreateBooking(t.Context(), "key-1", aRequest)
			assert.Equal(t, row.want, vennioclient.OutcomeOf(err), "%v", err)
		})
	}
}

// What never left this machine was not done.
func TestReq_I3_NeverSentIsNotDone(t *testing.T) {
	t.Parallel()
	c := client(t, vennioclient.WithBaseURL("http://127.0.0.1:1"))
	_, err := c.CreateBooking(t.Context(), "key-1", aRequest)
	e := asError(t, err)
	assert.Equal(t, vennioclient.KindNetwork, e.Kind)
	assert.False(t, e.Sent)
	assert.Equal(t, 3, e.Attempts)
	assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))

	_, err = c.CreateBooking(ended(t), "key-1", aRequest)
	assert.Equal(t, vennioclient.KindCanceled, vennioclient.KindOf(err))
	assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))

	_, err = c.CreateBooking(t.Context(), "not a key", aRequest)
	assert.Equal(t, vennioclient.KindInvalid, vennioclient.KindOf(err))
	assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))
}

// Doubt outlives a later attempt that never left.
func TestReq_I3_DroppedThenRefusedConnection(t *testing.T) {
	t.Parallel()
	v := play(t, hangsUp(""))
	h := &http.Client{Transport: &fading{RoundTripper: &http.Transport{DisableKeepAlives: true}}}
	_, err := v.client(vennioclient.WithHTTPClient(h)).CreateBooking(t.Context(), "key-1", aRequest)
	assert.True(t, asError(t, err).Sent)
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err))
}

// fading reaches the server once and fails afterwards.
type fading struct {
	http.RoundTripper
	used bool
}

func (f *fading) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.used {
		return nil, errRefused
	}
	f.used = true
	return f.RoundTripper.RoundTrip(r)
}

// Without information about connections, the outcome of an unclear error is Unknown.
func TestOutcomeBehindAnOpaqueTransport(t *testing.T) {
	t.Parallel()
	broken := func(err error) *http.Client { return &http.Client{Transport: &opaque{err}} }
	for err, want := range map[error]vennioclient.Outcome{
		errRefused:           vennioclient.NotDone,
		errors.New("broken"): vennioclient.Unknown,
	} {
		_, got := client(t, vennioclient.WithHTTPClient(broken(err))).CreateBooking(t.Context(), "k", aRequest)
		assert.Equal(t, want, vennioclient.OutcomeOf(got))
	}
}

type opaque struct{ err error }

func (o *opaque) RoundTrip(*http.Request) (*http.Response, error) { return nil, o.err }

func TestOutcomeOfOtherErrors(t *testing.T) {
	t.Parallel()
	assert.Equal(t, vennioclient.Done, vennioclient.OutcomeOf(nil))
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(context.Canceled))
	assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(fmt.Errorf("booking: %w", &vennioclient.Error{Kind: vennioclient.KindSlotTaken, Status: 409})))
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(&vennioclient.Error{Kind: vennioclient.KindUnavailable, Status: 503}))
}

func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
