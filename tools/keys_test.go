package tools

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	keyring "github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Keyed hashes of the program of 30 November 2026: of a question that a client brings back, of a list's cursor, and of a
// caller as the ledger names them (commit 55c487f).
//
// field: questions, cursors and callers of an earlier release
func TestKeyedHashesAreUnchangedAndDiffer(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/keys.json")
	require.NoError(t, err)
	var want map[string]map[string]string
	require.NoError(t, json.Unmarshal(raw, &want))
	got, seen := map[string]map[string]string{}, map[string]string{}
	for secret, tenant := range map[string]string{"a secret of tenant acme": "acme", "a secret of tenant beta": "beta"} {
		d := &Deps{
			Service:      scheduling.Service{Tenant: tenant},
			Conversation: Conversation{Keys: keyring.NewKeyring([]byte(secret)), Caller: func(context.Context) string { return "token ada" }},
		}
		q := listing{filters: []string{"", "", "", "", "Europe/London", "619c8492-3849-4201-abd3-6d668d3f30b3"}}
		p := positionOf(vennioclient.Booking{ID: "01fdf92f-9dc1-4fcf-bb66-ad336e269d0b", Start: time.Date(2026, 12, 9, 9, 0, 0, 0, time.UTC)})
		got[tenant] = map[string]string{
			"question": d.seal("6WMXKTFOIBQW7JNOQZFQNGPBPQ"), "cursor": d.cursor(q, p), "caller": d.asker(t.Context()).Caller,
		}
		assert.True(t, d.isSealed(got[tenant]["question"], "6WMXKTFOIBQW7JNOQZFQNGPBPQ"))
		opened, err := d.openCursor(q, got[tenant]["cursor"])
		require.NoError(t, err)
		assert.Equal(t, p.id, opened.id)
		for purpose, hash := range got[tenant] {
			assert.Empty(t, seen[hash], "%s of %s", purpose, tenant)
			seen[hash] = purpose
		}
	}
	assert.Equal(t, want, got)
}
