package serve

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
