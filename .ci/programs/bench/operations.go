package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// operation is one kind of work that clients do during a soak test.
type operation struct {
	name string
	do   func(ctx context.Context, v *client) error
}

// operations lists all operations. Each client runs them in this order, beginning at a different one.
func operations() []operation {
	return []operation{
		{"find_slots, in a session", inSession(findSlots)},
		{"read: tools, bookings, a resource", readCalls},
		{"book_slot, get_booking, cancel_booking", bookAndCancel},
		{"SSE: find_slots, then the stream closed", callOverSSE},
		{"a session opened and abandoned", abandonSession},
		{"SSE: a stream dropped before the response", dropSSE},
		{"refused calls", invalidRequests},
		{"find_slots, without a session (2026-07-28)", statelessCall},
		{"a session's stream dropped", dropSessionStream},
		{"a session opened and deleted", deleteSession},
		{"a call cancelled by its client", cancelCall},
		{"SSE: a resource subscribed to, then the stream dropped", subscribeAndDrop},
	}
}

// client is a client of the soak test with its own session.
type client struct {
	httpClient *httpClient
	session    string
	number     int // the number of this client
	done       int // the number of operations so far
}

// runClient runs operations until ctx ends. It always completes the current operation.
func (k *soakRun) runClient(ctx context.Context, number int) {
	all, tick := operations(), time.NewTicker(pace)
	defer tick.Stop()
	v := &client{httpClient: k.httpClient, number: number}
	for v.done = number * len(all) / clients; ; v.done++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		one := all[v.done%len(all)]
		k.pauseLock.RLock()
		err := one.do(context.WithoutCancel(ctx), v)
		k.pauseLock.RUnlock()
		k.results.note(one.name, err)
	}
}

// ensureSession opens the client's session unless it is open.
func (v *client) ensureSession(ctx context.Context) (err error) {
	if v.session == "" {
		v.session, err = v.httpClient.session(ctx)
	}
	return err
}

func inSession(q request) func(context.Context, *client) error {
	return func(ctx context.Context, v *client) error {
		if err := v.ensureSession(ctx); err != nil {
			return err
		}
		_, err := v.httpClient.send(ctx, v.session, q)
		return err
	}
}

func readCalls(ctx context.Context, v *client) error {
	var failed []error
	for _, q := range []request{
		{method: "tools/list", arguments: "{}"},
		{method: "resources/read", arguments: `{"uri":"vennio://policy"}`},
		{method: "resources/read", arguments: `{"uri":"vennio://bookings/upcoming"}`},
		{method: "prompts/list", arguments: "{}"},
		{tool: "list_bookings", arguments: `{"limit":10}`},
	} {
		failed = append(failed, inSession(q)(ctx, v))
	}
	return errors.Join(failed...)
}

func abandonSession(ctx context.Context, v *client) error {
	session, err := v.httpClient.session(ctx)
	if err == nil {
		_, err = v.httpClient.send(ctx, session, refusedCall)
	}
	return err
}

func deleteSession(ctx context.Context, v *client) error {
	session, err := v.httpClient.session(ctx)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, v.httpClient.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Mcp-Session-Id", session)
	_, _, err = v.httpClient.do(r)
	return err
}

// results counts operations and collects their errors.
type results struct {
	mu     sync.Mutex
	done   map[string]int
	failed []error
}

func newResults() *results { return &results{done: map[string]int{}} }

func (t *results) note(name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[name]++
	if err != nil {
		t.failed = append(t.failed, fmt.Errorf("%s: %w", name, err))
	}
}

// err returns the number of failed operations and the first errors.
func (t *results) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failed) == 0 {
		return nil
	}
	return errors.Join(append([]error{fmt.Errorf("%d operations failed, such as", len(t.failed))}, t.failed[:min(3, len(t.failed))]...)...)
}

// counts formats the number of runs of each operation.
func (t *results) counts() string {
	var all []string
	for _, d := range operations() {
		all = append(all, fmt.Sprintf("%s: %d", d.name, t.done[d.name]))
	}
	return strings.Join(all, "; ")
}

// bookAndCancel finds a slot, books it with attested consent, reads the booking and cancels it, so that the
// calendar remains unchanged.
func bookAndCancel(ctx context.Context, v *client) error {
	var found struct {
		Slots []struct {
			SlotID string `json:"slot_id"`
		} `json:"slots"`
	}
	day := time.Now().AddDate(0, 0, 1+(v.number*7+v.done)%50).Format(time.DateOnly)
	if err := v.call(ctx, "find_slots", fmt.Sprintf(`{"from":%q,"limit":10,"timezone":"Europe/London"}`, day), &found); err != nil {
		return err
	}
	if len(found.Slots) == 0 {
		return fmt.Errorf("no slots in the week from %s", day)
	}
	const consent = `"consent":{"granted":true,"given_by":"Ada","statement":"Yes"}`
	title := fmt.Sprintf("Soak %d.%d", v.number, v.done)
	slot := found.Slots[(v.number+v.done)%len(found.Slots)].SlotID
	var booked struct {
		BookingID string `json:"booking_id"`
	}
	err := v.call(ctx, "book_slot", fmt.Sprintf(`{"slot_id":%q,"title":%q,"attendees":[{"email":"ada@example.com","name":"Ada"}],%s}`, slot, title, consent), &booked)
	if err != nil {
		if strings.Contains(err.Error(), "slot_taken") { // by another client
			return nil
		}
		return err
	}
	if err := v.call(ctx, "get_booking", fmt.Sprintf(`{"booking_id":%q}`, booked.BookingID), &booked); err != nil {
		return err
	}
	return v.call(ctx, "cancel_booking", fmt.Sprintf(`{"booking_id":%q,%s}`, booked.BookingID, consent), &booked)
}

// call calls a tool in the client's session.
func (v *client) call(ctx context.Context, tool, arguments string, into any) error {
	if err := v.ensureSession(ctx); err != nil {
		return err
	}
	body, err := v.httpClient.send(ctx, v.session, request{tool: tool, arguments: arguments})
	if err != nil {
		return err
	}
	if _, data, streamed := strings.Cut(string(body), "data: "); streamed { // a notification precedes the response
		body = []byte(data)
	}
	var response struct {
		Result struct {
			StructuredContent json.RawMessage `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return fmt.Errorf("%s: %w: %.300s", tool, err, body)
	}
	return json.Unmarshal(response.Result.StructuredContent, into)
}

// callOverSSE opens a stream, calls a tool and closes the stream.
func callOverSSE(ctx context.Context, v *client) error {
	s, err := v.httpClient.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return s.send(ctx, findSlots)
}

// dropSSE closes the stream before the response arrives.
func dropSSE(ctx context.Context, v *client) error {
	s, err := v.httpClient.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	id, _ := s.register()
	_, _, err = v.httpClient.postTo(ctx, s.to, "", findSlots.message(id))
	return err
}

func subscribeAndDrop(ctx context.Context, v *client) error {
	s, err := v.httpClient.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return s.send(ctx, request{method: "resources/subscribe", arguments: `{"uri":"vennio://bookings/upcoming"}`})
}

// dropSessionStream opens the notification stream of a session, drops the connection and abandons the session.
func dropSessionStream(ctx context.Context, v *client) error {
	session, err := v.httpClient.session(ctx)
	if err != nil {
		return err
	}
	ctx, drop := context.WithCancel(ctx)
	defer drop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.httpClient.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Mcp-Session-Id", session)
	resp, err := v.httpClient.streaming.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d of the session's stream", resp.StatusCode)
	}
	return nil
}

// cancelCall sends a call and closes the connection immediately afterwards.
func cancelCall(ctx context.Context, v *client) error {
	if err := v.ensureSession(ctx); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := v.httpClient.send(soon, v.session, findSlots); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

func statelessCall(ctx context.Context, v *client) error {
	_, err := v.httpClient.callStateless(ctx, "find_slots", "{}", nil)
	return err
}

// invalidRequests sends requests of faulty and hostile clients.
func invalidRequests(ctx context.Context, v *client) error {
	call := refusedCall.message(1)
	failed := []error{inSession(refusedCall)(ctx, v)}
	for _, c := range []struct {
		status int
		body   []byte
		header map[string]string
	}{
		{http.StatusBadRequest, []byte("{"), nil},
		{http.StatusBadRequest, call, nil}, // no session
		{http.StatusNotFound, call, map[string]string{"Mcp-Session-Id": "guessed"}},
		{http.StatusForbidden, call, map[string]string{"Origin": "https://evil.example"}},
	} {
		failed = append(failed, v.httpClient.postRaw(ctx, c.status, c.body, c.header))
	}
	return errors.Join(failed...)
}

// postRaw posts an arbitrary body and expects an HTTP status.
func (w *httpClient) postRaw(ctx context.Context, status int, body []byte, header map[string]string) error {
	r, err := newPost(ctx, w.url, body, header)
	if err != nil {
		return err
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return err
	}
	found, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("status %d, not %d: %.200s", resp.StatusCode, status, found)
	}
	return err
}
