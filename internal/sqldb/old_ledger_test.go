package sqldb_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// The fixture has oldEntries entries in the old chain; its export by the program that wrote it has this hash.
const (
	oldEntries = 67
	oldExport  = "29eede25546e10bdda3398953a37b4107028888976837c8a0b7898c3c8a583dd"
)

// oldLedger returns the ledger of the fixture after the migration.
func oldLedger(t *testing.T) (*sqldb.DB, *consent.Ledger) {
	t.Helper()
	fixture, err := os.ReadFile("testdata/ledger-17.sql")
	require.NoError(t, err)
	var statements []string
	for line := range strings.Lines(string(fixture)) {
		if !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	where := storetest.Folder(t)
	require.NoError(t, sqldb.Once(t.Context(), where, 17, statements...))
	db := open(t, where)
	return db, consent.New(db, func() time.Time { return monday.Add(2 * consent.Lifetime) })
}

// exported returns the export of a ledger.
func exported(t *testing.T, l *consent.Ledger) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, l.Export(t.Context(), &out))
	return out.String()
}

// verified asserts that a ledger verifies, and returns the report.
func verified(t *testing.T, l *consent.Ledger) consent.Report {
	t.Helper()
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	return report
}

// continued settles, answers and sends what the old ledger has left open.
func continued(t *testing.T, l *consent.Ledger) {
	t.Helper()
	ctx := t.Context()
	sent, err := l.UnsettledSent(ctx, 0)
	require.NoError(t, err)
	require.NotEmpty(t, sent)
	for _, one := range sent {
		require.NoError(t, l.Resolve(ctx, one.Grant, consent.Done, "bk_"+one.Grant.ID, ""))
	}
	unknown, err := l.UnsettledUnknown(ctx, 0, 24*time.Hour)
	require.NoError(t, err)
	require.NotEmpty(t, unknown)
	for _, one := range unknown {
		require.NoError(t, l.GiveUp(ctx, one.Grant, "a later read shows that it was not done"))
	}
	proposals, err := l.Open(ctx)
	require.NoError(t, err)
	require.Len(t, proposals, 1)
	_, err = l.Answer(ctx, proposals[0].ID, consent.Answer{Agreed: true, By: "Ada", Method: consent.OnPage})
	require.NoError(t, err)
	for _, slot := range []string{"open", "unsent"} {
		act := consent.Act{Tool: "book_slot", SlotID: "Ada" + slot, Title: "Intro", Hosts: []consent.Host{{ID: "h"}}, Attendees: []consent.Attendee{{Name: "Ada"}}}
		g, _, err := l.FindConsent(ctx, act)
		require.NoError(t, err)
		_, err = l.SendWithin(ctx, *g, consent.Quota{})
		require.NoError(t, err)
	}
	keys, err := l.Passkeys(ctx, "")
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.NoError(t, l.RemoveLostPasskey(ctx, "", keys[0].ID))
}

// field: ledger of the version before, on either database
// req: O4. It is migrated, verifies and is exported as before, and everything that was left open continues.
func TestReq_O4_AnOldLedgerIsMigratedAndContinues(t *testing.T) {
	t.Parallel()
	db, l := oldLedger(t)
	before := exported(t, l)
	assert.Equal(t, oldExport, fmt.Sprintf("%x", sha256.Sum256([]byte(before))))
	report := verified(t, l)
	assert.Equal(t, []int64{oldEntries, 0, 0}, []int64{report.Entries, report.Seals, report.Unsealed})
	assert.Equal(t, 1, report.Signatures)
	require.NoError(t, l.Seal(t.Context()))
	assert.Equal(t, before, exported(t, l), "nothing to seal")
	require.ErrorContains(t, db.Raw(t.Context(), `INSERT INTO entries (seq, at, kind, digest, commitment, prev, hash) SELECT seq + 1, '', 'sent', '', '', hash, 'x' FROM head`), "upgrade this program")

	continued(t, l)
	report = verified(t, l)
	assert.Equal(t, report.Entries-oldEntries, report.Unsealed)
	require.NoError(t, l.Seal(t.Context()))
	assert.Zero(t, verified(t, l).Unsealed)
	after := exported(t, l)
	assert.True(t, strings.HasPrefix(after, before), "old lines are exported as before")
	assert.Equal(t, 1, strings.Count(after, `{"kind":"seal"`))

	_, _, err := l.Erase(t.Context(), "Ada")
	require.NoError(t, err)
	verified(t, l)
	require.NoError(t, l.Seal(t.Context()))
	verified(t, l)
	assert.NotContains(t, exported(t, l), `"name":"Ada"`)
}

// field: old chain changed after the migration
// req: O4
func TestReq_O4_AChangeOfTheOldChainIsFound(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"the beginning cut":   {`DELETE FROM entries WHERE seq = 1`},
		"the middle cut":      {`DELETE FROM entries WHERE seq = 30`},
		"the end cut":         {`DELETE FROM details WHERE seq = 67`, `DELETE FROM entries WHERE seq = 67`},
		"the end forgotten":   {`DELETE FROM details WHERE seq = 67`, `DELETE FROM entries WHERE seq = 67`, `UPDATE head SET seq = 66, hash = (SELECT hash FROM entries WHERE seq = 66)`},
		"no end":              {`DELETE FROM head`},
		"another end":         {`UPDATE head SET hash = 'x'`},
		"a byte":              {`UPDATE entries SET kind = 'retired' WHERE seq = 20`},
		"details":             {`UPDATE details SET json = json || ' ' WHERE seq = 50`},
		"a new number":        {`UPDATE entries SET n = 1, chain = 'x', tenant = '' WHERE seq = 67`},
		"no number":           {`UPDATE entries SET n = NULL WHERE seq = (SELECT MIN(seq) FROM entries WHERE n = 1)`},
		"the end of an act":   {`UPDATE entries SET prev = '` + beginning + `' WHERE n = 1 AND chain = (SELECT act FROM grants WHERE slot = 'Adaunsent')`},
		"followed by another": {`UPDATE seals SET prev = '` + beginning + `'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l := oldLedger(t)
			continued(t, l)
			require.NoError(t, l.Seal(t.Context()))
			for _, statement := range append(disarming(db), statements...) {
				require.NoError(t, db.Raw(t.Context(), statement), statement)
			}
			_, err := l.Verify(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, "%v", err)
		})
	}
}

// field: sealed entries removed or changed together with everything that follows from them
// req: O4
func TestReq_O4_AChangeUnderASealIsFound(t *testing.T) {
	t.Parallel()
	ofAda := `(SELECT g.id FROM grants g WHERE g.slot = 'Ada')`
	for name, statements := range map[string][]string{
		"an act with all records": {
			`DELETE FROM entries WHERE seq IN (4, 5, 6)`, `DELETE FROM details WHERE seq IN (4, 5, 6)`, `DELETE FROM sends WHERE grant_id IN ` + ofAda,
			`DELETE FROM sent_bookings`, `INSERT INTO sent_bookings SELECT tenant, slice, SUM(bookings) FROM grants WHERE slot = 'Bob' GROUP BY tenant, slice`,
			`DELETE FROM proposals WHERE act = (SELECT act FROM grants WHERE slot = 'Ada')`, `DELETE FROM grants WHERE slot = 'Ada'`, `DELETE FROM acts WHERE digest IS NOT NULL`,
		},
		"the end of a chain": {
			`DELETE FROM entries WHERE seq = 6`, `DELETE FROM details WHERE seq = 6`, `DELETE FROM sends WHERE grant_id IN ` + ofAda,
			`UPDATE grants SET outcome = '' WHERE slot = 'Ada'`, `UPDATE proposals SET state = 'approved' WHERE seq = 4`,
		},
		"the end of a chain that has no seal": {`UPDATE entries SET seal = NULL WHERE seq = 6`},
		"an entry of another seal":            {`UPDATE entries SET seal = 99 WHERE seq = 6`},
		"the seal":                            {`DELETE FROM seals`},
		"the seal's number":                   {`UPDATE seals SET n = 2`},
		"the seal's time":                     {`UPDATE seals SET at = '2026-05-11T09:00:00.001Z'`},
		"the seal's count":                    {`UPDATE seals SET entries = 8`},
		"the seal's beginning":                {`UPDATE seals SET prev = 'x'`},
		"the seal's hash":                     {`UPDATE seals SET hash = 'x'`},
		"an empty seal":                       {`INSERT INTO seals (n, at, entries, prev, hash) SELECT 2, at, 0, hash, 'x' FROM seals`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, l, _ := disarmed(t)
			for _, statement := range append(disarmingRecords(db), statements...) {
				require.NoError(t, db.Raw(t.Context(), statement), statement)
			}
			_, err := l.Verify(t.Context())
			_, broken := errors.AsType[*consent.BrokenError](err)
			assert.True(t, broken, "%v", err)
		})
	}
}

// A seal without entries that was added with a correct hash is found.
func TestReq_O4_ACorrectlyHashedEmptySealIsFound(t *testing.T) {
	t.Parallel()
	db, l, _ := disarmed(t)
	ctx := t.Context()
	ends, err := db.Texts(ctx, `SELECT hash FROM seals ORDER BY n DESC LIMIT 1`)
	require.NoError(t, err)
	numbers, err := db.Texts(ctx, `SELECT CAST(MAX(n) + 1 AS TEXT) FROM seals`)
	require.NoError(t, err)
	at := "2026-05-11T09:00:00.000Z"
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join([]string{ends[0], numbers[0], at, "0"}, "\n"))))
	require.NoError(t, db.Raw(ctx, `INSERT INTO seals (n, at, entries, prev, hash) SELECT MAX(n) + 1, '`+at+`', 0, '`+ends[0]+`', '`+hash+`' FROM seals`))
	_, err = l.Verify(ctx)
	_, broken := errors.AsType[*consent.BrokenError](err)
	assert.True(t, broken, "%v", err)
}
