package sqldb

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

const secretFile = "signing-secret"

// ErrNoFolder is the error of what needs the state folder where there is none.
var ErrNoFolder = errors.New("there is no state folder: set VENNIO_STATE_DIR, or HOME to an absolute path")

// SigningSecret returns the secret kept in dir, made once on first use: 32
// random bytes as hexadecimal digits, readable by the owner alone. Processes
// that start at the same time get the same one.
func SigningSecret(dir string) ([]byte, error) {
	if dir == "" {
		return nil, ErrNoFolder
	}
	path, err := kept(dir, secretFile)
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
	if err := writeSecret(dir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep the signing secret: %w", err)
	}
	return readSecret(path)
}

// kept is the path of a file in the state folder, where nobody else may write to
// the folder or to the file.
func kept(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	for _, one := range []string{dir, path} {
		if err := files.CheckPrivate(one); err != nil {
			return "", fmt.Errorf("the state folder: %w", err)
		}
	}
	return path, nil
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
