package vennioclient_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// gone is what a second DELETE gets of a server that forgot the first one's key.
var gone = problem(404, "not-found", "")

// changes are the writes to what is there already.
var changes = map[string]func(context.Context, *vennioclient.Client) error{
	"move": func(ctx context.Context, c *vennioclient.Client) error {
		return second(c.UpdateBooking(ctx, "key-1", "b-1", vennioclient.BookingUpdate{Start: monday}))
	},
	"cancel": func(ctx context.Context, c *vennioclient.Client) error {
		return c.CancelBooking(ctx, "key-1", "b-1", vennioclient.CancelSingle)
	},
	"unsubscribe": func(ctx context.Context, c *vennioclient.Client) error { return c.DeleteWebhook(ctx, "key-1", "wh_1") },
}

// Changes are repeated under their key with the same bytes, and a refusal that
// follows an attempt without an answer settles nothing. req: I2, I3
func TestReq_I3_OutcomeOfChanges(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		steps []http.HandlerFunc
		want  vennioclient.Outcome
	}{
		"done":                {[]http.HandlerFunc{answers(200, aBooking)}, vennioclient.Done},
		"done after a drop":   {[]http.HandlerFunc{dropped, answers(200, aBooking)}, vennioclient.Done},
		"in flight, done":     {[]http.HandlerFunc{inFlight, answers(200, aBooking)}, vennioclient.Done},
		"not there":           {[]http.HandlerFunc{gone}, vennioclient.NotDone},
		"dropped, not there":  {[]http.HandlerFunc{dropped, gone}, vennioclient.Unknown},
		"timed out, gone":     {[]http.HandlerFunc{answers(504, htmlPage), gone}, vennioclient.Unknown},
		"taken":               {[]http.HandlerFunc{taken}, vennioclient.NotDone},
		"dropped, then taken": {[]http.HandlerFunc{dropped, taken}, vennioclient.Unknown},
		"limited, not there":  {[]http.HandlerFunc{limited, gone}, vennioclient.NotDone},
		"never answered":      {[]http.HandlerFunc{dropped, dropped}, vennioclient.Unknown},
	} {
		for change, call := range changes {
			t.Run(change+" "+name, func(t *testing.T) {
				t.Parallel()
				v := play(t, row.steps...)
				err := call(t.Context(), v.client(vennioclient.WithRetry(vennioclient.Retry{Attempts: 2, Sleep: noSleep})))
				assert.Equal(t, row.want, vennioclient.OutcomeOf(err), "%v", err)
				require.Len(t, v.requests(), len(row.steps))
				for _, sent := range v.requests() {
					assert.Equal(t, v.requests()[0].body, sent.body)
					assert.Equal(t, "key-1", sent.header.Get("Idempotency-Key"))
				}
			})
		}
	}
}

// net/http repeats a write that carries a key by itself, where a connection that
// was used before breaks without an answer. That is doubt too. req: I3
func TestReq_I3_OutcomeIsUnknownIfTheTransportRepeats(t *testing.T) {
	t.Parallel()
	for change, call := range changes {
		v := play(t, answers(200, aBooking), hangsUp(""), gone)
		c := v.client(once)
		_, err := c.GetBooking(t.Context(), "b-1") // leaves a connection behind
		require.NoError(t, err)
		err = call(t.Context(), c)
		require.Len(t, v.requests(), 3, "repeated by net/http")
		assert.Equal(t, 1, asError(t, err).Attempts)
		assert.Equal(t, vennioclient.KindNotFound, vennioclient.KindOf(err))
		assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err), change)
	}
}

// What the reference dialect keeps in notes and metadata survives a change of
// either, whether metadata is merged or replaced.
func TestUpdateKeepsExtras(t *testing.T) {
	t.Parallel()
	const read = `{"id":"b-1","notes":"Kick-off\n\nOld.\n\nAlso invited: bob@example.com","metadata":{"mcp_title":"Kick-off","mcp_attendee_2":"bob@example.com","order":"4711"}}`
	v := play(t, answers(200, read), answers(200, read), answers(200, read))
	c := v.client()
	before, err := c.GetBooking(t.Context(), "b-1")
	require.NoError(t, err)
	for _, u := range []vennioclient.BookingUpdate{
		{Of: before, Notes: new("New."), Metadata: map[string]string{"moved": "once"}},
		{Of: before, Start: monday, End: monday.Add(time.Hour)},
	} {
		_, err := c.UpdateBooking(t.Context(), "k", "b-1", u)
		require.NoError(t, err)
	}
	assert.JSONEq(t, `{"notes":"Kick-off\n\nNew.\n\nAlso invited: bob@example.com",
		"metadata":{"mcp_title":"Kick-off","mcp_attendee_2":"bob@example.com","order":"4711","moved":"once"}}`, v.requests()[1].body)
	assert.JSONEq(t, `{"start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T10:00:00Z"}`, v.requests()[2].body)
	assert.Equal(t, map[string]string{"order": "4711"}, before.Metadata, "what was read stays as it is")
}
