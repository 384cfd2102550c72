package vennioclient_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestBookingsInEveryForm(t *testing.T) {
	t.Parallel()
	const (
		reference = `"id":"b-1","status":"pending_payment","start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T11:30:00+02:00","created_at":"2026-05-13T08:00:00Z",` +
			`"customer_email":"alice@example.com","customer_name":"Alice","business_id":"h-1","title":"Kick-off","notes":"N","series_id":"s-1","metadata":{"a":"b"},"new":{}`
		guide = `"id":"b-1","status":"pending_payment","start":"2026-05-18T09:00:00.000Z","end":"2026-05-18T09:30:00Z","created_at":"2026-05-13T08:00:00Z",` +
			`"customer":{"email":"alice@example.com","name":"Alice"},"principal_id":"h-1","title":"Kick-off","notes":"N","booking_series_id":"s-1","metadata":{"a":"b"}`
		pay = `"checkout_url":"https://pay.example/1"`
	)
	want := &vennioclient.Booking{
		ID: "b-1", Status: vennioclient.StatusPendingPayment, Start: at(9).Start, End: at(9).End, Title: "Kick-off", Notes: "N",
		Customer: vennioclient.Person{Email: "alice@example.com", Name: "Alice"}, HostID: "h-1", SeriesID: "s-1",
		Metadata: map[string]string{"a": "b"}, CheckoutURL: "https://pay.example/1", CreatedAt: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC),
	}
	for _, body := range []string{
		`{` + reference + `,` + pay + `}`,
		`{"booking":{` + reference + `,` + pay + `}}`,
		`{"booking":{` + guide + `},` + pay + `}`,
		`{"data":{"booking":{` + guide + `,` + pay + `}}}`,
		`{"data":{` + reference + `,` + pay + `},"status":"success"}`,
	} {
		got, err := play(t, answers(200, body)).client().GetBooking(t.Context(), "b-1")
		require.NoError(t, err, body)
		assert.Equal(t, want, got, body)
	}
}

func TestBookingFields(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]vennioclient.Booking{
		`{"id":4711,"status":"on_hold"}`: {ID: "4711", Status: "on_hold"},
		`{"booking_id":"b","start_time":null,"metadata":null,"customer":null,"participants":null}`:    {ID: "b"},
		`{"id":"b","participants":["user:a@example.com",{"email":"c@example.com"},{"id":7},{},null]}`: {ID: "b", Participants: []string{"user:a@example.com", "c@example.com", "7"}},
		`{"id":"b","metadata":{"n":1,"t":true,"o":{"x":[]},"z":null}}`:                                {ID: "b", Metadata: map[string]string{"n": "1", "t": "true", "o": `{"x":[]}`, "z": ""}},
		`{"id":"b","metadata":[]}`: {ID: "b"},
	} {
		got, err := play(t, answers(200, body)).client().GetBooking(t.Context(), want.ID)
		require.NoError(t, err, body)
		assert.Equal(t, want, *got, body)
	}
	both, err := play(t, answers(200, `{"id":"b","title":"Theirs","metadata":{"mcp_title":"Ours"}}`)).client().GetBooking(t.Context(), "b")
	require.NoError(t, err)
	assert.Equal(t, "Theirs", both.Title)
	for _, body := range []string{`{}`, `[]`, `null`, `{"booking":{}}`, `{"id":""}`, `{"id":{}}`, `{"id":"b","start_time":"2026-05-18T09:00:00"}`, `{"id":"b","created_at":"today"}`} {
		_, err := play(t, answers(200, body)).client().GetBooking(t.Context(), "b")
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
	}
}

// field: an answer about another booking or host
func TestAnswersAboutOtherObjectsAreErrors(t *testing.T) {
	t.Parallel()
	other := []string{`{"id":"b-2","status":"confirmed"}`, `{"booking":{"id":"b-2"}}`, `{"data":{"booking_id":"b-2","start_time":"2026-05-18T09:00:00Z"}}`, `{"id":7,"status":"cancelled"}`}
	for _, body := range other {
		c := play(t, answers(200, body), answers(200, body), answers(200, body)).client()
		_, read := c.GetBooking(t.Context(), "b-1")
		_, moved := c.UpdateBooking(t.Context(), "k", "b-1", vennioclient.BookingUpdate{Start: at(9).Start, End: at(9).End})
		cancelled := c.CancelBooking(t.Context(), "k", "b-1", vennioclient.CancelSingle)
		for _, err := range []error{read, moved, cancelled} {
			require.ErrorIs(t, err, vennioclient.ErrOtherBooking, body)
			assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind)
			assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err))
			assert.NotContains(t, err.Error(), "b-2")
		}
	}
	for _, body := range []string{"", "gone", `null`, `[]`, `{"id":"evt_1"}`, `{"deleted":true}`, `{"id":"B-1","status":"cancelled"}`, `{"booking":{"id":"b-1"}}`} {
		require.NoError(t, play(t, answers(200, body)).client().CancelBooking(t.Context(), "k", "b-1", vennioclient.CancelSingle), body)
	}
	require.NoError(t, play(t, answers(200, other[0])).client().CancelBooking(t.Context(), "k", "b-1", vennioclient.CancelSeries), "a series has many")
	_, err := play(t, answers(200, `{"id":"B-1"}`)).client().GetBooking(t.Context(), "b-1")
	require.NoError(t, err, "the same in another case")

	const slots = `"slots":[{"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:30:00Z"}]`
	q := vennioclient.SlotsQuery{Hosts: []string{"h-1"}, Duration: 30 * time.Minute, From: at(8).Start, To: at(18).Start}
	for body, same := range map[string]bool{
		`{"business_id":"h-2",` + slots + `}`: false, `{"data":{"principal_id":"h-2",` + slots + `}}`: false, `{"business_id":7,` + slots + `}`: false,
		`{"business_id":"H-1",` + slots + `}`: true, `{"business_id":"h-2","principal_id":"h-1",` + slots + `}`: true, `{` + slots + `}`: true,
		`{"business_id":null,` + slots + `}`: true, `{"principal_id":"user:alice@example.com",` + slots + `}`: true,
	} {
		_, err := play(t, answers(200, body)).client().Slots(t.Context(), q)
		assert.Equal(t, !same, errors.Is(err, vennioclient.ErrOtherHost), "%s: %v", body, err)
	}
	_, err = play(t, answers(200, `{"business_id":"h-2","slot":null}`)).client().NextSlot(t.Context(), vennioclient.NextSlotQuery{Host: "h-1"})
	require.ErrorIs(t, err, vennioclient.ErrOtherHost)
}

func TestListBookings(t *testing.T) {
	t.Parallel()
	for body, cursor := range map[string]string{
		`{"bookings":[{"id":"b-1"},{"booking":{"id":2}}],"pagination":{"next_cursor":"n"}}`:                "n",
		`{"bookings":[{"id":"b-1"},{"id":"2"}],"pagination":{"next_cursor":"n","has_more":false}}`:         "",
		`{"bookings":[{"id":"b-1"},{"id":"2"}],"pagination":{"next_cursor":null}}`:                         "",
		`{"data":[{"id":"b-1"},{"id":"2"}],"next_cursor":7}`:                                               "7",
		`{"data":{"bookings":[{"id":"b-1"},{"id":"2"}]},"pagination":{"next_cursor":"n","has_more":true}}`: "n",
		`[{"id":"b-1"},{"id":"2"}]`: "",
	} {
		page, err := play(t, answers(200, body)).client().ListBookings(t.Context(), vennioclient.BookingsQuery{})
		require.NoError(t, err, body)
		assert.Equal(t, []vennioclient.Booking{{ID: "b-1"}, {ID: "2"}}, page.Bookings, body)
		assert.Equal(t, cursor, page.NextCursor, body)
	}
	for _, body := range []string{`{}`, `7`, `{"bookings":{}}`, `{"bookings":[{}]}`, `{"bookings":null}`} {
		page, err := play(t, answers(200, body)).client().ListBookings(t.Context(), vennioclient.BookingsQuery{})
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
		assert.Nil(t, page)
	}
	v := play(t, answers(200, `{"bookings":[]}`))
	_, err := v.client().ListBookings(t.Context(), vennioclient.BookingsQuery{Host: "h-1", SeriesID: "s-1", Status: "confirmed", Cursor: "n", Limit: 20})
	require.NoError(t, err)
	assert.Equal(t, "/v1/bookings?cursor=n&limit=20&principal_id=h-1&series_id=s-1&status=confirmed", v.requests()[0].uri)
}
