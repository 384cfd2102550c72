package mcpserver_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// paper is a log that can be read while it is written.
type paper struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *paper) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// breaks are characters and sequences that some program on the path may interpret as
// the end of a line or of a text.
var breaks = map[string]string{
	"CR LF": "\r\n", "LF": "\n", "CR": "\r", "NUL": "\x00", "VT": "\v", "escaped": "%0d%0a", "twice escaped": "%250d%250a", "in words": `\r\n`,
	"LF beyond ASCII": "\u560a", "NEL": "\u0085", "line separator": "\u2028", "not UTF-8": "\xff\x0d\x0a",
}

// headersRead are the headers that the server or its libraries read.
var headersRead = []string{
	"Host", "Origin", "Authorization", "X-Vennio-Api-Key", "Content-Type", "Accept", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name",
	"Last-Event-Id", "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Request-Id", "User-Agent", "Access-Control-Request-Headers",
}

// forged is a token that looks like a JWT and breaks lines where it can.
func forged(with string) string {
	enc := base64.RawURLEncoding
	part := func(of map[string]string) string {
		raw, _ := json.Marshal(of) // texts
		return enc.EncodeToString(raw)
	}
	evil := "x" + with + "Injected: 1"
	return part(map[string]string{"alg": "EdDSA", "kid": evil}) + "." + part(map[string]string{"sub": evil, "iss": evil}) + ".AAAA"
}

// req: X3, E3. A line break in a request header either begins another header or is
// refused. It creates neither a header of a response nor a line of the log.
func TestReq_X3_NoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	lines, console := new(paper), new(paper)
	log := zerolog.New(zerolog.MultiLevelWriter(lines, zerolog.ConsoleWriter{Out: console, NoColor: true}))
	s := everything(t, mcpserver.HTTPOptions{Log: log, Proxies: 1})
	try := func(name, header, with string) {
		value := map[bool]string{true: "Bearer " + forged(with), false: "a" + with + "Injected: 1"}[header == "Authorization"]
		for _, head := range []string{
			fmt.Sprintf("Host: localhost\r\n%s: %s", header, value), fmt.Sprintf("Host: localhost\r\nAuthorization: Bearer ada\r\n%s: a%sInjected: 1", header, with),
		} {
			for _, first := range []string{"POST /mcp", "GET /metrics", "GET /approve"} {
				for _, got := range s.raw(first + " HTTP/1.1\r\n" + head + "\r\nConnection: close\r\n\r\n") {
					assert.NotContains(t, got.header, "Injected", "%s %s", name, header)
					assert.NotContains(t, fmt.Sprint(got.header), "Injected", "%s %s", name, header)
				}
			}
		}
	}
	for name, with := range breaks {
		for _, header := range headersRead {
			try(name, header, with)
		}
	}
	require.Contains(t, console.String(), "Injected", "the text is in the log")
	for line := range strings.Lines(lines.String()) {
		assert.True(t, json.Valid([]byte(line)), line)
	}
	for line := range strings.Lines(console.String()) {
		assert.False(t, strings.HasPrefix(line, "Injected"), "the text does not begin a log line")
	}
}

// req: X3. A security-relevant header that occurs twice counts as absent.
func TestReq_X3_ADoubledHeaderIsNotTaken(t *testing.T) {
	t.Parallel()
	s := everything(t, mcpserver.HTTPOptions{})
	for doubled, want := range map[string]int{
		"Host: localhost\r\nHost: evil.example":                                        http.StatusBadRequest,
		"Host: localhost\nHost: evil.example":                                          http.StatusBadRequest,
		"Host: localhost\r\nOrigin: http://localhost\r\nOrigin: https://evil.example":  http.StatusForbidden,
		"Host: localhost\r\nAuthorization: Bearer ada\r\nAuthorization: Bearer ada":    http.StatusBadRequest,
		"Host: localhost\r\nAuthorization: Bearer ada\nauthorization: Bearer ada":      http.StatusBadRequest,
		"Host: localhost\r\nAuthorization: Bearer\r\n ada\r\nAuthorization: Bearer b":  http.StatusBadRequest,
		"Host: localhost\r\nAuthorization: Bearer ada\r\n X-Folded: Authorization":     http.StatusBadRequest,
		"Host: localhost\r\nAuthorization: Bearer ada, Bearer beta":                    http.StatusBadRequest,
		"Host: localhost\r\nAuthorization: Bearer ada\r\nX-Vennio-Api-Key: vennio_sk_": http.StatusBadRequest,
	} {
		answers := s.raw("POST /mcp HTTP/1.1\r\n" + doubled + "\r\nConnection: close\r\n\r\n")
		require.Len(t, answers, 1, doubled)
		assert.Equal(t, want, answers[0].status, doubled)
	}
}
