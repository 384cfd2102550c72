package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
	"github.com/vennio-mcp/vennio-mcp/internal/resources"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// collectUpdates connects and collects the resources about whose changes the client is notified.
func collectUpdates(t *testing.T, c *client.Client, protocol string) <-chan string {
	t.Helper()
	told := make(chan string, 100)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationResourceUpdated {
			told <- fmt.Sprint(n.Params.AdditionalFields["uri"])
		}
	})
	handshake(t, c, protocol)
	return told
}

func follow(t *testing.T, c *client.Client, uris ...string) {
	t.Helper()
	for _, uri := range uris {
		req := mcp.SubscribeRequest{}
		req.Params.URI = uri
		require.NoError(t, c.Subscribe(t.Context(), req)) //nolint:staticcheck // deprecated with 2026-07-28; older clients have it
	}
}

// hear waits for each of want, and for nothing else.
func hear(t *testing.T, told <-chan string, want ...string) {
	t.Helper()
	received := map[string]bool{}
	for len(received) < len(want) {
		select {
		case uri := <-told:
			require.Contains(t, want, uri)
			received[uri] = true
		case <-time.After(patience):
			require.FailNow(t, "unknown", "want %v, got %v", want, received)
		}
	}
}

func read(t *testing.T, c *client.Client, uri string) ([]mcp.ResourceContents, error) {
	t.Helper()
	req := mcp.ReadResourceRequest{}
	req.Params.URI = uri
	got, err := c.ReadResource(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return got.Contents, nil
}

// listening is transports, with the stream on which Streamable HTTP tells.
func listening(t *testing.T, name string, env []string) *client.Client {
	t.Helper()
	if name != "streamable http" {
		return transports[name](t, env)
	}
	return continuous(t, start(t, env, "serve", "--addr", "127.0.0.1:0").address())
}

func continuous(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.NewStreamableHttpClient(url+"/mcp", transport.WithContinuousListening()) //nolint:staticcheck // deprecated with 2026-07-28; older clients have it
	require.NoError(t, err)
	return c
}

// req: W4, Q2. A client of the real binary books and is notified over every transport
// that the upcoming bookings have changed; the resource and the tool return the same bookings.
func TestReq_W4_Q2_OwnBookingsAreToldAndRead(t *testing.T) {
	t.Parallel()
	for name := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := listening(t, name, stored(t, clean(t)))
			told := collectUpdates(t, c, "2025-11-25")
			follow(t, c, "vennio://bookings/upcoming")
			_, found := ask(t, c, "find_slots", map[string]any{"when": "next week"}) // now, the first may begin at any moment
			booking := map[string]any{
				"slot_id": found[0].SlotID, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}},
				"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"},
			}
			a, _ := ask(t, c, "book_slot", booking)
			require.Equal(t, "confirmed", a.Status)
			hear(t, told, "vennio://bookings/upcoming")
			got, err := read(t, c, "vennio://bookings/upcoming")
			require.NoError(t, err)
			require.Len(t, got, 2)
			var list schemas.ListBookingsResult
			require.NoError(t, json.Unmarshal([]byte(got[0].(mcp.TextResourceContents).Text), &list))
			require.Len(t, list.Bookings, 1)
			assert.True(t, list.Sandbox)
			one := "vennio://bookings/" + list.Bookings[0].BookingID
			got, err = read(t, c, one)
			require.NoError(t, err)
			assert.Equal(t, "application/json", got[0].(mcp.TextResourceContents).MIMEType)
			assert.Contains(t, got[1].(mcp.TextResourceContents).Text, `"Intro"`)
			follow(t, c, one)
			_, _ = ask(t, c, "cancel_booking", map[string]any{"booking_id": list.Bookings[0].BookingID, "consent": booking["consent"]})
			hear(t, told, "vennio://bookings/upcoming", one)
		})
	}
}

// req: W4. Changes made in Vennio are notified to subscribers only, over SSE and
// Streamable HTTP, with resources/subscribe and with the subscriptions of 2026-07-28.
func TestReq_W4_ChangesFromOutsideAreTold(t *testing.T) {
	t.Parallel()
	p := program{getenv: func(string) string { return "" }, errs: new(lockedBuffer), store: longWait}
	cfg, err := config.Load(map[string]string{"state-dir": t.TempDir(), "log-level": "error"}, p.getenv)
	require.NoError(t, err)
	a, err := p.newApp(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- mcpserver.HTTP(ctx, ln, a.Server, mcpserver.HTTPOptions{Log: zerolog.Nop(), Subscriptions: a.Subscriptions})
	}()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	url, changes := "http://"+ln.Addr().String(), resources.Changes{Notify: a.Subscriptions.Updated}
	overSSE, err := client.NewSSEMCPClient(url + "/sse")
	require.NoError(t, err)
	for _, c := range []*client.Client{overSSE, continuous(t, url)} {
		told := collectUpdates(t, c, "2025-06-18")
		follow(t, c, "vennio://bookings/b%201")
		changes.BookingChanged("other")
		changes.BookingChanged("b 1")
		hear(t, told, "vennio://bookings/b%201")
		assert.Empty(t, told)
	}
	c, err := client.NewStreamableHttpClient(url + "/mcp")
	require.NoError(t, err)
	told := collectUpdates(t, c, "2026-07-28")
	received := make(chan struct{})
	go func() {
		defer close(received)
		_ = c.Listen(ctx, mcp.SubscriptionFilter{ResourceSubscriptions: []string{"vennio://bookings/b1"}})
	}()
	require.Eventually(t, func() bool { changes.BookingChanged("b1"); return len(told) > 0 }, patience, tick)
	stop()
	<-received
}

// req: E1, E3. What cannot be read is an error of the protocol with what to do.
func TestReq_E1_AResourceThatCannotBeReadSaysWhatToDo(t *testing.T) {
	t.Parallel()
	down := clean(t, "VENNIO_API_KEY=vennio_sk_test_c4n4ry", "VENNIO_API_URL=http://127.0.0.1:9", "VENNIO_BUSINESS_ID=b")
	for name := range transports {
		c := transports[name](t, clean(t))
		handshake(t, c, "2025-11-25")
		_, err := read(t, c, "vennio://bookings/nothing")
		require.ErrorIs(t, err, mcp.ErrResourceNotFound, name)
		assert.Contains(t, err.Error(), "list_bookings")
		_, err = read(t, c, "vennio://secrets")
		require.ErrorIs(t, err, mcp.ErrResourceNotFound, name)
		c = transports[name](t, down)
		handshake(t, c, "2025-11-25")
		_, err = read(t, c, "vennio://bookings/upcoming")
		require.ErrorContains(t, err, "Try the same call again in a minute", name)
		assert.NotContains(t, err.Error(), "c4n4ry")
	}
}

// req: X6. The policy says what the operator decided, and reading bookings goes
// with the tools that read them.
func TestReq_X6_ThePolicyIsToldAndSelectionHoldsForResources(t *testing.T) {
	t.Parallel()
	c, _ := bare(t, "stdio", clean(t, "VENNIO_READ_ONLY=1", "VENNIO_CONSENT=human", "VENNIO_TOOLS=find_slots,get_booking,book_slot"))
	got, err := read(t, c, "vennio://policy")
	require.NoError(t, err)
	var policy struct {
		Consent  string
		ReadOnly bool `json:"read_only"`
		Tools    []string
		Timezone string
		Hosts    []string
		Sandbox  bool
	}
	require.NoError(t, json.Unmarshal([]byte(got[0].(mcp.TextResourceContents).Text), &policy))
	assert.Equal(t, "human", policy.Consent)
	assert.True(t, policy.ReadOnly && policy.Sandbox)
	assert.Equal(t, []string{"find_slots", "get_booking"}, policy.Tools)
	assert.Equal(t, "Europe/London", policy.Timezone)
	assert.NotEmpty(t, policy.Hosts)
	assert.Contains(t, got[1].(mcp.TextResourceContents).Text, "Read-only: nothing can be booked")
	list, err := c.ListResources(t.Context(), mcp.ListResourcesRequest{})
	require.NoError(t, err)
	require.Len(t, list.Resources, 1, "list_bookings is not there, so neither are the bookings to come")
	templates, err := c.ListResourceTemplates(t.Context(), mcp.ListResourceTemplatesRequest{})
	require.NoError(t, err)
	require.Len(t, templates.ResourceTemplates, 3)
}

// heartbeat is changed until a client is notified of it, and counts for nothing else.
const heartbeat = "vennio://bookings/listening"

// notified counts the notifications of a client by URI, up to that of barrier, before
// which everything due was sent.
func notified(t *testing.T, told <-chan string, barrier string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for {
		select {
		case uri := <-told:
			switch uri {
			case barrier:
				return count
			case heartbeat:
			default:
				count[uri]++
			}
		case <-time.After(patience):
			require.FailNow(t, "unknown", "%s; %v", barrier, count)
		}
	}
}

// inProcess serves the program in this process, so that a test can wait until every
// event of its sandbox was received.
func inProcess(t *testing.T) (a *app.App, url string) {
	t.Helper()
	p := program{getenv: func(string) string { return "" }, errs: new(lockedBuffer), store: longWait}
	cfg, err := config.Load(map[string]string{"state-dir": t.TempDir(), "log-level": "error", "timezone": "Europe/London"}, p.getenv)
	require.NoError(t, err)
	a, err = p.newApp(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	url = "http://" + ln.Addr().String()
	return a, url
}

// received waits until the server has received so many events.
func received(t *testing.T, url string, events int) {
	t.Helper()
	want := fmt.Sprintf("vennio_mcp_webhook_deliveries_total{result=%q} %d\n", "accepted", events)
	require.Eventually(t, func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(body), want)
	}, patience, tick, want)
}

// subscriber is a client of a server in this process.
type subscriber struct {
	t        *testing.T
	c        *client.Client
	protocol string
	feed     *mcpserver.Subscriptions
	told     <-chan string
	marks    int    // used up
	stop     func() // ends the last subscription of 2026-07-28
}

func mark(i int) string { return fmt.Sprint("vennio://bookings/mark-", i) }

// since counts what the client was notified of since the last call.
func (s *subscriber) since() map[string]int {
	s.t.Helper()
	s.marks++
	s.feed.Updated(mark(s.marks))
	return notified(s.t, s.told, mark(s.marks))
}

// watch subscribes to uris and waits until the subscription is served.
func (s *subscriber) watch(uris ...string) {
	s.t.Helper()
	for i := range 10 {
		uris = append(uris, mark(i))
	}
	uris = append(uris, heartbeat)
	s.stop()
	if s.protocol == "2026-07-28" {
		var ctx context.Context
		ctx, s.stop = context.WithCancel(s.t.Context())
		go func() { _ = s.c.Listen(ctx, mcp.SubscriptionFilter{ResourceSubscriptions: uris}) }()
	} else {
		follow(s.t, s.c, uris...)
	}
	before := len(s.told)
	require.Eventually(s.t, func() bool { s.feed.Updated(heartbeat); return len(s.told) > before }, patience, tick, "it listens")
}

// req: W4. The tool and Vennio's event report the same change: subscribers are
// notified once, over each transport and in both ways to subscribe.
// field: duplicate notification
func TestEachChangeIsNotifiedOnce(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(url string) (*client.Client, error){
		"SSE":             func(url string) (*client.Client, error) { return client.NewSSEMCPClient(url + "/sse") },
		"Streamable HTTP": func(url string) (*client.Client, error) { return continuous(t, url), nil },
		"2026-07-28":      func(url string) (*client.Client, error) { return client.NewStreamableHttpClient(url + "/mcp") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, url := inProcess(t)
			c, err := open(url)
			require.NoError(t, err)
			s := &subscriber{t: t, c: c, protocol: "2025-11-25", feed: a.Subscriptions, stop: func() {}}
			if name == "2026-07-28" {
				s.protocol = name
			}
			s.told = collectUpdates(t, c, s.protocol)
			changes(t, a, url, s)
		})
	}
}

// changes makes a booking, moves it and cancels it by tools, and changes it once
// beside them.
func changes(t *testing.T, a *app.App, url string, s *subscriber) {
	t.Helper()
	const upcoming = "vennio://bookings/upcoming"
	yes := map[string]any{"granted": true, "given_by": "Ada", "statement": "Yes"}
	s.watch(upcoming)
	_, found := ask(t, s.c, "find_slots", map[string]any{"when": "next week"}) // now, the first may begin at any moment
	booking := map[string]any{
		"slot_id": found[1].SlotID, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}}, "consent": yes,
	}
	booked, _ := ask(t, s.c, "book_slot", booking)
	require.Equal(t, "confirmed", booked.Status)
	received(t, url, 1)
	assert.Equal(t, map[string]int{upcoming: 1}, s.since(), "booked")
	_, _ = ask(t, s.c, "book_slot", booking)
	assert.Empty(t, s.since(), "the same call again changes nothing")

	list, err := a.Vennio.ListBookings(t.Context(), vennioclient.BookingsQuery{})
	require.NoError(t, err)
	id := list.Bookings[0].ID
	one := "vennio://bookings/" + id
	once := map[string]int{upcoming: 1, one: 1}
	s.watch(one, upcoming)
	_, found = ask(t, s.c, "find_slots", map[string]any{"reschedule_of": id, "when": "next week"})
	_, _ = ask(t, s.c, "reschedule_booking", map[string]any{"booking_id": id, "slot_id": found[0].SlotID, "consent": yes})
	received(t, url, 2)
	assert.Equal(t, once, s.since(), "moved")

	_, err = a.Vennio.UpdateBooking(t.Context(), app.NewIdempotencyKey(), id, vennioclient.BookingUpdate{Notes: new("Bring a pen")})
	require.NoError(t, err)
	received(t, url, 3)
	assert.Equal(t, once, s.since(), "changed by somebody else")

	_, _ = ask(t, s.c, "cancel_booking", map[string]any{"booking_id": id, "consent": yes})
	received(t, url, 4)
	assert.Equal(t, once, s.since(), "cancelled")
}
