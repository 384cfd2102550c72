package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// exchange is what the sandbox needs of a file in testdata/wire; the client's
// tests read the rest.
type exchange struct {
	Name     string
	Before   []wireRequest
	Request  wireRequest
	Response struct {
		Status  int
		Headers map[string]string
		Body    json.RawMessage
	}
}

type wireRequest struct {
	Method, Path   string
	Query, Headers map[string]string
	Body           json.RawMessage
}

// placeholders are used in files for values that cannot be predicted.
var placeholders = map[string]*regexp.Regexp{
	"<uuid>":       regexp.MustCompile(uuid),
	"<url>":        regexp.MustCompile(`^https?://\S+$`),
	"<webhook>":    regexp.MustCompile(`^wh_[0-9a-f]{24}$`),
	"<secret>":     regexp.MustCompile(`^whsec_[0-9a-f]{64}$`),
	"<slot-1>":     regexp.MustCompile(uuid),
	"<slot-2>":     regexp.MustCompile(uuid),
	"<slot-3>":     regexp.MustCompile(uuid),
	"<request_id>": regexp.MustCompile(`^req_[0-9a-f]{24}$`),
}

// req: Q1
func TestWireExchanges(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/wire/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 20)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			var x exchange
			raw, err := os.ReadFile(filepath.Clean(file))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &x))
			require.Equal(t, strings.TrimSuffix(filepath.Base(file), ".json"), x.Name)
			s := newServer(sandbox.Options{})
			for _, r := range x.Before {
				require.Less(t, r.send(t, s).Code, http.StatusMultipleChoices, "%s %s sets the scene", r.Method, r.Path)
			}
			w := x.Request.send(t, s)
			assert.Equal(t, x.Response.Status, w.Code)
			for name, value := range x.Response.Headers {
				assert.Equal(t, value, w.Header().Get(name), name)
			}
			if want, isText := tree(t, x.Response.Body).(string); isText {
				assert.Equal(t, want, w.Body.String())
				return
			}
			assert.Equal(t, tree(t, x.Response.Body), matched(tree(t, x.Response.Body), tree(t, w.Body.Bytes())))
		})
	}
}

func (r wireRequest) send(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	var body bytes.Buffer
	if r.Body != nil {
		require.NoError(t, json.Compact(&body, r.Body))
	}
	query := url.Values{}
	for name, value := range r.Query {
		query.Set(name, value)
	}
	req := httptest.NewRequestWithContext(t.Context(), r.Method, r.Path+"?"+query.Encode(), &body)
	req.Header.Set("Authorization", "Bearer "+sandbox.DefaultKey())
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	return serve(h, req)
}

func tree(t *testing.T, raw []byte) any {
	t.Helper()
	var out any
	require.NoError(t, json.Unmarshal(raw, &out), "%s", raw)
	return out
}

// matched is got, with what fits a placeholder of want replaced by it.
func matched(want, got any) any {
	switch w := want.(type) {
	case string:
		if form, text := placeholders[w], ""; form != nil {
			if text, _ = got.(string); form.MatchString(text) {
				return want
			}
		}
	case map[string]any:
		g, _ := got.(map[string]any)
		for name := range g {
			g[name] = matched(w[name], g[name])
		}
	case []any:
		g, _ := got.([]any)
		for i := range min(len(w), len(g)) {
			g[i] = matched(w[i], g[i])
		}
	}
	return got
}
