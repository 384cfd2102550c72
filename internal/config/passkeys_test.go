package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
)

// aKey is a COSE key for ES256.
const aKey = "pQECAyYgASFYIOagqgDCvbaiqDyaOE3H0rgY6Wvd8lDPo8Uytrv0FgxcIlgg3FF3V0KKv94WoCtYd8LeKDQ0BHT8o0wGKCamTNpUqtE"

func TestPasskeysArePinnedInTheSettingsFile(t *testing.T) {
	t.Parallel()
	path := settingsFile(t, `
tenants:
  - {name: acme, api_key: vennio_sk_test_x, consent: signed}
caller_keys: true
passkeys:
  - {id: AQID, public_key: `+aKey+`, name: "Ada Byron"}
  - {id: BAUG, public_key: `+aKey+`, name: Grace, tenant: acme, rp: book.example.com, until: 2026-12-31T18:00:00+01:00}
`)
	for public, rp := range map[string]string{"": "localhost", "https://book.example.org": "book.example.org"} {
		c, err := config.Load(nil, env{"VENNIO_MCP_SETTINGS": path, "VENNIO_MCP_PUBLIC_URL": public}.get)
		require.NoError(t, err)
		want := map[string][]passkey.Credential{
			"":     {{ID: "AQID", PublicKey: aKey, Name: "Ada Byron", RP: rp}},
			"acme": {{ID: "BAUG", PublicKey: aKey, Name: "Grace", RP: "book.example.com"}},
		}
		until := c.Passkeys["acme"][0].Until
		assert.True(t, until.Equal(time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC)), until)
		want["acme"][0].Until = until
		assert.Equal(t, want, c.Passkeys)
		acme, ok := c.Of("acme")
		require.True(t, ok)
		assert.Equal(t, want, acme.Passkeys)
	}
}

func TestMistakesInPinnedPasskeysAreReported(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"{id: AQID, public_key: " + aKey + "}":                                                                 ":2: passkeys: name: is missing",
		"{id: AQID, public_key: " + aKey[:40] + ", name: Ada}":                                                 ":2: passkeys: the public key is not base64url of a COSE key",
		"{id: AQID, name: Ada}":                                                                                ":2: passkeys: the public key is not",
		"{id: 'A+/=', public_key: " + aKey + ", name: Ada}":                                                    ":2: passkeys: the id is not base64url",
		"{public_key: " + aKey + ", name: Ada}":                                                                ":2: passkeys: the id is not base64url",
		"{id: AQID, public_key: " + aKey + ", name: Ada, tenant: nobody}":                                      `:2: passkeys: tenant: "nobody" is not among the tenants`,
		"{id: AQID, public_key: " + aKey + ", name: Ada, key: x}":                                              ":2: unknown field",
		"{id: AQID, public_key: " + aKey + ", name: Ada, until: 2026-12-31}":                                   ":2: passkeys: until: want an instant",
		"{id: AQID, public_key: " + aKey + ", name: Ada, until: tomorrow}":                                     ":2: passkeys: until: want an instant",
		"{id: AQID, public_key: [a], name: Ada}":                                                               ":2:",
		"{id: AQID, public_key: " + aKey + ", name: Ada, rp: 192.0.2.1}":                                       ":2: passkeys: rp: ",
		"{id: AQID, public_key: " + aKey + ", name: Ada, rp: 'https://x.example'}":                             ":2: passkeys: rp: ",
		"{id: AQID, public_key: " + aKey + ", name: Ada}\n  - {id: AQID, public_key: " + aKey + ", name: Ada}": ":3: passkeys: id: this passkey is listed twice",
	} {
		_, err := config.Load(nil, env{"VENNIO_MCP_SETTINGS": settingsFile(t, "passkeys:\n  - "+entry+"\n")}.get)
		require.ErrorContains(t, err, want, entry)
	}
	_, err := config.Load(nil, env{"VENNIO_MCP_SETTINGS": settingsFile(t, "passkeys:\n  - {id: AQID, public_key: "+aKey+", name: Ada}\n"), "VENNIO_MCP_PUBLIC_URL": "https://192.0.2.1"}.get)
	require.ErrorContains(t, err, "passkeys need https and a host name")
}
