package mcpserver_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

const byteOrderMark = "\ufeff"

// field: byte order mark on stdio
func TestAByteOrderMarkBeginsTheFirstLine(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"", "\n", "\r\n"} { // what PowerShell writes before the message
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.send(byteOrderMark + first + request("1", "2025-06-18", "ping", ""))
		assert.JSONEq(t, `{}`, string(w.answer("1").Result), "%q", first)
		w.hangUp()
	}
	w := dial(t, newRig(), mcpserver.StdioOptions{MaxLine: 200})
	w.send(byteOrderMark + toolCall("7", "", "echo", `{"text":"`+strings.Repeat("x", 300)+`"}`))
	assert.Contains(t, w.refusal("7", mcp.INVALID_REQUEST), "200 bytes", "the id of a long first line is found behind the mark")
}

// field: byte order mark in an HTTP body
func TestAByteOrderMarkBeginsABody(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	e, path := s.sse()
	s.tell(path, byteOrderMark+initialize("2025-03-26", `{}`))
	assert.Contains(t, string(e.next().Result), "2025-03-26")
	s.tell(path, byteOrderMark+`[`+request("1", "", "ping", "")+`]`)
	assert.Contains(t, e.data(), `"id":1`, "a batch")

	m := single(t, s.post(byteOrderMark+initialize("2025-11-25", `{}`)))
	assert.Contains(t, string(m.Result), "2025-11-25")
	m = single(t, s.post(byteOrderMark+toolCall("1", modern, "echo", `{"text":"hello"}`), modernly("tools/call", "echo")...))
	assert.Equal(t, "hello", m.text())
}

// field: utf-16 message
func TestAMessageInUTF16IsRefusedInWordsThatHelp(t *testing.T) {
	t.Parallel()
	little, big := "\xff\xfe", "\xfe\xff"
	for _, r := range request("1", "", "ping", "") {
		little, big = little+string([]byte{byte(r), 0}), big+string([]byte{0, byte(r)})
	}
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	for _, body := range []string{little, big, little[2:], big[2:]} {
		resp := s.post(body)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
		m := single(t, resp)
		assert.Equal(t, mcp.PARSE_ERROR, m.Error.Code)
		assert.Contains(t, m.Error.Message, "UTF-8")
	}
	w := dial(t, newRig(), mcpserver.StdioOptions{})
	w.send(big)
	assert.Contains(t, w.refusal("null", mcp.PARSE_ERROR), "UTF-8")
}

// field: compressed request body
func TestACompressedBodyIsRefused(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	_, err := io.WriteString(z, initialize("2025-11-25", `{}`))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	s := open(t, newRig(), mcpserver.HTTPOptions{Pages: map[string]http.Handler{"/page": http.NotFoundHandler()}})
	_, path := s.sse()
	for _, p := range []string{"/mcp", path, "/page"} {
		for _, coding := range []string{"gzip", "GZIP", "br", "deflate", "zstd", "x-gzip", "identity, gzip", "made-up"} {
			resp := s.ask(http.MethodPost, p, compressed.String(), "Content-Encoding", coding)
			assert.Equal(t, http.StatusUnsupportedMediaType, resp.StatusCode, "%s %s", p, coding)
			assert.Equal(t, "identity", resp.Header.Get("Accept-Encoding"))
			assert.Contains(t, single(t, resp).Error.Message, "uncompressed")
		}
	}
	for _, coding := range []string{"identity", "Identity", ""} {
		assert.Equal(t, http.StatusOK, s.post(initialize("2025-11-25", `{}`), "Content-Encoding", coding).StatusCode, coding)
	}
	assert.Equal(t, http.StatusOK, s.ask(http.MethodGet, "/healthz", "", "Content-Encoding", "gzip").StatusCode, "there is no body")
}
