package mcpserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
)

// maxListens bounds the subscription streams one client holds open.
const maxListens = 8

// peer is one client on a connection of its own, whatever carries the bytes.
type peer struct {
	srv     *server.MCPServer
	feed    *Feed
	session *session
	out     *outbox
	calls   *callTable
	gate    *gate
	listens *gate
	crew    *crew
	log     zerolog.Logger

	// ctx is the life of the connection, not of a request: it carries the session
	// and ends when calls must be abandoned. listening ends earlier, with the
	// first sign that the connection is closing.
	ctx       context.Context
	listening context.Context
	hush      context.CancelFunc
}

func newPeer(ctx context.Context, srv *server.MCPServer, f *Feed, id string, g *gate, w *crew, log zerolog.Logger) *peer {
	out := newOutbox(f.join())
	p := &peer{
		srv: srv, feed: f, session: newSession(id, out), out: out,
		calls: newCallTable(), gate: g, listens: newGate(maxListens, 0, 0), crew: w, log: log,
	}
	p.ctx = srv.WithContext(ctx, p.session)
	p.listening, p.hush = context.WithCancel(p.ctx)
	return p
}

// close takes no more calls, ends subscriptions and gives up what we asked the
// client. The channel is closed when the last call is answered.
func (p *peer) close() <-chan struct{} {
	idle := p.calls.close()
	p.hush()
	p.session.asks.hangUp()
	return idle
}

// receive treats one message. All but calls are done when it returns; a call is
// returned, for the transport to run. With errBusy or errStopping the call is
// not run: the transport says so in its own way.
func (p *peer) receive(env envelope) (*call, error) {
	if env.batch {
		p.batch(env.raw)
		return nil, nil
	}
	return p.sort(env, p.post)
}

// post is the reply of a message that came by itself.
func (p *peer) post(b []byte) {
	if b != nil {
		p.out.send(b)
	}
}

func (p *peer) sort(env envelope, reply func([]byte)) (*call, error) {
	switch env.kind() {
	case kindResponse:
		p.session.asks.answer(env)
		reply(nil)
	case kindCancel:
		p.calls.cancel(cancelledID(env.raw))
		reply(nil)
	case kindListen:
		return p.open(p.listening, p.listens, &call{env: env, reply: reply})
	case kindCall:
		return p.open(p.ctx, p.gate, &call{env: env, reply: reply})
	default:
		reply(p.handle(p.ctx, env))
	}
	return nil, nil
}

// open registers a call before it waits, so that it can be cancelled meanwhile.
func (p *peer) open(ctx context.Context, g *gate, c *call) (*call, error) {
	place, ok := g.take(len(c.env.raw))
	if !ok {
		return c, errBusy
	}
	c.place = place
	c.ctx, c.cancel = context.WithCancelCause(jsonlimits.With(ctx, c.env.excess))
	if !p.calls.add(c) {
		place.giveUp()
		c.cancel(errStopping)
		return c, errStopping
	}
	return c, nil
}

// start runs a call that receive returned, on another goroutine.
func (p *peer) start(c *call) { p.crew.start(p, c) }

// run waits for the call's turn, serves it and answers.
func (p *peer) run(c *call) {
	if err := c.place.wait(c.ctx); err != nil {
		p.drop(c, err)
		return
	}
	p.serve(c)
}

// drop ends a call that has not started and never will.
func (p *peer) drop(c *call, why error) {
	defer p.calls.done(c)
	if errors.Is(why, errCancelled) {
		c.reply(nil)
		return
	}
	c.reply(faultStopping.encode(c.env.ID))
}

// serve runs an admitted call and answers it.
func (p *peer) serve(c *call) {
	defer p.calls.done(c)
	defer c.place.release() // after the answer is queued: a client that does not read gets no more work done
	answer := p.handle(c.ctx, c.env)
	if errors.Is(context.Cause(c.ctx), errCancelled) {
		answer = nil
	}
	c.reply(answer)
}

// handle lets mcp-go treat one message and encodes its answer; nil means none.
func (p *peer) handle(ctx context.Context, env envelope) (answer []byte) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(p.log, string(env.Method), v)
			if env.ID != nil {
				answer = faultInternal.encode(env.ID)
			}
		}
	}()
	if d := vet(env, metaIn(env.raw)); d != nil {
		return encodeError(env.ID, *d)
	}
	uris := wished(env)
	bad := p.feed.refuses(env, uris)
	if bad != nil {
		return bad.encode(env.ID)
	}
	if env.Method == mcp.MethodSubscriptionsListen {
		defer p.out.watch.end(p.out.watch.listen(env.ID, uris, false))
	}
	m := p.srv.HandleMessage(ctx, env.raw)
	if _, done := m.(mcp.JSONRPCResponse); done {
		bad = p.out.watch.heed(env, uris)
	}
	if bad != nil {
		return bad.encode(env.ID)
	}
	answer = p.encode(env, m)
	if lack := undeclared(env.raw, answer); lack != nil {
		return lack.encode(env.ID)
	}
	if more := unread(env.raw, answer); more != nil {
		return more
	}
	return answer
}

// leave ends the connection for mcp-go and for the feed.
func (p *peer) leave(ctx context.Context) {
	p.feed.leave(p.out.watch)
	p.srv.UnregisterSession(ctx, p.session.id)
}

// encode writes the id exactly as it came, since mcp-go turns numbers into
// floats, and keeps the text of internal errors in the house: mcp-go puts there
// what a handler returned or panicked with.
func (p *peer) encode(env envelope, m mcp.JSONRPCMessage) []byte {
	switch r := m.(type) {
	case nil:
		return nil
	case mcp.JSONRPCResponse:
		r.ID = mcp.NewRequestId(env.ID)
		m = r
	case mcp.JSONRPCError:
		if r.Error.Code == mcp.INTERNAL_ERROR {
			if told, ok := rpcerr.Parse(r.Error.Message); ok {
				return fault{told.Code, told.Message}.encode(env.ID)
			}
			p.log.Error().Str("method", string(env.Method)).Msg("a handler failed; its error was not shown to the client")
			return faultInternal.encode(env.ID)
		}
		said := details{Code: r.Error.Code, Message: r.Error.Message, Data: r.Error.Data}
		if d := cmp.Or(unparsed(env.raw, said), shortened(said)); d != nil {
			return encodeError(env.ID, *d)
		}
		r.ID = mcp.NewRequestId(env.ID)
		m = r
	}
	b, err := json.Marshal(m)
	if err != nil {
		p.log.Error().Str("method", string(env.Method)).Err(err).Msg("an answer cannot be encoded")
		return faultInternal.encode(env.ID)
	}
	return b
}
