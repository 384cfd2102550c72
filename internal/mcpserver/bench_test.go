package mcpserver_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"os"
	"strconv"
	"testing"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// BenchmarkStdioEcho measures echo calls over pipes to this server and to mcp-go's server
// in one run, because ratios depend less on the machine than absolute numbers (req: Q5).
// "one" has one concurrent call, "many" has 32.
func BenchmarkStdioEcho(b *testing.B) {
	ours := func(ctx context.Context, s *server.MCPServer, in io.Reader, out io.Writer) error {
		return mcpserver.Stdio(ctx, s, in, out, mcpserver.StdioOptions{})
	}
	theirs := func(ctx context.Context, s *server.MCPServer, in io.Reader, out io.Writer) error {
		stdio := server.NewStdioServer(s)
		stdio.SetErrorLogger(log.New(io.Discard, "", 0))
		return stdio.Listen(ctx, in, out)
	}
	for name, loop := range map[string]stdioLoop{"ours": ours, "mcp-go": theirs} {
		for load, depth := range map[string]int{"one": 1, "many": 32} {
			b.Run(name+"/"+load, func(b *testing.B) { benchmarkLoop(b, loop, depth) })
		}
	}
}

type stdioLoop func(context.Context, *server.MCPServer, io.Reader, io.Writer) error

func benchmarkLoop(b *testing.B, loop stdioLoop, depth int) {
	inR, inW, err := os.Pipe()
	require.NoError(b, err)
	outR, outW, err := os.Pipe()
	require.NoError(b, err)
	defer func() { _, _, _ = inR.Close(), outR.Close(), outW.Close() }()
	done := make(chan error, 1)
	go func() { done <- loop(b.Context(), newRig().srv, inR, outW) }()
	lines := bufio.NewReaderSize(outR, 64<<10)
	say := func(id int) {
		_, err := io.WriteString(inW, toolCall(strconv.Itoa(id), "", "echo", `{"text":"hello"}`)+"\n")
		require.NoError(b, err)
	}
	hear := func() {
		_, err := lines.ReadSlice('\n')
		require.NoError(b, err)
	}
	under := make(chan struct{}, depth)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for id := range b.N {
			under <- struct{}{}
			say(id)
		}
	}()
	for range b.N {
		hear()
		<-under
	}
	b.StopTimer()
	require.NoError(b, inW.Close())
	require.NoError(b, <-done)
}
