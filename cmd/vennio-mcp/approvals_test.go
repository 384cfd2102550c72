package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// bar: X5. One list has the questions of all tenants, and says whose each is.
func TestBar_X5_ApprovalsNamesTheTenant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := store.Open(dir)
	ledger := consent.New(db, time.Now)
	asked := map[string]string{}
	for _, tenant := range []string{"", "acme", "beta"} {
		start := time.Now().Add(30 * time.Hour)
		p, err := ledger.Propose(t.Context(), consent.Act{
			Tool: "book_slot", Tenant: tenant, SlotID: "s1", Start: start, End: start.Add(time.Hour), Zone: "Europe/London", Title: "Intro",
			Hosts: []consent.Party{{Name: "Alice", ID: "id-1"}}, Attendees: []consent.Attendee{{Name: "Ada", Email: "ada@example.com"}},
		})
		require.NoError(t, err)
		asked[tenant] = p.ID
	}
	require.NoError(t, db.Close())
	code, out, errs := run(t, clean(t, "VENNIO_STATE_DIR="+dir), "approvals")
	require.Zero(t, code, errs)
	assert.Regexp(t, `(?s)`+asked["acme"]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  Tenant    acme\n  When `, out)
	assert.Regexp(t, `(?s)`+asked["beta"]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  Tenant    beta\n  When `, out)
	assert.Regexp(t, `(?s)`+asked[""]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  When `, out)
}
