package mcpserver

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

// mcp-go ends sessions in which no request has begun for a while, also one whose
// call is waiting for a person; the person's answer then finds no session
// (docs/library-notes.md, 14). So sessions end here: once nothing of them is under
// way for so long.

// enter counts a request of a session as under way, until leave.
func (s *sessionIDs) enter(id, owner string) (*liveSession, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.live[id]
	if !ok || one.owner != owner {
		return nil, false
	}
	one.open++
	return one, true
}

func (s *sessionIDs) leave(one *liveSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.open--
	one.since = time.Now()
}

// dropIdle forgets the sessions in which nothing was under way since before.
func (s *sessionIDs) dropIdle(before time.Time) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, one := range s.live {
		if one.open == 0 && one.since.Before(before) {
			s.drop(id)
			ids = append(ids, id)
		}
	}
	return ids
}

// idlest finds the session in which nothing was under way for the longest time, and
// since when. It is called with the lock held.
func (s *sessionIDs) idlest() (id string, since time.Time) {
	for candidate, one := range s.live {
		if one.open == 0 && (id == "" || one.since.Before(since)) {
			id, since = candidate, one.since
		}
	}
	return id, since
}

// dropIdlest forgets that session; "" means that all are in use.
func (s *sessionIDs) dropIdlest() (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, _ = s.idlest(); id != "" {
		s.drop(id)
	}
	return id
}

// idleSince is since when the longest idle session is idle; false: all are in use.
func (s *sessionIDs) idleSince() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, since := s.idlest()
	return since, id != ""
}

// begin takes the place of one more session. Where there is none, the session that
// was idle longest ends, never one with a request under way: otherwise clients that
// leave their sessions behind would keep new ones out until these expire.
func (h *host) begin() (*place, bool) {
	place, ok := h.sessions.take(0)
	for !ok && h.endIdlest() {
		place, ok = h.sessions.take(0)
	}
	return place, ok
}

// endIdlest ends a session that counts against the same share as those of h or,
// where that share has room, one of a tenant of the same kind, since then those
// have filled what they share with h. It reports whether it found one.
func (h *host) endIdlest() bool {
	own := func(one *host) bool { return one.sessions == h.sessions }
	like := func(one *host) bool { return (one.by == nil) == (h.by == nil) }
	one := h.idlest(own)
	if one == nil && !h.sessions.full() {
		one = h.idlest(like)
	}
	if one == nil {
		return false
	}
	if id := one.ids.dropIdlest(); id != "" {
		one.clear(h.base, id)
		h.o.Log.Debug().Msg("the longest idle session was ended to make room for a new one")
	}
	return true
}

// idlest finds among such servers the one with the longest idle session.
func (h *hall) idlest(such func(*host) bool) (found *host) {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	var since time.Time
	for _, one := range h.hosts {
		if !such(one) {
			continue
		}
		if at, idle := one.ids.idleSince(); idle && (found == nil || at.Before(since)) {
			found, since = one, at
		}
	}
	return found
}

// sweep ends idle sessions until ctx ends.
func (h *hall) sweep(ctx context.Context) {
	tick := time.NewTicker(max(h.o.SessionTTL/2, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		h.rooms.Lock()
		hosts := slices.Collect(maps.Values(h.hosts))
		h.rooms.Unlock()
		for _, one := range hosts {
			for _, id := range one.ids.dropIdle(time.Now().Add(-h.o.SessionTTL)) {
				one.clear(ctx, id)
			}
		}
	}
}

// clear makes mcp-go forget a session too: a DELETE is its only way.
func (h *host) clear(ctx context.Context, id string) {
	h.stream.Handle(nowhere{}, &server.HTTPRequest{
		Method: http.MethodDelete, Header: http.Header{server.HeaderKeySessionID: {id}}, Context: ctx,
	})
}

// nowhere takes an answer that nobody waits for.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
func (nowhere) Flush()                      {}
func (nowhere) CanStream() bool             { return false }
