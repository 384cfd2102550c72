package mcpserver_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// framings are ambiguous ways to declare where a body ends, by their description. %s is
// replaced by a valid body.
var framings = map[string]struct{ head, body string }{
	"a length and chunks":               {"Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"},
	"chunks and a length":               {"Transfer-Encoding: chunked\r\nContent-Length: 999", "%x\r\n%s\r\n0\r\n\r\n"},
	"chunks alone":                      {"Transfer-Encoding: chunked", "%x\r\n%s\r\n0\r\n\r\n"},
	"two lengths":                       {"Content-Length: 4\r\nContent-Length: 400", "aaaa"},
	"two lengths in one":                {"Content-Length: 4, 400", "aaaa"},
	"a length with a sign":              {"Content-Length: +4", "aaaa"},
	"a length below nothing":            {"Content-Length: -4", "aaaa"},
	"a length in hexadecimal":           {"Content-Length: 0x4", "aaaa"},
	"a length beyond all":               {"Content-Length: 18446744073709551620", "aaaa"},
	"no length":                         {"Content-Length: ", "aaaa"},
	"a folded length":                   {"Content-Length: 4\r\n 00", "aaaa"},
	"a folded header":                   {"X-Folded: a\r\n Content-Length: 400\r\nContent-Length: 4", "aaaa"},
	"folded chunks":                     {"Transfer-Encoding:\r\n chunked\r\nContent-Length: 400", "0\r\n\r\n"},
	"a blank before the colon":          {"Transfer-Encoding : chunked\r\nContent-Length: 4", "aaaa"},
	"chunks by another name":            {"Transfer-Encoding: xchunked\r\nContent-Length: 4", "aaaa"},
	"chunks twice":                      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"},
	"chunks in a list":                  {"Transfer-Encoding: gzip, chunked", "0\r\n\r\n"},
	"a chunk size that overflows":       {"Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF1\r\na\r\n0\r\n\r\n"},
	"a chunk size with a sign":          {"Transfer-Encoding: chunked", "-1\r\na\r\n0\r\n\r\n"},
	"a chunk size in another way":       {"Transfer-Encoding: chunked", "0x1\r\na\r\n0\r\n\r\n"},
	"a chunk longer than it says":       {"Transfer-Encoding: chunked", "1\r\naaaa\r\n0\r\n\r\n"},
	"chunk lines that end in LF":        {"Transfer-Encoding: chunked", "%x\n%s\n0\n\n"},
	"a chunk extension that ends in LF": {"Transfer-Encoding: chunked", "1;a\nb\r\na\r\n0\r\n\r\n"},
	"a trailer that would be a header":  {"Transfer-Encoding: chunked", "0\r\nContent-Length: 400\r\nHost: evil.example\r\n\r\n"},
	"a body longer than its length":     {"Content-Length: 4", "aaaa"},
	"a length of nothing, and a body":   {"Content-Length: 0", ""},
}

// framed returns a POST with this framing, followed by a hidden second request.
func framed(path, head, body, good, hidden string) string {
	switch strings.Count(body, "%") {
	case 1:
		body = fmt.Sprintf(body, good)
	case 2:
		body = fmt.Sprintf(body, len(good), good)
	}
	return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"Accept: application/json, text/event-stream\r\n" + head + "\r\n\r\n" + body + hidden
}

// second is a complete request that calls a tool.
func second(tool string) string {
	call := toolCall("2", modern, tool, `{}`)
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"+
		"Mcp-Protocol-Version: %s\r\nMcp-Method: tools/call\r\nMcp-Name: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", modern, tool, len(call), call)
}

// req: X2. If the end of a body is ambiguous or declared wrongly, no following bytes are
// parsed as a request, on every route that accepts a body, and other clients are not
// affected.
func TestReq_X2_NoRequestIsSmuggledByItsSize(t *testing.T) {
	t.Parallel()
	g, booked := newRig(), new(atomic.Int64)
	g.add("book", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		booked.Add(1)
		return mcp.NewToolResultText("booked"), nil
	})
	s := open(t, g, mcpserver.HTTPOptions{Pages: map[string]http.Handler{"/form": http.HandlerFunc(form)}})
	_, message := s.sse()
	other := s.login("2025-11-25", `{}`)
	for _, path := range []string{"/mcp", message, "/form", "/nowhere"} {
		for name, f := range framings {
			answers := s.raw(framed(path, f.head, f.body, request("1", "", "ping", ""), second("book")))
			require.LessOrEqual(t, len(answers), 1, "%s %s: %v", path, name, answers)
			assert.Zero(t, booked.Load(), "%s %s", path, name)
			assert.Equal(t, "a", single(t, s.post(toolCall("3", "", "echo", `{"text":"a"}`), other...)).text(), "%s %s", path, name)
		}
	}
	ping := request("1", "", "ping", "")
	first := fmt.Sprintf("Mcp-Session-Id: %s\r\nContent-Length: %d", other[1], len(ping))
	answers := s.raw(framed("/mcp", first, "%s", ping, second("book")))
	require.Len(t, answers, 2, "if the first request is valid, the second is a separate request")
	assert.Equal(t, int64(1), booked.Load())
}

// form is a page that receives a form.
func form(w http.ResponseWriter, r *http.Request) {
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "name=Ada" {
		w.WriteHeader(http.StatusForbidden)
	}
}
