package sqldb_test

import (
	"crypto/sha256"
	"errors"
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

// disarmed returns a ledger of several entries in which everything can be
// changed, as by someone who owns the file and removes its guards.
func disarmed(t *testing.T) (*sqldb.DB, *consent.Ledger, int64) {
	t.Helper()
	db := open(t, storetest.Memory(t))
	l := consent.New(db, func() time.Time { return time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC) })
	for _, person := range []string{"Bob", "Ada"} {
		act := consent.Act{Tool: "book_slot", SlotID: person, Attendees: []consent.Attendee{{Name: person}}}
		p, err := l.Propose(t.Context(), act)
		require.NoError(t, err)
		_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: person, Method: consent.OnPage})
		require.NoError(t, err)
		g, _, err := l.FindConsent(t.Context(), act)
		require.NoError(t, err)
		_, err = l.SendWithin(t.Context(), *g, consent.Quota{})
		require.NoError(t, err)
	}
	_, _, err := l.Erase(t.Context(), "Bob")
	require.NoError(t, err)
	require.NoError(t, l.Seal(t.Context()))
	for _, statement := range disarming(db) {
		require.NoError(t, db.Raw(t.Context(), statement), statement)
	}
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	return db, l, n
}

// disarming removes every guard of the ledger.
func disarming(db *sqldb.DB) []string {
	if db.Shared() {
		return []string{
			`ALTER TABLE entries DISABLE TRIGGER USER`, `ALTER TABLE details DISABLE TRIGGER USER`, `ALTER TABLE seals DISABLE TRIGGER USER`,
			`ALTER TABLE details DROP CONSTRAINT details_seq_fkey`, `ALTER TABLE details DROP CONSTRAINT details_act_fkey`,
			`ALTER TABLE proposals DROP CONSTRAINT proposals_seq_fkey`,
		}
	}
	return []string{
		`PRAGMA foreign_keys = OFF`, `DROP TRIGGER entries_are_appended`, `DROP TRIGGER entries_are_not_changed`,
		`DROP TRIGGER entries_are_not_deleted`, `DROP TRIGGER details_are_not_changed`, `DROP TRIGGER details_are_not_replaced`,
		`DROP TRIGGER seals_are_not_changed`, `DROP TRIGGER seals_are_not_deleted`, `DROP TRIGGER seals_are_not_replaced`,
	}
}

// brokenAt asserts where the ledger is found broken.
func brokenAt(t *testing.T, l *consent.Ledger, seq int64, what ...any) {
	t.Helper()
	_, err := l.Verify(t.Context())
	broken, ok := errors.AsType[*consent.BrokenError](err)
	if assert.True(t, ok, append([]any{err}, what...)...) {
		assert.Equal(t, seq, broken.Seq, what...)
	}
}

// req: O4
func TestReq_O4_AChangedByteIsFound(t *testing.T) {
	t.Parallel()
	const stride = 7 // every byte is the matter of the chain's own test
	db, l, n := disarmed(t)
	tried := 0
	for seq := int64(1); seq <= n; seq++ {
		for _, column := range []string{"entries.at", "entries.kind", "entries.digest", "entries.commitment", "entries.prev", "entries.hash", "entries.tenant", "entries.chain", "details.act", "details.salt", "details.json"} {
			table, name, _ := strings.Cut(column, ".")
			texts, err := db.Texts(t.Context(), fmt.Sprintf(`SELECT COALESCE(%s, '') FROM %s WHERE seq = ?`, name, table), seq)
			require.NoError(t, err)
			if len(texts) == 0 {
				require.LessOrEqual(t, seq, int64(3), "erased")
				continue
			}
			set := fmt.Sprintf(`UPDATE %s SET %s = ? WHERE seq = ?`, table, name)
			for i := int(seq) % stride; i < len(texts[0]); i += stride {
				changed := texts[0][:i] + string(rune(texts[0][i]^1)) + texts[0][i+1:]
				require.NoError(t, db.Raw(t.Context(), set, changed, seq))
				brokenAt(t, l, seq, column, i)
				tried++
			}
			for _, changed := range []string{texts[0] + "0", texts[0] + "\n", ""} {
				if changed != texts[0] {
					require.NoError(t, db.Raw(t.Context(), set, changed, seq))
					brokenAt(t, l, seq, column, changed)
				}
			}
			require.NoError(t, db.Raw(t.Context(), set, texts[0], seq))
		}
	}
	assert.Greater(t, tried, 300)
	_, err := l.Verify(t.Context())
	require.NoError(t, err, "all is as it was")
}

func TestDeletedMovedOrInsertedEntriesAreFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		statements []string
		at         int64
	}{
		"an erasure cut":   {[]string{`DELETE FROM entries WHERE seq = 7`}, 1}, // whose details it explains
		"a beginning cut":  {[]string{`DELETE FROM entries WHERE seq = 4`}, 5},
		"the middle cut":   {[]string{`DELETE FROM entries WHERE seq = 5`}, 6},
		"erased ones cut":  {[]string{`DELETE FROM entries WHERE seq = 2`}, 3},
		"numbered anew":    {[]string{`DELETE FROM entries WHERE seq = 5`, `UPDATE entries SET n = 2 WHERE seq = 6`}, 6},
		"a number changed": {[]string{`UPDATE entries SET n = 9 WHERE seq = 6`}, 6},
		"closed up":        {[]string{`DELETE FROM entries WHERE seq = 4`, `UPDATE entries SET seq = seq - 1 WHERE seq > 4`}, 4},
		"everything cut":   {[]string{`DELETE FROM entries`}, 0},
		"swapped":          {[]string{`UPDATE entries SET seq = 99 WHERE seq = 4`, `UPDATE entries SET seq = 4 WHERE seq = 5`, `UPDATE entries SET seq = 5 WHERE seq = 99`}, 4},
		"added":            {[]string{`INSERT INTO entries SELECT 8, at, kind, digest, commitment, hash, 'x', tenant, chain, n + 1, NULL FROM entries WHERE seq = 7`}, 8},
		"details gone":     {[]string{`DELETE FROM details WHERE seq = 5`}, 5},
		"details emptied":  {[]string{`UPDATE details SET salt = '', json = '' WHERE seq = 5`}, 5},
		"details swapped":  {[]string{`UPDATE details SET seq = 99 WHERE seq = 5`, `UPDATE details SET seq = 5 WHERE seq = 6`, `UPDATE details SET seq = 6 WHERE seq = 99`}, 5},
		"salt and text":    {[]string{`UPDATE details SET salt = substr(salt, 1, 63), json = substr(salt, 64) || json WHERE seq = 5`}, 5},
		"erasure gone":     {[]string{`DELETE FROM details WHERE seq = 7`}, 7},
		"the end unknown":  {[]string{`DELETE FROM head`}, 1},
		"the end moved":    {[]string{`UPDATE head SET seq = 9`}, 1},
		"the end set back": {[]string{`UPDATE head SET seq = -1`}, 0},
		"the end's hash":   {[]string{`UPDATE head SET hash = 'x'`}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l, _ := disarmed(t)
			for _, s := range tc.statements {
				require.NoError(t, db.Raw(t.Context(), s))
			}
			brokenAt(t, l, tc.at)
		})
	}
}

// req: O4. Three tenants book, then the others go on and one does not.
func TestReq_O4_AChangedSealIsFound(t *testing.T) {
	t.Parallel()
	const quiet = `(SELECT chain FROM entries WHERE tenant = 'quiet')`
	without := func(entries string) []string {
		return []string{
			`DELETE FROM details WHERE act IN ` + quiet, `DELETE FROM sends WHERE grant_id IN (SELECT id FROM grants WHERE act IN ` + quiet + `)`,
			`DELETE FROM grants WHERE act IN ` + quiet, `DELETE FROM acts WHERE id IN ` + quiet, `DELETE FROM sent_bookings WHERE tenant = 'quiet'`, entries,
		}
	}
	for name, statements := range map[string][]string{
		"the middle cut":           {`DELETE FROM seals WHERE n = 2`},
		"the end cut":              {`DELETE FROM seals WHERE n = 3`},
		"everything cut":           {`DELETE FROM seals`},
		"numbered anew":            {`UPDATE seals SET n = 9 WHERE n = 3`, `UPDATE entries SET seal = 9 WHERE seal = 3`},
		"a time changed":           {`UPDATE seals SET at = '' WHERE n = 1`},
		"an empty one added":       {`INSERT INTO seals SELECT 4, at, 0, hash, hash FROM seals WHERE n = 3`},
		"an entry in another seal": {`UPDATE entries SET seal = 3 WHERE seal = 2 AND tenant = 'quiet'`},
		"an entry without a seal":  {`UPDATE entries SET seal = NULL WHERE seal = 2 AND tenant = 'quiet'`},
		"an impossible seal":       {`UPDATE entries SET seal = -1 WHERE seal = 2 AND tenant = 'quiet'`},
		"a forged entry that is never sealed": {
			`INSERT INTO entries SELECT 99, at, kind, digest, commitment, hash, 'x', tenant, chain, 9, -1 FROM entries WHERE seq = 1`,
		},
		"the order changed":  {`UPDATE entries SET seq = 99 WHERE seq = 1`, `UPDATE entries SET seq = 1 WHERE seq = 3`, `UPDATE entries SET seq = 3 WHERE seq = 99`},
		"a tenant removed":   without(`DELETE FROM entries WHERE tenant = 'quiet'`),
		"its seals, as well": append(without(`DELETE FROM entries WHERE tenant = 'quiet'`), `DELETE FROM seals WHERE NOT EXISTS (SELECT 1 FROM entries WHERE seal = seals.n)`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, storetest.Memory(t))
			l := consent.New(db, func() time.Time { return monday })
			for i, tenants := range [][]string{{"", "acme"}, {"quiet"}, {"", "acme"}} {
				for _, tenant := range tenants {
					g, err := l.Statement(t.Context(), consent.Act{Tool: "book_slot", Tenant: tenant, SlotID: fmt.Sprint("s", i)}, "Ada", "yes")
					require.NoError(t, err)
					_, err = l.SendWithin(t.Context(), g, consent.Quota{})
					require.NoError(t, err)
				}
				require.NoError(t, l.Seal(t.Context()))
			}
			for _, statement := range append(disarming(db), disarmingRecords(db)...) {
				require.NoError(t, db.Raw(t.Context(), statement), statement)
			}
			_, err := l.Verify(t.Context())
			require.NoError(t, err)
			for _, statement := range statements {
				require.NoError(t, db.Raw(t.Context(), statement), statement)
			}
			_, err = l.Verify(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, "%v", err)
		})
	}
}

func TestAReplacedEntryWithAValidHashIsFound(t *testing.T) {
	t.Parallel()
	db, l, _ := disarmed(t)
	texts, err := db.Texts(t.Context(), strings.ReplaceAll(`SELECT prev || LF || tenant || LF || chain || LF || n || LF || at || LF || 'declined' || LF || digest || LF || commitment FROM entries WHERE seq = 5`, "LF", "'\n'"))
	require.NoError(t, err)
	require.Len(t, texts, 1)
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(texts[0])))
	require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET kind = 'declined', hash = ? WHERE seq = 5`, hash))
	brokenAt(t, l, 6)
}

// eventful returns a ledger with a record of every kind, whose guards are removed.
// Bob's records were erased.
func eventful(t *testing.T) (*sqldb.DB, *consent.Ledger) {
	t.Helper()
	db, now := open(t, storetest.Memory(t)), monday
	l := consent.New(db, func() time.Time { return now })
	ctx := t.Context()
	for _, person := range []string{"Bob", "Ada"} {
		eventsOf(t, l, person, func() { now = now.Add(consent.Lifetime) })
	}
	late := attestedAs(t, l, "under way")
	_, _, err := l.Erase(ctx, "Bob")
	require.NoError(t, err)
	require.NoError(t, l.Settle(ctx, late, consent.Done, "bk_9", "req_9", "Bob"))
	require.NoError(t, l.Seal(ctx))
	for _, statement := range append(disarming(db), disarmingRecords(db)...) {
		require.NoError(t, db.Raw(ctx, statement), statement)
	}
	_, err = l.Verify(ctx)
	require.NoError(t, err)
	return db, l
}

// eventsOf makes a record of every kind about a person. expire advances the clock
// until everything open has expired.
func eventsOf(t *testing.T, l *consent.Ledger, person string, expire func()) {
	t.Helper()
	ctx := t.Context()
	act := func(slot string) consent.Act {
		return consent.Act{Tool: "book_slot", SlotID: person + slot, Title: "Intro", Hosts: []consent.Host{{ID: "h"}}, Attendees: []consent.Attendee{{Name: person}}}
	}
	ask := func(slot string) consent.Proposal {
		p, err := l.Propose(ctx, act(slot))
		require.NoError(t, err)
		return p
	}
	attest := func(a consent.Act) consent.Grant {
		g, err := l.Statement(ctx, a, person, "yes")
		require.NoError(t, err)
		return g
	}
	answer := func(id string, agreed bool) {
		_, err := l.Answer(ctx, id, consent.Answer{Agreed: agreed, By: person, Words: "pressed", Method: consent.OnPage})
		require.NoError(t, err)
	}
	send := func(g consent.Grant, o consent.Outcome) {
		g, err := l.SendWithin(ctx, g, consent.Quota{})
		require.NoError(t, err)
		if o != consent.Sent {
			require.NoError(t, l.Settle(ctx, g, o, "bk_"+person, "req_\x00\xff\xff"+person, "heard"))
		}
	}
	answer(ask("declined").ID, false)
	require.NoError(t, l.Withdraw(ctx, ask("unanswered").ID, person+" was away"))
	late := ask("sent before")
	send(attest(act("sent before")), consent.Done)
	answer(late.ID, true)
	answer(ask("approved").ID, true)
	g, _, err := l.FindConsent(ctx, act("approved"))
	require.NoError(t, err)
	send(*g, consent.Done)
	send(attest(act("failed")), consent.NotDone)
	send(attest(act("lost")), consent.Unknown)
	series, change := act("series"), act("change")
	series.Count = 3
	send(attest(series), consent.Sent)
	change.Tool, change.SlotID, change.BookingID = "cancel_booking", "", "bk_"+person
	send(attest(change), consent.Done)
	answer(ask("unused").ID, true)
	expire()
	answer(ask("unused").ID, true)
	if person == "Ada" {
		_, err := l.CloseForHost(ctx, "", consent.HostIdentity{ID: "h"}, "calendar access was revoked")
		require.NoError(t, err)
	}
	ask("open")
	answer(ask("unsent").ID, true)
}

func attestedAs(t *testing.T, l *consent.Ledger, slot string) consent.Grant {
	t.Helper()
	g, err := l.Statement(t.Context(), consent.Act{Tool: "book_slot", SlotID: slot, Attendees: []consent.Attendee{{Name: "Bob"}}}, "Bob", "yes")
	require.NoError(t, err)
	g, err = l.SendWithin(t.Context(), g, consent.Quota{})
	require.NoError(t, err)
	return g
}

// disarmingRecords removes every guard of the other tables.
func disarmingRecords(db *sqldb.DB) []string {
	if !db.Shared() {
		return []string{`DROP TRIGGER bookings_of_new_grants`, `DROP TRIGGER bookings_of_grants`, `DROP INDEX one_live_grant`, `DROP INDEX one_act_sent_per_slot`, `DROP INDEX one_open_proposal`}
	}
	return []string{
		`ALTER TABLE grants DISABLE TRIGGER USER`, `DROP INDEX one_live_grant`, `DROP INDEX one_act_sent_per_slot`, `DROP INDEX one_open_proposal`,
		`ALTER TABLE grants DROP CONSTRAINT grants_act_fkey`, `ALTER TABLE proposals DROP CONSTRAINT proposals_act_fkey`, `ALTER TABLE sends DROP CONSTRAINT sends_grant_id_fkey`,
	}
}

// tables are those whose rows follow from the ledger: the key columns, and the others.
var tables = map[string][2][]string{
	"acts":          {{"id"}, {"digest", "salt", "json"}},
	"proposals":     {{"id"}, {"act", "seq", "at", "expires", "state", "unanswered", "tenant", "caller", "starts", "subject", "refused"}},
	"grants":        {{"id"}, {"act", "proposal", "tenant", "slot", "given_by", "words", "rung", "at", "expires", "outcome", "booking", "request", "detail", "subject", "bookings"}},
	"sends":         {{"grant_id", "n"}, {"outcome"}},
	"sent_bookings": {{"tenant", "slice"}, {"n"}},
}

// changed returns other values for a column.
func changed(column, value string) []string {
	switch column {
	case "seq", "n", "bookings":
		return []string{value + "1", "0", "-1"}
	case "starts", "refused":
		return []string{"2026-05-11T08:00:00.000Z", ""}
	case "at", "expires":
		return []string{"2026-05-11T08:00:00.000Z", "2027-01-01T00:00:00.000Z"}
	case "outcome":
		return []string{"", "sent", "done", "not_done", "unknown"}
	case "state":
		return []string{"open", "approved", "declined", "expired", "used"}
	default:
		return []string{value + "\uFFFD", ""}
	}
}

// field: records changed on disk
// req: O4. Every record that a write depends on follows from the ledger's entries.
func TestReq_O4_AChangedRecordIsFound(t *testing.T) {
	t.Parallel()
	db, l := eventful(t)
	tried := 0
	for table, columns := range tables {
		key := strings.Join(columns[0], " || '/' || ")
		keys, err := db.Texts(t.Context(), fmt.Sprintf(`SELECT %s FROM %s ORDER BY 1`, key, table))
		require.NoError(t, err)
		require.NotEmpty(t, keys, table)
		for _, row := range keys {
			for _, column := range columns[1] {
				where := fmt.Sprintf(` WHERE %s = ?`, key)
				before, err := db.Texts(t.Context(), fmt.Sprintf(`SELECT COALESCE(CAST(%s AS TEXT), 'NULL') FROM %s`, column, table)+where, row)
				require.NoError(t, err)
				for _, value := range changed(column, before[0]) {
					if value == before[0] || before[0] == "NULL" {
						continue
					}
					set := fmt.Sprintf(`UPDATE %s SET %s = `, table, column)
					to := "?"
					if column == "seq" || column == "n" || column == "bookings" {
						to = "CAST(? AS BIGINT)"
					}
					require.NoError(t, db.Raw(t.Context(), set+to+where, value, row), column)
					_, err := l.Verify(t.Context())
					_, broken := errors.AsType[*consent.BrokenError](err)
					assert.True(t, broken, "%s.%s of %s: %q instead of %q: %v", table, column, row, value, before[0], err)
					require.NoError(t, db.Raw(t.Context(), set+to+where, before[0], row))
					tried++
				}
			}
		}
	}
	assert.Greater(t, tried, 500)
	_, err := l.Verify(t.Context())
	require.NoError(t, err, "all is as it was")
}

// field: records added or removed on disk
// req: O4
func TestReq_O4_ARecordAddedOrRemovedIsFound(t *testing.T) {
	t.Parallel()
	copied := `INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
		SELECT 'forged', %s, proposal, tenant, %s, given_by, words, rung, at, expires, %s, booking, request, detail, subject FROM grants WHERE slot = 'Adaunsent'`
	for name, statement := range map[string]string{
		"a grant for an act":                  fmt.Sprintf(copied, "act", "slot", "''"),
		"a grant that blocks a slot":          fmt.Sprintf(copied, "act", "'taken'", "'sent'"),
		"a grant for an erased act":           fmt.Sprintf(copied, "(SELECT MIN(id) FROM acts WHERE digest IS NULL)", "'x'", "'not_done'"),
		"a grant for no act":                  fmt.Sprintf(copied, "'nothing'", "slot", "''"),
		"a proposal":                          `INSERT INTO proposals SELECT 'forged' || id, act, seq, at, expires, 'open', '', tenant, caller, starts, subject, refused, account, policy, '', '', 0 FROM proposals WHERE state = 'declined'`,
		"a proposal for no act":               `INSERT INTO proposals SELECT 'forged' || id, 'nothing', seq, at, expires, 'open', '', tenant, caller, starts, subject, refused, account, policy, '', '', 0 FROM proposals WHERE state = 'open'`,
		"an attempt":                          `INSERT INTO sends SELECT id, 9, 'done' FROM grants WHERE slot = 'Adaunsent'`,
		"an attempt of no grant":              `INSERT INTO sends VALUES ('nothing', 1, 'done')`,
		"a sum":                               `INSERT INTO sent_bookings VALUES ('other', '2026-05-11T09:00:00.000Z', 1)`,
		"no grants":                           `DELETE FROM grants`,
		"without a grant that was not sent":   `DELETE FROM grants WHERE slot = 'Adaunsent'`,
		"without a grant that was done":       `DELETE FROM grants WHERE slot = 'Adaapproved'`,
		"without an erased grant":             `DELETE FROM grants WHERE slot = 'Bobapproved'`,
		"without an erased grant, unsettled":  `DELETE FROM grants WHERE slot = 'under way'`,
		"without a proposal":                  `DELETE FROM proposals WHERE state = 'declined'`,
		"without proposals":                   `DELETE FROM proposals`,
		"without an act":                      `DELETE FROM acts WHERE id IN (SELECT act FROM grants WHERE slot = 'Adaapproved')`,
		"without acts":                        `DELETE FROM acts`,
		"without attempts":                    `DELETE FROM sends`,
		"without the attempts of erased acts": `DELETE FROM sends WHERE grant_id IN (SELECT id FROM grants WHERE slot = 'Bobapproved')`,
		"without sums":                        `DELETE FROM sent_bookings`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l := eventful(t)
			require.NoError(t, db.Raw(t.Context(), statement))
			_, err := l.Verify(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, "%v", err)
		})
	}
}

// field: erasure by an older version
// req: O4. Its entry does not contain the remaining records: the ledger still verifies.
func TestReq_O4_AnErasureOfAnOlderVersionVerifies(t *testing.T) {
	t.Parallel()
	where := storetest.Folder(t)
	require.NoError(t, sqldb.Once(t.Context(), where, 17, append(
		oldChain(entry{kind: "attested", digest: "d"}, entry{kind: "sent", digest: "d"}, entry{kind: "erased", details: `{"entries":[1,2]}`}),
		`INSERT INTO acts (id) VALUES ('A')`,
		`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
			VALUES ('G', 'A', '', '', 's1', '', '', 'attested by the agent', '2026-05-11T09:00:00.000Z', '2026-05-11T09:10:00.000Z', 'sent', '', '', '', '')`,
		`INSERT INTO sends VALUES ('G', 1, 'sent')`,
	)...))
	db := open(t, where)
	l, g := consent.New(db, func() time.Time { return monday }), consent.Grant{ID: "G", Attempt: 1}
	require.NoError(t, l.Settle(t.Context(), g, consent.Done, "bk_1", "req_1", ""))
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 4, n)
	require.NoError(t, db.Raw(t.Context(), `UPDATE grants SET given_by = 'Bob'`))
	_, err = l.Verify(t.Context())
	require.ErrorContains(t, err, "no entry is about the grant "+g.ID)
}
