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

const settle = 2 * time.Minute // limit for idle sessions to expire and goroutines to end

// served serves srv over HTTP in this process. open returns the number of open sessions and streams.
func served(t *testing.T, srv *server.MCPServer) (url string, open func() int) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var counts []func() int
	var known sync.WaitGroup
	known.Add(2) // sessions and streams
	o := mcpserver.HTTPOptions{SessionTTL: 5 * time.Second, Open: func(_ string, count func() int) {
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

// overStdio opens, uses and closes one session over pipes.
func overStdio(ctx context.Context, srv *server.MCPServer) error {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	served := make(chan error, 1)
	go func() { served <- mcpserver.Stdio(ctx, srv, inR, outW, mcpserver.StdioOptions{}) }()
	p, err := newStdioClient(inW, outR)
	if err == nil {
		err = p.send(ctx, findSlots)
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
	v := &client{httpClient: newHTTPClient(url)}
	operations := []func(context.Context, *client) error{
		inSession(findSlots), abandonSession, deleteSession, dropSessionStream, callOverSSE, dropSSE, statelessCall, invalidRequests, cancelCall,
		func(ctx context.Context, _ *client) error { return overStdio(ctx, srv) },
	}
	sessions := func(each int) int {
		for range each {
			v.session = ""
			for _, do := range operations {
				require.NoError(t, do(context.WithoutCancel(t.Context()), v))
			}
		}
		require.Eventually(t, func() bool { return open() == 0 }, settle, 10*time.Millisecond, "sessions and streams stay open")
		v.httpClient.http.CloseIdleConnections()
		return runtime.NumGoroutine()
	}
	const slack = 15 // idle connections and goroutines that are reused
	before := sessions(5)
	sessions(45) // 7 each, over all three transports
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+slack }, settle, 10*time.Millisecond, "%d goroutines before", before)
}
