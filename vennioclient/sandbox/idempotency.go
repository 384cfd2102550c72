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
	idempotencyAge    = 24 * time.Hour // how long an answer is stored
)

var idempotencyKey = regexp.MustCompile(`^[A-Za-z0-9_:.-]+$`)

// storedWrite is a write with an idempotency key. It is in progress while reply is nil.
type storedWrite struct {
	fingerprint [sha256.Size]byte // of method, path, query and body
	at          time.Time
	reply       *reply
}

// reserveKey reserves the idempotency key of a call. It returns the stored answer if the
// same call was answered before, and refuses a key that is in use. Idempotency keys are
// separate for each API key. The caller must hold s.mu.
func (s *Server) reserveKey(c *call) (*reply, error) {
	if c.idempotencyKey == "" {
		return nil, nil
	}
	if len(c.idempotencyKey) > 256 || !idempotencyKey.MatchString(c.idempotencyKey) {
		return nil, invalid(map[string]string{idempotencyHeader: "must be 1 to 256 letters, digits, _ - : ."})
	}
	if c.now.Sub(s.swept) > time.Hour {
		maps.DeleteFunc(s.storedWrites, func(_ string, o *storedWrite) bool { return o.stale(c.now) })
		s.swept = c.now
	}
	old, seen := s.storedWrites[c.idempotencyID()]
	switch {
	case !seen || old.stale(c.now):
		s.storedWrites[c.idempotencyID()] = &storedWrite{fingerprint: c.fingerprint(), at: c.now}
		return nil, nil
	case old.fingerprint != c.fingerprint():
		return nil, refuse(keyReused, "")
	case old.reply == nil:
		return nil, refuse(inProgress, "")
	}
	again := *old.reply
	again.header = again.header.Clone()
	again.header.Set(replayHeader, "true")
	return &again, nil
}

// storeReply stores the answer of an accepted write, and releases the key of a refused one. The caller must hold s.mu.
func (s *Server) storeReply(c *call, r reply) {
	if c.idempotencyKey == "" {
		return
	}
	if r.status >= http.StatusMultipleChoices {
		delete(s.storedWrites, c.idempotencyID())
		return
	}
	s.storedWrites[c.idempotencyID()].reply = &r
}

func (o *storedWrite) stale(now time.Time) bool {
	return o.reply != nil && now.Sub(o.at) >= idempotencyAge
}

func (c *call) idempotencyID() string { return c.caller.token + "\x00" + c.idempotencyKey }

func (c *call) fingerprint() [sha256.Size]byte {
	return sha256.Sum256([]byte(c.method + " " + c.uri + "\n" + string(c.body)))
}
