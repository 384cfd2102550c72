package mcpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/server"
)

var errUnknownSession = errors.New("unknown session")

// sessionIDs are the sessions of Streamable HTTP that live, and whose they are.
// An id that was not given out here, or not to who sends it, or has ended, is
// unknown; nothing is kept of it.
type sessionIDs struct {
	mu   sync.Mutex
	live map[string]*liveSession
	feed *Feed
}

type liveSession struct {
	owner string
	watch *watch          // what it subscribed to
	place *place          // among the sessions that there may be
	life  context.Context // ends with it
	end   context.CancelFunc
	open  int       // its requests under way, streams included
	since time.Time // when the last of them was over
}

func newSessionIDs(f *Feed) *sessionIDs {
	return &sessionIDs{live: make(map[string]*liveSession), feed: f}
}

// arrival is an initialize with the place it took for its session. The place is
// taken before, so that many at once begin no more sessions than there may be.
type arrival struct {
	place *place
	begun *liveSession // its session, in use until the response is written
}

type arrivalKey struct{}

// arrive returns r with that place, and a function to call when r is over, which
// gives the place back if no session came of it.
func (s *sessionIDs) arrive(r *http.Request, p *place) (_ *http.Request, over func()) {
	a := &arrival{place: p}
	return r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)), func() {
		if left := a.take(); left != nil {
			left.release()
		}
		if a.begun != nil {
			s.leave(a.begun)
		}
	}
}

func (a *arrival) take() (p *place) {
	if a != nil {
		p, a.place = a.place, nil
	}
	return p
}

// ResolveSessionIdManager makes mcp-go see the sessions as the sender of r may.
// Without a request it only ends them.
func (s *sessionIDs) ResolveSessionIdManager(r *http.Request) server.SessionIdManager { //nolint:revive // the name is mcp-go's
	if r == nil {
		return sessionsOf{s, "", nil}
	}
	a, _ := r.Context().Value(arrivalKey{}).(*arrival)
	return sessionsOf{s, owner(r.Context()), a}
}

// sessionsOf are the sessions of one owner.
type sessionsOf struct {
	*sessionIDs
	owner   string
	arrival *arrival // nil: the request begins no session
}

// Generate starts a session.
func (s sessionsOf) Generate() string {
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &liveSession{owner: s.owner, watch: s.feed.join(), place: s.arrival.take(), since: time.Now()}
	one.life, one.end = context.WithCancel(context.Background())
	s.live[id] = one
	if s.arrival != nil {
		one.open, s.arrival.begun = 1, one
	}
	return id
}

// Validate reports an unknown id as an error; none is known to have ended.
func (s sessionsOf) Validate(id string) (ended bool, err error) {
	if !s.knows(id, s.owner) {
		return false, errUnknownSession
	}
	return false, nil
}

// Terminate ends a session, by the wish of a client that was checked before.
func (s sessionsOf) Terminate(id string) (refused bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(id)
	return false, nil
}

// drop forgets a session, if there is one; what listens to it hears the end. It is
// called with the lock held.
func (s *sessionIDs) drop(id string) {
	one, ok := s.live[id]
	if !ok {
		return
	}
	delete(s.live, id)
	s.feed.leave(one.watch)
	if one.place != nil {
		one.place.release()
	}
	one.end()
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
	if one := s.live[id]; one != nil {
		return one.watch
	}
	return nil
}

func (s *sessionIDs) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}
