package webhooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

var spring = time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)

// writeTx runs do in a transaction that writes.
func writeTx(t *testing.T, db *sqldb.DB, do func(tx *sqldb.Tx) error) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), do))
}

func TestEventsAreSelectedByTypeAndTime(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	ids := func(w webhooks.EventFilter) (found []string) {
		writeTx(t, db, func(tx *sqldb.Tx) error {
			events, err := webhooks.Events(tx, w)
			for _, e := range events {
				assert.Empty(t, e.Body)
				found = append(found, e.ID)
			}
			return err
		})
		return found
	}
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for i, kind := range []string{"booking.created", "booking_series.cancelled", "100%!.x"} {
			added, err := webhooks.AddEvent(tx, webhooks.Event{ID: kind, Type: kind, Received: spring.Add(time.Duration(i) * time.Hour), Body: []byte{0, 255}})
			require.NoError(t, err)
			require.True(t, added)
		}
		return nil
	})
	assert.Equal(t, []string{"100%!.x", "booking_series.cancelled", "booking.created"}, ids(webhooks.EventFilter{}), "the newest first")
	assert.Equal(t, []string{"booking.created"}, ids(webhooks.EventFilter{Type: "booking.*"}))
	assert.Equal(t, []string{"booking_series.cancelled"}, ids(webhooks.EventFilter{Type: "booking_*"}), "_ is not a wildcard")
	assert.Equal(t, []string{"100%!.x"}, ids(webhooks.EventFilter{Type: "100%!*"}))
	assert.Equal(t, []string{"booking_series.cancelled"}, ids(webhooks.EventFilter{Since: spring.Add(time.Hour), Until: spring.Add(2 * time.Hour)}))
	assert.Equal(t, []string{"100%!.x"}, ids(webhooks.EventFilter{Limit: 1}))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		n, err := webhooks.PruneEvents(tx, spring.Add(2*time.Hour), webhooks.EventKeys("", "booking.created", "acme", "booking_series.cancelled"))
		assert.Equal(t, 1, n)
		return err
	})
	assert.Equal(t, []string{"100%!.x", "booking.created"}, ids(webhooks.EventFilter{}))
}

// req: W2
func TestReq_W2_TheFirstOfTwoEventsWithOneIDIsStored(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for i, body := range []string{"first", "second"} {
			added, err := webhooks.AddEvent(tx, webhooks.Event{ID: "e", Type: "x", Body: []byte(body)})
			require.NoError(t, err)
			assert.Equal(t, i == 0, added)
		}
		kept, err := webhooks.EventByID(tx, "", "e")
		assert.Equal(t, "first", string(kept.Body))
		return err
	})
}

// req: X5, W2
func TestReq_X5_RecordsOfATenantAreNotFoundForAnother(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for _, tenant := range []string{"", "acme", "beta"} {
			added, err := webhooks.AddEvent(tx, webhooks.Event{Tenant: tenant, ID: "e", Type: "x", Body: []byte(tenant)})
			require.NoError(t, err)
			assert.True(t, added, "ids are unique within a tenant only")
			require.NoError(t, webhooks.AddSubscription(tx, webhooks.Subscription{Tenant: tenant, ID: "wh_1", Secret: "of " + tenant}))
			require.NoError(t, webhooks.SetExternalID(tx, tenant, "b-1", "crm", "id of "+tenant))
		}
		require.NoError(t, webhooks.AddSubscription(tx, webhooks.Subscription{Tenant: "acme", ID: "wh_2", Secret: "newer", Created: spring}))
		kept, err := webhooks.EventByID(tx, "acme", "e")
		require.NoError(t, err)
		assert.Equal(t, "acme", string(kept.Body))
		id, err := webhooks.ExternalID(tx, "beta", "b-1", "crm")
		require.NoError(t, err)
		assert.Equal(t, "id of beta", id)
		newest, err := webhooks.NewestSubscriptions(tx, 1)
		require.NoError(t, err)
		assert.Equal(t, []string{"of ", "newer", "of beta"}, []string{newest[0].Secret, newest[1].Secret, newest[2].Secret})
		require.NoError(t, webhooks.DeleteSubscription(tx, "beta", "wh_1"))
		own, err := webhooks.Subscriptions(tx, "", 5)
		require.NoError(t, err)
		assert.Len(t, own, 1)
		n, err := webhooks.PruneEvents(tx, spring, webhooks.EventKeys("acme", "e"))
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		for tenant, want := range map[string]bool{"acme": true, "beta": false, "": false} {
			has, err := webhooks.HasEvents(tx, tenant)
			require.NoError(t, err)
			assert.Equal(t, want, has, tenant)
		}
		return nil
	})
}

func TestExternalIDsOfBookings(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for _, id := range []string{"CRM-1", "CRM-2"} {
			require.NoError(t, webhooks.SetExternalID(tx, "", "b-1", "crm", id))
		}
		id, err := webhooks.ExternalID(tx, "", "b-1", "crm")
		assert.Equal(t, "CRM-2", id)
		other, _ := webhooks.ExternalID(tx, "", "b-1", "archive")
		assert.Empty(t, other)
		return err
	})
}

func TestSubscriptionsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for i, id := range []string{"wh_1", "wh_2", "wh_3"} {
			require.NoError(t, webhooks.AddSubscription(tx, webhooks.Subscription{ID: id, URL: "https://x", Secret: "s", Created: spring.Add(time.Duration(i) * time.Hour)}))
		}
		require.NoError(t, webhooks.AddSubscription(tx, webhooks.Subscription{ID: "wh_3", URL: "https://x", Secret: "rotated", Created: spring.Add(4 * time.Hour)}))
		require.NoError(t, webhooks.DeleteSubscription(tx, "", "wh_2"))
		found, err := webhooks.Subscriptions(tx, "", 5)
		require.Len(t, found, 2)
		assert.Equal(t, webhooks.Subscription{ID: "wh_3", URL: "https://x", Secret: "rotated", Created: spring.Add(4 * time.Hour)}, found[0])
		return err
	})
}

func TestEventsWithInvalidTextAreFound(t *testing.T) {
	t.Parallel()
	db := openDB(t, storetest.Memory(t))
	writeTx(t, db, func(tx *sqldb.Tx) error {
		for _, id := range []string{"evt\x00", "evt\xff", "évt ?"} {
			added, err := webhooks.AddEvent(tx, webhooks.Event{ID: id, Type: "x", Body: []byte{0, 255}})
			require.NoError(t, err)
			found, err := webhooks.EventByID(tx, "", id)
			require.NoError(t, err)
			if assert.NotNil(t, found, "%q", id) && added {
				assert.Equal(t, []byte{0, 255}, found.Body)
			}
		}
		return nil
	})
}
