package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

func order(name, body string) request {
	return request{method: http.MethodPost, target: "/_sandbox/" + name, body: body, key: "-"}
}

func obeyed(t *testing.T, s http.Handler, name, body string) {
	t.Helper()
	w := send(s, order(name, body))
	require.Equal(t, http.StatusOK, w.Code, "%s", w.Body)
	require.JSONEq(t, `{"ok":true}`, w.Body.String())
}

func TestFaultsByOrder(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	obeyed(t, s, "fail", `{"n":2,"status":500}`)
	obeyed(t, s, "fail", `{"status":429,"slug":"rate-limited","retry_after_seconds":7}`)
	obeyed(t, s, "drop", ``)
	obeyed(t, s, "timeout", `{}`)
	obeyed(t, s, "lose", `{"n":1}`)
	obeyed(t, s, "slow", `{"milliseconds":1}`)
	for _, status := range []int{500, 500, 429, 502, 504, 502, 200, 200} {
		assert.Equal(t, status, send(s, operations["list"]).Code)
	}
	assert.Equal(t, 8, s.Calls(), "orders are no calls")
	assert.Len(t, s.Requests(), 8)
}

func TestCalmRemovesPendingFaults(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.FailNext(3, http.StatusBadGateway)
	assert.Equal(t, http.StatusBadGateway, send(s, operations["list"]).Code)
	obeyed(t, s, "calm", ``)
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code)
}

func TestWorldByOrder(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	obeyed(t, s, "take", fmt.Sprintf(`{"host":"alice@example.com","start":%q,"end":%q}`, iso(free.Start), iso(free.End)))
	assert.NotEqual(t, free.Start, freeSlot(t, s, alice).Start)
	obeyed(t, s, "revoke", `{"consent_id":"`+bobConsent+`"}`)
	refused(t, s, http.StatusForbidden, "forbidden", operations["mutual"])
	obeyed(t, s, "descriptions", `{"hide":true}`)
	assert.Empty(t, freeSlot(t, s, alice).Description)
	made := booked(t, s, haruka)
	obeyed(t, s, "pay", `{"booking_id":"`+made.ID+`"}`)
	assert.Equal(t, "confirmed", s.Bookings()[0].Status)
	obeyed(t, s, "cancel", `{"booking_id":"`+made.ID+`"}`)
	assert.Equal(t, "cancelled", s.Bookings()[0].Status)
	obeyed(t, s, "disconnect", `{"host":"`+alice.ID+`"}`)
	refused(t, s, http.StatusNotFound, "calendar-not-connected", slotsOf(alice, tomorrow, tomorrow.Add(week)))
}

func TestHoldByOrder(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, alice)
	obeyed(t, s, "hold", ``)
	calls := s.Calls()
	held := make(chan *httptest.ResponseRecorder)
	go func() { held <- send(s, book(alice, free.Start, free.End)) }()
	require.Eventually(t, func() bool { return s.Calls() > calls }, time.Minute, time.Millisecond)
	assert.Empty(t, s.Bookings())
	obeyed(t, s, "release", ``)
	assert.Equal(t, http.StatusCreated, (<-held).Code)
}

func TestInvalidOrdersAreRefused(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, r := range []request{
		order("explode", ""), order("fail", `{"status":200}`), order("fail", `{"stauts":500}`), order("take", `{"host":"nobody"}`),
		order("pay", `{"booking_id":"nothing"}`), order("cancel", `nonsense`),
	} {
		w := send(s, r)
		assert.Equal(t, http.StatusBadRequest, w.Code)
		assert.Contains(t, w.Body.String(), `"error"`)
	}
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code)
}

func TestOrdersAreNotForWebPages(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/_sandbox/drop", nil)
	req.Header.Set("Origin", "https://example.org")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, req)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Equal(t, http.StatusOK, send(s, operations["list"]).Code)
}

func TestState(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, alice)
	r := receive(t, nil)
	t.Cleanup(s.Close)
	want[hook](t, s, http.StatusCreated, subscribe(r.URL))
	s.Revoke(bobConsent)
	settled(t, s)
	var got struct {
		Calls, Writes int
		Hosts         []sandbox.Host
		Bookings      []booking
		Webhooks      int
		Deliveries    sandbox.Deliveries
	}
	require.NoError(t, json.Unmarshal(send(s, request{method: http.MethodGet, target: "/_sandbox/state"}).Body.Bytes(), &got))
	assert.Equal(t, 3, got.Calls)
	assert.Equal(t, 2, got.Writes)
	assert.Equal(t, 1, got.Webhooks)
	assert.Equal(t, sandbox.Deliveries{Delivered: 2}, got.Deliveries)
	assert.Equal(t, sandbox.Hosts(), got.Hosts)
	assert.Equal(t, []booking{made}, got.Bookings)
}

func TestRequestsAreRememberedUpToAThousand(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{RateLimitPerHour: -1})
	free := freeSlot(t, s, alice)
	r := keyed(book(alice, free.Start, free.End), "k1")
	send(s, r)
	log := s.Requests()
	require.Len(t, log, 2)
	assert.Equal(t, "/v1/availability/slots", log[0].Path)
	assert.Equal(t, alice.ID, log[0].Query.Get("business_id"))
	assert.Equal(t, http.MethodPost, log[1].Method)
	assert.Equal(t, "k1", log[1].IdempotencyKey)
	assert.JSONEq(t, r.body, string(log[1].Body))
	for range 1000 {
		send(s, operations["list"])
	}
	require.Len(t, s.Requests(), 1000)
	assert.Equal(t, "/v1/bookings", s.Requests()[0].Path)
	assert.Equal(t, 1002, s.Calls())
}

// A web page whose name was made to point here (DNS rebinding) sends nothing to the
// sandbox, which would post its events to whatever listens on this machine.
// field: DNS rebinding
func TestReq_X8_TheSandboxChecksHost(t *testing.T) {
	t.Parallel()
	site := httptest.NewServer(newServer(sandbox.Options{PublicURL: "https://Pay.example:8443/x"}))
	t.Cleanup(site.Close)
	port := site.URL[strings.LastIndex(site.URL, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: http.StatusOK, "localhost" + port: http.StatusOK, "LOCALHOST": http.StatusOK, "[::1]" + port: http.StatusOK, "127.9.9.9": http.StatusOK,
		"pay.example": http.StatusOK, "pay.example:1": http.StatusOK,
		"evil.example" + port: http.StatusForbidden, "localhost.evil.example": http.StatusForbidden, "127.0.0.1.evil.example": http.StatusForbidden,
		"192.0.2.7" + port: http.StatusForbidden, "0.0.0.0" + port: http.StatusForbidden, "[2001:db8::1]": http.StatusForbidden, "pay.example.evil.example": http.StatusForbidden,
	} {
		for _, path := range []string{"/_sandbox/state", "/v1/availability/slots?duration=30"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site.URL+path, nil)
			require.NoError(t, err)
			r.Host = host
			resp, err := site.Client().Do(r)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			_ = resp.Body.Close()
			assert.Equal(t, want, resp.StatusCode, "%s %s", host, path)
			assert.Equal(t, want == http.StatusForbidden, strings.Contains(string(body), "Host header"), "%s %s", host, path)
		}
	}
}
