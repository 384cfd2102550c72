package vennioclient_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var aSeries = func() vennioclient.BookingRequest {
	r := aRequest
	r.Recurrence = &vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: 3, Timezone: "Europe/London"}
	return r
}()

func TestSeriesBytes(t *testing.T) {
	t.Parallel()
	until := aSeries
	until.Recurrence = &vennioclient.Recurrence{Frequency: vennioclient.Monthly, Until: "2026-12-31"}
	for dialect, head := range map[vennioclient.Dialect]string{
		vennioclient.Reference: `{"business_id":"h-1","customer_email":"alice@example.com","customer_name":"Alice","start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T09:30:00Z",`,
		vennioclient.Guide:     `{"participants":["user:h-1","user:alice@example.com"],"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:30:00Z",`,
	} {
		v := play(t, answers(201, madeSeries), answers(201, madeSeries))
		c := v.client(vennioclient.WithDialect(dialect))
		for _, r := range []vennioclient.BookingRequest{aSeries, until} {
			_, err := c.CreateSeries(t.Context(), "k", r)
			require.NoError(t, err)
		}
		assert.Equal(t, head+`"recurrence":{"frequency":"weekly","count":3,"timezone":"Europe/London"}}`, v.requests()[0].body)
		assert.Equal(t, head+`"recurrence":{"frequency":"monthly","until_date":"2026-12-31"}}`, v.requests()[1].body)
	}
}

const (
	twice      = `"bookings":[{"id":"b-1","series_id":"s-1","title":"T"},{"id":"b-2","series_id":"s-1","metadata":{"mcp_title":"T"}}]`
	madeSeries = `{"booking_series":{"id":"s-1","frequency":"weekly","created_count":2,"skipped_count":1},` + twice + `}`
)

func TestSeriesInEveryForm(t *testing.T) {
	t.Parallel()
	for body, skipped := range map[string]int{
		madeSeries: 1, `{"data":` + madeSeries + `}`: 1,
		`{` + twice + `}`: 0, `{"booking_series":{"id":"s-1","created_count":null,"skipped_count":"many"},` + twice + `}`: 0,
	} {
		got, err := play(t, answers(201, body)).client().CreateSeries(t.Context(), "k", aSeries)
		require.NoError(t, err, body)
		assert.Equal(t, "s-1", got.ID)
		assert.Equal(t, []int{2, skipped}, []int{got.Created, got.Skipped}, body)
		require.Len(t, got.Bookings, 2)
		assert.Equal(t, []string{"T", "T"}, []string{got.Bookings[0].Title, got.Bookings[1].Title})
	}
	for _, body := range []string{aBooking, `{}`, `{"booking_series":{"id":"s-1"}}`, `{"bookings":[{"id":"b-1"}]}`, `{"booking_series":{"id":"s-1"},"bookings":[{}]}`} {
		got, err := play(t, answers(201, body)).client().CreateSeries(t.Context(), "k", aSeries)
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
		assert.Nil(t, got)
	}
}
