package sqldb_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

var beginning = strings.Repeat("0", 64)

// entry is an entry of the ledger with its details.
type entry struct {
	seq                                                          int64
	at, kind, digest, commitment, prev, hash, act, salt, details string
}

// appendEntry appends an entry about its act, whose number in the chain is that of the entry.
func appendEntry(tx *sqldb.Tx, e entry) error {
	return errors.Join(
		tx.Exec(`INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, ?, NULL)`, e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash, e.act, e.seq),
		tx.Exec(`INSERT INTO details VALUES (?, NULLIF(?, ''), ?, ?)`, e.seq, e.act, e.salt, e.details),
	)
}

// oldChain returns the statements with which a version before schema 18 stored entries, with the hashes
// that consent.Entry describes for the old chain. The details of an entry without any were erased.
func oldChain(entries ...entry) (statements []string) {
	hash := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	prev := beginning
	for i, e := range entries {
		e.seq, e.at, e.prev, e.salt = int64(i+1), sqldb.Text(monday), prev, "5a17"
		e.commitment = hash(e.salt + e.details)
		e.hash = hash(strings.Join([]string{e.prev, fmt.Sprint(e.seq), e.at, e.kind, e.digest, e.commitment}, "\n"))
		statements = append(
			statements,
			fmt.Sprintf(`INSERT INTO entries VALUES (%d, '%s', '%s', '%s', '%s', '%s', '%s')`, e.seq, e.at, e.kind, e.digest, e.commitment, e.prev, e.hash),
			fmt.Sprintf(`UPDATE head SET seq = %d, hash = '%s'`, e.seq, e.hash),
		)
		if e.details != "" {
			statements = append(statements, fmt.Sprintf(`INSERT INTO details VALUES (%d, NULLIF('%s', ''), '%s', '%s')`, e.seq, e.act, e.salt, strings.ReplaceAll(e.details, "'", "''")))
		}
		prev = e.hash
	}
	return statements
}

func insertProposal(tx *sqldb.Tx, id, act string, seq int64, at, expires time.Time, state string) error {
	return tx.Exec(`INSERT INTO proposals (id, act, seq, at, expires, state, unanswered) VALUES (?, ?, ?, ?, ?, ?, '')`,
		id, act, seq, sqldb.Text(at), sqldb.Text(expires), state)
}

// twoEntries writes a ledger of two entries.
func twoEntries(t *testing.T) *sqldb.DB {
	t.Helper()
	db := open(t, storetest.Memory(t))
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, keepAct("a")(tx))
		require.NoError(t, appendEntry(tx, entry{seq: 1, prev: beginning, hash: "h1", act: "a", salt: "s", details: "d1"}))
		return appendEntry(tx, entry{seq: 2, prev: "h1", hash: "h2", act: "a", salt: "s", details: "d2"})
	}))
	return db
}

// req: O4
func TestReq_O4_TheLedgerIsOnlyAppendedTo(t *testing.T) {
	t.Parallel()
	db := twoEntries(t)
	require.NoError(t, db.Raw(t.Context(), `INSERT INTO seals (n, at, entries, prev, hash) VALUES (1, '', 1, '', '')`))
	require.NoError(t, db.Raw(t.Context(), `UPDATE entries SET seal = 1 WHERE seq = 1`), "once")
	refusals := map[string]string{
		`UPDATE entries SET kind = 'other' WHERE seq = 1`:                                                                         "never changed",
		`UPDATE entries SET seq = 3 WHERE seq = 2`:                                                                                "never changed",
		`DELETE FROM entries WHERE seq = 2`:                                                                                       "never cut",
		`DELETE FROM entries`:                                                                                                     "never cut",
		`INSERT INTO entries VALUES (3, '', '', '', '', 'h1', 'h3', '', 'a', 3, NULL)`:                                            "appended to at its end",
		`INSERT INTO entries VALUES (4, '', '', '', '', 'h2', 'h3', '', 'a', 4, NULL)`:                                            "appended to at its end",
		`INSERT INTO entries VALUES (4, '', '', '', '', 'h2', 'h3', '', 'a', 3, 1)`:                                               "appended to at its end",
		`INSERT INTO entries VALUES (0, '', '', '', '', 'h2', 'h3', '', 'b', 0, NULL)`:                                            "appended to at its end",
		`INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash) VALUES (3, '', '', '', '', '', '')`:                  "upgrade this program",
		`INSERT INTO entries VALUES (2, '', '', '', '', 'h9', 'h3', '', 'a', 3, NULL) ON CONFLICT (seq) DO UPDATE SET kind = 'x'`: "appended to at its end",
		`UPDATE entries SET seal = 1 WHERE seq = 1`:                                                                               "never changed",
		`UPDATE entries SET seal = 7 WHERE seq = 2`:                                                                               "never changed",
		`UPDATE entries SET seal = NULL WHERE seq = 1`:                                                                            "never changed",
		`UPDATE entries SET seal = 1, kind = 'x' WHERE seq = 2`:                                                                   "never changed",
		`UPDATE seals SET entries = 2`:                                                                                            "never changed",
		`DELETE FROM seals`:                                                                                                       "never cut",
		`UPDATE details SET json = '{}' WHERE seq = 1`:                                                                            "never changed",
		`INSERT INTO details VALUES (1, 'a', 's', '{}') ON CONFLICT (seq) DO UPDATE SET json = '{}'`:                              "never changed",
	}
	maps.Copy(refusals, map[bool]map[string]string{false: {
		`INSERT OR REPLACE INTO entries VALUES (2, '', '', '', '', 'h2', 'h3', '', 'a', 3, NULL)`: "appended to at its end",
		`INSERT OR REPLACE INTO entries VALUES (3, '', '', '', '', 'h1', 'h3', '', 'a', 2, NULL)`: "appended to at its end",
		`INSERT OR REPLACE INTO seals VALUES (1, '', 1, '', '')`:                                  "never changed",
		`INSERT OR REPLACE INTO details VALUES (1, 'a', 's', '{}')`:                               "never changed",
	}, true: {
		`TRUNCATE entries CASCADE`: "never cut",
		`TRUNCATE details`:         "never cut",
		`TRUNCATE seals`:           "never cut",
	}}[db.Shared()])
	for statement, refusal := range refusals {
		require.ErrorContains(t, db.Raw(t.Context(), statement), refusal, statement)
	}
	entries, err := db.Texts(t.Context(), `SELECT e.seq || ' ' || e.prev || ' ' || e.hash || ' ' || d.act || ' ' || d.salt || ' ' || d.json FROM entries e JOIN details d ON d.seq = e.seq ORDER BY e.seq`)
	require.NoError(t, err)
	assert.Equal(t, []string{"1 " + beginning + " h1 a s d1", "2 h1 h2 a s d2"}, entries)
}

func TestTheSchemaRefusesInvalidRecords(t *testing.T) {
	t.Parallel()
	db := twoEntries(t)
	grant := func(id, act, slot, outcome string) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			return tx.Exec(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail, subject)
				VALUES (?, ?, '', '', ?, '', '', '', '', '', ?, '', '', '', '')`, id, act, slot, outcome)
		}
	}
	proposal := func(id, state string) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			return insertProposal(tx, id, "a", 1, time.Now(), time.Time{}, state)
		}
	}
	for _, id := range []string{"b", "c"} {
		require.NoError(t, db.Write(t.Context(), keepAct(id)))
	}
	require.NoError(t, db.Write(t.Context(), grant("g1", "a", "s1", "sent")))
	require.Error(t, db.Write(t.Context(), grant("g2", "a", "s2", "")), "a second live grant for one act")
	require.NoError(t, db.Write(t.Context(), grant("g3", "a", "s2", "not_done")))
	require.NoError(t, db.Write(t.Context(), grant("g4", "b", "s1", "")))
	require.Error(t, db.Write(t.Context(), grant("g5", "c", "s1", "done")), "a second act sent under one slot id")
	require.Error(t, db.Write(t.Context(), grant("g6", "nosuchact", "s3", "")), "a grant for nothing")
	require.NoError(t, db.Write(t.Context(), proposal("p1", "open")))
	require.Error(t, db.Write(t.Context(), proposal("p2", "open")), "a second open proposal for one act")
	require.NoError(t, db.Write(t.Context(), proposal("p3", "expired")))
}

func TestInstantsAreStoredToTheMillisecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 987654321, time.FixedZone("", -7200))
	assert.Equal(t, "2026-03-29T03:30:00.987Z", sqldb.Text(at))
	assert.Empty(t, sqldb.Text(time.Time{}))
	db := twoEntries(t)
	read := func(column string) (back *time.Time) {
		in(t, db, func(tx *sqldb.Tx) (err error) {
			back, err = sqldb.One(tx, sqldb.InstantColumn, `SELECT `+column+` FROM proposals WHERE id = 'p'`)
			return err
		})
		return back
	}
	in(t, db, func(tx *sqldb.Tx) error { return insertProposal(tx, "p", "a", 1, at, time.Time{}, "open") })
	assert.Equal(t, at.UTC().Truncate(time.Millisecond), *read("at"))
	assert.True(t, read("expires").IsZero())
}
