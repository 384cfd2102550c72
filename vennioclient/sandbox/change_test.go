package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func patch(id, body string) request {
	return request{method: http.MethodPatch, target: "/v1/bookings/" + id, body: body}
}

func cancel(id, query string) request {
	return request{method: http.MethodDelete, target: "/v1/bookings/" + id + query}
}

type bookingsAnswer struct {
	Bookings   []booking
	Pagination struct {
		NextCursor *string `json:"next_cursor"`
	}
}

func TestListBookings(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	first, second, third := booked(t, s, alice), booked(t, s, haruka), booked(t, s, alice)
	list := func(pairs ...string) []string {
		var ids []string
		for _, b := range want[bookingsAnswer](t, s, http.StatusOK, get("/v1/bookings", pairs...)).Bookings {
			ids = append(ids, b.ID)
		}
		return ids
	}
	assert.Equal(t, []string{first.ID, second.ID, third.ID}, list())
	assert.Equal(t, []string{second.ID}, list("principal_id", haruka.ID))
	assert.Equal(t, []string{second.ID}, list("status", "pending_payment"))
	assert.Equal(t, []string{first.ID, third.ID}, list("business_id", alice.ID, "status", "confirmed"))
	assert.Empty(t, list("series_id", "none"))
	assert.Equal(t, []string{first.ID}, list("business_id", alice.ID, "to", iso(third.StartTime)), "touching is not overlapping")
	assert.Equal(t, []string{third.ID}, list("business_id", alice.ID, "from", iso(first.EndTime)))
	assert.Empty(t, list("to", iso(wednesday)))
	refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/bookings", "from", "soon"))
	refused(t, s, http.StatusNotFound, "not-found", get("/v1/bookings", "principal_id", "nobody"))
	refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/bookings", "limit", "x"))
}

func TestListBookingsPageByPageWhileItGrows(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	first, second, third := booked(t, s, alice), booked(t, s, alice), booked(t, s, bob)
	page := want[bookingsAnswer](t, s, http.StatusOK, get("/v1/bookings", "limit", "2"))
	require.Len(t, page.Bookings, 2)
	assert.Equal(t, first.ID, page.Bookings[0].ID)
	assert.Equal(t, second.ID, page.Bookings[1].ID)
	require.NotNil(t, page.Pagination.NextCursor)
	fourth := booked(t, s, bob)
	rest := want[bookingsAnswer](t, s, http.StatusOK, get("/v1/bookings", "limit", "2", "cursor", *page.Pagination.NextCursor))
	require.Len(t, rest.Bookings, 2)
	assert.Equal(t, third.ID, rest.Bookings[0].ID)
	assert.Equal(t, fourth.ID, rest.Bookings[1].ID)
	assert.Nil(t, rest.Pagination.NextCursor)
}

func TestReschedule(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	free := freeSlot(t, s, alice)
	moved := want[bookingAnswer](t, s, http.StatusOK, patch(made.ID, `{"start_time":"`+iso(free.Start)+`","end_time":"`+iso(free.End)+`"}`)).Booking
	assert.True(t, free.Start.Equal(moved.StartTime))
	assert.Equal(t, made.ID, moved.ID)
	assert.True(t, made.StartTime.Equal(freeSlot(t, s, alice).Start), "the old time is free again")

	quarter := want[bookingAnswer](t, s, http.StatusOK, patch(made.ID, `{"start_time":"`+iso(made.StartTime)+`"}`)).Booking
	assert.Equal(t, made.EndTime, quarter.EndTime, "a new start alone keeps the length")
}

func TestRescheduleOntoItselfIsNoConflict(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	sooner := made.EndTime.Add(-15 * time.Minute)
	got := want[bookingAnswer](t, s, http.StatusOK, patch(made.ID, `{"end":"`+iso(sooner)+`"}`)).Booking
	assert.True(t, sooner.Equal(got.EndTime))
}

func TestRescheduleRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	other := booked(t, s, alice)
	to := func(at time.Time) request { return patch(made.ID, `{"start_time":"`+iso(at)+`"}`) }
	refused(t, s, http.StatusConflict, "slot-unavailable", to(other.StartTime))
	refused(t, s, http.StatusUnprocessableEntity, "time-in-past", to(wednesday.Add(-time.Hour)))
	p := refused(t, s, http.StatusBadRequest, "validation-error", patch(made.ID, `{"end_time":"`+iso(made.StartTime)+`"}`))
	assert.Contains(t, p.Errors, "end_time")
	refused(t, s, http.StatusBadRequest, "validation-error", patch(made.ID, `{"title":"New"}`))
	refused(t, s, http.StatusNotFound, "not-found", patch("nothing", `{}`))
	s.Disconnect(alice.ID)
	refused(t, s, http.StatusNotFound, "calendar-not-connected", to(made.EndTime))
	require.NoError(t, s.Cancel(made.ID))
	refused(t, s, http.StatusUnprocessableEntity, "unprocessable", to(made.StartTime))
	assert.Equal(t, 2, s.Writes(), "the two bookings")
}

func TestUpdateNotesAndMetadata(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	made := want[bookingAnswer](t, s, http.StatusCreated, book(alice, free.Start, free.End, `"notes":"old"`, `"metadata":{"a":"1","b":"2"}`)).Booking
	got := want[bookingAnswer](t, s, http.StatusOK, patch(made.ID, `{"metadata":{"b":"3"}}`)).Booking
	assert.Equal(t, map[string]string{"a": "1", "b": "3"}, got.Metadata)
	assert.Equal(t, "old", got.Notes)
	got = want[bookingAnswer](t, s, http.StatusOK, patch(made.ID, `{"notes":""}`)).Booking
	assert.Empty(t, got.Notes)
}

func TestCancelFreesTheTime(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	for range 2 {
		got := want[bookingAnswer](t, s, http.StatusOK, cancel(made.ID, "?scope=single")).Booking
		assert.Equal(t, "cancelled", got.Status)
	}
	assert.Equal(t, 2, s.Writes(), "booked and cancelled, once each")
	want[bookingAnswer](t, s, http.StatusCreated, book(alice, made.StartTime, made.EndTime))
	refused(t, s, http.StatusNotFound, "not-found", cancel("nothing", ""))
	refused(t, s, http.StatusBadRequest, "validation-error", cancel(made.ID, "?scope=all"))
	refused(t, s, http.StatusUnprocessableEntity, "unprocessable", cancel(made.ID, "?scope=series"))
}
