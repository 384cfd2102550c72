package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// requestTold is what an HTTP sink receives about a request (docs/events.md).
type requestTold struct {
	ID, Type string
	Data     struct {
		Request struct {
			Question, Expires, Client string
			Page                      string `json:"approval_url"`
		}
	}
}

// requestFields returns the fields of a request to a sink, "request.question" for those inside.
func requestFields(t *testing.T, body string) (all []string) {
	t.Helper()
	var outer struct {
		Data struct{ Request map[string]any }
	}
	var whole map[string]any
	if assert.NoError(t, json.Unmarshal([]byte(body), &outer)) && assert.NoError(t, json.Unmarshal([]byte(body), &whole)) {
		for name := range outer.Data.Request {
			all = append(all, "request."+name)
		}
		for name := range whole {
			all = append(all, name)
		}
	}
	return all
}

// operator has a sink of each type in the settings of a server under human, or another policy.
type operator struct {
	t     *testing.T
	env   []string
	mu    sync.Mutex
	away  bool // the sinks close connections without an answer
	tried int
	http  []requestTold
	slack []string
}

const operatorSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newOperator(t *testing.T, policy string) *operator {
	t.Helper()
	o := &operator{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("/http", o.takesHTTP)
	mux.HandleFunc("/slack", o.takesSlack)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `sinks:
  - {name: crm, type: http, url: "%s/http", secret: %s, pause: 2s}
  - {name: team, type: slack, url: "%s/slack", events: [consent.requested], pause: 2s}
`, srv.URL, operatorSecret, srv.URL), 0o600))
	o.env, _ = humanEnv(t, "VENNIO_CONSENT="+policy, "VENNIO_MCP_SETTINGS="+settings)
	return o
}

// takes reads a delivery, and reports whether it is one of a request and the sinks are there.
func (o *operator) takes(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	o.tried++
	if o.away || err != nil {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.Close()
		}
		return nil, false
	}
	return body, true
}

func (o *operator) takesHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.takes(w, r)
	if !ok {
		return
	}
	hook, err := standardwebhooks.NewWebhook(operatorSecret)
	var told requestTold
	if assert.NoError(o.t, err) && assert.NoError(o.t, hook.Verify(body, r.Header)) && assert.NoError(o.t, json.Unmarshal(body, &told)) {
		assert.Equal(o.t, r.Header.Get("Webhook-Id"), told.ID)
		if told.Type == "consent.requested" {
			page := regexp.MustCompile("(?s)```json\n(\\{\"id\": \"request_.*?)```").FindStringSubmatch(documents(o.t)["events.md"])
			if assert.NotNil(o.t, page) {
				assert.Subset(o.t, requestFields(o.t, page[1]), requestFields(o.t, string(body)), "docs/events.md shows every field")
			}
		}
		o.http = append(o.http, told)
	}
}

func (o *operator) takesSlack(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	body, ok := o.takes(w, r)
	var told struct{ Text string }
	if ok && assert.NoError(o.t, json.Unmarshal(body, &told)) {
		o.slack = append(o.slack, told.Text)
	}
}

// awaitRequests waits until both sinks have received n requests in all, and no more, and returns the last of them.
func (o *operator) awaitRequests(n int) (last requestTold, text string) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.http) >= n && len(o.slack) >= n
	}, 3*patience, tick) // a task of a killed process is retried after up to two minutes
	o.settled()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Len(o.t, o.http, n)
	require.Len(o.t, o.slack, n)
	if n == 0 {
		return last, ""
	}
	return o.http[n-1], o.slack[n-1]
}

// settled waits until no follow-up is left to do, and returns the stored events.
func (o *operator) settled() (lines []eventLine) {
	o.t.Helper()
	require.Eventually(o.t, func() bool {
		lines = nil
		for line := range strings.Lines(well(o.t, o.env, "events", "list", "--json")) {
			var e eventLine
			require.NoError(o.t, json.Unmarshal([]byte(line), &e))
			require.NoError(o.t, json.Unmarshal([]byte(well(o.t, o.env, "events", "show", e.ID, "--json")), &e))
			for _, task := range e.FollowUps {
				if task.State != "done" {
					return false
				}
			}
			lines = append(lines, e)
		}
		return true
	}, 3*patience, tick)
	return lines
}

// field: request told to an HTTP sink and to Slack, over SSE and Streamable HTTP in both eras
// A client asks under human: the operator's channels get the address of the page once, which opens the
// request in a paired browser alone. After the person has declined, the sinks receive nothing more.
func TestSinksReceiveEachRequest(t *testing.T) {
	t.Parallel()
	o := newOperator(t, "human")
	base := start(t, o.env, "serve", "--addr", "127.0.0.1:0").address()
	person, n := pairedBrowser(t, o.env), 0
	for _, over := range []string{"SSE", "Streamable HTTP"} {
		for _, protocol := range eras {
			c := attacksBy(t, over, base, protocol, false, nil)
			booking := wanted(freeSlots(t, c)[n])
			var asked schemas.BookSlotResult
			for range 2 {
				_, asked, _ = outcomeOf(t, c, "book_slot", booking)
				require.Equal(t, schemas.CodeApprovalNeeded, asked.Reason)
			}
			n++
			told, text := o.awaitRequests(n)
			assert.Equal(t, "consent.requested", told.Type)
			assert.Equal(t, "test", told.Data.Request.Client)
			assert.Equal(t, asked.ApprovalURL, told.Data.Request.Page)
			assert.Regexp(t, `^Book "Intro", .* with Alice Marlow, for Ada\? Vennio sends no e-mail\.$`, told.Data.Request.Question)
			assert.Regexp(t, `^Approval needed: Book "Intro", .* Requested by "test"\. Open until \d\d:\d\d \(Europe/London\): `+regexp.QuoteMeta(asked.ApprovalURL)+`$`, text)

			status, page := newBrowser(t).open(told.Data.Request.Page)
			assert.Equal(t, http.StatusForbidden, status, "the address authenticates nobody")
			assert.NotContains(t, page, "Intro")
			status, page = person.open(told.Data.Request.Page)
			assert.Equal(t, http.StatusOK, status)
			assert.Contains(t, page, "Approve this booking?")
			_, page = person.answer(told.Data.Request.Page, "decline")
			assert.Contains(t, page, "Declined")
			code, _, _ := codeOf(t, c, booking)
			assert.Equal(t, schemas.CodeConsentDeclined, code)
			assert.Contains(t, well(t, o.env, "events", "replay", "--id", told.ID), "Follow-ups queued: 2")
			o.awaitRequests(n)
		}
	}
	for _, e := range o.settled() {
		assert.NotContains(t, string(e.Body), "Ada", "what is stored has no personal data")
	}
}

// field: request while the sinks are away, and the server restarted
// The agent's call does not wait for them; another process delivers once they are reachable again, and
// nothing about a request that was declined meanwhile.
func TestARequestIsDeliveredOnceTheSinksAreBack_Slow(t *testing.T) {
	t.Parallel()
	o := newOperator(t, "human")
	o.away = true
	o.env = append(o.env, app.RescueVariable+"=20s") // an attempt that the kill interrupts is otherwise repeated after a minute
	first := start(t, o.env, "serve", "--addr", "127.0.0.1:0")
	c := agentAt(t, first.address())
	var pages []string
	for _, slot := range freeSlots(t, c)[:2] {
		_, asked, _ := outcomeOf(t, c, "book_slot", wanted(slot))
		require.Equal(t, schemas.CodeApprovalNeeded, asked.Reason)
		pages = append(pages, asked.ApprovalURL)
	}
	require.Eventually(t, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.tried >= 4
	}, patience, tick, "each sink is tried with each request")
	_, page := pairedBrowser(t, o.env).answer(pages[0], "decline")
	assert.Contains(t, page, "Declined")
	require.NoError(t, first.cmd.Process.Kill())
	first.end()
	o.mu.Lock()
	o.away = false
	o.mu.Unlock()
	start(t, o.env, "serve", "--addr", "127.0.0.1:0").address()
	told, _ := o.awaitRequests(1)
	assert.Equal(t, pages[1][strings.LastIndex(pages[1], "/"):], told.Data.Request.Page[strings.LastIndex(told.Data.Request.Page, "/"):])
	status, _ := pairedBrowser(t, o.env).open(told.Data.Request.Page)
	assert.Equal(t, http.StatusOK, status, "the page of the process that runs")
	assert.Len(t, o.settled(), 2)
}

// someone answers forms as the test says.
type someone func(context.Context) mcp.ElicitationResponse

func (s someone) Elicit(ctx context.Context, _ mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: s(ctx)}, nil
}

// field: form that was answered, cancelled, or left behind by its client
// Whoever is asked in the client needs no message; a request that waits elsewhere afterwards reaches the sinks.
func TestSinksReceiveAFormWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	o := newOperator(t, "ask")
	base := start(t, o.env, "serve", "--addr", "127.0.0.1:0").address()
	shown := func(protocol string, person someone) *client.Client {
		c, err := client.NewStreamableHttpClient(base + "/mcp")
		require.NoError(t, err)
		client.WithElicitationHandler(person)(c)
		handshake(t, c, protocol)
		return c
	}
	n, slot := 0, 0
	for _, protocol := range eras {
		for _, action := range []mcp.ElicitationResponseAction{mcp.ElicitationResponseActionAccept, mcp.ElicitationResponseActionDecline, mcp.ElicitationResponseActionCancel} {
			c := shown(protocol, func(context.Context) mcp.ElicitationResponse {
				return mcp.ElicitationResponse{Action: action, Content: map[string]any{"approve": true}}
			})
			_, got, _ := outcomeOf(t, c, "book_slot", wanted(freeSlots(t, c)[slot]))
			if slot++; action == mcp.ElicitationResponseActionCancel {
				assert.Equal(t, schemas.CodeConsentUnanswered, got.Reason)
				n++
			}
			o.awaitRequests(n)
		}
	}
	asked, gone := make(chan struct{}), make(chan struct{})
	defer close(gone)
	c := shown("2025-11-25", func(context.Context) mcp.ElicitationResponse {
		close(asked)
		<-gone
		return mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionCancel}
	})
	call := mcp.CallToolRequest{}
	call.Params.Name, call.Params.Arguments = "book_slot", wanted(freeSlots(t, c)[slot])
	ctx, hangUp := context.WithCancel(t.Context())
	go func() { <-asked; hangUp() }()
	_, err := c.CallTool(ctx, call)
	require.Error(t, err)
	told, _ := o.awaitRequests(n + 1)
	status, _ := newBrowser(t).open(told.Data.Request.Page)
	assert.Equal(t, http.StatusOK, status, "under ask the address is enough")
}

// field: request of a server on stdio
func TestAServerOnStdioNotifiesNoSinks(t *testing.T) {
	t.Parallel()
	o := newOperator(t, "human")
	c := converse(t, o.env)
	require.Equal(t, schemas.CodeApprovalNeeded, c.call("book_slot", c.booking()).Data.Reason)
	assert.Empty(t, o.settled())
}
