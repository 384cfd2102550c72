package vennioclient_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Arguments that cannot be meant are refused here, before anything is sent.
func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	refused := play(t) // fails the test when asked
	reference, guide := refused.client(), refused.client(vennioclient.WithDialect(vennioclient.Guide))
	book := func(c *vennioclient.Client, change func(*vennioclient.BookingRequest)) error {
		r := fullRequest()
		change(&r)
		_, err := c.CreateBooking(t.Context(), "k", r)
		return err
	}
	slots := func(c *vennioclient.Client, q vennioclient.SlotsQuery) error {
		_, err := c.Slots(t.Context(), q)
		return err
	}
	update := func(u vennioclient.BookingUpdate) error {
		_, err := reference.UpdateBooking(t.Context(), "k", "b-1", u)
		return err
	}
	for i, row := range []struct {
		err    error
		fields []string
	}{
		{slots(reference, vennioclient.SlotsQuery{}), []string{"hosts"}},
		{slots(reference, vennioclient.SlotsQuery{Hosts: []string{"h-1", "h-2"}}), []string{"hosts"}},
		{slots(guide, vennioclient.SlotsQuery{Hosts: []string{"h-1,h-2"}}), []string{"hosts"}},
		{slots(reference, vennioclient.SlotsQuery{Hosts: []string{""}, Duration: time.Second}), []string{"hosts", "duration_minutes"}},
		{slots(reference, vennioclient.SlotsQuery{Hosts: []string{"h"}, Buffer: -time.Minute}), []string{"buffer"}},
		{second(reference.NextSlot(t.Context(), vennioclient.NextSlotQuery{})), []string{"hosts"}},
		{second(reference.MutualSlots(t.Context(), vennioclient.MutualQuery{})), []string{"hosts"}},
		{second(guide.MutualSlots(t.Context(), vennioclient.MutualQuery{})), []string{"hosts"}},
		{second(reference.GetBooking(t.Context(), "")), []string{"id"}},
		{second(reference.GetBooking(t.Context(), "..")), []string{"id"}},
		{second(reference.UpdateBooking(t.Context(), "k", ".", vennioclient.BookingUpdate{Notes: new("")})), []string{"id"}},
		{reference.CancelBooking(t.Context(), "k", "", ""), []string{"id"}},
		{reference.CancelBooking(t.Context(), "a b", "b-1", ""), []string{"key"}},
		{reference.CancelBooking(t.Context(), vennioclient.IdempotencyKey(strings.Repeat("k", 257)), "b-1", ""), []string{"key"}},
		{update(vennioclient.BookingUpdate{}), []string{"update"}},
		{update(vennioclient.BookingUpdate{Start: monday, End: monday}), []string{"end"}},
		{update(vennioclient.BookingUpdate{Metadata: map[string]string{"": "v"}}), []string{"metadata"}},
		{book(reference, func(r *vennioclient.BookingRequest) { r.Hosts = nil }), []string{"hosts"}},
		{book(reference, func(r *vennioclient.BookingRequest) { r.End = r.Start }), []string{"end"}},
		{book(guide, func(r *vennioclient.BookingRequest) { r.Start = time.Time{} }), []string{"end"}},
		{book(reference, func(r *vennioclient.BookingRequest) { r.Customer.Email = "" }), []string{"customer"}},
		{book(guide, func(r *vennioclient.BookingRequest) { r.Others[0].Email = "" }), []string{"others"}},
		{book(reference, func(r *vennioclient.BookingRequest) { r.Others = make([]vennioclient.Person, 60) }), []string{"others", "metadata"}},
		{book(guide, func(r *vennioclient.BookingRequest) { r.Metadata = map[string]string{strings.Repeat("é", 41): ""} }), []string{"metadata"}},
	} {
		t.Run(fmt.Sprint(i, row.fields), func(t *testing.T) {
			t.Parallel()
			e := asError(t, row.err)
			assert.Equal(t, vennioclient.KindInvalid, e.Kind)
			assert.Zero(t, e.Status)
			assert.False(t, e.Sent)
			assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(row.err))
			assert.Len(t, e.Fields, len(row.fields))
			for _, field := range row.fields {
				assert.Contains(t, e.Fields, field)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// bar: I1
func TestBar_I1_LegalKeysAreSent(t *testing.T) {
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
