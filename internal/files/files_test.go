package files_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/files"
)

func written(t *testing.T, raw string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(raw), 0o600))
	return path
}

// field: byte order mark, UTF-16 and UTF-32
func TestTextIsReadWithoutAMarkAndNothingElseIs(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"": "", "a\r\n": "a\r\n", "\xef\xbb\xbfa": "a", "\xef\xbb\xbf": "", "\xef\xbb\xbf\xef\xbb\xbfa": "a", "a\xef\xbb\xbf": "a\xef\xbb\xbf", "ü": "ü", "\xfc": "\xfc",
	} {
		got, err := files.Read(written(t, raw))
		require.NoError(t, err, "%q", raw)
		assert.Equal(t, want, string(got), "%q", raw)
	}
	for _, raw := range []string{
		"\xff\xfea\x00", "\xfe\xff\x00a", "a\x00b\x00", "\x00a\x00b", "\xff\xfe", "\xfe\xff", // UTF-16
		"\xff\xfe\x00\x00a\x00\x00\x00", "\x00\x00\xfe\xff\x00\x00\x00a", "a\x00\x00\x00", // UTF-32
		"\xff\xfe\x42\x4f\xda\x8b", "\xef\xbb\xbfa\x00",
	} {
		_, err := files.Read(written(t, raw))
		require.ErrorContains(t, err, "save as UTF-8", "%q", raw)
	}
	_, err := files.Read(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = files.Read(t.TempDir())
	require.Error(t, err, "a folder")
	_, err = files.Read(written(t, strings.Repeat("x", 16<<20+1)))
	require.ErrorContains(t, err, "is longer than")
}

// field: named pipe as a secret file
func TestAPipeIsReadToItsEndOrNotForLong(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // which has no named pipes among its files
	}
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", path).Run())
	_, err := files.ReadWithin(path, time.Millisecond)
	require.ErrorContains(t, err, path+": is not a regular file, and its text did not end within 1ms: name a regular file")

	path += "2"
	require.NoError(t, exec.CommandContext(t.Context(), "mkfifo", path).Run())
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(path, []byte("\ufeffsecret\n"), 0) }()
	text, err := files.ReadWithin(path, time.Minute)
	require.NoError(t, err)
	assert.Equal(t, "secret\n", string(text))
	require.NoError(t, <-wrote)
}

// field: secret of one repeated byte
func TestSecretsThatAreEasyToGuess(t *testing.T) {
	t.Parallel()
	zeros, counting := make([]byte, 32), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	for _, weak := range []string{
		strings.Repeat("a", 8), strings.Repeat("a", 32), strings.Repeat("ab", 16), "abcdefghijklmnopqrst", "ZYXWVUTSRQPONMLKJ", strings.Repeat("\u00e9", 16),
		hex.EncodeToString(zeros), hex.EncodeToString(bytes.Repeat([]byte{0xa7}, 32)), hex.EncodeToString(counting), strings.ToUpper(hex.EncodeToString(bytes.Repeat([]byte{0xa7, 0x3c}, 16))),
		base64.StdEncoding.EncodeToString(zeros), base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 20)), "whsec_" + base64.StdEncoding.EncodeToString(counting),
	} {
		err := files.Weak(weak)
		require.Error(t, err, "%q", weak)
		if len(weak) > 7 {
			assert.NotContains(t, err.Error(), weak)
		}
	}
	for _, strong := range []string{
		"only for the demonstration", "9f2c6d0be1a84735", "whsec_c4n4ry", "one secret for both", strings.Repeat("c0ffee42", 8), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "secret", "canary", "whsec_b", "",
	} {
		assert.NoError(t, files.Weak(strong), strong)
	}
}

func TestAPrivateFolderIsMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	require.NoError(t, files.CheckPrivate(dir), "what is not there yet is private")
	require.NoError(t, files.MakePrivate(dir))
	require.NoError(t, files.MakePrivate(dir))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.True(t, info.IsDir())
	file := written(t, "x")
	require.NoError(t, files.CheckPrivate(filepath.Join(file, "below")), "nor is anything below a file there")
	require.Error(t, files.MakePrivate(filepath.Join(file, "below")))
}

// field: group that the process is not in
func TestAGroupMayWriteIfTheProcessIsInIt(t *testing.T) {
	t.Parallel()
	own := []int{1000, 4}
	for _, c := range []struct {
		mode  os.FileMode
		group int
		want  string
	}{
		{0o600, 7, ""},
		{0o755, 7, ""},
		{0o664, 4, ""},
		{0o770, 1000, ""},
		{os.ModeDir | os.ModeSetgid | 0o775, 4, ""},
		{0o620, 7, "the group 7, which this process is not in"},
		{0o664, 7, "the group 7, which this process is not in"},
		{0o770, 0, "the group 0, which this process is not in"},
		{0o602, 4, "everyone"},
		{0o666, 7, "everyone"},
		{os.ModeDir | os.ModeSticky | 0o777, 4, "everyone"},
	} {
		assert.Equal(t, c.want, files.WritersOf(c.mode, c.group, own), "%s of %d", c.mode, c.group)
	}
}

// Links are followed like the system does it, and every folder on the way counts.
// field: symbolic links and parents of a secret
func TestEveryFolderOnTheWayIsChecked(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // where access control lists decide
	}
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	for dir, mode := range map[string]os.FileMode{"own": 0o700, "own/deep": 0o700, "all": 0o777, "tmp": 0o777 | os.ModeSticky} {
		require.NoError(t, os.MkdirAll(at(dir), 0o700))
		require.NoError(t, os.Chmod(at(dir), mode))
	}
	for _, file := range []string{"own/key", "own/deep/key", "all/key", "tmp/key", "own/open"} {
		require.NoError(t, os.WriteFile(at(file), nil, 0o600))
	}
	require.NoError(t, os.Chmod(at("own/open"), 0o606))
	for link, target := range map[string]string{
		"own/link": "deep/key", "own/out": at("all/key"), "own/in": at("all/back"), "all/back": at("own/key"), "tmp/link": "../own/key",
		"own/loop": "loop", "own/folder": "deep", "own/dangling": "nowhere", "own/deep/up": "../open",
	} {
		require.NoError(t, os.Symlink(target, at(link)))
	}
	for path, private := range map[string]bool{
		"own/key": true, "own": true, "own/deep/key": true, "own/link": true, "own/folder/key": true, "own/folder/../key": true, "tmp/key": true, "tmp/link": true,
		"own/dangling": true, "own/none/at/all": true, "own/./key": true,
		"all/key": false, "all": false, "all/none": false, "own/out": false, "own/in": false, "tmp": false, "own/open": false, "own/deep/up": false, "own/loop": false,
	} {
		err := files.CheckPrivate(root + "/" + path)
		assert.Equal(t, private, err == nil, "%s: %v", path, err)
	}
	if os.Geteuid() == 0 { // only root can give a file away
		require.NoError(t, os.Lchown(at("tmp/link"), 54321, -1))
		require.ErrorContains(t, files.CheckPrivate(at("tmp/link")), "belongs to another user")
	}
}

func TestFilesAreReplacedAtomically(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, files.Create(path, []byte("one"), 0o600))
	require.ErrorIs(t, files.Create(path, []byte("two"), 0o600), os.ErrExist)
	read := func() string {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(raw)
	}
	assert.Equal(t, "one", read())
	open, err := os.Open(path) // a reader that began before
	require.NoError(t, err)
	t.Cleanup(func() { _ = open.Close() })
	require.NoError(t, files.Replace(path, []byte("three"), 0o640))
	assert.Equal(t, "three", read())
	old, err := io.ReadAll(open)
	require.NoError(t, err)
	assert.Equal(t, "one", string(old))
	require.Error(t, files.Replace(filepath.Join(dir, "none", "file"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.Error(t, files.Replace(filepath.Join(dir, "folder"), nil, 0o600))
	if runtime.GOOS != "windows" { // which has no modes
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "no temporary file remains")
}
