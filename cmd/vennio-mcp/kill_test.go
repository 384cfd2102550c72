package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const (
	killEvents  = 1000
	killSenders = 8
	killFor     = 8 * time.Second // the time in which they are sent, if nobody is killed
	killEvery   = 250             // things achieved between two kills, about
	killRest    = killEvents / 10 // from here on nobody is killed; more than are given up
	killLimit   = 5 * time.Minute // River rescues the tasks of a killed process only after its leadership has expired, about 20 s
	killSecret  = "whsec_c4n4ry_kill"
)

// tally counts what a sink received, and how often.
type tally struct {
	fails bool // half the time
	mu    sync.Mutex
	told  map[string]int // answered with success, by event
	calls int
}

func (s *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fails && rand.IntN(2) == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.told[r.Header.Get("webhook-id")]++
}

func (s *tally) figures() (told, twice, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.told {
		if n > 1 {
			twice++
		}
	}
	return len(s.told), twice, s.calls
}

func (s *tally) received(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[id] > 0
}

// kill is the state of the kill test: one server after another on one folder.
type kill struct {
	t           *testing.T
	binary      string
	env         []string
	url         atomic.Value // of the running server: another program may take the port of one that was killed
	steady, ill *tally
	answered    atomic.Int64 // deliveries, with success
	resent      atomic.Int64
	kills       int
}

func newKill(t *testing.T) *kill {
	t.Helper()
	k := &kill{t: t, steady: &tally{told: map[string]int{}}, ill: &tally{told: map[string]int{}, fails: true}}
	var err error
	k.binary, err = plainBinary()
	require.NoError(t, err)
	steady, ill := httptest.NewServer(k.steady), httptest.NewServer(k.ill)
	t.Cleanup(func() { steady.Close(); ill.Close() })
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
sinks:
  - {name: steady, type: http, url: %q, secret: s, pause: 20ms}
  - {name: ill, type: http, url: %q, secret: s, pause: 20ms}
`, steady.URL, ill.URL), 0o600))
	k.env = clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_x", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_STATE_DIR="+t.TempDir(),
		"VENNIO_MCP_SETTINGS="+settings, "VENNIO_WEBHOOK_SECRET="+killSecret, app.RescueVariable+"=6s")
	return k
}

func (k *kill) start() *process {
	k.t.Helper()
	p := startFile(k.t, k.binary, k.env, "serve", "--addr", "127.0.0.1:0")
	k.url.Store(p.address() + "/webhooks/vennio")
	return p
}

// send delivers an event as Vennio would, again and again until it is answered
// with success.
func (k *kill) send(ctx context.Context, client *http.Client, id string) error {
	body := fmt.Sprintf(`{"id":%q,"type":"booking.created","data":{"booking":{"id":"b-%s","status":"confirmed"}}}`, id, id)
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url.Load().(string), strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set(webhook.SignatureHeader, webhook.Sign([]byte(body), killSecret))
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				k.answered.Add(1)
				return nil
			}
		}
		k.resent.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sendAll sends killEvents events in about killFor; the channel closes when all
// were answered with success.
func (k *kill) sendAll(ctx context.Context) <-chan struct{} {
	next, sent := make(chan string), make(chan struct{})
	go func() {
		defer close(next)
		pace := time.NewTicker(killFor / killEvents)
		defer pace.Stop()
		for i := range killEvents {
			<-pace.C
			next <- fmt.Sprintf("evt_%04d", i)
		}
	}()
	go func() {
		defer close(sent)
		var senders sync.WaitGroup
		for range killSenders {
			senders.Go(func() {
				client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
				for id := range next {
					assert.NoError(k.t, k.send(ctx, client, id))
				}
			})
		}
		senders.Wait()
	}()
	return sent
}

// killOften kills the server at random moments and starts another, until nearly
// all is done. The moments are counted in what was achieved, so that a slow
// machine gets on too.
func (k *kill) killOften(ctx context.Context, server *process) {
	k.t.Helper()
	for k.missing(nil) > killRest {
		next := k.progress() + 50 + rand.Int64N(2*killEvery)
		for k.progress() < next && k.missing(nil) > killRest {
			select {
			case <-ctx.Done():
				require.FailNow(k.t, "still not done", "%d missing, killed %d times", k.missing(nil), k.kills)
			case <-time.After(5 * time.Millisecond):
			}
		}
		require.NoError(k.t, server.cmd.Process.Kill())
		server.end()
		k.kills++
		server = k.start()
	}
}

// progress is how many deliveries and follow-ups were answered so far.
func (k *kill) progress() int64 {
	_, _, steady := k.steady.figures()
	_, _, ill := k.ill.figures()
	return k.answered.Load() + int64(steady+ill)
}

// dead returns the dead letters, as "sink event".
func (k *kill) dead() map[string]bool {
	k.t.Helper()
	code, out, errs := runFile(k.t, k.binary, k.env, "events", "dead", "--json")
	require.Zero(k.t, code, errs)
	dead := map[string]bool{}
	for line := range strings.Lines(out) {
		var letter taskLine
		require.NoError(k.t, json.Unmarshal([]byte(line), &letter))
		dead[letter.To+" "+letter.Event] = true
	}
	return dead
}

// missing counts the events that a sink neither received nor has as a dead letter.
func (k *kill) missing(dead map[string]bool) (n int) {
	for i := range killEvents {
		id := fmt.Sprintf("evt_%04d", i)
		for name, sink := range map[string]*tally{"steady": k.steady, "ill": k.ill} {
			if !sink.received(id) && !dead[name+" "+id] {
				n++
			}
		}
	}
	return n
}

// req: W2, W3
func TestReq_W3_KilledAtAnyMomentNothingIsLost_Slow(t *testing.T) {
	t.Parallel()
	k := newKill(t)
	ctx, cancel := context.WithTimeout(t.Context(), killLimit)
	defer cancel()
	began := time.Now()
	server := k.start()
	sent := k.sendAll(ctx)
	k.killOften(ctx, server)
	<-sent
	var dead map[string]bool
	require.Eventually(t, func() bool { dead = k.dead(); return k.missing(dead) == 0 }, killLimit, time.Second,
		"events that neither reached a sink nor lie in dead letters")

	code, out, errs := runFile(t, k.binary, k.env, "events", "list", "--limit", "0", "--json")
	require.Zero(t, code, errs)
	assert.Equal(t, killEvents, strings.Count(out, "\n"), "each event is in the inbox once")
	told, twice, calls := k.steady.figures()
	illTold, illTwice, illCalls := k.ill.figures()
	assert.Positive(t, k.kills)
	t.Logf("%d events sent, server killed %d times, %d deliveries repeated until answered; all settled after %s",
		killEvents, k.kills, k.resent.Load(), time.Since(began).Round(time.Millisecond))
	t.Logf("inbox %d; sink steady: %d told (%d more than once) in %d calls; sink ill, failing half the time: %d told (%d more than once) in %d calls; dead letters %d; lost 0",
		strings.Count(out, "\n"), told, twice, calls, illTold, illTwice, illCalls, len(dead))
}
