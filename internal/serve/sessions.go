package serve

import (
	"crypto/rand"
	"errors"
	"net/http"
	"sync"

	"github.com/mark3labs/mcp-go/server"
)

var errUnknownSession = errors.New("unknown session")

// sessionIDs are the sessions of Streamable HTTP that live, and whose they are.
// An id that was not given out here, or not to who sends it, or has ended, is
// unknown; nothing is kept of it.
type sessionIDs struct {
	mu    sync.Mutex
	live  map[string]liveSession
	limit int
	feed  *Feed
}

type liveSession struct {
	owner string
	watch *watch // what it subscribed to
}

func newSessionIDs(limit int, f *Feed) *sessionIDs {
	return &sessionIDs{live: make(map[string]liveSession), limit: limit, feed: f}
}

// ResolveSessionIdManager makes mcp-go see the sessions as the sender of r may.
// Without a request it only ends them.
func (s *sessionIDs) ResolveSessionIdManager(r *http.Request) server.SessionIdManager { //nolint:revive // the name is mcp-go's
	if r == nil {
		return sessionsOf{s, ""}
	}
	return sessionsOf{s, owner(r.Context())}
}

// sessionsOf are the sessions of one owner.
type sessionsOf struct {
	*sessionIDs
	owner string
}

// Generate starts a session.
func (s sessionsOf) Generate() string {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[id] = liveSession{s.owner, s.feed.join()}
	return id
}

// Validate reports an unknown id as an error; none is known to have ended.
func (s sessionsOf) Validate(id string) (ended bool, err error) {
	if !s.knows(id, s.owner) {
		return false, errUnknownSession
	}
	return false, nil
}

// Terminate ends a session: the client's wish, which was checked before, or the
// end of its idle life.
func (s sessionsOf) Terminate(id string) (refused bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one, ok := s.live[id]; ok {
		s.feed.leave(one.watch)
	}
	delete(s.live, id)
	return false, nil
}

func (s *sessionIDs) knows(id, owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.live[id]
	return ok && one.owner == owner
}

// watch is what the session subscribed to; nil where there is no such session.
func (s *sessionIDs) watch(id string) *watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id].watch
}

func (s *sessionIDs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

func (s *sessionIDs) full() bool { return s.count() >= s.limit }
