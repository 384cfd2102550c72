package sqldb_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

var spring = time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)

// in runs do in a transaction that writes.
func in(t *testing.T, db *sqldb.DB, do func(tx *sqldb.Tx) error) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), do))
}

func TestEventsAreSelectedByTypeAndTime(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	ids := func(w sqldb.EventsWanted) (found []string) {
		in(t, db, func(tx *sqldb.Tx) error {
			events, err := tx.Events(w)
			for _, e := range events {
				assert.Empty(t, e.Body)
				found = append(found, e.ID)
			}
			return err
		})
		return found
	}
	in(t, db, func(tx *sqldb.Tx) error {
		for i, kind := range []string{"booking.created", "booking_series.cancelled", "100%!.x"} {
			added, err := tx.AddEvent(sqldb.Event{ID: kind, Type: kind, Received: spring.Add(time.Duration(i) * time.Hour), Body: []byte{0, 255}})
			require.NoError(t, err)
			require.True(t, added)
		}
		return nil
	})
	assert.Equal(t, []string{"100%!.x", "booking_series.cancelled", "booking.created"}, ids(sqldb.EventsWanted{}), "the newest first")
	assert.Equal(t, []string{"booking.created"}, ids(sqldb.EventsWanted{Type: "booking.*"}))
	assert.Equal(t, []string{"booking_series.cancelled"}, ids(sqldb.EventsWanted{Type: "booking_*"}), "no wildcard of SQL's")
	assert.Equal(t, []string{"100%!.x"}, ids(sqldb.EventsWanted{Type: "100%!*"}))
	assert.Equal(t, []string{"booking_series.cancelled"}, ids(sqldb.EventsWanted{Since: spring.Add(time.Hour), Until: spring.Add(2 * time.Hour)}))
	assert.Equal(t, []string{"100%!.x"}, ids(sqldb.EventsWanted{Limit: 1}))
	in(t, db, func(tx *sqldb.Tx) error {
		n, err := tx.PruneEvents(spring.Add(2*time.Hour), []sqldb.EventKey{{ID: "booking.created"}, {Tenant: "acme", ID: "booking_series.cancelled"}})
		assert.Equal(t, 1, n)
		return err
	})
	assert.Equal(t, []string{"100%!.x", "booking.created"}, ids(sqldb.EventsWanted{}))
}

// req: W2
func TestReq_W2_TheFirstOfTwoEqualEventsStays(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	in(t, db, func(tx *sqldb.Tx) error {
		for i, body := range []string{"first", "second"} {
			added, err := tx.AddEvent(sqldb.Event{ID: "e", Type: "x", Body: []byte(body)})
			require.NoError(t, err)
			assert.Equal(t, i == 0, added)
		}
		kept, err := tx.Event("", "e")
		assert.Equal(t, "first", string(kept.Body))
		return err
	})
}

// req: X5, W2
func TestReq_X5_WhatIsKeptOfOneTenantIsNotFoundForAnother(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	in(t, db, func(tx *sqldb.Tx) error {
		for _, tenant := range []string{"", "acme", "beta"} {
			added, err := tx.AddEvent(sqldb.Event{Tenant: tenant, ID: "e", Type: "x", Body: []byte(tenant)})
			require.NoError(t, err)
			assert.True(t, added, "each has its own")
			require.NoError(t, tx.AddSubscription(sqldb.Subscription{Tenant: tenant, ID: "wh_1", Secret: "of " + tenant}))
			require.NoError(t, tx.SetExternal(tenant, "b-1", "crm", "id of "+tenant))
		}
		require.NoError(t, tx.AddSubscription(sqldb.Subscription{Tenant: "acme", ID: "wh_2", Secret: "newer", Created: spring}))
		kept, err := tx.Event("acme", "e")
		require.NoError(t, err)
		assert.Equal(t, "acme", string(kept.Body))
		id, err := tx.External("beta", "b-1", "crm")
		require.NoError(t, err)
		assert.Equal(t, "id of beta", id)
		newest, err := tx.NewestSubscriptions(1)
		require.NoError(t, err)
		assert.Equal(t, []string{"of ", "newer", "of beta"}, []string{newest[0].Secret, newest[1].Secret, newest[2].Secret})
		require.NoError(t, tx.DropSubscription("beta", "wh_1"))
		own, err := tx.Subscriptions("", 5)
		require.NoError(t, err)
		assert.Len(t, own, 1)
		n, err := tx.PruneEvents(spring, []sqldb.EventKey{{Tenant: "acme", ID: "e"}})
		require.NoError(t, err)
		assert.Equal(t, 2, n)
		for tenant, want := range map[string]bool{"acme": true, "beta": false, "": false} {
			has, err := tx.HasEvents(tenant)
			require.NoError(t, err)
			assert.Equal(t, want, has, tenant)
		}
		return nil
	})
}

func TestWhatSinksCallBookings(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	in(t, db, func(tx *sqldb.Tx) error {
		for _, id := range []string{"CRM-1", "CRM-2"} {
			require.NoError(t, tx.SetExternal("", "b-1", "crm", id))
		}
		id, err := tx.External("", "b-1", "crm")
		assert.Equal(t, "CRM-2", id)
		other, _ := tx.External("", "b-1", "archive")
		assert.Empty(t, other)
		return err
	})
}

func TestSubscriptionsTheNewestFirst(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	in(t, db, func(tx *sqldb.Tx) error {
		for i, id := range []string{"wh_1", "wh_2", "wh_3"} {
			require.NoError(t, tx.AddSubscription(sqldb.Subscription{ID: id, URL: "https://x", Secret: "s", Created: spring.Add(time.Duration(i) * time.Hour)}))
		}
		require.NoError(t, tx.AddSubscription(sqldb.Subscription{ID: "wh_3", URL: "https://x", Secret: "rotated", Created: spring.Add(4 * time.Hour)}))
		require.NoError(t, tx.DropSubscription("", "wh_2"))
		found, err := tx.Subscriptions("", 5)
		require.Len(t, found, 2)
		assert.Equal(t, sqldb.Subscription{ID: "wh_3", URL: "https://x", Secret: "rotated", Created: spring.Add(4 * time.Hour)}, found[0])
		return err
	})
}

func TestALockHasOneHolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	release, err := first.TryLock(t.Context(), "work")
	require.NoError(t, err)
	for _, db := range []*sqldb.DB{first, second} {
		_, err := db.TryLock(t.Context(), "work")
		require.ErrorIs(t, err, sqldb.ErrLocked)
	}
	other, err := second.TryLock(t.Context(), "other work")
	require.NoError(t, err)
	require.NoError(t, other())
	require.NoError(t, release())
	release, err = second.TryLock(t.Context(), "work")
	require.NoError(t, err)
	require.NoError(t, release())
}

func TestInvalidTextIsFoundAgain(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	in(t, db, func(tx *sqldb.Tx) error {
		for _, id := range []string{"evt\x00", "evt\xff", "évt ?"} {
			added, err := tx.AddEvent(sqldb.Event{ID: id, Type: "x", Body: []byte{0, 255}})
			require.NoError(t, err)
			found, err := tx.Event("", id)
			require.NoError(t, err)
			if assert.NotNil(t, found, "%q", id) && added {
				assert.Equal(t, []byte{0, 255}, found.Body)
			}
		}
		return nil
	})
}
