package tenant

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const secretFile = "signing-secret"

// SigningSecret returns the signing secret in the state folder dir. The first call
// generates it: 32 random bytes as hexadecimal digits, in a file that only its owner
// can read. Processes that start at the same time get the same secret.
func SigningSecret(dir string) ([]byte, error) {
	if dir == "" {
		return nil, sqldb.ErrNoFolder
	}
	path, err := files.PrivatePath(dir, secretFile)
	if err != nil {
		return nil, err
	}
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := files.MakePrivate(dir); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	if err := files.Create(path, []byte(hex.EncodeToString(random)+"\n"), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("store the signing secret: %w", err)
	}
	return readSecret(path)
}

func readSecret(path string) ([]byte, error) {
	raw, err := files.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing secret: %w", err)
	}
	text := string(bytes.TrimSpace(raw))
	secret, err := hex.DecodeString(text)
	const advice = "delete it, a new one is made (slots offered before must be searched again)"
	if err != nil || len(secret) < 16 {
		return nil, fmt.Errorf("%s is damaged: %s", path, advice)
	}
	if files.Weak(text) != nil {
		return nil, &files.InsecureError{Why: path + " holds a secret that is easy to guess", Do: advice}
	}
	return secret, nil
}
