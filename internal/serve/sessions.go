package serve

import (
	"crypto/rand"
	"errors"
	"sync"
)

var errUnknownSession = errors.New("unknown session")

// sessionIDs are the sessions of Streamable HTTP that live. An id that was not
// given out here, or has ended, is unknown; nothing is kept of it.
type sessionIDs struct {
	mu    sync.Mutex
	live  map[string]*watch // what each subscribed to
	limit int
	feed  *Feed
}

func newSessionIDs(limit int, f *Feed) *sessionIDs {
	return &sessionIDs{live: make(map[string]*watch), limit: limit, feed: f}
}

// Generate starts a session.
func (s *sessionIDs) Generate() string {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[id] = s.feed.join()
	return id
}

// Validate reports an unknown id as an error; none is known to have ended.
func (s *sessionIDs) Validate(id string) (ended bool, err error) {
	if !s.knows(id) {
		return false, errUnknownSession
	}
	return false, nil
}

// Terminate ends a session: the client's wish, or the end of its idle life.
func (s *sessionIDs) Terminate(id string) (refused bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.live[id]; w != nil {
		s.feed.leave(w)
	}
	delete(s.live, id)
	return false, nil
}

func (s *sessionIDs) knows(id string) bool { return s.watch(id) != nil }

// watch is what the session subscribed to; nil where there is no such session.
func (s *sessionIDs) watch(id string) *watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}

func (s *sessionIDs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

func (s *sessionIDs) full() bool { return s.count() >= s.limit }
