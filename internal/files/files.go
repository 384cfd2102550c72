// Package files reads text files that the operator names or that the program stores,
// replaces files atomically, and checks that nobody else can change files with
// secrets.
package files

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxSize bounds a file; all of it is read into memory.
const maxSize = 16 << 20

// errUTF16 is the error of a text in UTF-16, which Windows programs write, for example
// PowerShell 5 with the operator >.
var errUTF16 = errors.New("is UTF-16 and not UTF-8: save as UTF-8 (in PowerShell: Set-Content -Encoding utf8)")

// pipeWait is the time in which a pipe must deliver its text.
const pipeWait = 10 * time.Second

// Read returns the text of a file of at most 16 MiB without its byte order mark. It
// refuses UTF-16 and UTF-32, with or without that mark. It also reads a pipe, such as
// a shell's <(command), that ends within ten seconds.
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
	go func() { // if nobody ever writes, it ends with the process
		text, err := read(path)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-time.After(wait):
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("is not a regular file, and its text did not end within %s: name a regular file", wait)}
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

// text removes byte order marks (Unicode 16, 23.8). UTF-16 without a mark is
// recognized by its NUL bytes, which no text that this program reads contains.
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

// Replace writes a file atomically: readers see the old content or the new one, never
// a part. It writes a temporary file in the same folder, with this mode, and renames
// it. A symbolic link at path is replaced, not followed.
func Replace(path string, content []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, content, mode)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }() // without effect after the rename
	return os.Rename(temp, path)
}

// Create is Replace for a file that must not exist: the first of several processes
// creates it, the others get fs.ErrExist.
func Create(path string, content []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, content, mode)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp) }()
	return os.Link(temp, path)
}

func writeTemp(path string, content []byte, mode fs.FileMode) (name string, err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		_ = os.Remove(temp.Name())
		return "", err
	}
	return temp.Name(), nil
}

// MakePrivate creates a folder that only its owner can use, with its parents, unless
// it exists, in which case it returns the error of [CheckPrivate].
func MakePrivate(dir string) error {
	if err := CheckPrivate(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o700)
}

// MakeWritable is MakePrivate for a folder that must be writable: it also creates a file there and deletes it.
func MakeWritable(dir string) error {
	if err := MakePrivate(dir); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, ".probe.*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// InsecureError is the error of a file or folder that others could change, or of a
// stored secret that they could guess. It names the remedy and contains no secret.
type InsecureError struct{ Why, Do string }

func (e *InsecureError) Error() string { return e.Why + ": " + e.Do }

// Weak returns an error for a secret that anybody can guess: one that consists of one
// or two different bytes, or of bytes that count up or down, also after decoding it
// from hexadecimal digits or base64. It does not measure randomness, and it accepts
// secrets shorter than 8 bytes: callers check the length. The error does not contain
// the secret.
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

// trivial reports whether a secret has fewer than 3 different bytes, or the same
// difference between all neighbours. One in 10 billion random secrets of 16 digits is
// trivial.
func trivial(secret []byte) bool {
	const few = 3
	seen, even := map[byte]bool{}, true
	for i, b := range secret {
		seen[b] = true
		even = even && (i < 2 || b-secret[i-1] == secret[1]-secret[0])
	}
	return len(seen) < few || even
}
