package mcpserver

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// maxListens is how many subscriptions/listen streams one client may keep open.
const maxListens = 8

var (
	// errCancelled is the cause of a call's context when the client cancelled the
	// call. Such a call gets no response (MCP, Cancellation).
	errCancelled = errors.New("cancelled by the client")
	errStopping  = errors.New("the server is stopping")
	errBusy      = errors.New("too many calls are running and waiting")
)

// conn is the protocol core for one client: a stdio process, an SSE stream, a
// session of Streamable HTTP or, where there is no session, one HTTP request. It
// does not know which of them carries its bytes.
type conn struct {
	srv     *server.MCPServer
	subs    *Subscriptions
	skills  func() []Skill
	log     zerolog.Logger
	session *session // messages outside any HTTP request; all messages of stdio and SSE
	calls   callTable
	limit   *limiter // of calls that run and wait
	listens *limiter

	// ctx ends when calls must be abandoned. listening ends when streams of
	// subscriptions must close, which may be earlier.
	ctx           context.Context
	listening     context.Context
	stopListening context.CancelFunc
}

// newConn returns the core for a client of t whose session has this id. Where out has
// no subscriber, the client cannot use resources/subscribe.
func newConn(ctx context.Context, t Tenant, id string, out *writer, limit *limiter, log zerolog.Logger) *conn {
	c := &conn{
		srv: t.Server, subs: t.Subscriptions, skills: t.Skills, log: log, limit: limit, listens: newLimiter(maxListens, 0, 0),
		session: &session{client: &client{id: id}, out: out}, calls: callTable{idle: make(chan struct{})},
	}
	c.ctx = t.Server.WithContext(ctx, c.session)
	c.listening, c.stopListening = context.WithCancel(c.ctx)
	return c
}

// close refuses further calls, ends subscriptions and fails the requests that the
// client has not answered. The channel is closed when the last call is answered.
func (c *conn) close() <-chan struct{} {
	idle := c.calls.close()
	c.stopListening()
	c.session.pending.close()
	return idle
}

// leave removes the client from mcp-go and from the subscribers.
func (c *conn) leave() {
	c.subs.leave(c.session.out.subscriber)
	c.srv.UnregisterSession(c.ctx, c.session.id)
}

// exchange is a message on its way through the core.
type exchange struct {
	env       envelope
	ctx       context.Context // carries the session; ends when the message need not be handled any more
	listening context.Context // ctx for subscriptions/listen
	session   *session        // receives notifications and requests that belong to the message
	reply     func(response)  // called exactly once
}

// message is an exchange whose messages to the client take the connection's stream.
func (c *conn) message(env envelope, reply func(response)) exchange {
	return exchange{env: env, ctx: c.ctx, listening: c.listening, session: c.session, reply: reply}
}

func (c *conn) post(r response) {
	if r.body != nil {
		c.session.out.send(r.body)
	}
}

// receive handles one message or batch, whatever transport it arrived on. All but
// calls are done when it returns; a call is returned and the transport runs it.
// With errBusy or errStopping the call is not run, and the transport reports that
// in its own way.
func (c *conn) receive(x exchange) (*call, error) {
	switch x.env.kind() {
	case kindBatch:
		c.batch(x)
	case kindResponse:
		x.session.pending.answer(x.env)
		x.reply(response{})
	case kindCancel:
		c.calls.cancel(cancelledID(x.env.raw))
		x.reply(response{})
	case kindListen:
		x.ctx = x.listening
		return c.open(x, c.listens)
	case kindCall:
		return c.open(x, c.limit)
	default:
		x.reply(c.handle(x))
	}
	return nil, nil
}

// start handles one message or batch, a call in the background, and answers one
// that is refused.
func (c *conn) start(x exchange) {
	switch one, err := c.receive(x); {
	case errors.Is(err, errBusy):
		x.reply(errorBusy.response(x.env.ID))
	case err != nil:
		x.reply(errorStopping.response(x.env.ID))
	case one != nil:
		go c.run(one)
	}
}

// open registers a call before it waits, so that the client can cancel it meanwhile.
func (c *conn) open(x exchange, limit *limiter) (*call, error) {
	one := &call{exchange: x}
	var ok bool
	if one.ticket, ok = limit.take(len(x.env.raw)); !ok {
		return one, errBusy
	}
	one.ctx, one.cancel = context.WithCancelCause(jsonlimits.With(x.ctx, x.env.excess))
	if !c.calls.add(one) {
		one.ticket.release()
		one.cancel(errStopping)
		return one, errStopping
	}
	return one, nil
}

// run waits for the call's turn, handles the call and answers it. It is the first
// function of a goroutine.
func (c *conn) run(one *call) {
	_ = growStack()
	switch err := one.ticket.wait(one.ctx); {
	case err == nil:
		c.serve(one)
	case errors.Is(err, errCancelled):
		one.reply(response{})
		c.calls.done(one)
	default:
		one.reply(errorStopping.response(one.env.ID))
		c.calls.done(one)
	}
}

// growStack grows the stack of a new goroutine once. A call needs 16 KiB, and growing
// to that in several steps with all its frames takes a fifth of the time of a short
// call (BenchmarkStdioEcho).
//
//go:noinline
func growStack() byte {
	var frame [12 << 10]byte
	return frame[len(os.Args)%2] // it must not be optimized away
}

// serve handles a call whose turn has come and answers it.
func (c *conn) serve(one *call) {
	defer c.calls.done(one)
	defer one.ticket.release() // after the response is queued: a client that does not read gets no more work done
	answer := c.handle(one.exchange)
	if errors.Is(context.Cause(one.ctx), errCancelled) {
		answer = response{}
	}
	one.reply(answer)
}

// handle passes one message to mcp-go and encodes the response. Every message but
// responses and cancellations reaches mcp-go here, and nowhere else.
func (c *conn) handle(x exchange) (answer response) {
	env := x.env
	defer func() {
		if v := recover(); v != nil {
			logPanic(c.log, string(env.Method), v)
			answer = response{}
			if env.ID != nil {
				answer = errorInternal.response(env.ID)
			}
		}
	}()
	if bad := checkParams(env); bad != nil {
		return bad.response(env.ID)
	}
	var uris []string
	if env.subscribes() {
		uris = subscriptionURIs(env)
		if bad := c.subs.check(env, uris); bad != nil {
			return bad.response(env.ID)
		}
	}
	if x.session.stateless && needsSession(env.Method) && !mcp.IsModernProtocol(x.session.ProtocolVersion()) { // mcp-go knows that 2026-07-28 removed them
		return (&rpcError{Code: mcp.METHOD_NOT_FOUND, Message: string(env.Method) + " needs a session, and this server keeps none; MCP 2026-07-28 has subscriptions/listen"}).response(env.ID)
	}
	if to := x.session.out.subscriber; to != nil && env.Method == mcp.MethodSubscriptionsListen {
		defer to.end(to.listen(env.ID, uris))
	}
	message := c.srv.HandleMessage(x.ctx, env.raw)
	if e, failed := message.(mcp.JSONRPCError); failed && e.Error.Code == mcp.METHOD_NOT_FOUND && env.isSkills() && c.skills != nil {
		m, bad := c.skillsAnswer(env) // mcp-go has checked everything but the method
		if bad != nil {
			return bad.response(env.ID)
		}
		message = m
	}
	switch m := message.(type) {
	case mcp.JSONRPCResponse:
		if len(uris) > 0 {
			if bad := c.session.out.subscriber.apply(env, uris[0]); bad != nil {
				return bad.response(env.ID)
			}
		}
		return c.result(x, m)
	case mcp.JSONRPCError:
		bad, hidden := clientError(env, m.Error)
		if hidden {
			c.log.Error().Str("method", string(env.Method)).Msg("a handler failed; its error was not shown to the client")
		}
		return bad.response(env.ID)
	default:
		return response{}
	}
}

// result encodes the result of a request with the id exactly as it was received:
// mcp-go turns numbers into floats.
func (c *conn) result(x exchange, m mcp.JSONRPCResponse) response {
	if bad := missingCapabilities(x.env, m.Result); bad != nil {
		return bad.response(x.env.ID)
	}
	if x.session.stateless {
		m.Result = statelessResult(m.Result)
	}
	m.ID = mcp.NewRequestId(x.env.ID)
	body, err := encode(m)
	if err != nil {
		c.log.Error().Str("method", string(x.env.Method)).Err(err).Msg("a result cannot be encoded")
		return errorInternal.response(x.env.ID)
	}
	return response{body: body}
}

// call is a request that may take long, from its arrival to its response. The
// context of its exchange is its own, so that it can be cancelled before it starts.
type call struct {
	exchange

	cancel context.CancelCauseFunc
	ticket *ticket
}

// callTable holds the calls of one client that are not answered yet.
type callTable struct {
	mu     sync.Mutex
	byID   map[string]*call
	count  int
	closed bool
	idle   chan struct{} // closed when the table is closed and empty
}

// add reports false when the table is closed.
func (t *callTable) add(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.byID == nil {
		t.byID = make(map[string]*call)
	}
	t.byID[string(c.env.ID)] = c
	t.count++
	return true
}

// done removes an answered call.
func (t *callTable) done(c *call) {
	c.cancel(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[string(c.env.ID)] == c { // a client may have used the id twice
		delete(t.byID, string(c.env.ID))
	}
	t.count--
	if t.closed && t.count == 0 {
		close(t.idle)
	}
}

// cancel ends the context of the call with this id, waiting or running.
func (t *callTable) cancel(id string) {
	t.mu.Lock()
	c := t.byID[id]
	t.mu.Unlock()
	if c != nil {
		c.cancel(errCancelled)
	}
}

// close refuses further calls; the channel is closed once the last one is done.
func (t *callTable) close() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.count == 0 {
		close(t.idle)
	}
	t.closed = true
	return t.idle
}
