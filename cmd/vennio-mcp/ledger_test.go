package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// field: consent changed on disk
// req: O4
func TestReq_O4_LedgerVerifyFindsAConsentChangedOnDisk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ statement, says string }{
		"nothing":           {"", ""},
		"words changed":     {`UPDATE grants SET words = 'whatever'`, "differs from its entries in words"},
		"grant added":       {`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail) SELECT 'forged', act, '', tenant, 'other', given_by, words, rung, at, expires, 'not_done', '', '', '' FROM grants`, "no entry is about the grant forged"},
		"grant removed":     {`DELETE FROM sends; DELETE FROM grants`, "was removed"},
		"question reopened": {`UPDATE proposals SET state = 'open'`, "differs from its entries in state"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db := sqldb.OpenWith(dir, longWait)
			ledger := consent.New(db, time.Now)
			p, err := ledger.Propose(t.Context(), consent.Act{Tool: "book_slot", SlotID: "s1", Title: "Intro"})
			require.NoError(t, err)
			_, err = ledger.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: "Ada", Words: "yes", Method: consent.OnPage})
			require.NoError(t, err)
			require.NoError(t, db.Close())
			if tc.statement != "" {
				other, err := sql.Open("sqlite", filepath.Join(dir, "vennio-mcp.db"))
				require.NoError(t, err)
				_, err = other.ExecContext(t.Context(), tc.statement)
				require.NoError(t, err)
				require.NoError(t, other.Close())
			}
			code, out, errs := run(t, clean(t, "VENNIO_STATE_DIR="+dir), "ledger", "verify")
			if tc.statement == "" {
				assert.Zero(t, code, errs)
				assert.Contains(t, out, "The ledger holds: 2 entries, none changed, deleted or inserted, and every consent matches its entries.")
				return
			}
			assert.Equal(t, 1, code)
			assert.Contains(t, errs, "the ledger does NOT hold")
			assert.Contains(t, errs, tc.says)
		})
	}
}

// ledger list shows booking, outcome and method of each entry, and chooses by them; ledger show prints
// entries in full.
func TestTheLedgerIsListedAndShown(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=ask")
	c := converse(t, env)
	booked := c.call("book_slot", c.booking())
	require.Nil(t, booked.Data.Error, booked.Text)
	dir := strings.TrimPrefix(env[0], "HOME=")
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Base(path) == "vennio-mcp.db" {
			dir = filepath.Dir(path)
		}
		return err
	}))
	db := sqldb.OpenWith(dir, longWait)
	ledger := consent.New(db, time.Now)
	asked, err := ledger.Propose(t.Context(), consent.Act{Tool: "cancel_booking", Tenant: "acme", BookingID: "b-2", Title: "Intro"})
	require.NoError(t, err)
	_, err = ledger.Answer(t.Context(), asked.ID, consent.Answer{Agreed: true, By: "Grace Hopper", Words: "yes", Method: consent.OnPage})
	require.NoError(t, err)
	require.NoError(t, db.Close())

	all := listed(t, env)
	require.Len(t, all, 5, "attested, sent, settled; proposed, approved")
	id := booked.Data.BookingID
	for _, l := range all[:3] {
		assert.Equal(t, []string{id, "attested by the agent", "book_slot", ""}, []string{l.Booking, string(l.Method), l.Tool, l.Tenant})
	}
	assert.Equal(t, []consent.Outcome{"", "sent", "done"}, []consent.Outcome{all[0].Outcome, all[1].Outcome, all[2].Outcome})
	for filter, want := range map[string][]consent.Line{
		"--booking " + id: all[:3], "--booking b-2": all[3:], "--booking b-3": nil,
		"--tenant acme": all[3:], "--tenant -": all[:3], "--outcome done": all[2:3], "--outcome sent": all[1:2], "--outcome unknown": nil,
		"--method attested": all[:3], "--method page": all[3:], "--method terminal": nil, "--limit 2": all[3:], "--limit 0": all,
		"--since 1h": all, "--since 2126-01-01": nil, "--until 1h": nil, "--until 2126-01-01T00:00:00Z": all, "--method attested --outcome done": all[2:3],
	} {
		assert.Equal(t, want, listed(t, env, strings.Fields(filter)...), filter)
	}
	table := well(t, env, "ledger", "list")
	assert.Regexp(t, `(?m)^3 +\S+  settled +- +done +attested +`+id+` `, table)
	assert.Regexp(t, `(?m)^5 +\S+  approved +acme +- +page +b-2 `, table)
	assert.NotContains(t, table, "Grace")
	assert.Equal(t, "No entries.\n", well(t, env, "ledger", "list", "--outcome", "unknown"))
	code, _, errs := run(t, env, "ledger", "list", "--tenant", "gamma")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "no such tenant")

	showsEntries(t, env, id, asked.ID, all[4].Grant)
}

// An entry that is no consent shows no method of consent.
func TestTheLedgerShowsMethodsOfConsentOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := clean(t, "VENNIO_STATE_DIR="+dir)
	db := sqldb.OpenWith(dir, longWait)
	ledger := consent.New(db, time.Now)
	for i, agreed := range []bool{true, false} {
		asked, err := ledger.Propose(t.Context(), consent.Act{Tool: "cancel_booking", BookingID: fmt.Sprint("b-", i), Title: "Intro"})
		require.NoError(t, err)
		_, err = ledger.Answer(t.Context(), asked.ID, consent.Answer{Agreed: agreed, By: "Grace Hopper", Words: "so be it", Method: consent.InTerminal})
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	table := strings.Split(well(t, env, "ledger", "list"), "\n")
	assert.Regexp(t, `^ENTRY  TIME +KIND +TENANT  OUTCOME  METHOD +BOOKING  HASH$`, table[0])
	for i, want := range []string{`proposed  -  -  -  b-0`, `approved  -  -  terminal  b-0`, `proposed  -  -  -  b-1`, `declined  -  -  declined in the terminal  b-1`} {
		row := table[i+1]
		assert.Regexp(t, `^\d +\S+ +`+strings.ReplaceAll(want, "  ", "  +")+`  +[0-9a-f]{12}$`, row)
		assert.Equal(t, strings.Index(table[0], "BOOKING"), strings.Index(row, "b-"), "columns are aligned")
	}
	for entry, want := range map[string]string{"2": "method   approved in the terminal\n", "4": "method   declined in the terminal\n"} {
		assert.Contains(t, well(t, env, "ledger", "show", entry), want)
	}
	assert.NotContains(t, well(t, env, "ledger", "show", "1"), "method ")
}

// listed is what ledger list --json prints.
func listed(t *testing.T, env []string, filters ...string) (lines []consent.Line) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(well(t, env, append([]string{"ledger", "list", "--json"}, filters...)...)))
	for d.More() {
		var l consent.Line
		require.NoError(t, d.Decode(&l))
		assert.Empty(t, l.Details)
		lines = append(lines, l)
	}
	return lines
}

func showsEntries(t *testing.T, env []string, id, request, grant string) {
	t.Helper()
	shown := well(t, env, "ledger", "show", "3")
	for _, part := range []string{"entry 3\n", "booking  " + id, "outcome  done", "method   attested by the agent", `"attempt":1`} {
		assert.Contains(t, shown, part)
	}
	assert.NotContains(t, shown, "entry 2")
	for _, of := range []string{request, "b-2", grant} {
		assert.Equal(t, 2, strings.Count(well(t, env, "ledger", "show", of), "entry "), of)
	}
	assert.Contains(t, well(t, env, "ledger", "show", request, "--json"), "Grace Hopper")
	code, _, errs := run(t, env, "ledger", "show", "99")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, `no entry "99"`)
	began := time.Now()
	well(t, env, "ledger", "erase", "Grace Hopper")
	if verified := well(t, env, "ledger", "verify"); time.Since(began) < time.Second { // a command seals for a second at most
		assert.NotContains(t, verified, "without a seal", "the command seals its entry")
	}
	assert.Contains(t, well(t, env, "ledger", "list"), "(erased)")
	assert.NotContains(t, well(t, env, "ledger", "show", "5"), "Grace")
}
