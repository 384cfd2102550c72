package vennioclient_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() (*vennioclient.Client, error){
		"no key":         func() (*vennioclient.Client, error) { return vennioclient.New("") },
		"a key of lines": func() (*vennioclient.Client, error) { return vennioclient.New(canary + "\r\nX: y") },
		"an unknown one": func() (*vennioclient.Client, error) {
			return vennioclient.New(canary, vennioclient.WithDialect("cockney"))
		},
		"no HTTP client": func() (*vennioclient.Client, error) {
			return vennioclient.New(canary, vennioclient.WithHTTPClient(nil))
		},
		"a split header": func() (*vennioclient.Client, error) {
			return vennioclient.New(canary, vennioclient.WithUserAgent("a\nb"))
		},
		"negative retries": func() (*vennioclient.Client, error) {
			return vennioclient.New(canary, vennioclient.WithRetry(vennioclient.Retry{Max: -time.Second}))
		},
	} {
		c, err := make()
		require.Error(t, err, name)
		assert.Nil(t, c, name)
		assert.NotContains(t, err.Error(), canary)
	}
}

// No format of a client or an error contains the key. req: E3
func TestReq_E3_KeyIsNeverShown(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) { // a server that repeats the key in all fields
		auth := r.Header.Get("Authorization")
		w.Header().Set("X-Request-Id", auth)
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"type": auth, "title": auth, "detail": strings.Replace(auth, "CANARY", "CAN\u200bARY", 1) + strings.Replace(auth, "CANARY", "CAN\u3164\u2800ARY", 1) + auth, "request_id": auth, "key_type": auth,
			"available_scopes": []string{auth}, "errors": map[string]any{auth: auth, "list": []string{auth}},
		})
	}
	c := play(t, echo).client()
	_, err := c.GetBooking(t.Context(), "b-1")
	e := asError(t, err)
	all, marshalErr := json.Marshal(e)
	require.NoError(t, marshalErr)
	assert.Contains(t, string(all), "[API key]")
	assert.NotContains(t, string(all), canary)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
		for _, shown := range []any{c, *c, struct{ C *vennioclient.Client }{c}, struct{ c vennioclient.Client }{*c}} {
			text := fmt.Sprintf(verb, shown)
			assert.NotContains(t, text, canary, verb)
			assert.NotContains(t, text, fmt.Sprintf("%x", canary), verb)
		}
	}
	assert.Contains(t, fmt.Sprintf("%#v", c), "reference")
}

func TestReq_E3_CarelessTransport(t *testing.T) {
	t.Parallel()
	leak := errors.New("cannot send Authorization: Bearer " + canary)
	c := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: &opaque{leak}}))
	_, err := c.GetBooking(t.Context(), "b-1")
	assert.Contains(t, asError(t, err).Err.Error(), "[API key]")
}

func TestLongCausesAreCut(t *testing.T) {
	t.Parallel()
	c := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: &opaque{errors.New(strings.Repeat("x\n", 5000))}}))
	_, err := c.GetBooking(t.Context(), "b-1")
	assert.Less(t, len(err.Error()), 600)
	assert.NotContains(t, err.Error(), "\n")
}

// Neither is the query, which names people.
func TestErrorsDoNotNamePeople(t *testing.T) {
	t.Parallel()
	v := play(t, hangsUp(""))
	_, err := v.client(once, vennioclient.WithDialect(vennioclient.Guide)).Slots(t.Context(), vennioclient.SlotsQuery{Hosts: []string{"alice@example.com"}})
	assert.NotContains(t, asError(t, err).Error(), "alice")
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	v := play(t, answers(200, aBooking), answers(200, aBooking))
	_, err := v.client(vennioclient.WithUserAgent("vennio-mcp/1.2")).GetBooking(t.Context(), "b-1")
	require.NoError(t, err)
	_, err = v.client().GetBooking(t.Context(), "b-1")
	require.NoError(t, err)
	assert.Equal(t, "vennio-mcp/1.2", v.requests()[0].header.Get("User-Agent"))
	assert.Contains(t, v.requests()[1].header.Get("User-Agent"), "vennioclient")
}

func TestKeyKind(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]struct {
		class             vennioclient.KeyClass
		test, publishable bool
	}{
		"vennio_sk_live_a": {vennioclient.KeyLiveSecret, false, false},
		"vennio_sk_test_a": {vennioclient.KeyTestSecret, true, false},
		"vennio_pk_live_a": {vennioclient.KeyLivePublishable, false, true},
		"vennio_pk_test_a": {vennioclient.KeyTestPublishable, true, true},
		"vennio_at_a":      {vennioclient.KeyOAuth, false, false},
		"vennio_rt_a":      {vennioclient.KeyUnknown, false, false},
		"sk_test_xxx":      {vennioclient.KeyUnknown, false, false},
	} {
		class := vennioclient.KeyKind(key)
		assert.Equal(t, want.class, class, key)
		assert.Equal(t, want.test, class.Test(), key)
		assert.Equal(t, want.publishable, class.Publishable(), key)
	}
}
