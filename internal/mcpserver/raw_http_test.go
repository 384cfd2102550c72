package mcpserver_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// dial opens a connection to the site, on which a test writes what it likes.
func (s *site) dial() *net.TCPConn {
	s.t.Helper()
	conn, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(s.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(*net.TCPConn)
}

// answer is one response on a connection.
type answer struct {
	status int
	header http.Header
	body   string
}

// raw writes bytes on a separate connection, and reads the answer until the
// server closes it, which it must.
func (s *site) raw(bytes string) (all []answer) {
	s.t.Helper()
	conn := s.dial()
	_, err := io.WriteString(conn, bytes)
	require.NoError(s.t, err)
	method, _, _ := strings.Cut(bytes, " ")
	return s.answers(conn, method)
}

func (s *site) answers(conn net.Conn, method string) (all []answer) {
	s.t.Helper()
	r := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			timeout, ok := err.(net.Error) //nolint:errorlint // as the connection returned it
			require.False(s.t, ok && timeout.Timeout(), "the server left the connection open")
			return all
		}
		body, err := io.ReadAll(resp.Body)
		require.NoError(s.t, err)
		all = append(all, answer{resp.StatusCode, resp.Header, string(body)})
	}
}
