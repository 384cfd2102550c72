package sqldb

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

// keysFile has one line for each API key that was used: a random salt, a short
// hash of the key under it, and when the key was first seen.
const keysFile = "keys-seen"

// KeySeen returns since when the API key is known here, and notes it if it is
// new: now, as far as anybody can tell. The key itself is never kept, and what is
// kept does not let anyone guess it: 64 bits of an HMAC under a salt of its own.
func KeySeen(dir, key string, now time.Time) (time.Time, error) {
	if dir == "" {
		return time.Time{}, ErrNoFolder
	}
	path, err := kept(dir, keysFile)
	if err != nil {
		return time.Time{}, err
	}
	raw, err := files.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, fmt.Errorf("read when keys were seen: %w", err)
	}
	if first, ok := seen(raw, key); ok {
		return first, nil
	}
	now = now.UTC().Truncate(time.Second)
	salt := rand.Text()
	line := fmt.Sprintf("%s %s %s\n", salt, mark(salt, key), now.Format(time.RFC3339))
	if err := appendLine(dir, path, line); err != nil {
		return time.Time{}, fmt.Errorf("note when a key was seen: %w", err)
	}
	return now, nil
}

func seen(raw []byte, key string) (time.Time, bool) {
	for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
		parts := strings.Fields(lines.Text())
		if len(parts) != 3 || parts[1] != mark(parts[0], key) {
			continue
		}
		if at, err := time.Parse(time.RFC3339, parts[2]); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func mark(salt, key string) string {
	mac := hmac.New(sha256.New, []byte(salt))
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// appendLine writes a whole line at once: processes that start at the same time
// append one each, and the first counts.
func appendLine(dir, path, line string) error {
	if err := files.MakePrivate(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // G304: as above
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
