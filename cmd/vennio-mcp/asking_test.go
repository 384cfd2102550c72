package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// freeSlots are ids of several slots of next week.
func freeSlots(t *testing.T, c *client.Client) []string {
	t.Helper()
	free := slotIDs.FindAllString(say(t, c, "find_slots", map[string]any{"when": "next week", "limit": 10}), -1)
	require.Greater(t, len(free), 5)
	return free
}

// wanted is a booking of a slot before anybody has agreed.
func wanted(slot string) map[string]any {
	return map[string]any{
		"slot_id": slot, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}},
		"consent": map[string]any{"granted": false},
	}
}

// codeOf calls book_slot and returns the code of its error, or why a person is awaited.
func codeOf(t *testing.T, c *client.Client, booking map[string]any) (schemas.Code, schemas.Problem, string) {
	t.Helper()
	text, got, _ := outcomeOf(t, c, "book_slot", booking)
	if got.Error != nil {
		return got.Error.Code, *got.Error, text
	}
	return got.Reason, schemas.Problem{}, text
}

// field: open limit over every transport
// req: C14
func TestReq_C14_TheLimitOnOpenRequestsHoldsOverEveryTransport(t *testing.T) {
	t.Parallel()
	for over := range transports {
		for _, protocol := range eras {
			t.Run(over+" "+protocol, func(t *testing.T) {
				t.Parallel()
				env, _ := humanEnv(t, "VENNIO_CONSENT=human", "VENNIO_CALLER_REQUESTS=2, 30")
				c := connect(t, over, protocol, env)
				free, began := freeSlots(t, c), time.Now()
				for _, slot := range []string{free[0], free[1], free[0]} { // a repeated call does not count again
					code, _, text := codeOf(t, c, wanted(slot))
					require.Equal(t, schemas.CodeApprovalNeeded, code, text)
				}
				code, problem, text := codeOf(t, c, wanted(free[2]))
				require.Equal(t, schemas.CodeRateLimited, code, text)
				assert.True(t, problem.Retryable)
				assert.LessOrEqual(t, problem.RetryAfterSeconds, 600)
				assert.Greater(t, float64(problem.RetryAfterSeconds), 599-time.Since(began).Seconds(), "until the first request expires")
				assert.Contains(t, problem.Message, "one caller may have 2 requests open that wait for a person")
				assert.Regexp(t, `^Have the person answer the requests that are open, then make exactly the same call again; otherwise .+ in ([1-9]|10) minutes`, problem.Next)
				assert.Contains(t, text, problem.Next)
				assert.NotContains(t, text, "vennio-mcp approvals")
			})
		}
	}
}

// field: hourly limit, forms in the client
// req: C14. Requests that were answered count.
func TestReq_C14_TheHourlyLimitCountsForms(t *testing.T) {
	t.Parallel()
	for _, protocol := range eras {
		env, _ := humanEnv(t, "VENNIO_CONSENT=ask", "VENNIO_CALLER_REQUESTS=20, 2")
		f := &form{content: map[string]any{"approve": true}}
		c := clientAt(t, start(t, env, "serve", "--addr", "127.0.0.1:0").address(), protocol, f)
		free := freeSlots(t, c)
		for _, slot := range free[:2] {
			text, got, _ := outcomeOf(t, c, "book_slot", wanted(slot))
			require.Equal(t, "confirmed", got.Status, text)
		}
		code, problem, text := codeOf(t, c, wanted(free[2]))
		require.Equal(t, schemas.CodeRateLimited, code, text)
		assert.Contains(t, problem.Message, "one caller may have people asked 2 times an hour")
		assert.Greater(t, problem.RetryAfterSeconds, 3000)
		assert.Len(t, f.shown, 2)
		text, got, _ := outcomeOf(t, c, "book_slot", wanted(free[0]))
		assert.Equal(t, "confirmed", got.Status, "a repeated call asks nobody: %s", text)
	}
}

// tokenClient connects a client with a bearer token over Streamable HTTP.
func tokenClient(t *testing.T, address, token string) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(address+"/mcp", transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
	require.NoError(t, err)
	handshake(t, c, mcp.LATEST_PROTOCOL_VERSION)
	return c
}

// field: two callers with tokens, and all of a tenant
// req: C14
func TestReq_C14_CallersAreLimitedApartAndTogether(t *testing.T) {
	t.Parallel()
	ada, bob := auth.NewToken(), auth.NewToken()
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "- {name: ada, hash: %q}\n- {name: bob, hash: %q}\n", auth.HashOf(ada), auth.HashOf(bob)), 0o600))
	env, _ := humanEnv(t, "VENNIO_CONSENT=human", "VENNIO_MCP_TOKENS_FILE="+file, "VENNIO_CALLER_REQUESTS=2, 30", "VENNIO_TENANT_REQUESTS=3, 0")
	address := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
	one, again, two := tokenClient(t, address, ada), tokenClient(t, address, ada), tokenClient(t, address, bob)
	free := freeSlots(t, one)
	for i, c := range []*client.Client{one, again} {
		code, _, text := codeOf(t, c, wanted(free[i]))
		require.Equal(t, schemas.CodeApprovalNeeded, code, text)
	}
	code, problem, _ := codeOf(t, again, wanted(free[2]))
	require.Equal(t, schemas.CodeRateLimited, code, "another session of the same caller")
	assert.Contains(t, problem.Message, "one caller")
	code, _, text := codeOf(t, two, wanted(free[2]))
	require.Equal(t, schemas.CodeApprovalNeeded, code, "another caller: %s", text)
	code, problem, _ = codeOf(t, two, wanted(free[3]))
	require.Equal(t, schemas.CodeRateLimited, code)
	assert.Contains(t, problem.Message, "all callers of this account together may have 3 requests open")
}

// field: processes over stdio, sessions of an open serve
// req: C14
func TestReq_C14_AProcessIsACallerAndAnOpenServeIsOne(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=human", "VENNIO_CALLER_REQUESTS=1, 30")
	one, two := connect(t, "stdio", "2025-11-25", env), connect(t, "stdio", "2026-07-28", env)
	free := freeSlots(t, one)
	for slot, c := range map[string]*client.Client{free[0]: one, free[1]: two} {
		code, _, text := codeOf(t, c, wanted(slot))
		require.Equal(t, schemas.CodeApprovalNeeded, code, text)
	}
	for _, c := range []*client.Client{one, two} {
		code, _, _ := codeOf(t, c, wanted(free[2]))
		require.Equal(t, schemas.CodeRateLimited, code)
	}
	address := start(t, env, "serve", "--addr", "127.0.0.1:0").address()
	code, _, text := codeOf(t, clientAt(t, address, "2025-11-25", nil), wanted(free[2]))
	require.Equal(t, schemas.CodeApprovalNeeded, code, text)
	for _, protocol := range eras {
		code, _, _ = codeOf(t, clientAt(t, address, protocol, nil), wanted(free[3]))
		require.Equal(t, schemas.CodeRateLimited, code, "a new session is not a new caller")
	}
	for _, entry := range messagesOf(t, env) {
		assert.NotContains(t, entry, "unauthenticated")
		assert.NotContains(t, entry, "process ")
	}
}

// messagesOf are the lines of the exported ledger.
func messagesOf(t *testing.T, env []string) []string {
	t.Helper()
	code, out, errs := run(t, env, "ledger", "export")
	require.Zero(t, code, errs)
	return strings.Split(out, "\n")
}

// refuser declines every form.
type refuser struct {
	mu    sync.Mutex
	asked int
}

func (r *refuser) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline}}, nil
}

// field: refused slot under a fresh id, over stdio and HTTP
// req: C18. The person is asked twice, whatever the agent tries: also from a client that shows no
// forms, whose statement would count otherwise.
func TestReq_C18_ARefusedSlotStaysRefusedWhateverTheAgentTries(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"stdio", "streamable http"} {
		for _, protocol := range eras {
			t.Run(over+" "+protocol, func(t *testing.T) {
				t.Parallel()
				env, vennio := humanEnv(t, "VENNIO_CONSENT=ask")
				person := new(refuser)
				c := transports[over](t, env)
				client.WithElicitationHandler(person)(c)
				handshake(t, c, protocol)
				plain := connect(t, "stdio", protocol, env) // shares the ledger
				first := wanted(freeSlots(t, c)[0])
				code, problem, text := codeOf(t, c, first)
				require.Equal(t, schemas.CodeConsentDeclined, code, text)
				assert.Contains(t, problem.Message, "holds for this time, however the request is worded, for another 10 minutes")
				assert.Contains(t, problem.Next, "one changed request is possible")
				attempt := func(change func(map[string]any)) (schemas.Code, schemas.Problem) {
					for _, by := range []*client.Client{c, plain} {
						for _, said := range []map[string]any{{"granted": false}, {"granted": true, "given_by": "Ada", "statement": "Yes, do it"}} {
							again := wanted(freeSlots(t, c)[0]) // the same time under a new id
							change(again)
							again["consent"] = said
							code, problem, _ = codeOf(t, by, again)
							require.Equal(t, schemas.CodeConsentDeclined, code)
						}
					}
					return code, problem
				}
				_, problem = attempt(func(map[string]any) {})
				assert.Contains(t, problem.Next, "one changed request is possible")
				attempt(func(b map[string]any) { b["title"] = "intro!" })
				attempt(func(b map[string]any) { b["slot_id"] = first["slot_id"] })
				assert.Equal(t, 1, person.asked)

				changed := wanted(freeSlots(t, c)[0])
				changed["title"] = "Follow-up"
				code, problem, _ = codeOf(t, c, changed)
				require.Equal(t, schemas.CodeConsentDeclined, code)
				assert.Equal(t, 2, person.asked, "one changed request")
				assert.Contains(t, problem.Message, "for another 20 minutes")
				assert.NotContains(t, problem.Next, "changed")
				attempt(func(b map[string]any) { b["title"] = "A third matter" })
				attempt(func(b map[string]any) {
					b["attendees"] = []any{map[string]any{"email": "grace@example.com", "name": "Grace"}}
				})
				assert.Equal(t, 2, person.asked)
				_, state := newBrowser(t).open(vennio + "/_sandbox/state")
				assert.Regexp(t, `"writes": ?0\b`, state)
				code, problem, _ = codeOf(t, c, wanted(freeSlots(t, c)[1]))
				assert.Equal(t, schemas.CodeConsentDeclined, code)
				assert.Equal(t, 3, person.asked, "another time is asked about")
				assert.Contains(t, problem.Message, "10 minutes")
			})
		}
	}
}

// field: changed request approved on the page after a refusal
// req: C18. A client that cannot ask puts it on the page, and the agent's statement does not count.
func TestReq_C18_AChangedRequestIsApprovedOnThePage(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"attested", "ask", "human"} {
		env, _ := humanEnv(t, "VENNIO_CONSENT=human")
		asker := converse(t, env)
		booking := asker.booking()
		booking["consent"] = map[string]any{"granted": false}
		b := pairedBrowser(t, env)
		decide := func(text, decision string) {
			address := link.FindString(text)
			require.NotEmpty(t, address, text)
			status, _ := b.answer(address, decision)
			require.Equal(t, http.StatusOK, status)
		}
		decide(asker.call("book_slot", booking).Text, "decline")
		c := converse(t, env, "--consent", policy)
		booking["consent"] = map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"}
		require.Equal(t, schemas.CodeConsentDeclined, c.call("book_slot", booking).Data.Error.Code, policy)
		booking["title"] = "Follow-up"
		waits := c.call("book_slot", booking)
		require.Equal(t, schemas.CodeApprovalNeeded, waits.Data.Reason, "%s: %s", policy, waits.Text)
		decide(waits.Text, "approve")
		booked := c.call("book_slot", booking)
		require.Nil(t, booked.Data.Error, booked.Text)
		assert.Equal(t, "approved on the page", booked.Data.Consent.Method)
		_, out, _ := run(t, env, "ledger", "verify")
		assert.Contains(t, out, "The ledger holds: ")
	}
}
