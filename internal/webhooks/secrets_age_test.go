package webhooks_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// hand is a clock that is set by hand.
type hand struct{ at atomic.Int64 }

func (h *hand) now() time.Time       { return time.Unix(0, h.at.Load()) }
func (h *hand) move(d time.Duration) { h.at.Add(int64(d)) }

func newHand() *hand {
	h := new(hand)
	h.at.Store(time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC).UnixNano())
	return h
}

// req: W1. Whoever has the secret of a removed subscription signs well, so that
// nothing but time makes a running server look again.
func TestReq_W1_ARemovedSecretStopsCountingWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	clock := newHand()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Now, o.Others = clock.now, []webhooks.Tenant{{Name: "acme"}}
	})
	db := sqldb.Open(r.dir)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	elsewhere, err := webhooks.Open(db, webhooks.Options{Now: clock.now}) // as webhooks remove does, in another process
	require.NoError(t, err)
	for _, tenant := range []string{"", "acme"} {
		require.NoError(t, elsewhere.Of(tenant).Register(t.Context(), "wh_1", "https://example.com", "whsec_leaked"))
	}
	body := booking("evt_1", "booking.created", "b-1")
	for _, tenant := range []string{"", "acme"} {
		status, text := r.tellTenant(tenant, body, "whsec_leaked")
		require.Equal(t, http.StatusOK, status, text)
		require.NoError(t, elsewhere.Of(tenant).Unregister(t.Context(), "wh_1"))
	}
	clock.move(31 * time.Second)
	for _, tenant := range []string{"", "acme"} {
		status, text := r.tellTenant(tenant, body, "whsec_leaked")
		assert.Equal(t, http.StatusUnauthorized, status, "%q: %s", tenant, text)
	}
	status, text := r.tellTenant("", body, secret)
	assert.Equal(t, http.StatusOK, status, text)
}

// logged is what was written to a log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// req: W1. While the store is away it is asked once a second, whoever knocks, and
// who cannot be judged is told to come again, at the paths of tenants that do not
// exist too.
func TestReq_W1_AStoreThatIsAwayIsAskedForSecretsOnceASecond(t *testing.T) {
	t.Parallel()
	clock, log := newHand(), new(logged)
	r := newRigWith(t, func(o *webhooks.Options) { o.Now, o.Log = clock.now, slog.New(slog.NewTextHandler(log, nil)) })
	require.NoError(t, r.db.Close())
	for second := range 3 {
		for range 5 {
			status, text := r.deliver("{}", webhook.Sign([]byte("{}"), "whsec_other"))
			assert.Equal(t, http.StatusServiceUnavailable, status, text)
			same, said := r.tellTenant("nobody", "{}", "whsec_other")
			assert.Equal(t, status, same)
			assert.Equal(t, text, said)
		}
		assert.Equal(t, second+1, log.count("could not be read"))
		clock.move(time.Second)
	}
}
