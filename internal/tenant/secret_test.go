package tenant_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

func TestTheSecretIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "vennio-mcp")
	const processes = 20
	var wg sync.WaitGroup
	got := make([][]byte, processes)
	for i := range processes {
		wg.Go(func() {
			secret, err := tenant.SigningSecret(dir)
			assert.NoError(t, err)
			got[i] = secret
		})
	}
	wg.Wait()
	for _, secret := range got {
		assert.Len(t, secret, 32)
		assert.Equal(t, got[0], secret)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no half-written files stay")
}

func TestTheSecretIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	_, err := tenant.SigningSecret(dir)
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "signing-secret"))
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // there the folder's list decides
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestADamagedSecretIsAnErrorNotANewOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "signing-secret"), []byte("not hex\n"), 0o600))
	_, err := tenant.SigningSecret(dir)
	require.ErrorContains(t, err, "is damaged: delete it")
	assert.NotContains(t, err.Error(), "not hex")
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	_, err := tenant.SigningSecret("")
	require.ErrorContains(t, err, "VENNIO_STATE_DIR", "never the working folder, where anybody may have put one")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = tenant.SigningSecret(filepath.Join(file, "below"))
	require.Error(t, err)
}
