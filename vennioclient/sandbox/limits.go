package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

const (
	defaultRateLimit = 1000 // calls an hour, the example of the documentation
	rateWindow       = time.Hour
)

// quota is what a key has used since its window began.
type quota struct {
	began time.Time
	used  int
}

// spend counts a call against its key and writes the X-RateLimit headers. It
// refuses what goes over the limit. It needs s.mu.
func (s *Server) spend(token string, now time.Time, h http.Header) error {
	if s.limit < 0 {
		return nil
	}
	q := s.quotas[token]
	if now.Sub(q.began) >= rateWindow {
		maps.DeleteFunc(s.quotas, func(_ string, old quota) bool { return now.Sub(old.began) >= rateWindow })
		q = quota{began: now}
	}
	q.used++
	s.quotas[token] = q
	reset := q.began.Add(rateWindow)
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.limit-q.used)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	if q.used <= s.limit {
		return nil
	}
	p := refuse(rateLimited, fmt.Sprintf("The rate limit of %d calls an hour is used up.", s.limit))
	p.retryAfter = reset.Sub(now)
	return p
}
