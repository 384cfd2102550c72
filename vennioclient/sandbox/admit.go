package sandbox

// admission is what becomes of a call at the door.
type admission struct {
	stored *reply        // the answer to an earlier call under the same idempotency key
	hold   chan struct{} // to wait for before the work, unless nil
	err    error
}

// admit checks key, rate and scope, and claims the idempotency key of a write. It needs s.mu.
func (s *Server) admit(op operation, c *call, unreadable error) (in admission) {
	c.now = s.now()
	if in.err = unreadable; in.err != nil {
		return in
	}
	if in.err = s.identify(op, c); in.err != nil {
		return in
	}
	if in.err = s.spend(c.caller.token, c.now, c.header); in.err != nil {
		return in
	}
	if in.err = c.caller.may(op.scope); in.err != nil || !c.isWrite() {
		return in
	}
	if in.stored, in.err = s.begin(c); in.err != nil || in.stored != nil {
		return in
	}
	if len(s.holds) > 0 {
		in.hold, s.holds = s.holds[0], s.holds[1:]
	}
	return in
}

// identify finds out who calls; without a key only public operations work.
func (s *Server) identify(op operation, c *call) (err error) {
	if c.caller, err = callerOf(c.request); err != nil || op.public {
		return err
	}
	return c.caller.signed()
}
