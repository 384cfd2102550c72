package tenant

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// keysFile has one line for each API key that was used: a random salt, the first 64
// bits of the key's hash with this salt, and the time of the first use (RFC 3339).
const keysFile = "keys-seen"

// KeySeen returns when the API key was first used with the state folder dir, to the
// second, and records now for a new key. It stores neither the key nor anything from
// which the key can be guessed: only 64 bits of a salted hash.
func KeySeen(dir, key string, now time.Time) (time.Time, error) {
	if dir == "" {
		return time.Time{}, sqldb.ErrNoFolder
	}
	path, err := files.PrivatePath(dir, keysFile)
	if err != nil {
		return time.Time{}, err
	}
	raw, err := files.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, fmt.Errorf("read when keys were first used: %w", err)
	}
	if first, ok := seen(raw, key); ok {
		return first, nil
	}
	now = now.UTC().Truncate(time.Second)
	salt := rand.Text()
	line := fmt.Sprintf("%s %s %s\n", salt, keyHash(salt, key), now.Format(time.RFC3339))
	if err := appendLine(dir, path, line); err != nil {
		return time.Time{}, fmt.Errorf("record when a key was first used: %w", err)
	}
	return now, nil
}

func seen(raw []byte, key string) (time.Time, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		parts := strings.Fields(lines.Text())
		if len(parts) != 3 || parts[1] != keyHash(parts[0], key) {
			continue
		}
		if at, err := time.Parse(time.RFC3339, parts[2]); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func keyHash(salt, key string) string { return hex.EncodeToString(SaltedHash(salt, key)[:8]) }

// appendLine appends a line in one write: processes that start at the same time append
// one line each, and readers use the first.
func appendLine(dir, path, line string) error {
	if err := files.MakePrivate(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // G304: in the operator's own state folder
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
