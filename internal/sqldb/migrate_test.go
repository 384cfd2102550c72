package sqldb_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// Whatever was kept before there were tenants is the default one's.
func TestWhatWasKeptBeforeTenantsBelongsToTheDefaultOne(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	require.NoError(t, sqldb.Once(t.Context(), where, 2,
		`INSERT INTO events (id, type, at, received, booking, body) VALUES ('e1', 'x', '', '2026-05-18T09:00:00.000Z', 'b-1', '{}')`,
		`INSERT INTO externals (booking, sink, id) VALUES ('b-1', 'crm', 'CRM-1')`,
		`INSERT INTO subscriptions (id, url, secret, created) VALUES ('wh_1', 'https://x', 's', '2026-05-18T09:00:00.000Z')`,
	))
	in(t, open(t, where), func(tx *sqldb.Tx) error {
		kept, err := tx.Event("", "e1")
		require.NoError(t, err)
		assert.Equal(t, sqldb.Event{ID: "e1", Type: "x", Received: spring, Booking: "b-1", Body: []byte("{}")}, *kept)
		added, err := tx.AddEvent(sqldb.Event{ID: "e1", Type: "x", Body: []byte("{}")})
		require.NoError(t, err)
		assert.False(t, added)
		id, err := tx.External("", "b-1", "crm")
		require.NoError(t, err)
		assert.Equal(t, "CRM-1", id)
		found, err := tx.Subscriptions("", 5)
		assert.Equal(t, []sqldb.Subscription{{ID: "wh_1", URL: "https://x", Secret: "s", Created: spring}}, found)
		return err
	})
}

// beforeCounts are statements of the version that had no sums of bookings: the act
// of each grant, and the grant, with the columns that it knew.
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
// req: O6, X6. What was sent before the sums were stored counts, and so does what
// a process of the version before still sends.
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
	counted := func(tenant string) (n int) {
		in(t, db, func(tx *sqldb.Tx) (err error) {
			n, err = tx.SentBookings(tenant, time.Date(2026, 5, 18, 9, 30, 0, 0, time.UTC), time.Date(2026, 5, 18, 9, 45, 0, 0, time.UTC))
			return err
		})
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
	in(t, db, func(tx *sqldb.Tx) error {
		found, err := tx.SentOn("", "bk_1", spring)
		require.NoError(t, err)
		require.Len(t, found, 1, "whose booking was not stored")
		assert.Equal(t, "cancel", found[0].ID)
		found, err = tx.SentOn("", "bk_1", spring.Add(24*time.Hour))
		assert.Empty(t, found)
		return err
	})
}

// field: request of the version before
// req: O4. A request that an earlier version made, of which it did not store who asked and for what
// slot, verifies and is answered.
func TestReq_O4_ARequestOfAnOlderVersionIsAnswered(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.Memory(t))
	l := consent.New(db, func() time.Time { return monday })
	start := monday.Add(24 * time.Hour)
	act := consent.Act{Tool: "book_slot", SlotID: "s1", Start: start, End: start.Add(time.Hour), Zone: "UTC", Title: "Intro"}
	older, err := l.Propose(t.Context(), act)
	require.NoError(t, err)
	var kept sqldb.Proposal
	in(t, db, func(tx *sqldb.Tx) error {
		found, err := tx.Proposal(older.ID)
		kept = *found
		return err
	})
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { // as it would have been written then
		hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
		mac := hmac.New(sha256.New, []byte(kept.Act.Salt))
		_, _ = mac.Write([]byte(kept.Act.Digest))
		raw, err := json.Marshal(map[string]string{"of": kept.Act.ID, "act": kept.Act.JSON, "proposal": "OLDER", "expires": sqldb.Text(kept.Expires)})
		require.NoError(t, err)
		head, err := tx.Head()
		require.NoError(t, err)
		e := sqldb.Entry{
			Seq: head.Seq + 1, At: sqldb.Text(monday), Kind: "proposed", Digest: fmt.Sprintf("%x", mac.Sum(nil)), Prev: head.Hash,
			Act: kept.Act.ID, Salt: "5a17", Details: string(raw), Commitment: hash("5a17" + string(raw)),
		}
		e.Hash = hash(strings.Join([]string{e.Prev, fmt.Sprint(e.Seq), e.At, e.Kind, e.Digest, e.Commitment}, "\n"))
		require.NoError(t, tx.Append(e))
		return tx.AddProposal(sqldb.Proposal{ID: "OLDER", Act: kept.Act, Seq: e.Seq, At: monday, Expires: kept.Expires, State: "expired"})
	}))
	require.NoError(t, db.Raw(t.Context(), `UPDATE proposals SET state = 'used' WHERE id = ?`, older.ID)) // one may be open
	require.NoError(t, db.Raw(t.Context(), `UPDATE proposals SET state = 'open' WHERE id = 'OLDER'`))
	_, err = l.Answer(t.Context(), "OLDER", consent.Answer{By: "Ada", Rung: consent.OnPage})
	require.NoError(t, err)
	require.NoError(t, db.Raw(t.Context(), `UPDATE proposals SET state = 'open' WHERE id = ?`, older.ID))
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 3, n)
	_, err = l.Attest(t.Context(), act, "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
}
