package vennioclient_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

var (
	hostless = vennioclient.SlotsQuery{}
	twoHosts = vennioclient.SlotsQuery{Hosts: []string{"h-1", "h-2"}}
	joined   = vennioclient.SlotsQuery{Hosts: []string{"h-1,h-2"}}
	seconds  = vennioclient.SlotsQuery{Hosts: []string{""}, Duration: time.Second}
	negative = vennioclient.SlotsQuery{Hosts: []string{"h-1"}, Buffer: -time.Minute}
	longKey  = vennioclient.IdempotencyKey(strings.Repeat("k", 257))
)

// wrong are calls whose arguments cannot be meant, and the fields at fault. g is
// a client in the guide's dialect.
var wrong = []struct {
	call   func(ctx context.Context, c, g *vennioclient.Client) error
	fields string
}{
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.Slots(ctx, hostless)) }, "hosts"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.Slots(ctx, twoHosts)) }, "hosts"},
	{func(ctx context.Context, _, g *vennioclient.Client) error { return second(g.Slots(ctx, joined)) }, "hosts"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.Slots(ctx, seconds)) }, "duration_minutes hosts"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.Slots(ctx, negative)) }, "buffer"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error {
		return second(c.NextSlot(ctx, vennioclient.NextSlotQuery{}))
	}, "hosts"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error {
		return second(c.MutualSlots(ctx, vennioclient.MutualQuery{}))
	}, "hosts"},
	{func(ctx context.Context, _, g *vennioclient.Client) error {
		return second(g.MutualSlots(ctx, vennioclient.MutualQuery{}))
	}, "hosts"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.GetBooking(ctx, "")) }, "id"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return second(c.GetBooking(ctx, "..")) }, "id"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error {
		return second(c.GetBooking(ctx, "b-1\r\nX: 1"))
	}, "id"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return c.CancelBooking(ctx, "k", ".", "") }, "id"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error {
		return c.CancelBooking(ctx, "a b", "b-1", "")
	}, "key"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error {
		return c.CancelBooking(ctx, longKey, "b-1", "")
	}, "key"},
	{update("", vennioclient.BookingUpdate{Start: monday}), "id"},
	{update("b-1", vennioclient.BookingUpdate{}), "update"},
	{update("b-1", vennioclient.BookingUpdate{Start: monday, End: monday}), "end"},
	{update("b-1", vennioclient.BookingUpdate{Metadata: map[string]string{"": "v"}}), "metadata"},
	{book(false, func(r *vennioclient.BookingRequest) { r.Hosts = nil }), "hosts"},
	{book(false, func(r *vennioclient.BookingRequest) { r.End = r.Start }), "end"},
	{book(true, func(r *vennioclient.BookingRequest) { r.Start = time.Time{} }), "end"},
	{book(false, func(r *vennioclient.BookingRequest) { r.Customer.Email = "" }), "customer"},
	{book(true, func(r *vennioclient.BookingRequest) { r.Others[0].Email = "" }), "others"},
	{book(false, func(r *vennioclient.BookingRequest) { r.Others = make([]vennioclient.Person, 60) }), "metadata others"},
	{book(false, func(r *vennioclient.BookingRequest) { r.Recurrence = &vennioclient.Recurrence{} }), "recurrence"},
	{series(nil), "recurrence"},
	{series(&vennioclient.Recurrence{}), "recurrence recurrence.frequency"},
	{series(&vennioclient.Recurrence{Frequency: "daily", Count: 3}), "recurrence.frequency"},
	{series(&vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: -1}), "recurrence"},
	{series(&vennioclient.Recurrence{Frequency: vennioclient.Weekly, Count: 3, Until: "2026-06-30"}), "recurrence"},
	{series(&vennioclient.Recurrence{Frequency: vennioclient.Weekly, Until: "June"}), "recurrence.until"},
	{subscribe("https://example.com/hook"), "events"},
	{subscribe("http://example.com/hook", "booking.created"), "url"},
	{subscribe("/hook", "booking.created"), "url"},
	{subscribe("ftp://127.0.0.1/", "booking.created"), "url"},
	{func(ctx context.Context, c, _ *vennioclient.Client) error { return c.DeleteWebhook(ctx, "k", "..") }, "id"},
	{book(true, func(r *vennioclient.BookingRequest) { r.Metadata = map[string]string{strings.Repeat("é", 41): ""} }), "metadata"},
}

func update(id string, u vennioclient.BookingUpdate) func(context.Context, *vennioclient.Client, *vennioclient.Client) error {
	return func(ctx context.Context, c, _ *vennioclient.Client) error {
		return second(c.UpdateBooking(ctx, "k", id, u))
	}
}

func book(guide bool, change func(*vennioclient.BookingRequest)) func(context.Context, *vennioclient.Client, *vennioclient.Client) error {
	return func(ctx context.Context, c, g *vennioclient.Client) error {
		r := fullRequest()
		change(&r)
		if guide {
			c = g
		}
		return second(c.CreateBooking(ctx, "k", r))
	}
}

func series(every *vennioclient.Recurrence) func(context.Context, *vennioclient.Client, *vennioclient.Client) error {
	return func(ctx context.Context, c, _ *vennioclient.Client) error {
		r := fullRequest()
		r.Recurrence = every
		return second(c.CreateSeries(ctx, "k", r))
	}
}

func subscribe(url string, events ...string) func(context.Context, *vennioclient.Client, *vennioclient.Client) error {
	return func(ctx context.Context, c, _ *vennioclient.Client) error {
		return second(c.CreateWebhook(ctx, "k", vennioclient.WebhookRequest{URL: url, Events: events}))
	}
}

// Arguments that cannot be meant are refused here, before anything is sent.
func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	for i, row := range wrong {
		t.Run(fmt.Sprint(i, row.fields), func(t *testing.T) {
			t.Parallel()
			v := play(t) // fails the test when asked
			err := row.call(t.Context(), v.client(), v.client(vennioclient.WithDialect(vennioclient.Guide)))
			e := asError(t, err)
			assert.Equal(t, vennioclient.KindInvalid, e.Kind)
			assert.Zero(t, e.Status)
			assert.Zero(t, e.Attempts)
			assert.False(t, e.Sent)
			assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))
			assert.Equal(t, strings.Fields(row.fields), slices.Sorted(maps.Keys(e.Fields)))
		})
	}
}

func second[T any](_ T, err error) error { return err }

// req: I1
func TestReq_I1_LegalKeysAreSent(t *testing.T) {
	t.Parallel()
	for _, key := range []vennioclient.IdempotencyKey{"a", "AZaz09_:.-", vennioclient.IdempotencyKey(strings.Repeat("k", 256))} {
		v := play(t, answers(201, aBooking))
		_, err := v.client().CreateBooking(t.Context(), key, aRequest)
		require.NoError(t, err)
		assert.Equal(t, string(key), v.requests()[0].header.Get("Idempotency-Key"))
	}
}

func TestCancelScopes(t *testing.T) {
	t.Parallel()
	for scope, uri := range map[vennioclient.CancelScope]string{
		"":                        "/v1/bookings/b-1",
		vennioclient.CancelSingle: "/v1/bookings/b-1?scope=single",
		vennioclient.CancelSeries: "/v1/bookings/b-1?scope=series",
	} {
		v := play(t, answers(200, "not even JSON"))
		require.NoError(t, v.client().CancelBooking(t.Context(), "k", "b-1", scope))
		assert.Equal(t, "DELETE", v.requests()[0].method)
		assert.Equal(t, uri, v.requests()[0].uri)
	}
}
