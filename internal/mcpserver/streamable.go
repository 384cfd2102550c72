package mcpserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"mime"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// streamable is the endpoint of Streamable HTTP, an adapter of the core like stdio
// and SSE. Up to MCP 2025-11-25 the messages of a session share one conn, unless
// the server is stateless; since 2026-07-28 each request has its own.
func (t *tenantServer) streamable(w *responseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		t.post(w, r)
		return
	}
	if !supportedVersion(w, r) {
		return
	}
	if why := t.withoutSession(r); why != "" {
		w.Header().Set("Allow", http.MethodPost)
		w.refuse(http.StatusMethodNotAllowed, &rpcError{Code: mcp.INVALID_REQUEST, Message: why})
		return
	}
	one, ok := t.sessionOf(w, r)
	if !ok {
		return
	}
	defer t.sessions.leave(one)
	if r.Method == http.MethodGet {
		t.stream(w, r, one)
		return
	}
	t.sessions.end(one)
	w.WriteHeader(http.StatusOK)
}

// withoutSession returns why a GET or DELETE is not allowed without a session; "" lets
// it pass.
func (t *tenantServer) withoutSession(r *http.Request) string {
	switch {
	case t.o.Stateless:
		return "this server keeps no sessions: there is no stream to open and none to end; send each message with POST"
	case mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)):
		return "since MCP 2026-07-28 there are no sessions to listen to or to end; send each message with POST, and subscriptions/listen for notifications"
	case r.Method == http.MethodGet && r.Header.Get(server.HeaderKeySessionID) == "":
		return "GET opens the stream of a session, and this request has no Mcp-Session-Id header; send initialize with POST first"
	default:
		return ""
	}
}

// supportedVersion refuses a request whose MCP-Protocol-Version header names a
// version that is not supported.
func supportedVersion(w *responseWriter, r *http.Request) bool {
	for _, v := range r.Header.Values(mcp.HeaderProtocolVersion) {
		if v != "" && !mcp.IsValidProtocolVersion(v) {
			w.refuse(http.StatusBadRequest, unsupportedVersion(v))
			return false
		}
	}
	return true
}

// sessionOf returns the session of a request, which is in use until it is left. It
// refuses an unknown one as the specification requires (MCP 2025-03-26, Session
// Management).
func (t *tenantServer) sessionOf(w *responseWriter, r *http.Request) (*httpSession, bool) {
	id := r.Header.Get(server.HeaderKeySessionID)
	if id == "" {
		w.refuse(http.StatusBadRequest, &rpcError{Code: mcp.INVALID_REQUEST, Message: "no Mcp-Session-Id header; send initialize first, and not in a batch"})
		return nil, false
	}
	one, ok := t.sessions.enter(id, owner(r.Context()))
	if !ok {
		w.refuse(http.StatusNotFound, &rpcError{Code: mcp.INVALID_REQUEST, Message: "the session is unknown or has ended; send initialize again"})
	}
	return one, ok
}

// stream writes the messages of a session outside any response until either side
// closes it (MCP 2025-11-25, Listening for Messages from the Server).
func (t *tenantServer) stream(w *responseWriter, r *http.Request, one *httpSession) {
	done, ok := t.openStream(w)
	if !ok {
		return
	}
	defer done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(one.conn.ctx, cancel)()
	defer context.AfterFunc(t.closing, cancel)()
	setEventStream(w)
	w.Flush()
	_ = t.pump(ctx, one.conn.session.out, w) // it ends with the connection
}

func (t *tenantServer) openStream(w *responseWriter) (done func(), ok bool) {
	all := t.quotas.counters(func(q *quota) *counter { return q.streams })
	if !takeAll(all) {
		w.busy(&rpcError{Code: codeBusy, Message: "there are too many open streams; try again later"})
		return nil, false
	}
	return func() { releaseAll(all) }, true
}

// post handles one message or batch.
func (t *tenantServer) post(w *responseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		w.refuse(http.StatusBadRequest, &rpcError{Code: mcp.INVALID_REQUEST, Message: "send JSON with the header Content-Type: application/json"})
		return
	}
	env, ok := t.read(w, r)
	if !ok {
		return
	}
	inMeta := metaOf(env.raw).ProtocolVersion()
	if env.Method == mcp.MethodInitialize && !mcp.IsModernProtocol(inMeta) {
		r.Header.Del(mcp.HeaderProtocolVersion) // its parameters negotiate the version
	}
	if !supportedVersion(w, r) {
		return
	}
	inHeader := r.Header.Get(mcp.HeaderProtocolVersion)
	switch {
	case mcp.IsModernProtocol(inHeader) || mcp.IsModernProtocol(inMeta):
		t.postModern(w, r, env, inMeta)
	case t.o.Stateless:
		t.postStateless(w, r, env)
	case env.Method == mcp.MethodInitialize:
		t.initialize(w, r, env)
	case env.kind() == kindCancel && r.Header.Get(server.HeaderKeySessionID) == "":
		w.WriteHeader(http.StatusAccepted) // it names a request of no session
	default:
		one, ok := t.sessionOf(w, r)
		if !ok {
			return
		}
		defer t.sessions.leave(one)
		t.exchange(w, r, one.conn, env).write(w, false)
	}
}

// initialize begins a session with the client, if the client may have one and the
// core accepts the message. The session is counted before, so that many requests at
// once begin no more sessions than are allowed.
func (t *tenantServer) initialize(w *responseWriter, r *http.Request, env envelope) {
	one, ok := t.newSession(owner(r.Context()))
	if !ok {
		w.busy(&rpcError{Code: codeBusy, Message: "there are too many sessions, and all of them are in use; end one with DELETE, or try again later"})
		return
	}
	got := t.exchange(w, r, one.conn, env)
	if got.answer.body == nil || got.answer.code != 0 || !t.sessions.begin(one) {
		one.discard()
		got.write(w, false)
		return
	}
	defer t.sessions.leave(one)
	w.Header().Set(server.HeaderKeySessionID, one.conn.session.id)
	got.write(w, false)
}

// postStateless handles a message of an older revision where there are no sessions:
// any process answers it and nothing is kept of it.
func (t *tenantServer) postStateless(w *responseWriter, r *http.Request, env envelope) {
	switch env.kind() {
	case kindResponse:
		w.refuse(http.StatusBadRequest, &rpcError{Code: mcp.INVALID_REQUEST, Message: "this server keeps no sessions and sent no request"})
	case kindCancel:
		w.WriteHeader(http.StatusAccepted)
	default:
		version := cmp.Or(r.Header.Get(mcp.HeaderProtocolVersion), mcp.ProtocolVersion20250326) // MCP 2025-06-18, Protocol Version Header
		t.exchange(w, r, t.singleConn(version), env).write(w, false)
	}
}

// postModern handles a message of MCP 2026-07-28, which belongs to no session. A
// cancellation has no effect: without a session the id of another caller's request
// would do, and the sender cancels by closing the connection.
func (t *tenantServer) postModern(w *responseWriter, r *http.Request, env envelope, inMeta string) {
	switch kind := env.kind(); kind {
	case kindCancel:
		w.WriteHeader(http.StatusAccepted)
		return
	case kindResponse:
		w.refuse(http.StatusBadRequest, &rpcError{Code: mcp.INVALID_REQUEST, Message: "since MCP 2026-07-28 servers send no requests, so there is nothing to respond to; " +
			"answer an input request by sending the original request again with inputResponses"})
		return
	case kindBatch: // the core refuses it
	default:
		if bad := t.checkHeaders(r.Header, env, inMeta); bad != nil {
			w.refuse(http.StatusBadRequest, bad)
			return
		}
	}
	t.exchange(w, r, t.singleConn(mcp.ProtocolVersion20260728), env).write(w, true)
}

// checkHeaders returns what is wrong with the headers of a request of MCP 2026-07-28
// (Streamable HTTP, Standard Request Headers), or nil.
func (t *tenantServer) checkHeaders(h http.Header, env envelope, inMeta string) *rpcError {
	mismatch := func(why string) *rpcError {
		return &rpcError{Code: mcp.HEADER_MISMATCH, Message: "header mismatch: " + why}
	}
	version := h.Get(mcp.HeaderProtocolVersion)
	switch {
	case h.Get(mcp.HeaderLastEventID) != "":
		return mismatch("Last-Event-ID is not supported since MCP 2026-07-28, because streams are not resumable; send the request again with a new id")
	case version == "":
		return mismatch(mcp.HeaderProtocolVersion + " is required for requests with " + mcp.MetaKeyProtocolVersion)
	case inMeta == "":
		return invalid("params._meta must contain %s; see MCP 2026-07-28", mcp.MetaKeyProtocolVersion)
	case version != inMeta:
		return mismatch(mcp.HeaderProtocolVersion + " and " + mcp.MetaKeyProtocolVersion + " name different versions")
	case env.ID == nil:
		return nil
	}
	var m struct {
		Params json.RawMessage `json:"params"`
	}
	_ = json.Unmarshal(env.raw, &m) // it was decoded before
	if err := mcp.ValidateStandardHeaders(h.Get, version, env.Method, m.Params); err != nil {
		return shortHeaderError(err)
	}
	if env.Method != mcp.MethodToolsCall {
		return nil
	}
	var call struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(m.Params, &call) != nil {
		return nil // the core reports it
	}
	tool := t.Server.GetTool(call.Name)
	if tool == nil {
		return nil
	}
	lookup := func(name string) (string, bool) { return h.Get(name), len(h.Values(name)) > 0 }
	if err := mcp.ValidateParamHeadersLookup(lookup, &tool.Tool, m.Params); err != nil {
		return shortHeaderError(err)
	}
	return nil
}

func shortHeaderError(err error) *rpcError {
	bad := &rpcError{Code: mcp.HEADER_MISMATCH, Message: err.Error()}
	if short := shortened(bad); short != nil {
		return short
	}
	return bad
}

// singleConn returns the core for one request that belongs to no session.
func (t *tenantServer) singleConn(version string) *conn {
	c := newConn(t.base, t.Tenant, "", newWriter(nil, 0), t.limit, t.o.Log)
	c.session.stateless = t.o.Stateless
	c.session.SetProtocolVersion(version)
	c.session.Initialize() // mcp-go sends no notification to a session before that
	return c
}

// outcome is what the core answered to the message of a request.
type outcome struct {
	answer   response
	batch    bool // answer is that of a batch, or refuses it
	streamed bool // the response was an event stream, which is complete
	refused  bool // the request was refused and the response is written
	stopped  bool // the server stopped before the call was done
}

// exchange passes a message to the core. Messages to the client that belong to it
// make the response an event stream. The request ends the message when the client
// disconnects.
func (t *tenantServer) exchange(w *responseWriter, r *http.Request, c *conn, env envelope) outcome {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(t.base, cancel)()
	out := newWriter(nil, 8)
	out.run = func() {
		if out.pump(r.Context(), eventSink{w}, nil) != nil {
			cancel() // the client does not receive the response
		}
	}
	s := &session{client: c.session.client, out: out, stateless: c.session.stateless}
	x := exchange{env: env, ctx: t.Server.WithContext(t.o.RequestContext(ctx, r), s), session: s}
	x.listening = x.ctx
	if env.kind() == kindListen {
		done, ok := t.openStream(w)
		if !ok {
			return outcome{refused: true}
		}
		defer done()
		defer context.AfterFunc(t.closing, cancel)()
		defer t.subscribe(&x)()
		out.run = func() { _ = t.pump(ctx, out, w); cancel() }
	}
	answered := make(chan response, 1)
	x.reply = func(a response) { answered <- a }
	call, err := c.receive(x)
	if call != nil && err == nil {
		if err = t.await(c, call); err == nil {
			c.serve(call)
		}
	}
	if err != nil {
		refuseCall(w, err)
		return outcome{refused: true}
	}
	got := outcome{answer: <-answered, batch: env.batch}
	if ctx.Err() != nil && env.kind() == kindListen {
		got.answer = response{} // the end of the stream says it
	}
	if got.stopped = call != nil && t.base.Err() != nil; got.stopped {
		got.answer = (&rpcError{Code: codeBusy, Message: "the server stopped before the call was done; its outcome is unknown"}).response(env.ID)
	}
	got.streamed = out.end(got.answer.body)
	return got
}

// subscribe prepares a subscriptions/listen request, whose stream receives updates
// of resources and the broadcasts of mcp-go, each with the id of the request.
func (t *tenantServer) subscribe(x *exchange) (end func()) {
	out := x.session.out
	out.subscriber, out.tag = t.Subscriptions.join(), x.env.ID
	listens := &listenSession{session: x.session, id: rand.Text()}
	x.listening = t.Server.WithContext(x.ctx, listens)
	_ = t.Server.RegisterSession(x.listening, listens) // it fails only for an id that is in use
	return func() {
		t.Server.UnregisterSession(x.listening, listens.id)
		t.Subscriptions.leave(out.subscriber)
	}
}

// write writes the response with the HTTP status for its error code.
func (o outcome) write(w *responseWriter, modern bool) {
	switch {
	case o.streamed, o.refused:
	case o.answer.body == nil:
		w.WriteHeader(http.StatusAccepted)
	case o.stopped:
		w.answer(http.StatusServiceUnavailable, o.answer)
	case modern:
		w.answer(modernStatus(o.answer.code), o.answer)
	case o.answer.code == mcp.UNSUPPORTED_PROTOCOL_VERSION, o.batch && o.answer.code != 0:
		w.answer(http.StatusBadRequest, o.answer)
	default:
		w.answer(http.StatusOK, o.answer)
	}
}

// modernStatus is the HTTP status for an error since MCP 2026-07-28 (Streamable
// HTTP, Response Status Codes).
func modernStatus(code int) int {
	switch code {
	case 0, mcp.INTERNAL_ERROR:
		return http.StatusOK
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}

// read reads the message in a body, or refuses it.
func (t *tenantServer) read(w *responseWriter, r *http.Request) (env envelope, ok bool) {
	r, ok = w.limitBody(t.quotas.memory(), r, t.o.MaxBody)
	if !ok {
		return env, false
	}
	raw, ok := t.readBody(w, r)
	if !ok {
		return env, false
	}
	env, bad := parseAny(raw)
	w.id = env.ID
	if bad != nil {
		w.refuse(http.StatusBadRequest, bad)
		return env, false
	}
	w.reservation.shrink(bodyMemory(int64(len(raw)), int64(env.values)))
	return env, t.mayCall(w, r, env.raw)
}

// await waits for a call's turn, at most MaxWait. A call that waits too long is
// dropped.
func (t *tenantServer) await(c *conn, one *call) error {
	ctx, cancel := context.WithTimeoutCause(one.ctx, t.o.MaxWait, errBusy)
	defer cancel()
	err := one.ticket.wait(ctx)
	if err != nil {
		c.calls.done(one)
	}
	return err
}

// pump writes events until out is finished, the client disconnects or ctx ends.
func (t *tenantServer) pump(ctx context.Context, out *writer, w *responseWriter) error {
	tick := time.NewTicker(t.o.KeepAlive)
	defer tick.Stop()
	return out.pump(ctx, eventSink{w}, tick.C)
}

func setEventStream(w *responseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
}

type eventSink struct{ w *responseWriter }

func (s eventSink) message(b []byte) error {
	setEventStream(s.w)
	event := append(append(append(make([]byte, 0, len(b)+24), "event: message\ndata: "...), b...), "\n\n"...)
	_, err := s.w.Write(event)
	return err
}

func (s eventSink) flush() error {
	s.w.Flush()
	return nil
}

// keepAlive writes a comment, so that proxies keep the connection open, and so that
// a client that has gone is noticed.
func (s eventSink) keepAlive() error {
	setEventStream(s.w)
	_, err := s.w.Write([]byte(": keep-alive\n\n"))
	return err
}

// statelessResult removes from the result of initialize what needs a session, where
// there is none. mcp-go declares it all the same (docs/library-notes.md, 29).
func statelessResult(result any) any {
	r, ok := result.(mcp.InitializeResult)
	if !ok {
		return result
	}
	can := &r.Capabilities
	can.Logging, can.Elicitation, can.Sampling, can.Roots, can.Tasks = nil, nil, nil, nil, nil
	if can.Resources != nil {
		resources := *can.Resources
		resources.Subscribe, resources.ListChanged = false, false
		can.Resources = &resources
	}
	if can.Tools != nil {
		tools := *can.Tools
		tools.ListChanged = false
		can.Tools = &tools
	}
	if can.Prompts != nil {
		prompts := *can.Prompts
		prompts.ListChanged = false
		can.Prompts = &prompts
	}
	return r
}

// needsSession reports a method that has no meaning without a session.
func needsSession(m mcp.MCPMethod) bool {
	return m == mcp.MethodResourcesSubscribe || m == mcp.MethodResourcesUnsubscribe || m == mcp.MethodSetLogLevel
}
