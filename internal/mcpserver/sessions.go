package mcpserver

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"
)

// httpSession is a session of Streamable HTTP: one client, and the caller to whom
// it belongs. It ends once nothing of it is under way for a while. A request under
// way, such as a call that waits for a person, keeps it.
type httpSession struct {
	conn    *conn
	owner   string
	counted []*counter
	end     context.CancelFunc // of conn's context

	open  int       // requests under way, streams included
	since time.Time // when the last of them was over
}

// discard releases what a session holds.
func (s *httpSession) discard() {
	s.conn.close()
	s.conn.leave()
	close(s.conn.session.out.gone)
	s.end()
	releaseAll(s.counted)
}

// sessionStore holds the sessions of one tenant. An id that this process did not
// generate, that belongs to another caller, or whose session has ended is unknown;
// nothing is kept of it.
type sessionStore struct {
	mu   sync.Mutex
	live map[string]*httpSession // by id
}

// begin stores a session, in use until it is left. It reports false where mcp-go
// refuses the session.
func (s *sessionStore) begin(one *httpSession) bool {
	c := one.conn
	if c.srv.RegisterSession(c.ctx, c.session) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one.open = 1
	s.live[c.session.id] = one
	return true
}

// enter counts a request of a session as under way until leave.
func (s *sessionStore) enter(id, owner string) (*httpSession, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.live[id]
	if !ok || one.owner != owner {
		return nil, false
	}
	one.open++
	return one, true
}

func (s *sessionStore) leave(one *httpSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.open--
	one.since = time.Now()
}

// end removes a session and closes its streams.
func (s *sessionStore) end(one *httpSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(one)
}

// remove is called with the lock held.
func (s *sessionStore) remove(one *httpSession) {
	if id := one.conn.session.id; s.live[id] == one {
		delete(s.live, id)
		one.discard()
	}
}

// endIdle ends the sessions in which nothing was under way since before.
func (s *sessionStore) endIdle(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.live {
		if one.open == 0 && one.since.Before(before) {
			s.remove(one)
		}
	}
}

// longestIdle returns the session in which nothing was under way for the longest
// time; nil where all are in use. It is called with the lock held.
func (s *sessionStore) longestIdle() (found *httpSession) {
	for _, one := range s.live {
		if one.open == 0 && (found == nil || one.since.Before(found.since)) {
			found = one
		}
	}
	return found
}

// endLongestIdle ends that session; false means that all are in use.
func (s *sessionStore) endLongestIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.longestIdle()
	if one == nil {
		return false
	}
	s.remove(one)
	return true
}

// idleSince returns since when the longest idle session is idle; false means that
// all are in use.
func (s *sessionStore) idleSince() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.longestIdle(); one != nil {
		return one.since, true
	}
	return time.Time{}, false
}

func (s *sessionStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// closeConns refuses further calls and fails the requests to the clients, whose
// answers can no longer arrive.
func (s *sessionStore) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.live {
		one.conn.close()
	}
}

// newSession counts a session and returns it, not stored yet. Where there are too
// many, the one that was idle longest ends, never one with a request under way:
// otherwise abandoned sessions would keep new clients out until they expire.
func (t *tenantServer) newSession(owner string) (*httpSession, bool) {
	counted := t.quotas.counters(func(q *quota) *counter { return q.sessions })
	ok := takeAll(counted)
	for !ok && t.endIdleSession() {
		ok = takeAll(counted)
	}
	if !ok {
		return nil, false
	}
	ctx, end := context.WithCancel(t.base)
	c := newConn(ctx, t.Tenant, rand.Text(), newWriter(t.Subscriptions.join(), 8), t.limit, t.o.Log)
	return &httpSession{conn: c, owner: owner, counted: counted, end: end}, true
}

// endIdleSession ends the longest idle session that counts in the same quota as
// those of t or, where that quota is not used up, one of a tenant of the same kind,
// because then those have used up what they share with t. It reports whether it
// found one.
func (t *tenantServer) endIdleSession() bool {
	from := t.longestIdle(func(other *tenantServer) bool { return other.quotas[0] == t.quotas[0] })
	if from == nil && !t.quotas[0].sessions.full() {
		from = t.longestIdle(func(other *tenantServer) bool { return (other.by == nil) == (t.by == nil) })
	}
	if from == nil {
		return false
	}
	if from.sessions.endLongestIdle() {
		t.o.Log.Debug().Msg("the longest idle session was ended to make room for a new one")
	}
	return true
}

// longestIdle finds among these servers the one with the longest idle session.
func (h *httpServer) longestIdle(which func(*tenantServer) bool) (found *tenantServer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var since time.Time
	for _, t := range h.tenants {
		if !which(t) {
			continue
		}
		if at, idle := t.sessions.idleSince(); idle && (found == nil || at.Before(since)) {
			found, since = t, at
		}
	}
	return found
}

// endIdleSessions ends sessions that are idle for too long, until ctx ends.
func (h *httpServer) endIdleSessions(ctx context.Context) {
	tick := time.NewTicker(max(h.o.SessionTTL/2, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for _, t := range h.tenantServers() {
			t.sessions.endIdle(time.Now().Add(-h.o.SessionTTL))
		}
	}
}

func (h *httpServer) tenantServers() []*tenantServer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.tenants))
}
