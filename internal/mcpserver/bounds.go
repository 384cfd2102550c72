package mcpserver

// bounds are how much there may be at once: of all, or of one share.
type bounds struct {
	tenants  *gate
	calls    *gate // that run
	streams  *gate // that are open
	sessions *gate // of Streamable HTTP
	bodies   *purse
}

func newBounds(o HTTPOptions) bounds {
	return bounds{
		tenants:  newGate(o.MaxTenants, 0, 0),
		calls:    newGate(o.MaxCalls, 4*o.MaxCalls, 16*o.MaxBody),
		streams:  newGate(o.MaxSessions, 0, 0),
		sessions: newGate(o.MaxSessions, 0, 0),
		bodies:   newPurse(o.MaxBodies),
	}
}

// ofKeys is what all together may have who bring their Vennio key: three quarters,
// and tenants that are counted apart. The operator's tenants keep the rest.
func (b bounds) ofKeys(tenants int) bounds {
	return bounds{newGate(tenants, 0, 0), most(b.calls, 3, 4), most(b.streams, 3, 4), most(b.sessions, 3, 4), b.bodies.part(3, 4)}
}

// ofOne is what one of several may have of all there is: half of the calls and
// of the memory of bodies, and a quarter of the sessions and streams.
func (b bounds) ofOne(tenants *gate) bounds {
	return bounds{tenants, most(b.calls, 1, 2), most(b.streams, 1, 4), most(b.sessions, 1, 4), b.bodies.part(1, 2)}
}

// within is ofOne among those who bring their key.
func (b bounds) within(all bounds, tenants int) bounds {
	one := all.ofOne(nil)
	return bounds{
		b.tenants.share(tenants), b.calls.share(one.calls.places), b.streams.share(one.streams.places), b.sessions.share(one.sessions.places),
		b.bodies.share(one.bodies.bytes),
	}
}

// most is a share of so many parts of a gate, and of one place at the least.
func most(g *gate, parts, of int) *gate { return g.share(max(1, parts*g.places/of)) }
