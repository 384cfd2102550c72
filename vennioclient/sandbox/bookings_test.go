package sandbox_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const uuid = `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`

func TestBookingIsStored(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	made := want[bookingAnswer](t, s, http.StatusCreated, book(alice, free.Start, free.End, `"notes":"By the door"`, `"metadata":{"k":"v"}`)).Booking
	assert.Regexp(t, uuid, made.ID)
	assert.Equal(t, "confirmed", made.Status)
	assert.Equal(t, alice.ID, made.BusinessID)
	assert.True(t, free.Start.Equal(made.StartTime))
	assert.True(t, free.End.Equal(made.EndTime))
	assert.Equal(t, "guest@example.org", made.CustomerEmail)
	assert.Equal(t, "Gwen Guest", made.CustomerName)
	assert.Equal(t, "By the door", made.Notes)
	assert.Equal(t, map[string]string{"k": "v"}, made.Metadata)
	assert.Equal(t, made, want[bookingAnswer](t, s, http.StatusOK, get("/v1/bookings/"+made.ID)).Booking)
	require.Len(t, s.Bookings(), 1)
	assert.Equal(t, made.ID, s.Bookings()[0].ID)
	assert.Equal(t, 1, s.Writes())
}

// req: I4
func TestBookingRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	busy := sandbox.Events(alice.ID, 1, tomorrow, tomorrow.AddDate(0, 0, 1))[0]
	night := time.Date(2026, time.May, 14, 2, 0, 0, 0, time.UTC)
	refused(t, s, http.StatusUnprocessableEntity, "time-in-past", book(alice, wednesday.Add(-time.Hour), wednesday))
	refused(t, s, http.StatusConflict, "slot-unavailable", book(alice, busy.Start, busy.End))
	refused(t, s, http.StatusConflict, "slot-unavailable", book(alice, night, night.Add(time.Hour)))
	refused(t, s, http.StatusNotFound, "calendar-not-connected", book(dana, free.Start, free.End))
	refused(t, s, http.StatusNotFound, "not-found", book(sandbox.Host{ID: "nobody"}, free.Start, free.End))
	p := refused(t, s, http.StatusBadRequest, "validation-error", book(alice, free.End, free.Start))
	assert.Contains(t, p.Errors, "end_time")
	require.NoError(t, s.Take(alice.ID, free.Start, free.End))
	refused(t, s, http.StatusConflict, "slot-unavailable", book(alice, free.Start, free.End))
	assert.Zero(t, s.Writes())
	assert.Empty(t, s.Bookings())
}

func TestBookingBodyIsChecked(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	post := func(body string) map[string]string {
		r := request{method: http.MethodPost, target: "/v1/bookings", body: body}
		return refused(t, s, http.StatusBadRequest, "validation-error", r).Errors
	}
	start := freeSlot(t, s, alice).Start
	for field, body := range map[string]string{
		"start_tiem":     book(alice, start, start.Add(time.Hour), `"start_tiem":"2026"`).body,
		"notes":          book(alice, start, start.Add(time.Hour), `"notes":7`).body,
		"customer_email": book(alice, start, start.Add(time.Hour), `"customer_email":"Gwen <g@example.org>"`).body,
		"start_time":     book(alice, start, start.Add(time.Hour), `"start_time":"2026-05-14T15:00:00"`).body,
		"participants":   `{"participants":["user:alice@example.com"],"start":"` + iso(start) + `","end":"` + iso(start.Add(time.Hour)) + `"}`,
	} {
		assert.Contains(t, post(body), field)
	}
	assert.Len(t, post(`{}`), 4)
	for _, body := range []string{"", "null and void", "[]", "{}{}"} {
		assert.Empty(t, post(body), "%q is no object: no field is to blame", body)
	}
	assert.Empty(t, post(`{"notes":"`+strings.Repeat("x", 300<<10)+`"}`), "too long to be read")
}

func TestBookingMetadataLimits(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	start := freeSlot(t, s, alice).Start
	with := func(metadata string) request {
		return book(alice, start, start.Add(15*time.Minute), `"metadata":{`+metadata+`}`)
	}
	many := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`"key_%d":"v"`, i))
		}
		return strings.Join(out, ",")
	}
	long := strings.Repeat("é", 500)
	for _, wrong := range []string{
		many(51), `"` + strings.Repeat("k", 41) + `":"v"`, `"k":"` + long + `!"`, `"k":1`, `"vennio_id":"x"`, `"":"v"`,
	} {
		refused(t, s, http.StatusBadRequest, "validation-error", with(wrong))
	}
	got := want[bookingAnswer](t, s, http.StatusCreated, with(many(49)+`,"`+strings.Repeat("k", 40)+`":"`+long+`"`)).Booking
	assert.Len(t, got.Metadata, 50)
}

func TestBookingOfAHostWhoCharges(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	made := booked(t, s, haruka)
	assert.Equal(t, "pending_payment", made.Status)
	assert.Contains(t, made.CheckoutURL, made.ID)
	refused(t, s, http.StatusConflict, "slot-unavailable", book(haruka, made.StartTime, made.EndTime))
	require.NoError(t, s.Pay(made.ID))
	now.Advance(time.Hour)
	paid := want[bookingAnswer](t, s, http.StatusOK, get("/v1/bookings/"+made.ID)).Booking
	assert.Equal(t, "confirmed", paid.Status)
	assert.Empty(t, paid.CheckoutURL)
	require.Error(t, s.Pay(made.ID), "paid once")
}

func TestUnpaidBookingExpires(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	made := booked(t, s, haruka)
	now.Advance(30 * time.Minute)
	assert.Equal(t, "cancelled", s.Bookings()[0].Status)
	require.Error(t, s.Pay(made.ID))
	want[bookingAnswer](t, s, http.StatusCreated, book(haruka, made.StartTime, made.EndTime))
}

func TestBookingUnderAConsent(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	refused(t, s, http.StatusForbidden, "forbidden", book(alice, free.Start, free.End, `"consent_id":"`+danaConsent+`"`))
	want[bookingAnswer](t, s, http.StatusCreated, book(alice, free.Start, free.End, `"consent_id":"`+aliceConsent+`"`))
}

func TestFiftyConcurrentRequestsMakeOneBooking(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	statuses := make(chan int, 50)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			r := book(alice, free.Start, free.End)
			r.idempotency = fmt.Sprintf("caller-%d", i)
			statuses <- send(s, r).Code
		})
	}
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	assert.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: 49}, count)
	assert.Len(t, s.Bookings(), 1)
	assert.Equal(t, 1, s.Writes())
}
