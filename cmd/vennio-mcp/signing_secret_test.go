package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// withStore returns a state folder with a store that has its tables, which is opened quickly.
func withStore(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	stored(t, []string{"VENNIO_API_KEY=", "VENNIO_STATE_DIR=" + dir})
	return dir
}

// starts runs serve or stdio on a folder until it listens, or until it ends by itself if it must not accept the
// secret. It returns the exit code and the log. A server whose store does not answer within two seconds listens
// before it has checked the secret; then starts runs it again.
func starts(t *testing.T, command, dir, secret string, accepted bool) (code int, said string) {
	t.Helper()
	for range 60 {
		if code, said = startsOnce(t, command, dir, secret, accepted); !strings.Contains(said, "the store cannot be asked yet") || !accepted {
			return code, said
		}
	}
	require.FailNow(t, "the store never answered in time", said)
	return code, said
}

func startsOnce(t *testing.T, command, dir, secret string, accepted bool) (code int, said string) {
	t.Helper()
	errs := new(lockedBuffer)
	in, open, err := os.Pipe()
	require.NoError(t, err)
	env := []string{"VENNIO_API_KEY=" + sandbox.DefaultKey(), "VENNIO_API_URL=http://127.0.0.1:1", "VENNIO_HOSTS=" + sandboxHostsSetting(), "VENNIO_STATE_DIR=" + dir}
	if secret != "" {
		env = append(env, "VENNIO_SIGNING_SECRET="+secret)
	}
	p := program{getenv: envLookup(env), in: in, out: io.Discard, errs: errs}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	defer stop()
	line := []string{"stdio"}
	if command == "serve" {
		line = []string{"serve", "--addr", "127.0.0.1:0"}
	}
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, line) }()
	if command == "stdio" && accepted {
		require.NoError(t, open.Close())
		return <-ended, errs.String()
	}
	defer func() { _ = open.Close() }()
	require.Eventually(t, func() bool {
		select {
		case code = <-ended:
			ended <- code
			return true
		default:
			return accepted && listens(errs.String())
		}
	}, patience, tick, errs)
	stop()
	return <-ended, errs.String()
}

// listens: the server says so.
func listens(log string) bool { return strings.Contains(log, "streamable_http") }

// field: two signing secrets on one database. The second does not start, over stdio
// and HTTP alike; rotated in order, or once the first is forgotten, it does.
func TestASecondSigningSecretDoesNotStart(t *testing.T) {
	t.Parallel()
	const first, second = "the first secret of all", "the second secret of all"
	dir := withStore(t)
	for i, step := range []struct {
		command, secret string
		code            int
	}{
		{"serve", first, 0},
		{"serve", first, 0},
		{"serve", second, 1},
		{"stdio", second, 1},
		{"serve", "", 1}, // that of the folder
		{"stdio", first, 0},
		{"serve", second + "," + first, 1}, // not before all take it
		{"serve", first + "," + second, 0},
		{"stdio", second + "," + first, 0},
		{"serve", first + "," + second, 0}, // one that was not restarted yet
		{"serve", second + "," + first, 0},
		{"serve", second, 0},
		{"serve", first, 1},
	} {
		code, said := starts(t, step.command, dir, step.secret, step.code == 0)
		require.Equal(t, step.code, code, "step %d: %s", i, said)
		if code != 0 {
			assert.Contains(t, said, "another signing secret")
			assert.Contains(t, said, "vennio-mcp signing-secret forget")
			assert.NotContains(t, said, first)
			assert.NotContains(t, said, second)
		}
	}
	p := program{getenv: envLookup([]string{"VENNIO_STATE_DIR=" + dir}), out: io.Discard, errs: io.Discard}
	require.Zero(t, p.run(t.Context(), []string{"signing-secret", "forget"}))
	code, said := starts(t, "serve", dir, first, true)
	require.Zero(t, code, said)
	raw, err := os.ReadFile(filepath.Join(dir, "vennio-mcp.db"))
	require.NoError(t, err)
	assert.NotContains(t, string(raw), first)
}

// field: signing secret of the state folder. One that was deleted is made anew, and
// the server starts.
func TestASecretOfTheFolderThatIsMadeAnewStarts(t *testing.T) {
	t.Parallel()
	dir := withStore(t)
	for range 2 {
		code, said := starts(t, "serve", dir, "", true)
		require.Zero(t, code, said)
		require.NoError(t, os.Remove(filepath.Join(dir, "signing-secret")))
	}
}

// field: two signing secrets, store away. A server that starts while the store is
// away ends once it is back and is used with another secret.
func TestAServerThatFindsAnotherSecretLaterEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, tenant.NewKeyring([]byte("a secret of other processes")).Register(t.Context(), db))
	held, release, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		released <- db.Write(t.Context(), func(*sqldb.Tx) error { close(held); <-release; return nil })
	}()
	<-held
	errs := new(lockedBuffer)
	p := program{getenv: envLookup([]string{
		"VENNIO_API_KEY=" + sandbox.DefaultKey(), "VENNIO_API_URL=http://127.0.0.1:1", "VENNIO_STATE_DIR=" + dir, "VENNIO_SIGNING_SECRET=another secret of ours",
	}), in: os.Stdin, out: io.Discard, errs: errs, store: sqldb.Options{Patience: 1}}
	ended := make(chan int, 1)
	go func() { ended <- p.run(context.WithoutCancel(t.Context()), []string{"serve", "--addr", "127.0.0.1:0"}) }()
	require.Eventually(t, func() bool { return listens(errs.String()) }, patience, tick)
	close(release)
	require.NoError(t, <-released)
	assert.Equal(t, 1, <-ended)
	assert.Contains(t, errs.String(), "another signing secret")
}
