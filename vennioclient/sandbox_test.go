package vennioclient_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// account starts a sandbox whose clock is set to Wednesday 13 May 2026, 08:00 UTC.
func account(t *testing.T, d vennioclient.Dialect) (*sandbox.Server, *vennioclient.Client) {
	t.Helper()
	now := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	box := sandbox.New(sandbox.Options{Now: func() time.Time { return now }, Seed: 1})
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	return box, client(t, vennioclient.WithBaseURL(server.URL), vennioclient.WithDialect(d))
}

// request asks for the first free hour of the sandbox's first host.
func request(t *testing.T, c *vennioclient.Client) vennioclient.BookingRequest {
	t.Helper()
	from := time.Date(2026, 5, 14, 0, 0, 0, 0, time.UTC)
	hosts := []string{sandbox.Hosts()[0].ID}
	free, err := c.Slots(t.Context(), vennioclient.SlotsQuery{Hosts: hosts, Duration: time.Hour, From: from, To: from.AddDate(0, 0, 5)})
	require.NoError(t, err)
	require.NotEmpty(t, free)
	return vennioclient.BookingRequest{
		Hosts: hosts, Customer: vennioclient.Person{Email: "guest@example.org"}, Others: []vennioclient.Person{{Email: "ann@example.net"}},
		Start: free[0].Start, End: free[0].End, Title: "Design review", Notes: "Second pass.",
	}
}

func TestLifeOfABooking(t *testing.T) {
	t.Parallel()
	for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
		_, c := account(t, d)
		r := request(t, c)
		made, err := c.CreateBooking(t.Context(), "life-1", r)
		require.NoError(t, err)
		assert.Equal(t, []any{r.Title, r.Notes, r.Start, r.End, vennioclient.StatusConfirmed}, []any{made.Title, made.Notes, made.Start, made.End, made.Status})

		_, err = c.CreateBooking(t.Context(), "life-2", r)
		assert.Equal(t, vennioclient.KindSlotTaken, vennioclient.KindOf(err))
		late := r
		late.Title = "Another"
		_, err = c.CreateBooking(t.Context(), "life-1", late)
		assert.Equal(t, vennioclient.KindKeyReused, vennioclient.KindOf(err))

		moved, err := c.UpdateBooking(t.Context(), "life-3", made.ID, vennioclient.BookingUpdate{Start: request(t, c).Start})
		require.NoError(t, err)
		assert.Equal(t, time.Hour, moved.End.Sub(moved.Start))
		require.NoError(t, c.CancelBooking(t.Context(), "life-4", made.ID, vennioclient.CancelSingle))
		read, err := c.GetBooking(t.Context(), made.ID)
		require.NoError(t, err)
		assert.Equal(t, vennioclient.StatusCancelled, read.Status)
		page, err := c.ListBookings(t.Context(), vennioclient.BookingsQuery{Host: r.Hosts[0], Limit: 10})
		require.NoError(t, err)
		assert.Equal(t, []vennioclient.Booking{*read}, page.Bookings)
	}
}

// Whatever is lost on the way, one call is one booking. req: I2
func TestReq_I2_LostAnswersBookOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		for _, d := range []vennioclient.Dialect{vennioclient.Reference, vennioclient.Guide} {
			box, c := account(t, d)
			r := request(t, c)
			fault(box)
			made, err := c.CreateBooking(t.Context(), "lost-1", r)
			require.NoError(t, err, name)
			require.Len(t, box.Bookings(), 1, name)
			assert.Equal(t, box.Bookings()[0].ID, made.ID)
		}
	}
}
