package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
)

// wire sends bytes to the server, and reads what comes until it hangs up, which
// it must.
func (c *company) wire(bytes string) string {
	c.t.Helper()
	conn, err := new(net.Dialer).DialContext(c.t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	require.NoError(c.t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, bytes)
	require.NoError(c.t, err)
	require.NoError(c.t, conn.SetReadDeadline(time.Now().Add(patience)))
	raw, err := io.ReadAll(conn)
	timeout, ok := err.(net.Error) //nolint:errorlint // as the connection returned it
	require.False(c.t, ok && timeout.Timeout(), "the server left the connection open")
	return string(raw)
}

// booking is a whole request that books, if anybody takes it for one.
func (m *member) booking() string {
	m.t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"book_slot","arguments":{"slot_id":%q,"title":"Intro",`+
		`"hosts":[%q],"attendees":[{"email":"ada@acme.example","name":"Ada Byron"}],"consent":{"granted":true,"given_by":"Ada","statement":"Yes"}}}}`, m.finds(), alice)
	lines := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\n"
	for i := 0; i < len(m.headers); i += 2 {
		lines += m.headers[i] + ": " + m.headers[i+1] + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", lines, len(body), body)
}

// req: X2. The real binary takes nothing after a body of doubtful size for a
// request, on any route that takes one: nothing is booked.
func TestReq_X2_NoBookingIsSmuggledIn(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	ada := c.as(c.acme)
	hidden := ada.booking()
	stream, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(c.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Close() })
	_, err = fmt.Fprintf(stream, "GET /sse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", c.acme)
	require.NoError(t, err)
	require.NoError(t, stream.SetReadDeadline(time.Now().Add(patience)))
	head, endpoint := make([]byte, 4096), ""
	for n := 0; endpoint == ""; endpoint = regexp.MustCompile(`/message\?sessionId=\w{26}`).FindString(string(head[:n])) {
		more, err := stream.Read(head[n:])
		require.NoError(t, err)
		n += more
	}
	for _, path := range []string{"/mcp", endpoint, "/webhooks/vennio", "/approvals/NOSUCHPROPOSAL", "/metrics", "/none"} {
		for _, framing := range []string{
			"Content-Length: 0\r\n\r\n",
			"Content-Length: 5\r\n\r\na=b&c",
			"Content-Length: +5\r\n\r\na=b&c",
			"Content-Length: 5\r\nContent-Length: 50\r\n\r\na=b&c",
			"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"Transfer-Encoding: chunked\r\n\r\n5\na=b&c\n0\n\n",
			"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF5\r\na=b&c\r\n0\r\n\r\n",
			"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
			"Content-Length: 5\r\n 0\r\n\r\na=b&c",
		} {
			said := c.wire("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + c.acme +
				"\r\nContent-Type: application/x-www-form-urlencoded\r\nVennio-Signature: " + strings.Repeat("a", 64) + "\r\n" + framing + hidden)
			assert.LessOrEqual(t, strings.Count(said, "HTTP/1.1 "), 1, "%s %q", path, framing)
			assert.Zero(t, c.bank.accounts[keyOfAcme].Writes(), "%s %q", path, framing)
		}
	}
	assert.Contains(t, c.wire(hidden), "confirmed", "by itself it books")
	assert.Equal(t, 1, c.bank.accounts[keyOfAcme].Writes())
}

// req: X3, X4. What a model or a caller writes becomes neither a header nor a path
// of a request to Vennio.
func TestReq_X3_NoArgumentBecomesAHeaderOrAPath(t *testing.T) {
	t.Parallel()
	c := newCompany(t, "VENNIO_MCP_RATE=1000", "VENNIO_MCP_RATE_ALL=1000")
	ada := c.as(c.acme)
	slot := ada.finds()
	for _, evil := range []string{
		"x\r\nX-Injected: 1", "x\x00X-Injected", "x%0d%0aX-Injected: 1", "../../v1/api-keys", "..%2f..%2fapi-keys", "..",
		"x?X-Injected=1", "http://evil.example/X-Injected", `x\..\X-Injected`, "\u560aX-Injected: 1",
	} {
		yes := map[string]any{"granted": true, "given_by": evil, "statement": evil}
		for tool, arguments := range map[string]map[string]any{
			"get_booking":        {"booking_id": evil},
			"cancel_booking":     {"booking_id": evil, "reason": evil, "consent": yes},
			"reschedule_booking": {"booking_id": evil, "slot_id": evil, "consent": yes},
			"find_slots":         {"hosts": []string{evil}, "timezone": "Europe/London"},
			"list_bookings":      {"cursor": evil},
			"book_slot": {
				"slot_id": slot, "title": evil, "hosts": []string{alice}, "notes": evil,
				"attendees": []any{map[string]any{"email": "ada@acme.example", "name": evil}}, "consent": yes,
			},
		} {
			got := ada.says("tools/call", map[string]any{"name": tool, "arguments": arguments}, nil)
			assert.Equal(t, http.StatusOK, got.status, "%s %q", tool, evil)
			assert.NotContains(t, fmt.Sprint(got.header), "Injected")
		}
		ada.says("resources/read", map[string]any{"uri": "vennio://bookings/" + evil}, nil)
	}
	for line := range strings.Lines(c.bank.received()) {
		address, headers, _ := strings.Cut(line, "map[")
		assert.Regexp(t, `^/v1/(availability/\w+\?\S+|bookings(\?\S+)?|bookings/[^/?#]+(\?force=\w+)?) ?$`, address)
		assert.NotRegexp(t, `/\.\.?[/ ?]|%0|\\`, address)
		assert.NotContains(t, headers, "Injected")
	}
}

// A web page whose name was made to point here (DNS rebinding) reaches none of the
// listeners of the program: of serve, of a sandbox as a command and inside a process,
// of the demo's sink, of a smoke run and of the approval page on stdio.
// field: DNS rebinding
func TestReq_X8_EveryListenerChecksHost(t *testing.T) {
	t.Parallel()
	p := program{getenv: func(string) string { return "" }, errs: new(lockedBuffer)}
	cfg, err := config.Load(map[string]string{"state-dir": t.TempDir(), "log-level": "error"}, p.getenv)
	require.NoError(t, err)
	a, err := p.newApp(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	box, err := app.StartSandbox(t.Context(), "127.0.0.1:0", p.clock(), nil)
	require.NoError(t, err)
	t.Cleanup(box.Close)
	sink, err := startDemoSink(t.Context())
	require.NoError(t, err)
	t.Cleanup(sink.close)
	smoke := &smokeRun{program: p, smokeFlags: smokeFlags{eventsAddr: "127.0.0.1:0", eventsURL: "https://events.example/webhooks/vennio", onSandbox: true}}
	events, err := smoke.ownSubscription(t.Context(), a)
	require.NoError(t, err)
	t.Cleanup(func() { _ = events.close(context.WithoutCancel(t.Context())) })
	page, err := a.Links.Proposal("NOSUCHPROPOSAL")
	require.NoError(t, err)

	reach := func(method, address, host string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
		require.NoError(t, err)
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	for name, address := range map[string]string{
		"serve":                   start(t, clean(t), "serve", "--addr", "127.0.0.1:0").address() + "/healthz",
		"the sandbox, a command":  startSandboxProcess(t) + "/_sandbox/state",
		"the sandbox of a server": box.URL + "/v1/availability/slots",
		"the demo's sink":         sink.url,
		"a smoke run's events":    events.at + "/webhooks/vennio",
		"the approval page":       page,
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, host := range []string{"evil.example", "evil.example:" + u.Port(), "127.0.0.1.evil.example", "localhost.evil.example:" + u.Port(), "192.0.2.1", "[2001:db8::1]:80", "0.0.0.0"} {
				assert.Equal(t, http.StatusForbidden, reach(method, address, host), "%s %s %s", name, method, host)
			}
			assert.NotEqual(t, http.StatusForbidden, reach(method, address, u.Host), "%s %s", name, method)
		}
	}
	assert.NotEqual(t, http.StatusForbidden, reach(http.MethodPost, events.at+"/webhooks/vennio", "events.example"), "the name that Vennio was given")
}
