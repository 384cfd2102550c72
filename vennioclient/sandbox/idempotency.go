package sandbox

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"regexp"
	"time"
)

const (
	idempotencyHeader = "Idempotency-Key"
	idempotencyAge    = 24 * time.Hour // how long an answer is kept
)

var idempotencyKey = regexp.MustCompile(`^[A-Za-z0-9_:.-]+$`)

// once is a write under an idempotency key: running while reply is nil.
type once struct {
	print [sha256.Size]byte // of method, path, query and body
	at    time.Time
	reply *reply
}

// begin claims the call's idempotency key. It returns the stored answer where
// the same call has been answered before, and refuses a key that is in use. The
// key counts per API key. It needs s.mu.
func (s *Server) begin(c *call) (*reply, error) {
	if c.idempotencyKey == "" {
		return nil, nil
	}
	if len(c.idempotencyKey) > 256 || !idempotencyKey.MatchString(c.idempotencyKey) {
		return nil, invalid(map[string]string{idempotencyHeader: "must be 1 to 256 letters, digits, _ - : ."})
	}
	if c.now.Sub(s.swept) > time.Hour {
		maps.DeleteFunc(s.onces, func(_ string, o *once) bool { return o.stale(c.now) })
		s.swept = c.now
	}
	old, seen := s.onces[c.onceID()]
	switch {
	case !seen || old.stale(c.now):
		s.onces[c.onceID()] = &once{print: c.print(), at: c.now}
		return nil, nil
	case old.print != c.print():
		return nil, refuse(keyReused, "")
	case old.reply == nil:
		return nil, refuse(inProgress, "")
	}
	again := *old.reply
	again.header = again.header.Clone()
	again.header.Set(replayHeader, "true")
	return &again, nil
}

// settle keeps the answer of an accepted write, and forgets the key of a refused one. It needs s.mu.
func (s *Server) settle(c *call, r reply) {
	if c.idempotencyKey == "" {
		return
	}
	if r.status >= http.StatusMultipleChoices {
		delete(s.onces, c.onceID())
		return
	}
	s.onces[c.onceID()].reply = &r
}

func (o *once) stale(now time.Time) bool { return o.reply != nil && now.Sub(o.at) >= idempotencyAge }

func (c *call) onceID() string { return c.caller.token + "\x00" + c.idempotencyKey }

func (c *call) print() [sha256.Size]byte {
	return sha256.Sum256([]byte(c.method + " " + c.uri + "\n" + string(c.body)))
}
