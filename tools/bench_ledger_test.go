package tools_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

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
			Ledger: consent.New(db, now), Slots: slots.NewSigner([]byte("a secret only tests know"), "sandbox", now),
		},
		Conversation: tools.Conversation{Policy: consent.PolicyAttested, Secret: []byte("secret")},
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
