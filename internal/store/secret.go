package store

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const secretFile = "signing-secret"

// SigningSecret returns the secret kept in dir, made once on first use: 32
// random bytes as hexadecimal digits, readable by the owner alone. Processes
// that start at the same time get the same one.
func SigningSecret(dir string) ([]byte, error) {
	if dir == "" {
		return nil, errors.New("there is no state folder: set VENNIO_STATE_DIR or HOME")
	}
	path := filepath.Join(dir, secretFile)
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	if err := writeSecret(dir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep the signing secret: %w", err)
	}
	return readSecret(path)
}

func readSecret(path string) ([]byte, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own state folder
	if err != nil {
		return nil, fmt.Errorf("read the signing secret: %w", err)
	}
	secret, err := hex.DecodeString(string(bytes.TrimSpace(raw)))
	if err != nil || len(secret) < 16 {
		return nil, fmt.Errorf("%s is damaged: delete it, a new one is made (slots offered before must be searched again)", path)
	}
	return secret, nil
}

// writeSecret writes the whole file under another name and then links it into
// place, so that nobody reads half a secret and the first writer wins.
func writeSecret(dir, path string) error {
	temp, err := os.CreateTemp(dir, secretFile+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	_, err = temp.WriteString(hex.EncodeToString(secret) + "\n")
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Link(temp.Name(), path)
}
