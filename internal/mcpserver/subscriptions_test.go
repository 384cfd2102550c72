package mcpserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
)

const thing = "test://thing"

// changing is a rig with resources, and a tool that changes one and returns at
// once.
func changing() (*rig, *mcpserver.Subscriptions) {
	feed := mcpserver.NewSubscriptions(func(uri string) bool { return strings.HasPrefix(uri, "test://") })
	g := newRig(server.WithResourceCapabilities(true, false))
	g.add("change", func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		feed.Updated(r.GetString("text", thing))
		return mcp.NewToolResultText("changed"), nil
	})
	g.srv.AddResource(mcp.NewResource(thing, "thing"), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, errors.New(secret)
	})
	g.srv.AddResource(mcp.NewResource("test://gone", "gone"), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return nil, &rpcerr.Error{Code: mcp.RESOURCE_NOT_FOUND, Message: "It is gone: look elsewhere."}
	})
	return g, feed
}

func subscribe(id, uri string) string {
	return request(id, "2025-11-25", "resources/subscribe", fmt.Sprintf(`"uri":%q`, uri))
}

func listen(id string, uris ...string) string {
	raw, _ := json.Marshal(uris)
	return request(id, modern, "subscriptions/listen", `"notifications":{"resourceSubscriptions":`+string(raw)+`}`)
}

// updated requires m to be a notification about uri, with the subscription tag if any.
func updated(t *testing.T, m message, uri, tag string) {
	t.Helper()
	require.Equal(t, "notifications/resources/updated", m.Method)
	want := fmt.Sprintf(`{"uri":%q}`, uri)
	if tag != "" {
		want = fmt.Sprintf(`{"uri":%q,"_meta":{"io.modelcontextprotocol/subscriptionId":%s}}`, uri, tag)
	}
	assert.JSONEq(t, want, string(m.Params))
}

// req: W4, on stdio.
func TestReq_W4_SubscribersAreNotifiedOverStdio(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	w := dial(t, g, mcpserver.StdioOptions{Subscriptions: feed})
	w.greet("2025-11-25", `{}`)
	feed.Updated(thing)
	w.alive()
	w.send(subscribe("1", thing))
	w.answer("1")
	feed.Updated(thing, "test://other")
	updated(t, w.next(), thing, "")
	w.send(toolCall("2", "2025-11-25", "change", `{}`))
	both := []message{w.next(), w.next()}
	assert.ElementsMatch(t, []string{"", "notifications/resources/updated"}, []string{both[0].Method, both[1].Method})
	w.send(request("3", "2025-11-25", "resources/unsubscribe", fmt.Sprintf(`"uri":%q`, thing)))
	w.answer("3")
	feed.Updated(thing)
	w.alive()
	w.send(subscribe("4", "test://b"))
	w.answer("4")
	feed.Updated("test://b")
	w.hangUp()
	assert.Len(t, w.rest(), 1, "pending notifications are sent before the end")
}

// req: W4, P1. 2026-07-28 on stdio: a listen begins with its acknowledgement, its
// updates are tagged.
func TestReq_W4_ListenersAreNotifiedOverStdio(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	for range 20 {
		w := dial(t, g, mcpserver.StdioOptions{Subscriptions: feed})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 50 {
				feed.Updated(thing)
			}
		}()
		w.send(listen("7", thing))
		assert.Contains(t, w.next().Method, "acknowledged")
		<-done
		feed.Updated(thing)
		updated(t, w.next(), thing, "7")
		w.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
		w.hangUp()
	}
}

// req: W4, over SSE.
func TestReq_W4_SubscribersAreNotifiedOverSSE(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	s := open(t, g, mcpserver.HTTPOptions{Subscriptions: feed})
	e, path := s.sse()
	s.tell(path, initialize("2025-11-25", `{}`))
	e.next()
	s.tell(path, subscribe("1", thing))
	e.next()
	feed.Updated(thing)
	updated(t, e.next(), thing, "")
	s.tell(path, listen("2", "test://b"))
	assert.Contains(t, e.next().Method, "acknowledged")
	feed.Updated("test://b")
	updated(t, e.next(), "test://b", "2")
}

// req: W4. Over Streamable HTTP an update sent a moment before the answer is not
// lost, unlike mcp-go's own (docs/library-notes.md, 19).
func TestReq_W4_NoUpdateIsLostOverStreamableHTTP(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	s := open(t, g, mcpserver.HTTPOptions{Subscriptions: feed})
	for _, version := range legacy {
		headers := s.login(version, `{}`)
		single(t, s.post(subscribe("1", thing), headers...))
		feed.Updated(thing) // no stream is open yet: it waits
		e := stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
		updated(t, e.next(), thing, "")
		for range 100 {
			assert.Equal(t, "changed", single(t, s.post(toolCall("2", version, "change", `{}`), headers...)).text())
			updated(t, e.next(), thing, "")
		}
	}
	e := stream(t, s.post(listen("7", thing), modernly("subscriptions/listen")...))
	assert.Contains(t, e.next().Method, "acknowledged")
	for range 100 {
		s.post(toolCall("2", modern, "change", `{}`), modernly("tools/call", "change")...)
		updated(t, e.next(), thing, "7")
	}
}

// A client that does not read delays nobody and does not use more and more memory.
func TestUpdatesDoNotWaitForASlowClient(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	s := open(t, g, mcpserver.HTTPOptions{Subscriptions: feed})
	headers := s.login("2025-11-25", `{}`)
	single(t, s.post(subscribe("1", thing), headers...))
	for range 100_000 {
		feed.Updated(thing)
	}
	e := stream(t, s.ask(http.MethodGet, "/mcp", "", headers...))
	updated(t, e.next(), thing, "")
	feed.Updated(thing)
	updated(t, e.next(), thing, "")
	assert.Equal(t, http.StatusOK, s.ask(http.MethodDelete, "/mcp", "", headers...).StatusCode)
	feed.Updated(thing)
}

func TestOnlyResourcesThereAreCanBeSubscribedTo(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	s := open(t, g, mcpserver.HTTPOptions{Subscriptions: feed})
	w := dial(t, g, mcpserver.StdioOptions{Subscriptions: feed})
	w.greet("2025-11-25", `{}`)
	headers := s.login("2025-11-25", `{}`)
	w.send(subscribe("1", "file:///etc/passwd"))
	assert.Contains(t, w.refusal("1", mcp.RESOURCE_NOT_FOUND), "resources/list")
	assert.Equal(t, mcp.RESOURCE_NOT_FOUND, single(t, s.post(subscribe("1", "x"), headers...)).Error.Code)
	refused := s.post(listen("1", "x"), modernly("subscriptions/listen")...)
	assert.Equal(t, http.StatusBadRequest, refused.StatusCode)
	assert.Equal(t, mcp.INVALID_PARAMS, single(t, refused).Error.Code)
	for i := range 100 {
		w.send(subscribe(fmt.Sprint(i), fmt.Sprint("test://", i)))
		require.Nil(t, w.answer(fmt.Sprint(i)).Error)
	}
	w.send(subscribe("100", "test://100"))
	assert.Contains(t, w.refusal("100", mcp.INVALID_PARAMS), "at most 100")
}

// req: E3, E5. The error of a resource has the text that is meant for clients, or no text.
func TestAResourcesErrorKeepsItsCode(t *testing.T) {
	t.Parallel()
	g, feed := changing()
	s := open(t, g, mcpserver.HTTPOptions{Subscriptions: feed})
	w := dial(t, g, mcpserver.StdioOptions{Subscriptions: feed})
	w.greet("2025-11-25", `{}`)
	headers := s.login("2025-11-25", `{}`)
	read := func(uri string) string {
		return request("1", "2025-11-25", "resources/read", fmt.Sprintf(`"uri":%q`, uri))
	}
	w.send(read("test://gone"))
	assert.Equal(t, "It is gone: look elsewhere.", w.refusal("1", mcp.RESOURCE_NOT_FOUND))
	w.send(read(thing))
	assert.Equal(t, "internal error", w.refusal("1", mcp.INTERNAL_ERROR))
	gone := single(t, s.post(read("test://gone"), headers...))
	assert.Equal(t, mcp.RESOURCE_NOT_FOUND, gone.Error.Code)
	assert.Equal(t, "It is gone: look elsewhere.", gone.Error.Message)
	assert.Equal(t, "internal error", single(t, s.post(read(thing), headers...)).Error.Message)
}
