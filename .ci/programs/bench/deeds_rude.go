package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// overSSE is a client that behaves.
func overSSE(ctx context.Context, v *visitor) error {
	s, err := v.web.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return s.ask(ctx, findSlots)
}

// dropsSSE is gone before its answer comes.
func dropsSSE(ctx context.Context, v *visitor) error {
	s, err := v.web.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	id, _ := s.enter()
	_, _, err = v.web.postTo(ctx, s.to, "", findSlots.message(id))
	return err
}

func subscribes(ctx context.Context, v *visitor) error {
	s, err := v.web.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	return s.ask(ctx, question{method: "resources/subscribe", arguments: `{"uri":"vennio://bookings/upcoming"}`})
}

// dropsStream opens the stream on which a session would hear of changes, and
// drops the connection. The session is left.
func dropsStream(ctx context.Context, v *visitor) error {
	session, err := v.web.session(ctx)
	if err != nil {
		return err
	}
	ctx, drop := context.WithCancel(ctx)
	defer drop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.web.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Mcp-Session-Id", session)
	resp, err := v.web.endless.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d of the session's stream", resp.StatusCode)
	}
	return nil
}

// hangsUp calls, and closes the connection a moment later.
func hangsUp(ctx context.Context, v *visitor) error {
	if err := v.mine(ctx); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := v.web.ask(soon, v.session, findSlots); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// modern calls as clients of MCP 2026-07-28 do, without a session.
func modern(ctx context.Context, v *visitor) error {
	const meta = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"0"}},"name":"find_slots","arguments":{}}`
	return v.web.send(ctx, http.StatusOK, string(question{method: "tools/call", arguments: meta}.message(1)), map[string]string{
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "find_slots",
	})
}

// refusals are what a server hears from clients that are wrong, or hostile.
func refusals(ctx context.Context, v *visitor) error {
	call := string(light.message(1))
	failed := []error{inSession(light)(ctx, v)}
	for _, c := range []struct {
		status int
		body   string
		header map[string]string
	}{
		{http.StatusBadRequest, "{", nil},
		{http.StatusBadRequest, call, nil}, // no session
		{http.StatusNotFound, call, map[string]string{"Mcp-Session-Id": "guessed"}},
		{http.StatusForbidden, call, map[string]string{"Origin": "https://evil.example"}},
	} {
		failed = append(failed, v.web.send(ctx, c.status, c.body, c.header))
	}
	return errors.Join(failed...)
}

// send posts a body of any kind, and expects an HTTP status.
func (w *web) send(ctx context.Context, status int, body string, header map[string]string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != status {
		err = fmt.Errorf("status %d, not %d: %.200s", resp.StatusCode, status, said)
	}
	return err
}
