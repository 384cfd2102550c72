package webhooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: O4. Of an event that names the person, only the body is deleted. Events about others do not
// change.
func TestReq_O4_EraseEmptiesTheBodiesOfEvents(t *testing.T) {
	t.Parallel()
	crm := newListener(t, nil)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks, o.Others = []webhooks.Sink{crm.sink("crm")}, []webhooks.Tenant{{Identity: tenant.Identity{Name: "acme"}, Secrets: []string{"acme"}}}
	})
	r.send(booking("evt_bob", "booking.created", "b-1"))
	r.send(`{"id":"evt_eve","type":"booking.created","data":{"booking":{"id":"b-2","customer_email":"eve@example.com","title":"bob@example.community"}}}`)
	_, _ = r.deliverTo("acme", `{"id":"evt_escaped","type":"booking.created","data":{"notes":"call BOB\u0040example.com back"}}`, "acme")
	n, err := r.service.Erase(t.Context(), consent.Mentions("Bob@example.com"))
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	again, err := r.service.Erase(t.Context(), consent.Mentions("Bob@example.com"))
	require.NoError(t, err)
	assert.Zero(t, again)

	gone, _, err := r.inbox.Show(t.Context(), "evt_bob")
	require.NoError(t, err)
	assert.Empty(t, gone.Body)
	assert.Equal(t, "b-1", gone.Booking)
	assert.WithinDuration(t, time.Now(), gone.Erased, waitLimit)
	kept, _, err := r.inbox.Show(t.Context(), "evt_eve")
	require.NoError(t, err)
	assert.NotEmpty(t, kept.Body)
	escaped, _, err := r.service.Of("acme").Show(t.Context(), "evt_escaped")
	require.NoError(t, err)
	assert.Empty(t, escaped.Body)

	_, err = r.inbox.ReplayOne(t.Context(), "evt_bob", "")
	require.ErrorIs(t, err, webhooks.ErrErased)
	r.run()
	assert.Contains(t, r.dead(1)[0].Why, "erased", "the waiting follow-up becomes a dead letter")
	assert.Len(t, crm.wait(t, 1), 1)
}
