package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// roundTrip is the time of a packet to Vennio and back.
const roundTrip = 100 * time.Millisecond

// bubbleTime is the clock of a bubble, which begins in 2000, on a Wednesday in 2026: slot ids begin in 2026.
func bubbleTime() time.Time { return time.Now().AddDate(26, 4, 12) }

// distantVennio is the sandbox behind a network in memory on which a packet takes half of roundTrip. Its time is
// that of a synctest bubble, so that a duration is a number of round trips, however slow the machine is.
type distantVennio struct {
	t       *testing.T
	api     http.Handler
	conns   chan net.Conn
	trusted *x509.CertPool // of its certificate; nil: it does not use TLS

	mu       sync.Mutex
	dials    int
	requests []string // paths
}

// Accept, Close and Addr implement net.Listener.
func (v *distantVennio) Accept() (net.Conn, error) {
	if c, ok := <-v.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (v *distantVennio) Close() error   { return nil }
func (v *distantVennio) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (v *distantVennio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	v.requests = append(v.requests, r.URL.Path)
	v.mu.Unlock()
	v.api.ServeHTTP(w, r)
}

// dial connects to the server after the handshake of TCP.
func (v *distantVennio) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	select {
	case <-time.After(roundTrip):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v.mu.Lock()
	v.dials++
	v.mu.Unlock()
	client, near := net.Pipe()
	far, server := net.Pipe()
	go carry(far, near)
	go carry(near, far)
	v.conns <- server
	return client, nil
}

// carry delivers what it reads after half of roundTrip, until a side closes its connection.
func carry(to, from net.Conn) {
	type packet struct {
		data []byte
		at   time.Time
	}
	line := make(chan packet, 1000)
	go func() {
		defer close(line)
		for {
			data := make([]byte, 64<<10)
			n, err := from.Read(data)
			if n > 0 {
				line <- packet{data[:n], time.Now().Add(roundTrip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range line {
		<-time.After(time.Until(p.at))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// measured calls what and returns how long it took, the paths that were requested, and the number of new
// connections.
func (v *distantVennio) measured(what func()) (took time.Duration, requests []string, dials int) {
	v.mu.Lock()
	v.requests, v.dials = nil, 0
	v.mu.Unlock()
	began := time.Now()
	what()
	took = time.Since(began)
	v.mu.Lock()
	defer v.mu.Unlock()
	return took, v.requests, v.dials
}

// use makes a transport reach Vennio through the network.
func (v *distantVennio) use(t *http.Transport) {
	t.DialContext = v.dial
	if v.trusted != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: v.trusted, MinVersion: tls.VersionTLS13}
	}
}

// bareClient returns a function that requests a week of free times with a separate net/http client.
func (v *distantVennio) bareClient(url string) func() {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	v.use(transport)
	v.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func() {
		now := bubbleTime().UTC()
		req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, url+"/v1/availability/slots?business_id="+sandbox.Hosts()[0].ID+
			"&duration_minutes=30&from="+now.Format(time.RFC3339)+"&to="+now.AddDate(0, 0, 7).Format(time.RFC3339), nil)
		require.NoError(v.t, err)
		req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
		resp, err := client.Do(req)
		require.NoError(v.t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(v.t, err)
		require.NoError(v.t, resp.Body.Close())
		require.Equal(v.t, http.StatusOK, resp.StatusCode)
	}
}

// findSlots returns a function that calls find_slots of an App with these settings. It returns the result.
func (v *distantVennio) findSlots(settings map[string]string) func(arguments string) schemas.FindSlotsResult {
	settings["VENNIO_API_KEY"], settings["VENNIO_STATE_DIR"] = sandbox.DefaultKey(), v.t.TempDir()
	settings["VENNIO_TIMEZONE"], settings["VENNIO_DIALECT"] = "Europe/London", "reference"
	cfg, err := config.Load(nil, func(name string) string { return settings[name] })
	require.NoError(v.t, err)
	a, err := New(cfg, Options{Version: "test", Getenv: func(string) string { return "" }, Log: zerolog.Nop(), Now: bubbleTime})
	require.NoError(v.t, err)
	v.t.Cleanup(a.Close)
	v.use(a.vennio)
	require.NoError(v.t, a.AddDefaultTenant(v.t.Context()))
	return func(arguments string) (result schemas.FindSlotsResult) {
		answer, err := json.Marshal(a.Server.HandleMessage(v.t.Context(),
			json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find_slots","arguments":`+arguments+`}}`)))
		require.NoError(v.t, err)
		var got struct {
			Result struct {
				IsError           bool
				StructuredContent schemas.FindSlotsResult
			}
		}
		require.NoError(v.t, json.Unmarshal(answer, &got))
		require.False(v.t, got.Result.IsError, string(answer))
		return got.Result.StructuredContent
	}
}

// inDistance runs a test in a bubble with a Vennio that is roundTrip away, with TLS and HTTP/2 or with neither.
// answer, if not nil, answers a request in place of the sandbox if it returns true.
func inDistance(t *testing.T, secure bool, answer func(http.ResponseWriter, *http.Request) bool, test func(v *distantVennio, url string)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		box := sandbox.New(sandbox.Options{Now: bubbleTime, Seed: 1})
		v := &distantVennio{t: t, conns: make(chan net.Conn, 100)}
		v.api = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if answer == nil || !answer(w, r) {
				box.ServeHTTP(w, r)
			}
		})
		srv := &http.Server{Handler: v, ReadHeaderTimeout: time.Hour}
		serve, url := srv.Serve, "http://127.0.0.1:1"
		if secure {
			example := httptest.NewUnstartedServer(nil) // for its certificate alone
			example.StartTLS()
			v.trusted = x509.NewCertPool()
			v.trusted.AddCert(example.Certificate())
			srv.TLSConfig = &tls.Config{Certificates: example.TLS.Certificates, MinVersion: tls.VersionTLS13}
			example.Close()
			serve, url = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }, "https://127.0.0.1:1"
		}
		go func() { _ = serve(v) }()
		t.Cleanup(func() {
			close(v.conns)
			_ = srv.Close()
			<-time.After(roundTrip) // until the last packets have arrived
		})
		test(v, url)
	})
}

// search is the path of the request for free times.
const search = "/v1/availability/slots"

// A search takes as long as the same request of a bare client: one request, on a connection that is kept while a
// person thinks about the offered times.
func TestFindSlotsTakesOneRoundTripAsABareClientDoes(t *testing.T) {
	t.Parallel()
	for protocol, handshakes := range map[string]time.Duration{"http": 1, "https": 2} {
		inDistance(t, protocol == "https", nil, func(v *distantVennio, url string) {
			find := v.findSlots(map[string]string{"VENNIO_API_URL": url, "VENNIO_HOSTS": "Alice=" + sandbox.Hosts()[0].ID})
			bare := v.bareClient(url)
			for _, c := range []struct {
				what        string
				idle        time.Duration
				trips, bare time.Duration
				dials       int
			}{
				{"cold", 0, handshakes + 1, handshakes + 1, 1},
				{"warm", 0, 1, 1, 0},
				{"after a minute", time.Minute, 1, 1, 0},
				{"after a person has thought for long", 9 * time.Minute, 1, handshakes + 1, 0},
				{"after the connection was closed", 11 * time.Minute, handshakes + 1, handshakes + 1, 1},
			} {
				<-time.After(c.idle)
				took, _, _ := v.measured(bare)
				assert.Equal(t, c.bare*roundTrip, took, "%s, %s: the bare client", protocol, c.what)
				took, requests, dials := v.measured(func() { assert.Len(t, find(`{}`).Slots, 3) })
				assert.Equal(t, c.trips*roundTrip, took, "%s, %s", protocol, c.what)
				assert.Equal(t, []string{search}, requests, "%s, %s", protocol, c.what)
				assert.Equal(t, c.dials, dials, "%s, %s: new connections", protocol, c.what)
			}
		})
	}
}

// Names that only Vennio knows are read during the search and not before it.
func TestNamesAreReadDuringTheSearch(t *testing.T) {
	t.Parallel()
	id := sandbox.Hosts()[0].ID
	t.Run("in the list of hosts", func(t *testing.T) {
		t.Parallel()
		inDistance(t, false, nil, func(v *distantVennio, url string) {
			find := v.findSlots(map[string]string{"VENNIO_API_URL": url, "VENNIO_BUSINESS_ID": id})
			for _, c := range []struct {
				arguments string
				trips     time.Duration
				requests  []string
			}{
				{`{}`, 2, []string{search, "/v1/hosts"}},
				{`{}`, 1, []string{search}},
				{`{"hosts":["alice"]}`, 1, []string{search}},
				{`{"hosts":["` + strings.ToUpper(id) + `"]}`, 1, []string{search}},
			} {
				took, requests, _ := v.measured(func() { assert.Equal(t, []string{"Alice Marlow"}, find(c.arguments).Hosts, c.arguments) })
				assert.Equal(t, c.trips*roundTrip, took, c.arguments)
				assert.ElementsMatch(t, c.requests, requests, c.arguments)
			}
		})
	})
	t.Run("in the second list", func(t *testing.T) {
		t.Parallel()
		forbidden := func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/hosts" {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		inDistance(t, true, forbidden, func(v *distantVennio, url string) {
			find := v.findSlots(map[string]string{"VENNIO_API_URL": url, "VENNIO_BUSINESS_ID": id})
			find(`{}`)
			for range 12 { // keeps the connection until the names are read again
				<-time.After(5 * time.Minute)
				find(`{"limit":1}`)
			}
			took, requests, _ := v.measured(func() { assert.Equal(t, []string{"Alice Marlow"}, find(`{}`).Hosts) })
			assert.Equal(t, roundTrip, took)
			assert.ElementsMatch(t, []string{search}, requests)
			<-time.After(time.Hour + time.Minute)
			took, requests, _ = v.measured(func() { find(`{}`) })
			assert.Equal(t, 3*roundTrip, took, "two handshakes, then all three requests at once")
			assert.ElementsMatch(t, []string{search, "/v1/hosts", "/v1/consents"}, requests)
		})
	})
}

// Where hosts have no common time, the searches without each of them are sent at once.
func TestSearchesWithoutEachHostAreSentAtOnce(t *testing.T) {
	t.Parallel()
	none := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/mutual") || len(strings.Split(r.URL.Query().Get("principal_ids"), ",")) < 3 {
			return false
		}
		_, _ = io.WriteString(w, `{"slots":[]}`)
		return true
	}
	var hosts []string
	for _, h := range sandbox.Hosts()[:3] {
		hosts = append(hosts, h.Name+"="+h.ID)
	}
	inDistance(t, true, none, func(v *distantVennio, url string) {
		find := v.findSlots(map[string]string{"VENNIO_API_URL": url, "VENNIO_HOSTS": strings.Join(hosts, ",")})
		find(`{}`)
		took, requests, _ := v.measured(func() {
			assert.Equal(t, 2, strings.Count(find(`{"hosts":["alice","bob","haruka"]}`).Note, "the first time is"))
		})
		assert.Len(t, requests, 5)
		assert.Equal(t, 3*roundTrip, took, "the window, the days after it, and one search without each host")
	})
}
