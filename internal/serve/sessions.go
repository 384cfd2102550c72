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
	live  map[string]struct{}
	limit int
}

func newSessionIDs(limit int) *sessionIDs {
	return &sessionIDs{live: make(map[string]struct{}), limit: limit}
}

// Generate starts a session.
func (s *sessionIDs) Generate() string {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[id] = struct{}{}
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
	delete(s.live, id)
	return false, nil
}

func (s *sessionIDs) knows(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.live[id]
	return ok
}

func (s *sessionIDs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

func (s *sessionIDs) full() bool { return s.count() >= s.limit }
