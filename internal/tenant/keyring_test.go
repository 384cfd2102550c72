package tenant_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

var golden = []byte("a golden secret of 16+")

// req: X5. Slot ids, states, cookies and stored fingerprints of earlier versions stay valid: these values were
// computed by the code before the keyring existed.
func TestReq_X5_DerivedValuesDoNotChange(t *testing.T) {
	t.Parallel()
	k := tenant.NewKeyring(golden)
	mac := func(key []byte, message string) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(message))
		return hex.EncodeToString(h.Sum(nil))
	}
	acme, err := hex.DecodeString("3a2d7ca638bd24e0528e966e2d9e37039bd7b38a57677f0e70006e548e9d6b24")
	require.NoError(t, err)
	assert.Equal(t, mac(acme, "x"), hex.EncodeToString(k.ForTenant("acme").Sign("x")))
	assert.Equal(t, mac(golden, "x"), hex.EncodeToString(k.ForTenant("").Sign("x")))

	id := tenant.NewIdentity("acme", "https://api.vennio.app", "vennio_sk_live_golden")
	assert.Equal(t, tenant.Identity{
		Name: "acme", Account: "b57b248a6cfb2008c5c89d18831ca160", Origin: "3f99d3a487fe871a88ac8da0e29a93a4", Realm: "https://api.vennio.app\x00acme",
	}, id)
	assert.Equal(t, "https://api.vennio.app", tenant.NewIdentity("", "https://api.vennio.app", "").Realm)
	assert.Equal(t, "key:28961b01537437ce548ac0f05cd7ffcf", k.NameOfCallerKey("vennio_sk_live_golden"))

	slotKey, err := hex.DecodeString("b516a668b1033cd325a64123e393d84a7bbe86f58d8a7d2edfa78670923245de")
	require.NoError(t, err)
	slot := k.Derive(tenant.Join("vennio-mcp slot id v2", id.Realm))
	assert.Equal(t, mac(slotKey, "x"), hex.EncodeToString(slot.Sign("x")))
	assert.Equal(t, "cc6d45c7e8123f39", hex.EncodeToString(slot.SignShort(tenant.Join("twelve bytes", "Europe/Berlin", "", "a", "b"))))

	assert.Equal(t, "3ba25e34b7a95cc1", hex.EncodeToString(tenant.SaltedHash("SALT", "vennio_sk_live_golden")[:8]))
	assert.Equal(t, "01e89322a10661cdeb37cd7fae99ed6944fe19ed6b400f87ac89b3820c6e3032", hex.EncodeToString(tenant.SaltedHash("SALT", "abc")))

	for message, want := range map[string]string{
		"vennio-mcp question v1\x00prop1":                           "c77cf7dbc718203c6127560584d78403836f6f39d28769db57bdff87031f8842",
		"vennio-mcp attempt to sign in v1\x00payload":               "bd2c5b90e5fc522563127cf42ddb13f4153bb514086d8adc2fcced4db3e2fcd6",
		"vennio-mcp caller v1\x00acme\x00token ada":                 "5e77d13c35c2498b983e57cce79b767b",
		"vennio-mcp list cursor v1" + tenant.Join("raw", "x", "yz"): "f4dcf823cdd662bd",
	} {
		assert.Equal(t, want, hex.EncodeToString(k.Sign(message))[:len(want)], message)
	}
}

// req: X5. What is signed for one tenant, purpose or server is not accepted for another.
func TestReq_X5_TenantsHaveDifferentKeys(t *testing.T) {
	t.Parallel()
	k := tenant.NewKeyring(golden)
	all := []tenant.Keyring{
		k, k.ForTenant("acme"), k.ForTenant("beta"), k.ForTenant("acme").ForTenant("beta"), k.Derive("acme"), k.Derive("vennio-mcp tenant v1\x00"),
		tenant.NewKeyring([]byte("another secret of ours")), tenant.TemporaryKeyring(), tenant.TemporaryKeyring(),
	}
	for i, signer := range all {
		for j, verifier := range all {
			assert.Equal(t, i == j, verifier.Verify("message", signer.Sign("message")), "%d, %d", i, j)
			assert.Equal(t, i == j, verifier.VerifyShort("message", signer.SignShort("message")), "%d, %d", i, j)
			assert.Equal(t, i == j, verifier.NameOfCallerKey("key") == signer.NameOfCallerKey("key"), "%d, %d", i, j)
		}
	}
	assert.False(t, k.Verify("message", k.Sign("massage")))
	for _, cut := range [][]byte{nil, {}, k.Sign("m")[:31], k.Sign("m")[:tenant.ShortMAC], append(k.Sign("m"), 0)} {
		assert.False(t, k.Verify("m", cut), "%x", cut)
	}
	for _, cut := range [][]byte{nil, {}, k.Sign("m")[:7], k.Sign("m")} {
		assert.False(t, k.VerifyShort("m", cut), "%x", cut)
	}
	assert.NotEqual(t, tenant.Join("a", "bc"), tenant.Join("ab", "c"))
}

func TestRotatedKeysVerifyAndDoNotSign(t *testing.T) {
	t.Parallel()
	before, during := tenant.NewKeyring([]byte("old")), tenant.NewKeyring([]byte("new"), []byte("old"))
	after := tenant.NewKeyring([]byte("new"))
	for _, of := range []func(tenant.Keyring) tenant.Keyring{
		func(k tenant.Keyring) tenant.Keyring { return k },
		func(k tenant.Keyring) tenant.Keyring { return k.ForTenant("acme") },
		func(k tenant.Keyring) tenant.Keyring { return k.ForTenant("acme").Derive("purpose") },
	} {
		assert.True(t, of(during).Verify("m", of(before).Sign("m")))
		assert.True(t, of(during).VerifyShort("m", of(before).SignShort("m")))
		assert.False(t, of(after).Verify("m", of(before).Sign("m")))
		assert.Equal(t, of(after).Sign("m"), of(during).Sign("m"))
	}
}

func TestNamesOfTenants(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"acme": true, "a.b-c_d": true, "0": true, "": false, "A": false, ".a": false, "key:1": false, "a\n": false, "ä": false} {
		assert.Equal(t, want, tenant.ValidName(name), "%q", name)
	}
	assert.False(t, tenant.ValidName(tenant.TemporaryKeyring().NameOfCallerKey("key")))
}

func TestAGeneratedSecretReplacesAGeneratedOne(t *testing.T) {
	t.Parallel()
	db := sqldb.Open("")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	folder := func() tenant.Keyring {
		k, err := tenant.LoadKeyring(nil, t.TempDir())
		require.NoError(t, err)
		return k
	}
	require.NoError(t, folder().Register(t.Context(), db))
	require.NoError(t, folder().Register(t.Context(), db))
	require.ErrorIs(t, tenant.NewKeyring(golden).Register(t.Context(), db), tenant.ErrOtherSecret)
	require.NoError(t, db.Write(t.Context(), tenant.ForgetSecretUse))
	require.NoError(t, tenant.NewKeyring(golden).Register(t.Context(), db))
}
