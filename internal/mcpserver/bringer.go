package mcpserver

import (
	"errors"
	"maps"

	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

var errKeys = errors.New("too many keys of one caller are in use")

// bringer is a caller who brings the Vennio keys to use. Keys are soon made up:
// whatever they bring, they have one pace, the share of one tenant, and few
// tenants. A tenant is counted for who brought its key first.
type bringer struct {
	bounds
	rate *rate.Limiter // nil: any
}

// rested: it has nothing, and nothing is lost by forgetting its pace.
func (b *bringer) rested() bool {
	return b.tenants.taken() == 0 && (b.rate == nil || b.rate.Tokens() >= float64(b.rate.Burst()))
}

// brings tells whether a caller's tenant is made of the key that they brought.
func (h *hall) brings(c auth.Caller) bool { return h.o.Tenant != nil && c.Key != "" }

// bringer is who brings c's key. It is called with the lock of the rooms held.
func (h *hall) bringer(c auth.Caller) *bringer {
	if b := h.bringers[c.Name]; b != nil {
		return b
	}
	maps.DeleteFunc(h.bringers, func(_ string, b *bringer) bool { return b.rested() })
	b := &bringer{h.keyed.within(h.all, h.o.MaxKeys), limiter(h.o.Rate)}
	h.bringers[c.Name] = b
	return b
}

// paceOf is that of a caller who brings their key.
func (h *hall) paceOf(c auth.Caller) *rate.Limiter {
	h.rooms.Lock()
	defer h.rooms.Unlock()
	return h.bringer(c).rate
}

// shareOf is what the tenant of c may have, and who brings its key, if anyone. It
// is called with the lock of the rooms held.
func (h *hall) shareOf(c auth.Caller) (*bringer, bounds) {
	switch {
	case h.brings(c):
		by := h.bringer(c)
		return by, by.bounds
	case h.o.Several:
		return nil, h.all.ofOne(h.all.tenants)
	default:
		return nil, h.all
	}
}

// room finds a place for one more tenant; idle ones of the same kind make it: of
// the same caller first, where they bring their key. It is called with the lock of
// the rooms held.
func (h *hall) room(by *bringer, tenants *gate) (*place, error) {
	own := func(one *host) bool { return one.by == by }
	like := func(one *host) bool { return (one.by == nil) == (by == nil) }
	if p, ok := tenants.take(0); ok {
		return p, nil
	}
	if h.dismiss(own) || !tenants.full() && h.dismiss(like) {
		if p, ok := tenants.take(0); ok {
			return p, nil
		}
	}
	if by != nil && tenants.full() {
		return nil, errKeys
	}
	return nil, errBusy
}

// dismiss closes the server of one such tenant whom nobody calls and who has no
// session.
func (h *hall) dismiss(such func(*host) bool) bool {
	for name, one := range h.hosts {
		if such(one) && one.visitors == 0 && one.ids.count() == 0 {
			delete(h.hosts, name)
			one.room.release()
			one.end(h.base)
			return true
		}
	}
	return false
}
