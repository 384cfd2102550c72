package main

import (
	"context"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/ci/programs/bench/echo"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

var few = options{calls: 200, span: time.Minute}

// speaking returns a client of an echo server over pipes.
func speaking(t *testing.T) *pipe {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- mcpserver.Stdio(context.WithoutCancel(t.Context()), echo.New(), inR, outW, mcpserver.StdioOptions{})
	}()
	t.Cleanup(func() {
		_ = inW.Close()
		assert.NoError(t, <-served)
		_ = outW.Close()
	})
	p, err := newPipe(inW, outR)
	require.NoError(t, err)
	return p
}

func TestManyCallersShareAPipe(t *testing.T) {
	t.Parallel()
	p := speaking(t)
	s, err := load(t.Context(), contender{"pipe", func(ctx context.Context, _ int) error { return p.ask(ctx, sayHello) }}, 8, few)
	require.NoError(t, err)
	assert.Positive(t, s.perSecond)
}

func TestManyCallersHaveSessions(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(server.NewStreamableHTTPServer(echo.New()))
	defer srv.Close()
	w := newWeb(srv.URL)
	session, err := w.session(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, session)
	_, err = load(t.Context(), contender{"web", func(ctx context.Context, _ int) error {
		_, err := w.ask(ctx, session, sayHello)
		return err
	}}, 8, few)
	require.NoError(t, err)
	w.http.CloseIdleConnections()
}

// A contender that answers something else must not win by it.
func TestOnlyTheRightAnswerCounts(t *testing.T) {
	t.Parallel()
	assert.Error(t, speaking(t).ask(t.Context(), findSlots), "there is no such tool")
	assert.Error(t, findSlots.check([]byte(`{"isError":true}`)))
	assert.NoError(t, huge.check([]byte(`{"isError":true}`)))
	assert.Error(t, huge.check([]byte(`{"content":[]}`)))
	srv := httptest.NewServer(canned(1000))
	defer srv.Close()
	body, err := newWeb(srv.URL).ask(t.Context(), "", findSlots)
	require.NoError(t, err)
	assert.Len(t, body, 1000)
}

func TestManyCallersShareAStream(t *testing.T) {
	t.Parallel()
	theirs := httptest.NewServer(server.NewSSEServer(echo.New()))
	defer theirs.Close()
	ours, _ := served(t, echo.New())
	for _, url := range []string{ours, theirs.URL + "/mcp"} {
		s, err := newWeb(url).open(t.Context())
		require.NoError(t, err)
		_, err = load(t.Context(), contender{"stream", func(ctx context.Context, _ int) error {
			return s.ask(ctx, sayHello)
		}}, 8, few)
		require.NoError(t, err)
		require.Error(t, s.ask(t.Context(), findSlots), "there is no such tool")
		s.close()
		<-s.gone
	}
}
