package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"sync"
	"time"
)

const (
	idempotencyHeader = "Idempotency-Key"
	idempotencyAge    = 24 * time.Hour // how long an answer is stored
)

var idempotencyKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_:.-]+$`) })

// storedWrite is an accepted write with an idempotency key.
type storedWrite struct {
	Fingerprint string // of method, path, query and body
	At          time.Time
	Reply       reply
}

// reserveKey reserves the idempotency key of a call. It returns the stored answer if the
// same call was answered before, and refuses a key that is in use. Idempotency keys are
// separate for each API key. Only the stored answers are shared with other processes, because a
// process that is killed would never release its reservations. The caller must hold s.mu.
func (s *Server) reserveKey(c *call) (*reply, error) {
	if c.idempotencyKey == "" {
		return nil, nil
	}
	if len(c.idempotencyKey) > 256 || !idempotencyKey().MatchString(c.idempotencyKey) {
		return nil, invalid(map[string]string{idempotencyHeader: "must be 1 to 256 letters, digits, _ - : ."})
	}
	if stored, err := s.storedReply(c); stored != nil || err != nil {
		return stored, err
	}
	switch fingerprint, reserved := s.inProgress[c.idempotencyID()]; {
	case !reserved:
		s.inProgress[c.idempotencyID()] = c.fingerprint()
		return nil, nil
	case fingerprint != c.fingerprint():
		return nil, refuse(keyReused, "")
	default:
		return nil, refuse(inProgress, "")
	}
}

// releaseKey releases the reservation of a call that has been executed.
func (s *Server) releaseKey(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inProgress, c.idempotencyID())
}

// storedReply returns the answer to an earlier call under the idempotency key of c, or nil if
// there is none. It refuses a key that was used for another call. The caller must hold s.mu.
func (s *Server) storedReply(c *call) (*reply, error) {
	old, seen := s.data.StoredWrites[c.idempotencyID()]
	switch {
	case c.idempotencyKey == "" || !seen || old.stale(c.now):
		return nil, nil
	case old.Fingerprint != c.fingerprint():
		return nil, refuse(keyReused, "")
	}
	again := old.Reply
	again.Header = again.Header.Clone()
	again.Header.Set(replayHeader, "true")
	return &again, nil
}

// storeReply stores the answer of an accepted write under its idempotency key, and deletes
// old answers once an hour. The caller must hold s.mu.
func (s *Server) storeReply(c *call, r reply) {
	if c.now.Sub(s.data.Swept) > time.Hour {
		maps.DeleteFunc(s.data.StoredWrites, func(_ string, o *storedWrite) bool { return o.stale(c.now) })
		s.data.Swept = c.now
	}
	s.data.StoredWrites[c.idempotencyID()] = &storedWrite{Fingerprint: c.fingerprint(), At: c.now, Reply: r}
}

func (o *storedWrite) stale(now time.Time) bool { return now.Sub(o.At) >= idempotencyAge }

// idempotencyID identifies the API key and the idempotency key of a call. It is a hash, because it is stored
// and somebody may try a real API key here.
func (c *call) idempotencyID() string {
	sum := sha256.Sum256([]byte(c.caller.token + "\x00" + c.idempotencyKey))
	return hex.EncodeToString(sum[:])
}

func (c *call) fingerprint() string {
	sum := sha256.Sum256([]byte(c.method + " " + c.uri + "\n" + string(c.body)))
	return hex.EncodeToString(sum[:])
}
