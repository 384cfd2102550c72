package vennioclient_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// req: X4
func TestReq_X4_BaseURL(t *testing.T) {
	t.Parallel()
	for raw, good := range map[string]bool{
		"https://api.vennio.app":           true,
		"https://proxy.example/vennio/":    true,
		"http://localhost:3001":            true,
		"http://127.0.0.1:3001":            true,
		"http://[::1]:3001":                true,
		"http://api.vennio.app":            false,
		"http://localhost.example":         false,
		"http://10.0.0.1":                  false,
		"ftp://localhost":                  false,
		"api.vennio.app":                   false,
		"https:api.vennio.app":             false,
		"https://":                         false,
		"":                                 false,
		"https://" + canary + "@a.example": false,
		"https://a.example?key=" + canary:  false,
		"https://a.example?":               false,
		"https://a.example#" + canary:      false,
		"https://" + canary + "\x7f":       false,
	} {
		_, err := vennioclient.New(canary, vennioclient.WithBaseURL(raw))
		assert.Equal(t, good, err == nil, "%q: %v", raw, err)
		assert.Equal(t, good, vennioclient.CheckBaseURL(raw) == nil, "%q", raw)
		if err != nil {
			assert.NotContains(t, err.Error(), canary)
		}
	}
}

func TestBaseURLKeepsItsPath(t *testing.T) {
	t.Parallel()
	v := play(t, answers(200, `{"id":"a/b c"}`))
	_, err := v.client(vennioclient.WithBaseURL(v.URL+"/vennio/")).GetBooking(t.Context(), "a/b c")
	require.NoError(t, err)
	assert.Equal(t, "/vennio/v1/bookings/a%2Fb%20c", v.requests()[0].uri)
}

// req: X4
func TestReq_X4_RedirectsToAnotherHostAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := play(t) // fails the test when asked
		v := play(t,
			answers(status, "", "Location", elsewhere.URL+"/v1/bookings/b-1"),
			answers(status, "", "Location", elsewhere.URL+"/v1/bookings"))
		_, err := v.client().GetBooking(t.Context(), "b-1")
		e := asError(t, err)
		assert.Equal(t, status, e.Status)
		assert.Equal(t, vennioclient.KindUnknown, e.Kind)

		_, err = v.client().CreateBooking(t.Context(), "key-1", aRequest)
		assert.Equal(t, status, asError(t, err).Status)
		assert.Empty(t, elsewhere.requests())
	}
}

func TestRedirectsWithinTheOrigin(t *testing.T) {
	t.Parallel()
	v := play(t, answers(301, "", "Location", "/v1/moved"), answers(200, aBooking))
	_, err := v.client().GetBooking(t.Context(), "b-1")
	require.NoError(t, err)
	assert.Equal(t, "Bearer "+canary, v.requests()[1].header.Get("Authorization"))

	v = play(t, answers(308, "", "Location", "/v1/moved"), answers(201, aBooking))
	_, err = v.client().CreateBooking(t.Context(), "key-1", aRequest)
	require.NoError(t, err)
	all := v.requests()
	assert.Equal(t, []string{"POST", all[0].body, "key-1"}, []string{all[1].method, all[1].body, all[1].header.Get("Idempotency-Key")})

	v = play(t, answers(303, "", "Location", "/v1/moved"))
	_, err = v.client().CreateBooking(t.Context(), "key-1", aRequest)
	assert.Equal(t, 303, asError(t, err).Status, "a POST does not become a GET")
}

func TestRedirectsInCirclesEnd(t *testing.T) {
	t.Parallel()
	circle := answers(302, "", "Location", "/v1/bookings/b-1")
	v := play(t, circle, circle, circle, circle)
	_, err := v.client().GetBooking(t.Context(), "b-1")
	assert.Equal(t, 302, asError(t, err).Status)
}

// The caller's HTTP client is copied, not changed.
func TestCallersHTTPClientIsNotModified(t *testing.T) {
	t.Parallel()
	h := &http.Client{}
	_, err := vennioclient.New(canary, vennioclient.WithHTTPClient(h))
	require.NoError(t, err)
	assert.Nil(t, h.CheckRedirect)
}

func TestOnlySafeLinksAreKept(t *testing.T) {
	t.Parallel()
	c, err := vennioclient.New("key", vennioclient.WithBaseURL("http://127.0.0.1:3001"))
	require.NoError(t, err)
	for link, safe := range map[string]bool{
		"https://pay.example.com/x": true, "http://127.0.0.1:3001/checkout/1": true,
		"http://127.0.0.1:3002/checkout/1": false, "http://pay.example.com/x": false, "javascript:alert(1)": false,
		"https://user@pay.example.com/": false, "/checkout/1": false, "": false, "https://%zz": false,
	} {
		want := ""
		if safe {
			want = link
		}
		assert.Equal(t, want, c.SafeLink(link), link)
	}
}
