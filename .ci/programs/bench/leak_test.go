package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const settle = 30 * time.Second // for sessions to idle out, and goroutines to end

// served is the server in this process, over HTTP, and how much of it is open.
func served(t *testing.T, srv *server.MCPServer) (url string, open func() int) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var counts []func() int
	var known sync.WaitGroup
	known.Add(2) // sessions and streams
	o := mcpserver.HTTPOptions{SessionTTL: time.Second, Open: func(_ string, count func() int) {
		counts = append(counts, count)
		known.Done()
	}}
	done := make(chan error, 1)
	go func() { done <- mcpserver.HTTP(ctx, ln, srv, o) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
	})
	known.Wait()
	return "http://" + ln.Addr().String() + "/mcp", func() int { return counts[0]() + counts[1]() }
}

// overStdio begins, uses and ends one session over pipes.
func overStdio(ctx context.Context, srv *server.MCPServer) error {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- mcpserver.Stdio(ctx, srv, inR, outW, mcpserver.StdioOptions{}) }()
	p, err := newPipe(inW, outR)
	if err == nil {
		err = p.ask(ctx, findSlots)
	}
	_ = inW.Close()
	if ended := <-served; err == nil {
		err = ended
	}
	_ = outW.Close()
	return err
}

// Not parallel: it counts the goroutines of the process.
func TestNothingIsLeftOfSessionsThatWereUsedAndDropped(t *testing.T) {
	vennio := httptest.NewServer(sandbox.New(sandbox.Options{RateLimitPerHour: -1}))
	defer vennio.Close()
	srv, err := toolServer(vennio.URL, http.DefaultTransport)
	require.NoError(t, err)
	url, open := served(t, srv)
	v := &visitor{web: newWeb(url)}
	deeds := []func(context.Context, *visitor) error{
		inSession(findSlots), leaves, deletes, dropsStream, overSSE, dropsSSE, modern, refusals, hangsUp,
		func(ctx context.Context, _ *visitor) error { return overStdio(ctx, srv) },
	}
	sessions := func(each int) int {
		for range each {
			v.session = ""
			for _, do := range deeds {
				require.NoError(t, do(context.WithoutCancel(t.Context()), v))
			}
		}
		require.Eventually(t, func() bool { return open() == 0 }, settle, 10*time.Millisecond, "sessions and streams stay open")
		v.web.http.CloseIdleConnections()
		return runtime.NumGoroutine()
	}
	const slack = 15 // kept connections, and goroutines kept for the next call
	before := sessions(5)
	sessions(45) // 7 each, over all three transports
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+slack }, settle, 10*time.Millisecond, "%d goroutines before", before)
}
