package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// req: X5. A slot that one tenant was offered serves no other, nor a caller who
// brought a key.
func TestReq_X5_SlotsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada, bob, guest := c.as(c.acme), c.as(c.beta), c.as(c.guest, auth.HeaderKey, keyOfGuy)
	slot := ada.finds()
	for _, other := range []*member{bob, guest} {
		assert.Equal(t, "unknown_slot", other.books(slot, "bob@beta.example").Error.Code)
	}
	assert.Equal(t, "unknown_slot", ada.books(guest.finds(), "ada@acme.example").Error.Code)
	for _, key := range []string{keyOfAcme, keyOfBeta, keyOfGuy} {
		assert.Zero(t, c.bank.accounts[key].Writes())
	}
	assert.Equal(t, "confirmed", ada.books(slot, "ada@acme.example").Status)
}

// req: X5. Nor bookings, as tools and as resources tell them, nor what is done
// to them.
func TestReq_X5_BookingsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada, bob := c.as(c.acme), c.as(c.beta)
	made := ada.books(ada.finds(), "ada@acme.example")
	require.Equal(t, "confirmed", made.Status, made.Error)
	assert.Equal(t, "not_found", bob.call("get_booking", map[string]any{"booking_id": made.BookingID}).Error.Code)
	assert.Equal(t, "not_found", bob.call("cancel_booking", map[string]any{
		"booking_id": made.BookingID, "consent": map[string]any{"granted": true, "given_by": "Bob", "statement": "Yes"},
	}).Error.Code)
	assert.Empty(t, bob.call("list_bookings", nil).Bookings)
	assert.NotEmpty(t, ada.call("list_bookings", nil).Bookings)
	for _, uri := range []string{"vennio://bookings/" + made.BookingID, "vennio://bookings/upcoming"} {
		assert.NotContains(t, bob.says("resources/read", map[string]any{"uri": uri}, nil).body, "ada@acme.example", uri)
		assert.Contains(t, ada.says("resources/read", map[string]any{"uri": uri}, nil).body, "ada@acme.example", uri)
	}
	assert.Equal(t, "confirmed", ada.call("get_booking", map[string]any{"booking_id": made.BookingID}).Status)
}

// req: X5. The same words for the same hour at the same host are two consents:
// each tenant's own.
func TestReq_X5_ConsentsDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada, guest := c.as(c.acme), c.as(c.guest, auth.HeaderKey, keyOfGuy)
	refused := func(m *member) string {
		return m.call("book_slot", map[string]any{
			"slot_id": m.finds(), "title": "Intro", "hosts": []string{alice},
			"attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
			"consent":   map[string]any{"granted": false},
		}).Status
	}
	first := ada.books(ada.finds(), "ada@example.com")
	require.Equal(t, "confirmed", first.Status, first.Error)
	assert.Equal(t, "awaiting_consent", refused(guest), "Ada's yes at Acme is none of theirs")
	second := guest.books(guest.finds(), "ada@example.com")
	require.Equal(t, "confirmed", second.Status, second.Error)
	assert.NotEqual(t, first.BookingID, second.BookingID)
	assert.Equal(t, 1, c.bank.accounts[keyOfAcme].Writes())
	assert.Equal(t, 1, c.bank.accounts[keyOfGuy].Writes())
}

// req: X5. A session belongs to who began it: a guessed or stolen id is unknown
// to every other caller, of the same tenant too.
func TestReq_X5_SessionsDoNotCrossCallers(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada := c.as(c.acme)
	for _, token := range []string{c.beta, c.reader} {
		thief := &member{c, []string{"Authorization", "Bearer " + token, "Mcp-Session-Id", ada.session(), "Mcp-Protocol-Version", "2025-11-25"}}
		assert.Equal(t, http.StatusNotFound, thief.says("tools/list", nil, nil).status)
	}
	assert.Equal(t, http.StatusOK, ada.says("tools/list", nil, nil).status)

	stream, err := client.NewSSEMCPClient(c.url+"/sse", transport.WithHeaders(map[string]string{"Authorization": "Bearer " + c.acme}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Close() })
	require.NoError(t, stream.Start(context.WithoutCancel(t.Context())))
	endpoint := stream.GetTransport().(*transport.SSE).GetEndpoint().String()
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	assert.Equal(t, http.StatusNotFound, post(t, endpoint, ping, "Authorization", "Bearer "+c.beta).status)
	assert.Equal(t, http.StatusUnauthorized, post(t, endpoint, ping).status)
	assert.Equal(t, http.StatusAccepted, post(t, endpoint, ping, "Authorization", "Bearer "+c.acme).status)
}

// req: X5. Subscribers are notified of the bookings of their own tenant only.
func TestReq_X5_UpdatesDoNotCrossTenants(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	const upcoming = "vennio://bookings/upcoming"
	told := map[string]<-chan string{}
	for _, token := range []string{c.acme, c.beta} {
		agent, err := client.NewSSEMCPClient(c.url+"/sse", transport.WithHeaders(map[string]string{"Authorization": "Bearer " + token}))
		require.NoError(t, err)
		told[token] = collectUpdates(t, agent, "2025-11-25")
		follow(t, agent, upcoming)
	}
	ada, bob := c.as(c.acme), c.as(c.beta)
	require.Equal(t, "confirmed", ada.books(ada.finds(), "ada@acme.example").Status)
	hear(t, told[c.acme], upcoming)
	select {
	case uri := <-told[c.beta]:
		assert.Fail(t, "Beta was notified of Acme's booking", uri)
	default:
	}
	require.Equal(t, "confirmed", bob.books(bob.finds(), "bob@beta.example").Status)
	hear(t, told[c.beta], upcoming)
	assert.Empty(t, told[c.beta], "one update: their own")
}

// req: X6. A token that may only read is refused every tool that writes, alone
// and in a batch, and the error names the scope that it lacks.
func TestReq_X6_AReadersTokenWritesNothing(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	reader := c.as(c.reader)
	slot := reader.finds()
	for _, tool := range []string{"book_slot", "reschedule_booking", "cancel_booking"} {
		got := reader.says("tools/call", map[string]any{"name": tool, "arguments": map[string]any{"slot_id": slot}}, nil)
		assert.Equal(t, http.StatusForbidden, got.status, tool)
		challenge := got.header.Get("WWW-Authenticate")
		assert.Contains(t, challenge, `error="insufficient_scope"`)
		assert.Contains(t, challenge, `scope="vennio:read vennio:book"`)
	}
	// A message that the door reads as a harmless call is held by the tool itself.
	odd := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"book_slot","arguments":{}},"PARAMS":{"name":"find_slots"}}`
	assert.NotContains(t, post(t, c.url+"/mcp", odd, reader.headers...).body, "consent_required")
	assert.Zero(t, c.bank.accounts[keyOfAcme].Writes())
	// /metrics tells of all tenants: neither token is enough, seen from elsewhere
	for _, token := range []string{c.reader, c.acme} {
		got := get(t, c.url+"/metrics", "Authorization", "Bearer "+token, "X-Forwarded-For", "192.0.2.7")
		assert.Equal(t, http.StatusForbidden, got.status)
	}
	assert.Equal(t, http.StatusUnauthorized, get(t, c.url+"/metrics", "X-Forwarded-For", "192.0.2.7").status)
	assert.True(t, strings.HasPrefix(get(t, c.url+"/metrics").body, "# HELP"), "to this machine it is open")
}

// req: X2. A tenant that calls too often waits, and no other does.
func TestReq_X2_CallersArePaced(t *testing.T) {
	t.Parallel()
	c := newCompany(t, "VENNIO_MCP_RATE=1")
	ada := c.as(c.acme)
	var answers [20]posted // at once: a slow machine may take more than a second for each
	var calling sync.WaitGroup
	for i := range answers {
		calling.Go(func() { answers[i] = ada.says("ping", nil, nil) })
	}
	calling.Wait()
	slowed := 0
	for _, got := range answers {
		if got.status != http.StatusOK {
			slowed++
			assert.Equal(t, http.StatusTooManyRequests, got.status)
			assert.Equal(t, "1", got.header.Get("Retry-After"))
		}
	}
	assert.Positive(t, slowed)
	c.as(c.beta)
}
