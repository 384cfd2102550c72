package mcpserver_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// guesses are ids that look valid but are not the caller's.
func guesses(id string) []string {
	last := byte('A')
	if id[len(id)-1] == last {
		last = 'B'
	}
	return []string{
		rand.Text(), rand.Text(), id[:len(id)-1] + string(last), id[:len(id)-1], id + "A", strings.ToLower(id), id + "%00",
		"mcp-session-00000000-0000-4000-8000-000000000000", strings.Repeat("A", 26), "../" + id, "*",
	}
}

// told contains everything in an answer: its status, headers and body.
func (s *site) told(method, path, body string, headers ...string) string {
	s.t.Helper()
	resp := s.ask(method, path, body, headers...)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	resp.Header.Del("Date")
	return fmt.Sprint(resp.StatusCode, resp.Header, string(raw))
}

// req: X5. For a guessed id and for the id of another caller's session the answer is the
// same: there is no such session. The session does not change.
func TestReq_X5_AGuessedSessionIsRefusedLikeAForeignOne(t *testing.T) {
	t.Parallel()
	s, _, _ := tenantSite(t, mcpserver.HTTPOptions{}, "acme", "beta")
	resp := s.post(initialize("2025-11-25", `{}`), as("acme")...)
	session := resp.Header.Get("Mcp-Session-Id")
	e := stream(t, s.ask(http.MethodGet, "/sse", "", as("acme")...))
	_, streaming, _ := strings.Cut(e.data(), "=")
	ping := request("1", "", "ping", "")
	for method, body := range map[string]string{http.MethodPost: ping, http.MethodGet: "", http.MethodDelete: ""} {
		told := map[string]bool{}
		for _, caller := range []string{"acme-too", "beta"} {
			for _, id := range append(guesses(session), session, streaming) {
				told[s.told(method, "/mcp", body, append(as(caller), "Mcp-Session-Id", id)...)] = true
			}
		}
		require.Len(t, told, 1, method)
		assert.Contains(t, fmt.Sprint(told), "404", method)
	}
	told := map[string]bool{}
	for _, caller := range []string{"acme-too", "beta"} {
		for _, id := range append(guesses(streaming), streaming, session) {
			told[s.told(http.MethodPost, "/message?sessionId="+id, ping, as(caller)...)] = true
		}
	}
	require.Len(t, told, 1)
	assert.Contains(t, fmt.Sprint(told), "404")
	assert.Equal(t, http.StatusOK, s.post(ping, append(as("acme"), "Mcp-Session-Id", session)...).StatusCode)
	assert.Equal(t, http.StatusAccepted, s.ask(http.MethodPost, "/message?sessionId="+streaming, ping, as("acme")...).StatusCode)
}

// req: X5, C3. Another caller cannot answer a question to a person, whatever protocol
// version they declare, and a caller cannot choose the id of a session.
func TestReq_X5_NobodyAnswersForAnother(t *testing.T) {
	t.Parallel()
	s, _, _ := tenantSite(t, mcpserver.HTTPOptions{}, "acme")
	resp := s.post(initialize("2025-11-25", `{"elicitation":{}}`), append(as("acme"), "Mcp-Session-Id", "MINE")...)
	session := []string{"Mcp-Session-Id", resp.Header.Get("Mcp-Session-Id")}
	require.NotEqual(t, "MINE", session[1])
	ada := append(as("acme"), session...)
	asking := stream(t, s.post(toolCall("1", "2025-11-25", "askshort", `{}`), ada...))
	q := asking.next()
	require.Equal(t, "elicitation/create", q.Method)
	said := func(how string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":%q}}`, q.ID, how)
	}
	thief := append(as("acme-too"), session...)
	assert.Equal(t, http.StatusNotFound, s.post(said("accept"), thief...).StatusCode)
	modernly := append(thief, "Mcp-Protocol-Version", modern)
	assert.Equal(t, http.StatusBadRequest, s.post(said("accept"), modernly...).StatusCode)
	own := s.post(initialize("2025-11-25", `{"elicitation":{}}`), as("acme-too")...).Header.Get("Mcp-Session-Id")
	assert.Equal(t, http.StatusAccepted, s.post(said("accept"), append(as("acme-too"), "Mcp-Session-Id", own)...).StatusCode, "no request of this session has the id")
	assert.Equal(t, http.StatusAccepted, s.post(said("decline"), ada...).StatusCode)
	assert.Equal(t, "said decline", asking.next().text())
	assert.Equal(t, http.StatusAccepted, s.post(said("accept"), ada...).StatusCode, "the request was answered before")
}

// req: X5. Ids cannot be guessed: 26 characters out of 32, from a cryptographic random
// source, are 130 bits.
func TestReq_X5_SessionIDsAreLongAndNeverTheSame(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{})
	const many = 300
	ids := map[string]bool{}
	var letters [26]map[rune]bool
	for range many {
		resp := s.post(initialize("2025-11-25", `{}`))
		id := resp.Header.Get("Mcp-Session-Id")
		_ = resp.Body.Close()
		require.Regexp(t, `^[A-Z2-7]{26}$`, id)
		ids[id] = true
		for i, letter := range id {
			if letters[i] == nil {
				letters[i] = map[rune]bool{}
			}
			letters[i][letter] = true
		}
	}
	_, path := s.sse()
	assert.Regexp(t, `=[A-Z2-7]{26}$`, path)
	assert.Len(t, ids, many)
	for i := range letters {
		assert.Greater(t, len(letters[i]), 24, "no character of an id is fixed")
	}
}

// req: X2. Requests with guessed ids count towards the rate limit.
func TestReq_X2_GuessingIsPaced(t *testing.T) {
	t.Parallel()
	s := open(t, newRig(), mcpserver.HTTPOptions{Rate: 0.001})
	var last *http.Response
	for range 3 {
		last = s.ask(http.MethodGet, "/mcp", "", "Mcp-Session-Id", rand.Text())
	}
	assert.Equal(t, http.StatusTooManyRequests, last.StatusCode)
	assert.NotEmpty(t, last.Header.Get("Retry-After"))
}
