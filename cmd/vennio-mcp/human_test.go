package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// conversation is one run of the program over stdio, call by call.
type conversation struct {
	*process
	id int
}

func converse(t *testing.T, env []string, args ...string) *conversation {
	t.Helper()
	p := start(t, env, args...)
	_, err := io.WriteString(p.stdin, hello)
	require.NoError(t, err)
	_, err = p.stdout.ReadString('\n')
	require.NoError(t, err)
	return &conversation{process: p}
}

// told is what a tool said, in text and as a booking.
type told struct {
	Text string
	Data schemas.BookSlotResult
}

func (c *conversation) call(tool string, arguments map[string]any) told {
	c.t.Helper()
	c.id++
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": "tools/call", "params": map[string]any{"name": tool, "arguments": arguments}})
	require.NoError(c.t, err)
	_, err = c.stdin.Write(append(raw, '\n'))
	require.NoError(c.t, err)
	line, err := c.stdout.ReadString('\n')
	require.NoError(c.t, err, c.stderr)
	var answer struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
		}
	}
	require.NoError(c.t, json.Unmarshal([]byte(line), &answer), line)
	require.NotEmpty(c.t, answer.Result.Content, line)
	out := told{Text: answer.Result.Content[0].Text}
	if tool == "book_slot" {
		require.NoError(c.t, json.Unmarshal(answer.Result.StructuredContent, &out.Data))
	}
	return out
}

// booking is a complete call for the last slot that is found: the first may begin
// at any moment.
func (c *conversation) booking() map[string]any {
	c.t.Helper()
	found := regexp.MustCompile(`s[0-9a-z]{32}`).FindAllString(c.call("find_slots", map[string]any{"from": time.Now().AddDate(0, 0, 1).Format(time.DateOnly)}).Text, -1)
	require.NotEmpty(c.t, found)
	return map[string]any{
		"slot_id": found[len(found)-1], "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada Byron"}},
		"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"},
	}
}

func humanEnv(t *testing.T, more ...string) (env []string, vennio string) {
	t.Helper()
	vennio = startSandboxProcess(t)
	return clean(t, append(more, "VENNIO_API_URL="+vennio, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_human", "VENNIO_HOSTS="+new(box).hosts(), "USER=ada")...), vennio
}

var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/approvals/[A-Z2-7]+`)

// browser opens pages and sends their forms, with cookies, as a person's does.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return browser{t, &http.Client{Jar: jar}}
}

func (b browser) open(address string) (int, string) { return b.do(http.MethodGet, address, nil) }

func (b browser) do(method, address string, form url.Values) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		u, err := url.Parse(address)
		require.NoError(b.t, err)
		req.Header.Set("Origin", "http://"+u.Host)
	}
	resp, err := b.Do(req)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp.StatusCode, string(page)
}

// answer sends the form of an open page.
func (b browser) answer(address, page, decision string) (int, string) {
	b.t.Helper()
	token := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	require.NotNil(b.t, token, page)
	return b.do(http.MethodPost, address, url.Values{"token": {token[1]}, "decision": {decision}, "name": {"Ada Byron"}})
}

// bar: C3, C4, C9. Under human the agent's word books nothing; a person agrees
// on the page, over stdio and where the server listens itself.
func TestBar_C9_APersonApprovesOnThePage(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t)
	c := converse(t, env, "--consent", "human")
	booking := c.booking()
	refused := c.call("book_slot", booking)
	require.Nil(t, refused.Data.Error)
	require.Equal(t, schemas.CodeApprovalNeeded, refused.Data.Reason, refused.Text)
	address := link.FindString(refused.Text)
	require.NotEmpty(t, address, refused.Text)
	assert.NotContains(t, refused.Text, "vennio-mcp approvals")

	preview := newBrowser(t)
	for range 3 {
		status, page := preview.open(address)
		assert.Equal(t, http.StatusOK, status)
		for _, fact := range []string{"Approve this booking?", "Intro", "Ada Byron", "ada@example.com", "Alice Marlow"} {
			assert.Contains(t, page, fact)
		}
	}
	assert.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason, "opening it changed nothing")

	_, page := preview.open(address)
	status, _ := newBrowser(t).do(http.MethodPost, address, url.Values{"decision": {"approve"}, "name": {"Eve"}, "token": {"00"}})
	assert.Equal(t, http.StatusForbidden, status, "a form from elsewhere")
	status, after := preview.answer(address, page, "approve")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, after, "Approved")
	_, again := preview.answer(address, page, "approve")
	assert.Contains(t, again, "Approved", "a double click")

	booked := c.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "confirmed", booked.Data.Status)
	assert.Equal(t, "approved on the page", booked.Data.Consent.Rung)
	assert.Equal(t, "Ada Byron", booked.Data.Consent.GivenBy)
	assert.Equal(t, booked.Data.BookingID, c.call("book_slot", booking).Data.BookingID)
	_, used := preview.open(address)
	assert.Contains(t, used, "Approved, and used")
}

func TestAPersonDeclinesOnThePageOfTheServer(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	base := p.address()
	status, page := newBrowser(t).open(base + "/approvals/NOSUCHPROPOSAL")
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, page, "Nothing to approve")
	c := converse(t, env) // shares the ledger with the server
	booking := c.booking()
	id := link.FindString(c.call("book_slot", booking).Text)
	address := base + id[strings.Index(id, "/approvals/"):]
	b := newBrowser(t)
	_, page = b.open(address)
	_, after := b.answer(address, page, "decline")
	assert.Contains(t, after, "Declined")
	assert.Equal(t, schemas.CodeConsentDeclined, c.call("book_slot", booking).Data.Error.Code)
}

func TestAPersonApprovesInTheTerminal(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human")
	_, out, _ := run(t, env, "approvals")
	assert.Contains(t, out, "Nothing waits")
	c := converse(t, env)
	booking := c.booking()
	require.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason)
	_, out, errs := run(t, env, "approvals")
	assert.Contains(t, out, "Ada Byron <ada@example.com>", errs)
	id := strings.TrimSpace(strings.SplitN(strings.TrimSpace(out), "\n", 2)[0])
	for _, verb := range []string{"approve", "decline"} {
		code, _, errs := run(t, env, "approvals", verb, id, "--name", "Ada Byron")
		assert.Equal(t, 2, code)
		assert.Contains(t, errs, "a person answers this in a terminal")
	}
	assert.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", booking).Data.Reason)
	code, shown := inTerminal(t, env, "approvals", "approve", id)
	require.Zero(t, code, shown)
	assert.Contains(t, shown, "approved: "+id)
	code, shown = inTerminal(t, env, "approvals", "decline", id)
	assert.Equal(t, 1, code)
	assert.Contains(t, shown, "answered before")
	booked := c.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "approved in the terminal", booked.Data.Consent.Rung)

	_, out, _ = run(t, env, "ledger", "verify")
	assert.Contains(t, out, "The ledger holds: ")
	_, out, _ = run(t, env, "ledger", "list")
	assert.NotContains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "export")
	assert.Contains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "erase", "ada@example.com")
	assert.Contains(t, out, "Erased from 1 acts")
	_, out, _ = run(t, env, "ledger", "export")
	assert.NotContains(t, out, "ada@example.com")
	_, out, _ = run(t, env, "ledger", "verify")
	assert.Contains(t, out, "The ledger holds: ")
}

// bar: I2, I3. Killed between the request and the answer, started again, the
// call repeated: one booking.
func TestBar_I3_KilledBetweenRequestAndAnswer(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t)
	c := converse(t, env)
	booking := c.booking()
	control(t, vennio+"/_sandbox/hold", "{}")
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 99, "method": "tools/call", "params": map[string]any{"name": "book_slot", "arguments": booking}})
	require.NoError(t, err)
	_, err = c.stdin.Write(append(raw, '\n'))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, state := newBrowser(t).open(vennio + "/_sandbox/state")
		return strings.Contains(state, `"calls":2`) || strings.Contains(state, `"calls": 2`)
	}, patience, tick)
	require.NoError(t, c.cmd.Process.Kill())
	control(t, vennio+"/_sandbox/release", "{}")
	again := converse(t, env)
	booked := again.call("book_slot", booking)
	require.Nil(t, booked.Data.Error, booked.Text)
	assert.Equal(t, "confirmed", booked.Data.Status)
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	assert.Regexp(t, `"writes": ?1\b`, state)
}
