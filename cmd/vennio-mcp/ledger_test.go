package main

import (
	"database/sql"
	"path/filepath"
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
			db := sqldb.Open(dir)
			ledger := consent.New(db, time.Now)
			p, err := ledger.Propose(t.Context(), consent.Act{Tool: "book_slot", SlotID: "s1", Title: "Intro"})
			require.NoError(t, err)
			_, err = ledger.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: "Ada", Words: "yes", Rung: consent.OnPage})
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
