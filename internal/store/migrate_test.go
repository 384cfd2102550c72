package store_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/store"
	"github.com/vennio-mcp/vennio-mcp/internal/store/storetest"
)

// Whatever was kept before there were tenants is the default one's.
func TestWhatWasKeptBeforeTenantsBelongsToTheDefaultOne(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	require.NoError(t, store.Once(t.Context(), where, 2,
		`INSERT INTO events (id, type, at, received, booking, body) VALUES ('e1', 'x', '', '2026-05-18T09:00:00.000Z', 'b-1', '{}')`,
		`INSERT INTO externals (booking, sink, id) VALUES ('b-1', 'crm', 'CRM-1')`,
		`INSERT INTO subscriptions (id, url, secret, created) VALUES ('wh_1', 'https://x', 's', '2026-05-18T09:00:00.000Z')`,
	))
	in(t, open(t, where), func(tx *store.Tx) error {
		kept, err := tx.Event("", "e1")
		require.NoError(t, err)
		assert.Equal(t, store.Event{ID: "e1", Type: "x", Received: spring, Booking: "b-1", Body: []byte("{}")}, *kept)
		added, err := tx.AddEvent(store.Event{ID: "e1", Type: "x", Body: []byte("{}")})
		require.NoError(t, err)
		assert.False(t, added)
		id, err := tx.External("", "b-1", "crm")
		require.NoError(t, err)
		assert.Equal(t, "CRM-1", id)
		found, err := tx.Subscriptions("", 5)
		assert.Equal(t, []store.Subscription{{ID: "wh_1", URL: "https://x", Secret: "s", Created: spring}}, found)
		return err
	})
}
