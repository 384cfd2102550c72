package vennioclient_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// exchange is one file of testdata/wire (which the sandbox must satisfy too) or
// of testdata/forms: a call, the request that it must write, an answer, and the
// result of the call. `before` prepares the sandbox only.
type exchange struct {
	Name, About string
	Dialect     vennioclient.Dialect
	Call        string
	Args        json.RawMessage
	Request     struct {
		Method, Path   string
		Query, Headers map[string]string
		Body           json.RawMessage
	}
	Before   json.RawMessage
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
	Result, Error json.RawMessage
}

// samples replaces the placeholders of values that differ from run to run.
var samples = strings.NewReplacer(
	"<uuid>", "3f2c8a9e-6f0b-4d57-9b1e-0c7a4a1d2e5f", "<id>", "id_4711", "<time>", "2026-05-13T08:00:00Z",
	"<slot-1>", "b3d1a6f2-58c7-4e0d-8a41-2f9c6b7e0d11", "<slot-2>", "9e4f7c20-1b3a-4c85-b6d2-7a0e5f8c3d22", "<slot-3>", "51c8e0b7-9d26-4fa3-a4e9-6b1d2c7f0e33",
	"<string>", "a text", "<request_id>", "req_4711", "<url>", "https://example.com/pay", "<webhook>", "wh_4711", "<secret>", "whsec_4711",
)

// req: Q1
func TestReq_Q1_WireExchanges(t *testing.T) { exchanges(t, "testdata/wire") }

func TestForms(t *testing.T) { exchanges(t, "testdata/forms") }

func exchanges(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no exchanges in %s", dir)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var x exchange
			require.NoError(t, strict([]byte(samples.Replace(string(raw))), &x))
			x.run(t)
		})
	}
}

func (x *exchange) run(t *testing.T) {
	call, known := calls[x.Call]
	require.True(t, known, "no call %q", x.Call)
	v := play(t, x.answer)
	got, err := call(t, v.client(once, vennioclient.WithDialect(x.Dialect)), x.Args)
	require.Len(t, v.requests(), 1, "%v", err)
	x.checkRequest(t, v.requests()[0])
	if len(x.Error) > 0 {
		subset(t, x.Error, asError(t, err))
		return
	}
	require.NoError(t, err)
	if len(x.Result) > 0 {
		assert.Equal(t, plain(t, x.Result), plain(t, got))
	}
}

// answer serves the response; a body that is a JSON string is sent as its text.
func (x *exchange) answer(w http.ResponseWriter, _ *http.Request) {
	for name, value := range x.Response.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(x.Response.Status)
	var text string
	if json.Unmarshal(x.Response.Body, &text) == nil {
		_, _ = w.Write([]byte(text))
	} else {
		_, _ = w.Write(x.Response.Body)
	}
}

func (x *exchange) checkRequest(t *testing.T, r exchanged) {
	sent, err := url.ParseRequestURI(r.uri)
	require.NoError(t, err)
	query := map[string]string{}
	for name, all := range sent.Query() {
		query[name] = strings.Join(all, "\n")
	}
	want := x.Request.Query
	if want == nil {
		want = map[string]string{}
	}
	assert.Equal(t, x.Request.Method, r.method)
	assert.Equal(t, x.Request.Path, sent.Path)
	assert.Equal(t, want, query)
	if key, given := x.Request.Headers["Authorization"]; given && key == "" {
		assert.Empty(t, r.header.Get("Authorization"), "an invitation replaces the key")
	} else {
		assert.Equal(t, "Bearer "+canary, r.header.Get("Authorization"))
	}
	for name, value := range x.Request.Headers {
		if name != "Authorization" {
			assert.Equal(t, value, r.header.Get(name), name)
		}
	}
	if len(x.Request.Body) > 0 {
		assert.JSONEq(t, string(x.Request.Body), r.body)
	} else {
		assert.Empty(t, r.body)
	}
}

// strict refuses misspelt fields.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// plain is v as JSON, zero values left out and times in UTC, so that only
// meaning is compared.
func plain(t *testing.T, v any) any {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var out any
	require.NoError(t, json.Unmarshal(raw, &out))
	return bare(out)
}

func bare(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if v[name] = bare(inner); v[name] == nil {
				delete(v, name)
			}
		}
		if len(v) > 0 {
			return v
		}
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
		if len(v) > 0 {
			return v
		}
	case string:
		at, err := time.Parse(time.RFC3339, v)
		switch {
		case err != nil && v != "":
			return v
		case !at.IsZero():
			return at.UTC().Format(time.RFC3339Nano)
		}
	case bool:
		if v {
			return v
		}
	case float64:
		if v != 0 {
			return v
		}
	}
	return nil
}

// subset checks the fields that want names, all of which got must have.
func subset(t *testing.T, want json.RawMessage, got *vennioclient.Error) {
	require.NoError(t, strict(want, &vennioclient.Error{}), "a field that Error does not have")
	var fields map[string]any
	require.NoError(t, json.Unmarshal(want, &fields))
	has, _ := plain(t, got).(map[string]any)
	for name, value := range fields {
		assert.Equal(t, bare(value), has[name], name)
	}
}
