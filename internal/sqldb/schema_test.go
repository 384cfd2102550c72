package sqldb_test

import (
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

// twoEntries writes a ledger of two entries.
func twoEntries(t *testing.T) *sqldb.DB {
	t.Helper()
	db := open(t, storetest.Memory(t))
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, keepAct("a")(tx))
		require.NoError(t, tx.Append(sqldb.Entry{Seq: 1, Prev: beginning, Hash: "h1", Act: "a", Salt: "s", Details: "d1"}))
		return tx.Append(sqldb.Entry{Seq: 2, Prev: "h1", Hash: "h2", Act: "a", Salt: "s", Details: "d2"})
	}))
	return db
}

// req: O4
func TestReq_O4_TheLedgerIsOnlyAppendedTo(t *testing.T) {
	t.Parallel()
	db := twoEntries(t)
	refusals := map[string]string{
		`UPDATE entries SET kind = 'other' WHERE seq = 1`:                                                       "never changed",
		`UPDATE entries SET seq = 3 WHERE seq = 2`:                                                              "never changed",
		`DELETE FROM entries WHERE seq = 2`:                                                                     "never cut",
		`DELETE FROM entries`:                                                                                   "never cut",
		`INSERT INTO entries VALUES (3, '', '', '', '', 'h1', 'h3')`:                                            "appended to at its end",
		`INSERT INTO entries VALUES (4, '', '', '', '', 'h2', 'h3')`:                                            "appended to at its end",
		`INSERT INTO entries VALUES (2, '', '', '', '', 'h1', 'h3') ON CONFLICT (seq) DO UPDATE SET kind = 'x'`: "appended to at its end",
		`UPDATE details SET json = '{}' WHERE seq = 1`:                                                          "never changed",
		`INSERT INTO details VALUES (1, 'a', 's', '{}') ON CONFLICT (seq) DO UPDATE SET json = '{}'`:            "never changed",
	}
	maps.Copy(refusals, map[bool]map[string]string{false: {
		`INSERT OR REPLACE INTO entries VALUES (2, '', '', '', '', 'h1', 'h3')`: "appended to at its end",
		`INSERT OR REPLACE INTO details VALUES (1, 'a', 's', '{}')`:             "never changed",
	}, true: {
		`TRUNCATE entries CASCADE`: "never cut",
		`TRUNCATE details`:         "never cut",
	}}[db.Shared()])
	for statement, refusal := range refusals {
		require.ErrorContains(t, db.Raw(t.Context(), statement), refusal, statement)
	}
	var entries []sqldb.Entry
	require.NoError(t, db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
		entries, err = tx.Entries(0, 10)
		return err
	}))
	assert.Len(t, entries, 2)
	assert.Equal(t, sqldb.Entry{Seq: 2, Prev: "h1", Hash: "h2", Act: "a", Salt: "s", Details: "d2"}, entries[1])
}

func TestTheSchemaRefusesTheWorstByItself(t *testing.T) {
	t.Parallel()
	db := twoEntries(t)
	grant := func(id, act, slot, outcome string) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			return tx.AddGrant(sqldb.Grant{ID: id, Act: sqldb.Act{ID: act}, SlotID: slot, Outcome: outcome})
		}
	}
	proposal := func(id, state string) func(*sqldb.Tx) error {
		return func(tx *sqldb.Tx) error {
			return tx.AddProposal(sqldb.Proposal{ID: id, Act: sqldb.Act{ID: "a"}, Seq: 1, At: time.Now(), State: state})
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

func TestInstantsAreKeptToTheMillisecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 987654321, time.FixedZone("", -7200))
	assert.Equal(t, "2026-03-29T03:30:00.987Z", sqldb.Text(at))
	assert.Empty(t, sqldb.Text(time.Time{}))
	db := twoEntries(t)
	var back *sqldb.Proposal
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error {
		require.NoError(t, tx.AddProposal(sqldb.Proposal{ID: "p", Act: sqldb.Act{ID: "a"}, Seq: 1, At: at, State: "open"}))
		var err error
		back, err = tx.Proposal("p")
		return err
	}))
	assert.Equal(t, at.UTC().Truncate(time.Millisecond), back.At)
	assert.True(t, back.Expires.IsZero())
}
