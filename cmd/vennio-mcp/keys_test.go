package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

const (
	recordedSecret = "a signing secret of the fixture"
	recordedAPI    = "http://127.0.0.1:9" // where nobody answers
)

// recordedKeys are what the program of 30 November 2026 derived from recordedSecret, by tenant
// (testdata/README.md).
type recordedKeys struct {
	Fingerprint string            `json:"fingerprint"`
	Secrets     map[string]string `json:"secrets"`
	Slots       map[string]string `json:"slots"`
	Cursors     map[string]string `json:"cursors"`
}

func readKeys(t *testing.T) (k recordedKeys) {
	t.Helper()
	raw, err := os.ReadFile("testdata/keys.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &k))
	return k
}

// Other keys would make every slot id, cursor and question in flight invalid.
//
// field: keys of an earlier release
// bar: X5
func TestKeysOfTenantsAreUnchangedAndDiffer(t *testing.T) {
	t.Parallel()
	k, seen := readKeys(t), map[string]bool{}
	keys := tenant.NewKeyring([]byte(recordedSecret))
	assert.Equal(t, k.Fingerprint, keys.Fingerprint())
	seen[k.Fingerprint] = true
	for _, name := range []string{"", "acme", "beta"} {
		recorded, err := hex.DecodeString(k.Secrets[name])
		require.NoError(t, err)
		assert.Equal(t, tenant.NewKeyring(recorded), keys.ForTenant(name), "keys of tenant %q", name)
		assert.False(t, seen[k.Secrets[name]], "keys of tenant %q", name)
		seen[k.Secrets[name]] = true
		issued := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
		for of, id := range k.Slots {
			offer, err := slots.NewSigner(keys, tenant.NewIdentity(name, recordedAPI, "").Realm, func() time.Time { return issued }).Open(id, []string{alice})
			if of != name {
				require.ErrorIs(t, err, slots.ErrUnknown, "slot of %q opened for %q", of, name)
				continue
			}
			require.NoError(t, err, "slot of tenant %q", name)
			assert.Equal(t, slots.Offer{Start: issued.Add(24 * time.Hour), Duration: 30 * time.Minute, Hosts: []string{alice}, Zone: "Europe/London"}, offer)
		}
	}
}

// A genuine slot id of the past has expired, any other one is unknown. A genuine cursor leads to a call of Vennio, which fails
// here; any other one is an invalid argument.
//
// field: slot ids and cursors of an earlier release
// bar: X5
func TestSlotIDsAndCursorsOfAnEarlierReleaseBelongToTheirTenants(t *testing.T) {
	t.Parallel()
	k := readKeys(t)
	tokens := map[string]string{"": auth.NewToken(), "acme": auth.NewToken(), "beta": auth.NewToken()}
	file := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
tokens:
  - {name: cyn, hash: "%s"}
  - {name: ada, hash: "%s", tenant: acme}
  - {name: bob, hash: "%s", tenant: beta}
tenants:
  - {name: acme, api_key: %s, hosts: "Alice=%s", consent: attested}
  - {name: beta, api_key: %s, hosts: "Alice=%s", consent: attested}
`, auth.HashOf(tokens[""]), auth.HashOf(tokens["acme"]), auth.HashOf(tokens["beta"]), keyOfAcme, alice, keyOfBeta, alice), 0o600))
	env := clean(t, "VENNIO_API_URL="+recordedAPI, "VENNIO_API_KEY="+keyOfGuy, "VENNIO_HOSTS=Alice="+alice, "VENNIO_CONSENT=attested", "VENNIO_MCP_SETTINGS="+file, "VENNIO_SIGNING_SECRET="+recordedSecret)
	c := &company{t: t, env: env, server: start(t, env, "serve", "--addr", "127.0.0.1:0")}
	c.url = c.server.address()
	for tenant, token := range tokens {
		caller := c.as(token)
		for of, id := range k.Slots {
			want := map[bool]string{true: "slot_expired", false: "unknown_slot"}[of == tenant]
			assert.Equal(t, want, caller.books(id, "ada@example.com").Error.Code, "slot of %q, used by %q", of, tenant)
		}
		for of, cursor := range k.Cursors {
			refused := caller.call("list_bookings", map[string]any{"hosts": []string{alice}, "timezone": "Europe/London", "cursor": cursor})
			assert.Equal(t, of != tenant, strings.Contains(refused.Error.Message, "cursor"), "cursor of %q, used by %q: %s", of, tenant, refused.Error)
		}
	}
}
