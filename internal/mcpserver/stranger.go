package mcpserver

import (
	"net/http"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// stranger answers who shows no credential that is known here. All of them have
// one pace, which takes nothing from those who are known.
func (h *hall) stranger(g *guard, r *http.Request, err error) {
	if !paced(g, h.strangers) {
		h.denials.left.Add(1)
		return
	}
	h.deny(g, r, err)
}

const (
	deniedAtOnce = 20 // lines
	deniedEvery  = 1  // a second, from then on
)

// denials bounds what those who are not let in write into the log.
type denials struct {
	limit *rate.Limiter
	left  *atomic.Int64 // how many there is no line of, since the last line
}

func newDenials() denials {
	return denials{rate.NewLimiter(deniedEvery, deniedAtOnce), new(atomic.Int64)}
}

// line begins a line, which says how many were left out before it; nil, which
// writes nothing, where it is left out itself.
func (d denials) line(log zerolog.Logger) *zerolog.Event {
	if !d.limit.Allow() {
		d.left.Add(1)
		return nil
	}
	line := log.Warn()
	if n := d.left.Swap(0); n > 0 {
		line = line.Int64("left_out", n)
	}
	return line
}
