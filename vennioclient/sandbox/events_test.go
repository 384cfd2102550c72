package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Package webhook verifies and decodes the deliveries of the sandbox. req: W1, Q1
func TestReq_W1_DeliveriesAreSignedAsDocumented(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	s := subscribed(t, sandbox.Options{}, r)
	made := booked(t, s, alice)
	assert.Equal(t, sandbox.Deliveries{Delivered: 1}, settled(t, s))
	secret := s.Webhooks()[0].Secret
	require.NoError(t, webhook.Verify(r.raw[0], r.signatures[0], secret))
	assert.ErrorIs(t, webhook.Verify(r.raw[0], r.signatures[0], secret+"0"), webhook.ErrMismatch)
	e, err := webhook.Decode(r.raw[0])
	require.NoError(t, err)
	assert.Regexp(t, `^evt_[0-9a-f]{24}$`, e.ID)
	assert.Equal(t, webhook.BookingCreated, e.Type)
	assert.Equal(t, wednesday, e.At)
	b, ok := e.Booking()
	require.True(t, ok)
	assert.Equal(t, made.ID, b.ID)
	assert.True(t, made.StartTime.Equal(b.Start))
}

// eventRecorder checks the events of changes of a sandbox.
type eventRecorder struct {
	t    *testing.T
	s    *sandbox.Server
	r    *receiver
	seen int
}

// expect requires that change causes exactly these events, in any order.
func (l *eventRecorder) expect(names string, change func()) {
	l.t.Helper()
	change()
	settled(l.t, l.s)
	var got []string
	for _, one := range l.r.all()[l.seen:] {
		got = append(got, one.Type)
	}
	l.seen += len(got)
	assert.ElementsMatch(l.t, strings.Fields(names), got)
}

// Each change causes the documented events. req: Q1
func TestEveryChangeCausesItsEvents(t *testing.T) {
	t.Parallel()
	now, r := newClock(), receive(t, nil)
	s := subscribed(t, sandbox.Options{Now: now.Now}, r)
	l := &eventRecorder{t: t, s: s, r: r}
	var made, paid booking
	l.expect("booking.created", func() { made = booked(t, s, alice) })
	assert.Equal(t, "confirmed", r.all()[0].Data.Booking.Status)
	l.expect("booking.updated", func() { send(s, patch(made.ID, `{"notes":"New"}`)) })
	l.expect("", func() { send(s, patch(made.ID, `{"end_time":"never"}`)) })
	l.expect("booking.cancelled", func() { send(s, cancel(made.ID, "")) })
	l.expect("", func() { send(s, cancel(made.ID, "")) })
	l.expect("booking.created", func() { paid = booked(t, s, haruka) })
	assert.Equal(t, "pending_payment", r.all()[l.seen-1].Data.Booking.Status)
	l.expect("booking.confirmed", func() { require.NoError(t, s.Pay(paid.ID)) })
	assert.Equal(t, "confirmed", r.all()[l.seen-1].Data.Booking.Status)
	l.expect("booking.created", func() { made = booked(t, s, haruka) })
	l.expect("booking.cancelled", func() { now.Advance(30 * 60e9); s.Bookings() })
	assert.Equal(t, made.ID, r.all()[l.seen-1].Data.Booking.ID)
	l.expect("booking.cancelled", func() { require.NoError(t, s.Cancel(paid.ID)) })

	var grant struct{ Consent struct{ ID string } }
	l.expect("consent.granted consent.changed", func() { grant = want[struct{ Consent struct{ ID string } }](t, s, http.StatusCreated, grantAccess) })
	l.expect("consent.revoked consent.changed", func() {
		send(s, request{method: http.MethodDelete, target: "/v1/consents/" + grant.Consent.ID})
	})
	assert.Equal(t, "revoked", r.all()[l.seen-1].Data.Consent.Status)
	l.expect("", func() { s.Revoke(grant.Consent.ID) })
	l.expect("consent.revoked consent.changed", func() { s.Revoke(bobConsent) })
}

var grantAccess = request{method: http.MethodPost, target: "/v1/consents", body: `{"grantee_email":"bob@example.com","scopes":["booking:propose"]}`}

func TestSeriesCausesAnEventForEachBooking(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	s := subscribed(t, sandbox.Options{}, r)
	made := want[seriesAnswer](t, s, http.StatusCreated, repeat(freeSlot(t, s, alice), `"frequency":"weekly","count":4`))
	n := len(made.Bookings)
	assert.Equal(t, n, settled(t, s).Delivered)
	send(s, cancel(made.Bookings[0].ID, "?scope=series"))
	assert.Equal(t, n+n+1, settled(t, s).Delivered)
	assert.Equal(t, n, strings.Count(r.names(), "booking.created"))
	assert.Equal(t, n, strings.Count(r.names(), "booking.cancelled"))
	for _, one := range r.all() {
		if one.Type == "booking_series.cancelled" {
			assert.Equal(t, made.BookingSeries.ID, one.Data.BookingSeries.ID)
			assert.Equal(t, n, one.Data.BookingSeries.CancelledCount)
		}
	}
	send(s, cancel(made.Bookings[0].ID, "?scope=series"))
	assert.Equal(t, n+n+1, settled(t, s).Delivered, "no booking is left to cancel")
}

// Each subscription receives the events of its types only, with the same id and its own signature.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	r, other := receive(t, nil), receive(t, nil)
	s := subscribed(t, sandbox.Options{}, r, "booking.created")
	want[hook](t, s, http.StatusCreated, subscribe(other.URL, "booking.created", "consent.changed"))
	booked(t, s, alice)
	s.Revoke(bobConsent)
	settled(t, s)
	assert.Equal(t, "booking.created", r.names())
	assert.ElementsMatch(t, []string{"booking.created", "consent.changed"}, strings.Fields(other.names()))
	bodies := string(r.raw[0]) == string(other.raw[0]) || string(r.raw[0]) == string(other.raw[1])
	assert.True(t, bodies, "one event, one body")
	assert.NotEqual(t, r.signatures[0], other.signatures[0])
}

func TestEmitAndDuplicateByOrder(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	s := subscribed(t, sandbox.Options{}, r)
	obeyed(t, s, "duplicate", `{"n":2}`)
	var got struct {
		OK  bool
		IDs []string
	}
	w := send(s, order("emit", `{"count":1000,"type":"booking.updated"}`))
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Len(t, got.IDs, 1000)
	assert.Equal(t, sandbox.Deliveries{Delivered: 1002}, settled(t, s))
	times := map[string]int{}
	for _, one := range r.all() {
		times[one.ID]++
		assert.NotEmpty(t, one.Data.Booking.ID)
	}
	assert.Len(t, times, 1000)
	assert.Equal(t, []int{2, 2, 1}, []int{times[got.IDs[0]], times[got.IDs[1]], times[got.IDs[2]]})

	for _, kind := range webhook.Types() {
		_, err := s.Emit(string(kind), 1)
		require.NoError(t, err, kind)
	}
	settled(t, s)
	for _, one := range r.all()[1002:] {
		d := one.Data
		assert.True(t, d.Booking != nil || d.BookingSeries != nil || d.Consent != nil || d.Proposal != nil, one.Type)
	}
}

func TestEmitRefuses(t *testing.T) {
	t.Parallel()
	s := subscribed(t, sandbox.Options{}, receive(t, nil), "booking.created")
	for _, body := range []string{`{"type":"booking.updated"}`, `{"type":"nonsense"}`, `{"count":10001,"type":"booking.created"}`, `{"count":-1,"type":"booking.created"}`} {
		assert.Equal(t, http.StatusBadRequest, send(s, order("emit", body)).Code, body)
	}
	assert.Zero(t, settled(t, s))
}
