package mcpserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
)

// guard is the way out of one HTTP request. It bounds each write in time, keeps
// the text of internal errors in the house, knows what a panic left half done,
// and is closed when the request is over, as mcp-go may still be writing then.
type guard struct {
	w       http.ResponseWriter
	control *http.ResponseController
	log     zerolog.Logger
	id      json.RawMessage // of the request being answered, once it is known
	request []byte          // the request itself, once it is read
	modern  bool            // it is of MCP 2026-07-28 or later
	greets  bool            // it is an initialize that no session comes of

	stateless bool    // there are no sessions
	teller    *teller // of the call being answered, if it is one

	opened chan struct{} // closed when a stream has begun: its head is out, and its first message if it has one

	bodyTime, writeTime time.Duration

	carries bool        // the request has a body
	ended   atomic.Bool // which was read to its end
	last    bool        // nothing after it on its connection is read
	page    bool        // a page answers
	origin  string      // an allowed origin whose web pages may read the response (CORS); "": none
	loan    *loan       // the memory it may take; nil: none yet

	head http.Header // what the handler sets; net/http's own is touched under mu alone

	mu     sync.Mutex
	status int
	wrote  bool
	closed bool
}

// front puts all that is served behind the door, and a net under it: what the
// mux answers by itself, too, such as a redirect to the clean form of a path.
func (h *hall) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := &guard{
			w: w, control: http.NewResponseController(w), log: h.o.Log, bodyTime: h.o.BodyTime, writeTime: h.o.WriteTime,
			opened: make(chan struct{}), head: make(http.Header),
		}
		h.dress(w.Header(), r)
		_ = g.control.SetWriteDeadline(time.Time{}) // of the request before on this connection
		defer g.close()
		defer func() { g.loan.keep(0) }()
		defer func() {
			if v := recover(); v != nil {
				logPanic(h.o.Log, r.URL.Path, v)
				g.end(http.StatusInternalServerError, faultInternal)
			}
		}()
		g.frame(r)
		if why := h.door.refuses(r); why != "" {
			g.refuse(http.StatusForbidden, fault{mcp.INVALID_REQUEST, why})
			return
		}
		g.origin = h.door.listed(r)
		if auth.InQuery(r.URL) {
			g.refuse(http.StatusBadRequest, faultInAddress)
			return
		}
		next.ServeHTTP(g, r)
	})
}

// at is one endpoint behind the front.
func at(next func(*guard, *http.Request), methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := w.(*guard)
		switch {
		case len(methods) > 0 && r.Method == http.MethodOptions && g.origin != "" && !g.page:
			g.preflight(r, methods)
		case len(methods) > 0 && !slices.Contains(methods, r.Method):
			g.Header().Set("Allow", strings.Join(methods, ", "))
			g.refuse(http.StatusMethodNotAllowed, fault{mcp.INVALID_REQUEST, "this endpoint takes " + strings.Join(methods, ", ")})
		case g.carries && r.Method != http.MethodPost:
			g.refuse(http.StatusBadRequest, faultNoBody)
		case g.carries && encoded(r):
			g.Header().Set("Accept-Encoding", "identity") // RFC 9110, 15.5.16
			g.refuse(http.StatusUnsupportedMediaType, faultEncoded)
		default:
			next(g, r)
		}
	})
}

// dress sets the headers that browsers are to keep to, whatever is answered and
// whoever begins the answer, before anything else runs.
func (h *hall) dress(header http.Header, r *http.Request) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Vary", "Origin") // foreign origins are refused, and allowed ones get CORS headers
	if auth.Secure(r, h.o.Proxies) {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// Header is sent with the first byte of the response, unless a note began it; then
// only what front set is.
func (g *guard) Header() http.Header { return g.head }

func (g *guard) Unwrap() http.ResponseWriter { return g.w }

// WriteHeader sets the status, which is sent with the first byte of the response.
func (g *guard) WriteHeader(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status = status
}

// begin sends the head. It is called with the lock held.
func (g *guard) begin() {
	if g.wrote {
		return
	}
	maps.Copy(g.w.Header(), g.head)
	g.send(cmp.Or(g.status, http.StatusOK))
}

// send sends the head, with what every response of its kind carries. It is called
// with the lock held.
func (g *guard) send(status int) {
	g.wrote = true
	head := g.w.Header()
	if g.leaves(status) {
		head.Set("Connection", "close")
	}
	if streams(head) {
		head.Set("X-Accel-Buffering", "no") // nginx would hold events back (MCP 2026-07-28, Receiving Messages)
	}
	if g.origin != "" && !g.page {
		head.Set("Access-Control-Allow-Origin", g.origin)
		head.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
	g.w.WriteHeader(status)
}

// streams reports whether a response with these headers is an event stream.
func streams(head http.Header) bool {
	return strings.HasPrefix(head.Get("Content-Type"), "text/event-stream")
}

// Write takes one message at a time, as mcp-go and the event sink write them.
// What a call told before goes first.
func (g *guard) Write(b []byte) (int, error) {
	if g.teller != nil {
		g.teller.told()
	}
	return g.put(b)
}

func (g *guard) put(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, http.ErrHandlerTimeout
	}
	clean := g.scrub(b)
	g.begin()
	_ = g.control.SetWriteDeadline(time.Now().Add(g.writeTime))
	defer func() { _ = g.control.SetWriteDeadline(time.Time{}) }()
	if _, err := g.w.Write(clean); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Flush makes g an http.Flusher, without which mcp-go does not stream.
func (g *guard) Flush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.begin()
	_ = g.control.SetWriteDeadline(time.Now().Add(g.writeTime))
	_ = g.control.Flush() // a client that has gone shows at the next write
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
	_ = g.control.SetWriteDeadline(time.Time{})
}

// close ends all writing; net/http then sends what is buffered.
func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.status != 0 {
		g.begin() // an answer without a body
	}
	g.closed = true
	g.hasten()
	_ = g.control.SetWriteDeadline(time.Now().Add(g.writeTime))
}

var (
	eventStart = []byte("event: message\ndata: ")
	eventEnd   = []byte("\n\n")
	anError    = []byte(`"error":{"code":`) // as mcp-go writes one
)

func event(message []byte) []byte { return slices.Concat(eventStart, message, eventEnd) }

// scrub replaces what must not reach the client, alone or as an event: the text
// of an internal error, as mcp-go puts there what a handler returned or panicked
// with, and a question that the client did not declare.
func (g *guard) scrub(b []byte) []byte {
	message, streamed := bytes.CutPrefix(b, eventStart)
	clean := g.instead(message)
	switch {
	case g.page:
		return b
	case clean == nil:
		return masked(b)
	case streamed:
		return event(masked(clean))
	default:
		return append(masked(clean), '\n')
	}
}

// instead is what the client is told in its place; nil lets the message pass.
func (g *guard) instead(message []byte) []byte {
	if g.greets {
		if less := undeclare(message); less != nil {
			return less
		}
	}
	if lack := undeclared(g.request, message); lack != nil {
		g.status = http.StatusBadRequest
		return lack.encode(g.id)
	}
	clean := g.reworded(message)
	if clean == nil {
		return unread(g.request, message)
	}
	if more := unread(g.request, clean); more != nil {
		return more
	}
	return clean
}

// reworded takes the text out of an internal error, unless it is one to be told,
// words anew what is said of parameters that mcp-go could not read, and shortens
// what repeats a long name.
// Then since MCP 2026-07-28 the status too says that the request was not served.
func (g *guard) reworded(message []byte) []byte {
	if !bytes.Contains(message, anError) {
		return nil
	}
	var e struct {
		ID    json.RawMessage `json:"id"`
		Error details         `json:"error"`
	}
	if err := json.Unmarshal(message, &e); err != nil {
		return nil
	}
	if e.Error.Code != mcp.INTERNAL_ERROR {
		if d := cmp.Or(unparsed(g.request, e.Error), shortened(e.Error)); d != nil {
			return encodeError(e.ID, *d)
		}
		return nil
	}
	if told, ok := rpcerr.Parse(e.Error.Message); ok {
		if g.modern {
			g.status = http.StatusBadRequest
		}
		return fault{told.Code, told.Message}.encode(e.ID)
	}
	g.log.Error().Msg("a handler failed; its error was not shown to the client")
	return faultInternal.encode(e.ID)
}

// refuse answers with a JSON-RPC error and an HTTP status of its own.
func (g *guard) refuse(status int, f fault) {
	g.answer(status, details{Code: f.code, Message: f.text})
}

// answer is refuse for an error with data.
func (g *guard) answer(status int, d details) {
	g.Header().Set("Content-Type", "application/json")
	g.WriteHeader(status)
	_, _ = g.Write(append(encodeError(g.id, d), '\n')) // a client that has gone needs no answer
}

// end answers a request that was left without an answer, in the form begun. A
// JSON response that was begun is the answer.
func (g *guard) end(status int, f fault) {
	g.mu.Lock()
	wrote := g.wrote
	g.mu.Unlock()
	switch {
	case !wrote:
		g.refuse(status, f)
	case streams(g.w.Header()):
		_, _ = g.Write(event(f.encode(g.id)))
		g.Flush()
	}
}
