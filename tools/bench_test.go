package tools_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
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
			Vennio: api, Hosts: directory(), Zone: zone, WeekStart: time.Monday, Now: now, Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", now),
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

// prompt is what a booking needs: a ledger in a file, and a Vennio that books all
// and answers at once.
func prompt(b *testing.B) tools.Deps {
	b.Helper()
	answer := `{"booking":{"id":"bk_1","status":"confirmed","start_time":"2026-05-14T14:00:00Z","end_time":"2026-05-14T14:30:00Z"}}`
	vennio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, answer) }))
	b.Cleanup(vennio.Close)
	c, err := vennioclient.New(canary, vennioclient.WithBaseURL(vennio.URL))
	require.NoError(b, err)
	now := func() time.Time { return wednesday }
	db := sqldb.Open(b.TempDir())
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	zone, err := times.Zone("Europe/London")
	require.NoError(b, err)
	return tools.Deps{
		Service: scheduling.Service{
			Vennio: c, Hosts: directory(), Zone: zone, Now: now,
			Ledger: consent.New(db, now), Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", now),
		},
		Conversation: tools.Conversation{Policy: consent.PolicyAttested, Keys: tenant.NewKeyring([]byte("secret"))},
	}
}

// BenchmarkBookSlot is a whole booking with its ledger in a file against the two
// calls to Vennio that it makes, measured in turn: what consent costs on top. The
// ratio is reported as "×without". Vennio answers at once.
func BenchmarkBookSlot(b *testing.B) {
	d := prompt(b)
	book := tools.Catalog(d)[1].Bind().Handler
	var with, without time.Duration
	for b.Loop() {
		id, err := d.Slots.Sign(slots.Offer{Start: wednesday.Add(30 * time.Hour), Duration: 30 * time.Minute, Hosts: []string{d.Hosts[0].ID}, Zone: "Europe/London"})
		require.NoError(b, err)
		req := mcp.CallToolRequest{}
		req.Params.Name, req.Params.Arguments = "book_slot", agreed(id)
		began := time.Now()
		got, err := book(b.Context(), req)
		with += time.Since(began)
		require.NoError(b, err)
		require.False(b, got.IsError)

		began = time.Now()
		_, err1 := d.Vennio.CreateBooking(b.Context(), vennioclient.IdempotencyKey(id), vennioclient.BookingRequest{
			Hosts: []string{d.Hosts[0].ID}, Customer: vennioclient.Person{Email: "ada@example.com", Name: "Ada"},
			Start: wednesday.Add(30 * time.Hour), End: wednesday.Add(31 * time.Hour), Title: "Intro call",
		})
		_, err2 := d.Vennio.GetBooking(b.Context(), "bk_1")
		without += time.Since(began)
		require.NoError(b, err1)
		require.NoError(b, err2)
	}
	b.ReportMetric(float64(with)/float64(without), "×without")
	b.ReportMetric(float64(with.Microseconds())/float64(b.N), "µs/booking")
}
