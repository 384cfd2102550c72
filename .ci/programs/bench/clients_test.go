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

// newEchoClient returns a client of an echo server over pipes.
func newEchoClient(t *testing.T) *stdioClient {
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
	p, err := newStdioClient(inW, outR)
	require.NoError(t, err)
	return p
}

func TestManyCallersShareAPipe(t *testing.T) {
	t.Parallel()
	p := newEchoClient(t)
	s, err := load(t.Context(), target{"pipe", func(ctx context.Context, _ int) error { return p.send(ctx, echoCall) }}, 8, few)
	require.NoError(t, err)
	assert.Positive(t, s.perSecond)
}

func TestManyCallersHaveSessions(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(server.NewStreamableHTTPServer(echo.New()))
	defer srv.Close()
	w := newHTTPClient(srv.URL)
	session, err := w.session(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, session)
	_, err = load(t.Context(), target{"web", func(ctx context.Context, _ int) error {
		_, err := w.send(ctx, session, echoCall)
		return err
	}}, 8, few)
	require.NoError(t, err)
	w.http.CloseIdleConnections()
}

// A target with wrong responses must not count as fast.
func TestOnlyTheRightAnswerCounts(t *testing.T) {
	t.Parallel()
	assert.Error(t, newEchoClient(t).send(t.Context(), findSlots), "there is no such tool")
	assert.Error(t, findSlots.check([]byte(`{"isError":true}`)))
	assert.NoError(t, hugeCall.check([]byte(`{"isError":true}`)))
	assert.Error(t, hugeCall.check([]byte(`{"content":[]}`)))
	srv := httptest.NewServer(fixedResponse(1000))
	defer srv.Close()
	body, err := newHTTPClient(srv.URL).send(t.Context(), "", findSlots)
	require.NoError(t, err)
	assert.Len(t, body, 1000)
}

func TestManyCallersShareAStream(t *testing.T) {
	t.Parallel()
	theirs := httptest.NewServer(server.NewSSEServer(echo.New()))
	defer theirs.Close()
	ours, _ := served(t, echo.New())
	for _, url := range []string{ours, theirs.URL + "/mcp"} {
		s, err := newHTTPClient(url).open(t.Context())
		require.NoError(t, err)
		_, err = load(t.Context(), target{"stream", func(ctx context.Context, _ int) error {
			return s.send(ctx, echoCall)
		}}, 8, few)
		require.NoError(t, err)
		require.Error(t, s.send(t.Context(), findSlots), "there is no such tool")
		s.close()
		<-s.closed
	}
}
