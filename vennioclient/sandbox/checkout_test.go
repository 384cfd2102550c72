package sandbox_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// visit opens the checkout page of a booking, or sends its form.
func visit(h http.Handler, method, id string, form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), method, "/checkout/"+id, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(h, req)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// choose opens the page and presses a button.
func choose(t *testing.T, h http.Handler, id, outcome string) *httptest.ResponseRecorder {
	t.Helper()
	token := tokenField.FindStringSubmatch(visit(h, http.MethodGet, id, nil).Body.String())
	require.NotNil(t, token, "no form")
	return visit(h, http.MethodPost, id, url.Values{"token": {token[1]}, "outcome": {outcome}})
}

func TestCheckoutURLIsOfTheSandbox(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, haruka)
	assert.Equal(t, "http://example.com/checkout/"+made.ID, made.CheckoutURL, "the address of the call")
	public := newServer(sandbox.Options{PublicURL: "https://sandbox.example.org/"})
	made = booked(t, public, haruka)
	assert.Equal(t, "https://sandbox.example.org/checkout/"+made.ID, made.CheckoutURL)
	free := freeSlot(t, s, haruka)
	r := book(haruka, free.Start, free.End)
	req := httptest.NewRequestWithContext(context.Background(), r.method, r.target, strings.NewReader(r.body))
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
	req.TLS = &tls.ConnectionState{}
	assert.Contains(t, serve(s, req).Body.String(), `"https://example.com/checkout/`)
}

func TestCheckoutPage(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := freeSlot(t, s, haruka)
	made := want[bookingAnswer](t, s, http.StatusCreated, request{method: http.MethodPost, target: "/v1/bookings", body: `{"business_id":"` + haruka.ID +
		`","customer_email":"g@example.org","customer_name":"<script>alert(1)</script>","start_time":"` + iso(free.Start) + `","end_time":"` + iso(free.End) + `"}`}).Booking
	calls := s.Calls()
	w := visit(s, http.MethodGet, made.ID, nil)
	page := w.Body.String()
	assert.Equal(t, http.StatusOK, w.Code)
	for _, part := range []string{
		`<html lang="en">`, `<title>Pay 5000 JPY · Haruka Sato · Sandbox checkout</title>`, `name="viewport"`, "Sandbox.", "No money moves",
		"Haruka Sato", free.Description, "&lt;script&gt;", `value="pay"`, `value="fail"`, `value="expire"`,
	} {
		assert.Contains(t, page, part)
	}
	assert.NotContains(t, page, "<script")
	style := page[strings.Index(page, "<style>")+len("<style>") : strings.Index(page, "</style>")]
	hash := sha256.Sum256([]byte(style))
	policy := w.Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'", "the style shows")
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, page, visit(s, http.MethodGet, made.ID, nil).Body.String())
	assert.Equal(t, calls, s.Calls(), "no call of the API")
	assert.Equal(t, "pending_payment", s.Bookings()[0].Status, "looking changes nothing")
}

func TestCheckoutOutcomes(t *testing.T) {
	t.Parallel()
	for outcome, row := range map[string]struct{ status, says, tells string }{
		"pay":    {"confirmed", "Paid. The booking is confirmed.", "booking.created booking.confirmed"},
		"expire": {"cancelled", "This booking was cancelled.", "booking.created booking.cancelled"},
		"fail":   {"pending_payment", "The payment failed. Nothing was charged", "booking.created"},
	} {
		r := receive(t, nil)
		s := subscribed(t, sandbox.Options{}, r)
		made := booked(t, s, haruka)
		settled(t, s)
		w := choose(t, s, made.ID, outcome)
		assert.Equal(t, http.StatusSeeOther, w.Code)
		assert.Equal(t, "/checkout/"+made.ID, w.Header().Get("Location"))
		assert.Contains(t, visit(s, http.MethodGet, made.ID, nil).Body.String(), row.says)
		got := want[bookingAnswer](t, s, http.StatusOK, get("/v1/bookings/"+made.ID)).Booking
		assert.Equal(t, row.status, got.Status)
		assert.Equal(t, row.status != "pending_payment", got.CheckoutURL == "")
		settled(t, s)
		assert.Equal(t, row.tells, r.names())
	}
}

func TestCheckoutFormIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	made := booked(t, s, haruka)
	token := tokenField.FindStringSubmatch(visit(s, http.MethodGet, made.ID, nil).Body.String())[1]
	for _, form := range []url.Values{{}, {"outcome": {"pay"}}, {"token": {"x"}, "outcome": {"pay"}}, {"token": {token}, "outcome": {"steal"}}} {
		w := visit(s, http.MethodPost, made.ID, form)
		assert.Equal(t, http.StatusConflict, w.Code)
		assert.Contains(t, w.Body.String(), "Nothing was changed")
	}
	once := url.Values{"token": {token}, "outcome": {"fail"}}
	assert.Equal(t, http.StatusSeeOther, visit(s, http.MethodPost, made.ID, once).Code)
	once.Set("outcome", "pay")
	assert.Equal(t, http.StatusConflict, visit(s, http.MethodPost, made.ID, once).Code)
	assert.Equal(t, "pending_payment", s.Bookings()[0].Status)
	assert.Equal(t, http.StatusSeeOther, choose(t, s, made.ID, "pay").Code)
	assert.Equal(t, http.StatusConflict, visit(s, http.MethodPost, made.ID, once).Code, "paid already")
}

func TestCheckoutOfNothing(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	free := booked(t, s, alice)
	for _, id := range []string{"nothing", free.ID} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			w := visit(s, method, id, url.Values{"token": {""}, "outcome": {"pay"}})
			assert.Equal(t, http.StatusNotFound, w.Code)
			assert.Contains(t, w.Body.String(), "nothing to pay here")
		}
	}
}

// A hold that ran out cannot be paid. req: Q1
func TestCheckoutAfterTheHold(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	made := booked(t, s, haruka)
	token := tokenField.FindStringSubmatch(visit(s, http.MethodGet, made.ID, nil).Body.String())[1]
	now.Advance(30 * 60e9)
	w := visit(s, http.MethodPost, made.ID, url.Values{"token": {token}, "outcome": {"pay"}})
	assert.Equal(t, http.StatusConflict, w.Code)
	assert.Contains(t, w.Body.String(), "This booking was cancelled.")
	assert.Equal(t, "cancelled", s.Bookings()[0].Status)
}

func TestThePageAtTheRootLinksToWhatTheSandboxServes(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	get := func(path, accept string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+path, nil)
		require.NoError(t, err)
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		resp, err := web.Client().Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(body)
	}
	_, empty := get("/", "text/html,application/xhtml+xml,*/*;q=0.8")
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodHead, web.URL, nil)
	require.NoError(t, err)
	head, err := web.Client().Do(ask)
	require.NoError(t, err)
	require.NoError(t, head.Body.Close())
	assert.Equal(t, []any{http.StatusOK, "text/html; charset=utf-8"}, []any{head.StatusCode, head.Header.Get("Content-Type")})
	assert.Contains(t, empty, "no bookings that wait for payment")
	made := booked(t, s, haruka)
	calls := s.Calls()
	resp, page := get("/", "")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/html; charset=utf-8", resp.Header.Get("Content-Type"))
	assert.Contains(t, page, "POST /v1/bookings")
	assert.Contains(t, page, "POST /_sandbox/fail")
	assert.Contains(t, page, haruka.ID)
	links := regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(page, -1)
	assert.Contains(t, page, "/checkout/"+made.ID)
	assert.Equal(t, calls, s.Calls(), "the page is not a call of the API")
	for _, link := range links {
		resp, body := get(link[1], "")
		assert.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", link[1], body)
	}
	assert.Len(t, links, 3)
	for _, other := range []struct{ path, accept string }{{"/", "application/json"}, {"/nothing", "text/html"}, {"/", "application/problem+json, image/png"}} {
		resp, _ := get(other.path, other.accept)
		assert.Equal(t, http.StatusNotFound, resp.StatusCode, other)
		assert.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), other)
	}
	post, err := web.Client().Post(web.URL+"/", "application/json", nil) //nolint:noctx // the test's own server
	require.NoError(t, err)
	_ = post.Body.Close()
	assert.Equal(t, http.StatusNotFound, post.StatusCode)
}
