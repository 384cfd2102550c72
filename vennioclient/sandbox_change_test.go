package vennioclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

var faults = map[string]func(*sandbox.Server){
	"answer lost":      func(s *sandbox.Server) { s.LoseNext(2) },
	"gateway time-out": func(s *sandbox.Server) { s.TimeOutNext(2) },
	"never arrived":    func(s *sandbox.Server) { s.DropNext(2) },
	"a proxy's 502":    func(s *sandbox.Server) { s.FailNext(1, 502); s.LoseNext(1) },
}

// Whatever is lost on the way, one change is one change. req: I2
func TestReq_I2_LostAnswersChangeOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		for change, call := range map[string]func(*vennioclient.Client, vennioclient.BookingRequest, string) error{
			"move": func(c *vennioclient.Client, r vennioclient.BookingRequest, id string) error {
				return second(c.UpdateBooking(t.Context(), "move-1", id, vennioclient.BookingUpdate{Start: r.Start, End: r.End}))
			},
			"cancel": func(c *vennioclient.Client, _ vennioclient.BookingRequest, id string) error {
				return c.CancelBooking(t.Context(), "cancel-1", id, vennioclient.CancelSingle)
			},
			"series": func(c *vennioclient.Client, r vennioclient.BookingRequest, _ string) error {
				r.Recurrence = &vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: 1}
				return second(c.CreateSeries(t.Context(), "series-1", r))
			},
			"subscribe": func(c *vennioclient.Client, _ vennioclient.BookingRequest, _ string) error {
				return second(c.CreateWebhook(t.Context(), "hook-1", aWebhook))
			},
		} {
			box, c := account(t, vennioclient.Reference)
			made, err := c.CreateBooking(t.Context(), "book-1", request(t, c))
			require.NoError(t, err)
			other := request(t, c)
			fault(box)
			require.NoError(t, call(c, other, made.ID), "%s, %s", change, name)
			assert.Equal(t, 2, box.Writes(), "%s, %s", change, name)
		}
	}
}

func TestLifeOfASeries(t *testing.T) {
	t.Parallel()
	for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		_, c := account(t, d)
		r := request(t, c)
		r.Recurrence = &vennioclient.Recurrence{Frequency: vennioclient.Biweekly, Count: 4, Timezone: "Europe/London"}
		made, err := c.CreateSeries(t.Context(), "series-1", r)
		require.NoError(t, err)
		assert.Equal(t, 4, made.Created+made.Skipped)
		require.Len(t, made.Bookings, made.Created)
		assert.Equal(t, r.Title, made.Bookings[0].Title)
		assert.True(t, r.Start.Equal(made.Bookings[0].Start))
		page, err := c.ListBookings(t.Context(), vennioclient.BookingsQuery{SeriesID: made.ID})
		require.NoError(t, err)
		assert.Equal(t, made.Bookings, page.Bookings)
		page, err = c.ListBookings(t.Context(), vennioclient.BookingsQuery{From: r.Start, To: r.Start.Add(time.Minute)})
		require.NoError(t, err)
		assert.Len(t, page.Bookings, 1)
		require.NoError(t, c.CancelBooking(t.Context(), "series-2", made.Bookings[0].ID, vennioclient.CancelSeries))
		page, err = c.ListBookings(t.Context(), vennioclient.BookingsQuery{Status: vennioclient.StatusConfirmed})
		require.NoError(t, err)
		assert.Empty(t, page.Bookings)
	}
}

func TestLifeOfAWebhook(t *testing.T) {
	t.Parallel()
	box, c := account(t, vennioclient.Reference)
	made, err := c.CreateWebhook(t.Context(), "hook-1", aWebhook)
	require.NoError(t, err)
	assert.Equal(t, box.Webhooks()[0].Secret, made.Secret.Reveal())
	listed, err := c.ListWebhooks(t.Context())
	require.NoError(t, err)
	made.Secret = vennioclient.Secret{}
	assert.Equal(t, []vennioclient.Webhook{*made}, listed)
	require.NoError(t, c.DeleteWebhook(t.Context(), "hook-2", made.ID))
	assert.Empty(t, box.Webhooks())
	err = c.DeleteWebhook(t.Context(), "hook-3", made.ID)
	assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))
}
