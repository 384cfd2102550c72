package sqldb_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

func TestDataFromBeforeTenantsBelongsToTheDefaultTenant(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	require.NoError(t, sqldb.Once(t.Context(), where, 2,
		`INSERT INTO events (id, type, at, received, booking, body) VALUES ('e1', 'x', '', '2026-05-18T09:00:00.000Z', 'b-1', '{}')`,
		`INSERT INTO externals (booking, sink, id) VALUES ('b-1', 'crm', 'CRM-1')`,
		`INSERT INTO subscriptions (id, url, secret, created) VALUES ('wh_1', 'https://x', 's', '2026-05-18T09:00:00.000Z')`,
	))
	in(t, open(t, where), func(tx *sqldb.Tx) error {
		kept, err := webhooks.EventByID(tx, "", "e1")
		require.NoError(t, err)
		assert.Equal(t, webhooks.Event{ID: "e1", Type: "x", Received: spring, Booking: "b-1", Body: []byte("{}")}, *kept)
		added, err := webhooks.AddEvent(tx, webhooks.Event{ID: "e1", Type: "x", Body: []byte("{}")})
		require.NoError(t, err)
		assert.False(t, added)
		id, err := webhooks.ExternalID(tx, "", "b-1", "crm")
		require.NoError(t, err)
		assert.Equal(t, "CRM-1", id)
		found, err := webhooks.Subscriptions(tx, "", 5)
		assert.Equal(t, []webhooks.Subscription{{ID: "wh_1", URL: "https://x", Secret: "s", Created: spring}}, found)
		return err
	})
}

// beforeCounts returns statements of the version without sums of bookings: they insert
// a grant and its act, with the columns of that version.
func beforeCounts(id, tenant, slot, outcome, json string) []string {
	if json == "" {
		json = "NULL"
	} else {
		json = "'" + strings.ReplaceAll(json, "'", "''") + "'"
	}
	return []string{
		fmt.Sprintf(`INSERT INTO acts (id, digest, salt, json) VALUES ('%s', '%s', 's', %s)`, id, id, json),
		fmt.Sprintf(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail)
			VALUES ('%[1]s', '%[1]s', '', '%[2]s', '%[3]s', 'Ada', 'yes', 'attested by the agent', '2026-05-18T09:44:59.999Z', '2026-05-18T09:54:59.999Z', '%[4]s', '', '', '')`,
			id, tenant, slot, outcome),
	}
}

// field: database of the version before
// req: O6, X6. Bookings from before the sums were stored count, and so do those that
// a process of the previous version still sends.
func TestReq_O6_TheSumsOfBookingsIncludeThoseOfBefore(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	var before []string
	for id, g := range map[string][4]string{
		"one":      {"", "s1", "done", `{"tool":"book_slot","title":"One"}`},
		"series":   {"", "s2", "unknown", `{"tool":"book_slot","title":"Series","count":3}`},
		"tricky":   {"", "s3", "sent", `{"tool":"book_slot","title":"a","notes":"\",\"booking_id\":\"b\",\"count\":9} \u0000 it's"}`},
		"cancel":   {"", "", "done", `{"tool":"cancel_booking","booking_id":"bk_1","count":7}`},
		"erased":   {"", "s4", "done", ""},
		"not done": {"", "s5", "not_done", `{"tool":"book_slot"}`},
		"unsent":   {"", "s6", "", `{"tool":"book_slot","count":2}`},
		"acme's":   {"acme", "s7", "done", `{"tool":"book_slot"}`},
	} {
		before = append(before, beforeCounts(strings.ReplaceAll(id, "'", ""), g[0], g[1], g[2], g[3])...)
	}
	require.NoError(t, sqldb.Once(t.Context(), where, 4, before...))
	db := open(t, where)
	l := consent.New(db, func() time.Time { return spring })
	counted := func(tenant string) int {
		n, err := l.SentWithin(t.Context(), tenant, consent.Quota{From: time.Date(2026, 5, 18, 9, 30, 0, 0, time.UTC), To: time.Date(2026, 5, 18, 9, 45, 0, 0, time.UTC)})
		require.NoError(t, err)
		return n
	}
	assert.Equal(t, 1+3+1+1, counted(""))
	assert.Equal(t, 1, counted("acme"))

	for _, statement := range beforeCounts("new", "acme", "s8", "", `{"tool":"book_slot","count":4}`) {
		require.NoError(t, db.Raw(t.Context(), statement))
	}
	for _, step := range []struct {
		outcome string
		sum     int
	}{{"sent", 5}, {"unknown", 5}, {"done", 5}, {"not_done", 1}} {
		require.NoError(t, db.Raw(t.Context(), `UPDATE grants SET outcome = ? WHERE id = 'new'`, step.outcome))
		assert.Equal(t, step.sum, counted("acme"), step.outcome)
	}
	for age, want := range map[time.Duration]*consent.Act{0: {Tool: "cancel_booking", BookingID: "bk_1", Count: 7}, 24 * time.Hour: nil} {
		later := consent.New(db, func() time.Time { return spring.Add(age) })
		found, err := later.SentOn(t.Context(), "", "cancel_booking", "bk_1", func(consent.Act) bool { return true })
		require.NoError(t, err)
		assert.Equal(t, want, found, "a grant whose booking was not stored")
	}
}

// field: request of the version before
// req: O4. A request of an earlier version, which did not store the caller and the slot, verifies and
// can be answered.
func TestReq_O4_ARequestOfAnOlderVersionIsAnswered(t *testing.T) {
	t.Parallel()
	start := monday.Add(24 * time.Hour)
	act := consent.Act{Tool: "book_slot", SlotID: "s1", Start: start, End: start.Add(time.Hour), Zone: "UTC", Title: "Intro"}
	other := open(t, storetest.Memory(t)) // whose act is stored as in the older version
	_, err := consent.New(other, func() time.Time { return monday }).Propose(t.Context(), act)
	require.NoError(t, err)
	text := func(column string) string {
		found, err := other.Texts(t.Context(), `SELECT `+column+` FROM acts`)
		require.NoError(t, err)
		return found[0]
	}
	mac := hmac.New(sha256.New, []byte(text("salt")))
	_, _ = mac.Write([]byte(text("digest")))
	expires := sqldb.Text(monday.Add(consent.Lifetime))
	raw, err := json.Marshal(map[string]string{"of": text("id"), "act": text("json"), "proposal": "OLDER", "expires": expires})
	require.NoError(t, err)
	where := storetest.Folder(t)
	require.NoError(t, sqldb.Once(t.Context(), where, 8, slices.Concat(
		[]string{fmt.Sprintf(`INSERT INTO acts VALUES ('%s', '%s', '%s', '%s')`, text("id"), text("digest"), text("salt"), text("json"))},
		oldChain(entry{kind: "proposed", digest: fmt.Sprintf("%x", mac.Sum(nil)), act: text("id"), details: string(raw)}),
		[]string{fmt.Sprintf(`INSERT INTO proposals VALUES ('OLDER', '%s', 1, '%s', '%s', 'open', '')`, text("id"), sqldb.Text(monday), expires)},
	)...))
	l := consent.New(open(t, where), func() time.Time { return monday })
	_, err = l.Answer(t.Context(), "OLDER", consent.Answer{By: "Ada", Method: consent.OnPage})
	require.NoError(t, err)
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)
	_, err = l.Statement(t.Context(), act, "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
}

var spring = time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)

// in runs do in a transaction that writes.
func in(t *testing.T, db *sqldb.DB, do func(tx *sqldb.Tx) error) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), do))
}
