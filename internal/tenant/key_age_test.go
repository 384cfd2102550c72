package tenant_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

func TestAKeyIsKnownSinceItWasFirstSeen(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	first := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	for i, key := range []string{"vennio_sk_live_one", "vennio_sk_live_two"} {
		for _, later := range []time.Duration{0, time.Hour, 100 * 24 * time.Hour} {
			since, err := tenant.KeySeen(dir, key, first.Add(time.Duration(i)*time.Minute+later))
			require.NoError(t, err)
			assert.Equal(t, first.Add(time.Duration(i)*time.Minute), since, "a rotated key is as old as it is itself")
		}
	}
	path := filepath.Join(dir, "keys-seen")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "vennio")
	assert.Regexp(t, `^(\w{26} [0-9a-f]{16} 2026-05-13T08:0\d:00Z\n){2}$`, string(raw))
	if runtime.GOOS != "windows" { // which has no modes
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestADamagedRecordOfKeysDoesNotStandInTheWay(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys-seen"), []byte("not\nwhat we wrote\nA 0000000000000000 yesterday\n"), 0o600))
	for range 2 {
		since, err := tenant.KeySeen(dir, "key", now)
		require.NoError(t, err)
		assert.Equal(t, now, since)
	}
}

func TestWithoutAFolderTheAgeOfAKeyIsNotKnown(t *testing.T) {
	t.Parallel()
	_, err := tenant.KeySeen("", "key", time.Now())
	require.ErrorContains(t, err, "VENNIO_STATE_DIR")
	_, err = tenant.KeySeen(filepath.Join(t.TempDir(), "keys-seen\x00"), "key", time.Now())
	require.Error(t, err)
}
