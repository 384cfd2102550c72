// Package files reads the files that the operator names or that the program
// keeps: as text, and, where they are secret, only if nobody else could have
// written them.
package files

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// maxSize bounds a file; all of it is read into memory.
const maxSize = 16 << 20

// errUTF16 is the error of a text that Windows programs made, above all the > of
// PowerShell 5.
var errUTF16 = errors.New("is UTF-16 and not UTF-8: save as UTF-8 (in PowerShell: Set-Content -Encoding utf8)")

// pipeWait is how long a pipe may take to deliver its text.
const pipeWait = 10 * time.Second

// Read returns the text of a file without its byte order mark. It refuses UTF-16
// and UTF-32, with or without that mark. A pipe, as a shell makes one for <(command),
// is read to its end as well, if that comes within ten seconds.
func Read(path string) ([]byte, error) { return readWithin(path, pipeWait) }

func readWithin(path string, wait time.Duration) ([]byte, error) {
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() || info.IsDir() {
		return read(path)
	}
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() { // it ends with the process where nobody ever writes
		text, err := read(path)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(wait):
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("is no regular file, and its text did not end within %s: name a regular file", wait)}
	}
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > maxSize:
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("is longer than %d bytes", maxSize)}
	}
	text, err := text(raw)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text, nil
}

// text removes byte order marks (Unicode 16, 23.8). The NUL bytes of UTF-16
// without a mark stand in no text that this program reads.
func text(raw []byte) ([]byte, error) {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, errUTF16
	}
	const mark = "\xef\xbb\xbf"
	for bytes.HasPrefix(raw, []byte(mark)) {
		raw = raw[len(mark):]
	}
	return raw, nil
}

// ReadPrivate is Read for a file that [CheckPrivate] accepts.
func ReadPrivate(path string) ([]byte, error) {
	if err := CheckPrivate(path); err != nil {
		return nil, err
	}
	return Read(path)
}

// MakePrivate makes a folder for its owner alone, with those above it, where there
// is none, and returns the error of [CheckPrivate].
func MakePrivate(dir string) error {
	if err := CheckPrivate(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// InsecureError is the error of a file or folder that others could change, or of a
// secret kept there that they could guess. It says what to do, and quotes nothing.
type InsecureError struct{ Why, Do string }

func (e *InsecureError) Error() string { return e.Why + ": " + e.Do }

// Weak is the error of a secret that anybody can guess: of one or two different
// bytes, or of bytes that count up or down, also once it is decoded from hexadecimal
// digits or base64. It does not measure how random a secret is, and accepts what is
// shorter than 8 bytes: how long a secret must be is for the caller to say. It
// quotes nothing.
func Weak(secret string) error {
	secret = strings.TrimPrefix(strings.TrimSpace(secret), "whsec_")
	forms := [][]byte{[]byte(secret)}
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if decoded, err := decode(secret); err == nil {
			forms = append(forms, decoded)
		}
	}
	if len(secret) >= shortest && slices.ContainsFunc(forms, trivial) {
		return errors.New("is easy to guess: it repeats one or two characters, or counts up; make one with: openssl rand -hex 32")
	}
	return nil
}

const shortest = 8

// trivial secrets have fewer than 3 different bytes, or the same step between all
// neighbours. A random one of 16 digits is trivial once in 10 billion.
func trivial(secret []byte) bool {
	const few = 3
	seen, even := map[byte]bool{}, true
	for i, b := range secret {
		seen[b] = true
		even = even && (i < 2 || b-secret[i-1] == secret[1]-secret[0])
	}
	return len(seen) < few || even
}
