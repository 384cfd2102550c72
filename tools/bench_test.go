package tools_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// BenchmarkFindSlots is a tool call through mcp-go, less the time that Vennio
// takes: Vennio answers at once, with a week of one host as the sandbox tells it.
func BenchmarkFindSlots(b *testing.B) {
	for name, arguments := range map[string]args{
		"usual":   {"timezone": "Europe/London"},
		"largest": {"timezone": "America/Argentina/Buenos_Aires", "guest_timezone": "Asia/Kolkata", "limit": 10},
	} {
		b.Run(name, func(b *testing.B) { benchmarkCall(b, "find_slots", arguments, false) })
	}
}

// BenchmarkRefusal is the cost of arguments that do not fit: nothing is asked of
// Vennio.
func BenchmarkRefusal(b *testing.B) {
	benchmarkCall(b, "find_slots", args{"duration": "half an hour"}, true)
}

// BenchmarkCatalog is what the tools add to the start of the program.
func BenchmarkCatalog(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tools.Catalog(tools.Deps{})
	}
}

func benchmarkCall(b *testing.B, tool string, arguments args, refused bool) {
	agent := instantAgent(b)
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	b.ReportAllocs()
	for b.Loop() {
		got, err := agent.CallTool(b.Context(), req)
		require.NoError(b, err)
		require.Equal(b, refused, got.IsError)
	}
}

// instantAgent is a client of the tools over a Vennio that takes no time.
func instantAgent(b *testing.B) *client.Client {
	now := func() time.Time { return wednesday }
	vennio := &instant{vennio: sandbox.New(sandbox.Options{Now: now, Seed: 1})}
	api, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithHTTPClient(&http.Client{Transport: vennio}))
	require.NoError(b, err)
	zone, err := times.Zone("Europe/London")
	require.NoError(b, err)
	srv := server.NewMCPServer("bench", "0", server.WithRecovery())
	for _, tool := range tools.Catalog(tools.Deps{
		Service: scheduling.Service{
			Vennio: api, Hosts: directory(), Zone: zone, WeekStart: time.Monday, Now: now, Slots: slots.NewSigner([]byte("a secret only tests know"), "sandbox", now),
		},
	}) {
		srv.AddTools(tool.Bind())
	}
	agent, err := client.NewInProcessClient(srv)
	require.NoError(b, err)
	b.Cleanup(func() { _ = agent.Close() })
	require.NoError(b, agent.Start(b.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	_, err = agent.Initialize(b.Context(), hello)
	require.NoError(b, err)
	return agent
}

// instant asks the sandbox once and repeats its answer: it stands for Vennio in
// benchmarks of one question.
type instant struct {
	vennio http.Handler
	body   []byte
}

func (i *instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if i.body == nil {
		w := httptest.NewRecorder()
		i.vennio.ServeHTTP(w, r)
		i.body = w.Body.Bytes()
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(i.body)), ContentLength: int64(len(i.body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}
