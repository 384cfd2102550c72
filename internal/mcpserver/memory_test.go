package mcpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// unsent is a request of which the server has received the head but not the body.
type unsent struct {
	t    *testing.T
	body string
	r    *bufio.Reader
	w    io.Writer
}

// begin sends the head of a POST. The server says 100 when it begins to read the
// body (RFC 9110, 15.2.1); with any other status it has refused.
func (s *site) begin(path, token, size, body string) (*unsent, *http.Response) {
	s.t.Helper()
	conn := s.dial()
	u := &unsent{s.t, body, bufio.NewReader(conn), conn}
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: %s\r\nMcp-Method: tools/list\r\nExpect: 100-continue\r\n%s\r\n\r\n", path, token, modern, size)
	require.NoError(s.t, err)
	return u, u.response()
}

func (u *unsent) response() *http.Response {
	u.t.Helper()
	resp, err := http.ReadResponse(u.r, nil)
	require.NoError(u.t, err)
	return resp
}

// finish sends the body, and returns the status of the answer.
func (u *unsent) finish() int {
	u.t.Helper()
	_, err := io.WriteString(u.w, u.body)
	require.NoError(u.t, err)
	return u.response().StatusCode
}

// waysToSend are a body padded to a length, and a chunked one, whose length is unknown.
func waysToSend(body string, long int) []struct{ size, body string } {
	return []struct{ size, body string }{
		{fmt.Sprint("Content-Length: ", long), body + strings.Repeat(" ", long-len(body))},
		{"Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)},
	}
}

// req: X2, X5. The memory for bodies that are being received is limited, in total and
// for each tenant. Short bodies are accepted while long ones use up their share.
func TestReq_X2_BodiesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	const long, all = 128 << 10, 6 // three quarters of eight, of which a tenant has half
	o := mcpserver.HTTPOptions{MaxBody: long, MaxBodies: 8 * long, Pages: map[string]http.Handler{"/form": http.HandlerFunc(form)}}
	s, _, _ := tenantSite(t, o, "acme", "beta")
	list := request("1", modern, "tools/list", "")
	ways := waysToSend(list, long)
	begin := func(token string, i int) (*unsent, int) {
		u, resp := s.begin("/mcp", token, ways[i%len(ways)].size, ways[i%len(ways)].body)
		if resp.StatusCode != http.StatusContinue {
			assert.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
		return u, resp.StatusCode
	}
	var open []*unsent
	for i := range all {
		u, status := begin([]string{"acme", "beta"}[i/3], i)
		require.Equal(t, http.StatusContinue, status, i)
		if open = append(open, u); i == 2 {
			_, status = begin("acme", 0)
			assert.Equal(t, http.StatusServiceUnavailable, status, "the tenant has used its share")
		}
	}
	for _, token := range []string{"acme", "beta"} {
		for i := range ways {
			_, status := begin(token, i)
			assert.Equal(t, http.StatusServiceUnavailable, status, ways[i].size)
		}
		assert.Equal(t, http.StatusOK, s.post(list, append(modernly("tools/list"), as(token)...)...).StatusCode, "short ones pass")
	}
	_, resp := s.begin("/form", "", ways[0].size, "")
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "pages use the same memory")
	for i, u := range open {
		assert.Equal(t, http.StatusOK, u.finish(), i)
	}
	for i := range all { // all memory is released
		_, status := begin([]string{"acme", "beta"}[i/3], i)
		assert.Equal(t, http.StatusContinue, status, i)
	}
}
