package webhooks_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// BenchmarkReceive measures the events per second that are stored durably, each with one follow-up,
// and compares that with bare SQL, which inserts the same two rows in one transaction for each event
// ("of-bare": 1 is the same speed). With many senders, events share a transaction.
func BenchmarkReceive(b *testing.B) {
	for _, senders := range []int{1, 64} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			in, dir := benchInbox(b)
			bare := bareRate(b, dir, b.N)
			var n atomic.Int64
			b.SetParallelism(senders)
			b.ResetTimer()
			began := time.Now()
			if senders == 1 {
				for range b.N {
					benchDeliver(b, in, n.Add(1))
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						benchDeliver(b, in, n.Add(1))
					}
				})
			}
			rate := float64(b.N) / time.Since(began).Seconds()
			b.ReportMetric(rate, "events/s")
			b.ReportMetric(bare, "bare/s")
			b.ReportMetric(rate/bare, "of-bare")
		})
	}
}

func benchInbox(b *testing.B) (*webhooks.Service, string) {
	b.Helper()
	dir := b.TempDir()
	db := sqldb.Open(dir)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	in, err := webhooks.Open(db, webhooks.Options{
		Tenant: webhooks.Tenant{Secrets: []string{secret}, Sinks: []webhooks.Sink{{Name: "crm", Type: "http", URL: "https://crm.example.com", Secret: "s"}}},
	})
	require.NoError(b, err)
	benchDeliver(b, in, 0) // creates the tables
	return in, dir
}

func benchDeliver(b *testing.B, in *webhooks.Service, n int64) {
	body := booking(fmt.Sprint("evt_", n), "booking.created", "b-1")
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, webhooks.Path, strings.NewReader(body))
	r.Header.Set(webhook.SignatureHeader, webhook.Sign([]byte(body), secret))
	w := httptest.NewRecorder()
	in.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Error(w.Code, w.Body)
	}
}

// bareRate inserts n pairs of rows with bare SQL and the settings of sqldb, and returns the number
// of pairs per second.
func bareRate(b *testing.B, dir string, n int) float64 {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "vennio-mcp.db")+
		"?_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_foreign_keys=1&_pragma=secure_delete(1)")
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	db.SetMaxOpenConns(1)
	began := time.Now()
	for i := range n {
		tx, err := db.BeginTx(b.Context(), nil)
		require.NoError(b, err)
		id := fmt.Sprint("bare_", i)
		_, err = tx.ExecContext(b.Context(), `INSERT INTO events (id, type, at, received, booking, body) VALUES (?, 'booking.created', '', '', 'b-1', ?)`,
			id, []byte(booking(id, "booking.created", "b-1")))
		require.NoError(b, err)
		_, err = tx.ExecContext(b.Context(), `INSERT INTO river_job (args, kind, queue, max_attempts) VALUES (jsonb(?), 'follow_up', 'lane_crm', 5)`,
			fmt.Sprintf(`{"event":%q,"to":"crm"}`, id))
		require.NoError(b, err)
		require.NoError(b, tx.Commit())
	}
	return float64(n) / time.Since(began).Seconds()
}
