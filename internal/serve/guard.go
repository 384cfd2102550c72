package serve

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/access"
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

	opened chan struct{} // closed when a stream has begun: its head is out, and its first message if it has one

	mu     sync.Mutex
	wrote  bool
	closed bool
}

// guarded puts a handler behind the door, and a net under it.
func (h *hall) guarded(next func(*guard, *http.Request), methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := &guard{w: w, control: http.NewResponseController(w), log: h.o.Log, opened: make(chan struct{})}
		_ = g.control.SetWriteDeadline(time.Time{}) // of the request before on this connection
		defer g.close()
		defer func() {
			if v := recover(); v != nil {
				logPanic(h.o.Log, r.URL.Path, v)
				g.end(http.StatusInternalServerError, faultInternal)
			}
		}()
		h.dress(g.Header(), r)
		if why := h.door.refuses(r); why != "" {
			g.refuse(http.StatusForbidden, fault{mcp.INVALID_REQUEST, why})
			return
		}
		if access.InQuery(r.URL) {
			g.refuse(http.StatusBadRequest, faultInAddress)
			return
		}
		if len(methods) > 0 && !slices.Contains(methods, r.Method) {
			g.Header().Set("Allow", strings.Join(methods, ", "))
			g.refuse(http.StatusMethodNotAllowed, fault{mcp.INVALID_REQUEST, "this endpoint takes " + strings.Join(methods, ", ")})
			return
		}
		next(g, r)
	})
}

// dress sets the headers that browsers are to keep to, whatever is answered.
func (h *hall) dress(header http.Header, r *http.Request) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	if access.Secure(r, h.o.Proxies) {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (g *guard) Header() http.Header { return g.w.Header() }

func (g *guard) Unwrap() http.ResponseWriter { return g.w }

func (g *guard) WriteHeader(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.wrote = true
		g.w.WriteHeader(status)
	}
}

// Write takes one message at a time, as mcp-go and the event sink write them.
func (g *guard) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, http.ErrHandlerTimeout
	}
	g.wrote = true
	_ = g.control.SetWriteDeadline(time.Now().Add(writeLimit))
	defer func() { _ = g.control.SetWriteDeadline(time.Time{}) }()
	if _, err := g.w.Write(g.scrub(b)); err != nil {
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
	_ = g.control.SetWriteDeadline(time.Now().Add(writeLimit))
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
	g.closed = true
	_ = g.control.SetWriteDeadline(time.Now().Add(writeLimit))
}

var (
	eventStart = []byte("event: message\ndata: ")
	eventEnd   = []byte("\n\n")
	internal   = []byte(`"code":-32603`)
)

func event(message []byte) []byte { return slices.Concat(eventStart, message, eventEnd) }

// scrub replaces an internal error, alone or as an event, by one without its
// text: mcp-go puts there what a handler returned or panicked with.
func (g *guard) scrub(b []byte) []byte {
	if !bytes.Contains(b, internal) {
		return b
	}
	message, streamed := bytes.CutPrefix(b, eventStart)
	var e struct {
		ID    json.RawMessage `json:"id"`
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(message, &e); err != nil || e.Error.Code != mcp.INTERNAL_ERROR {
		return b
	}
	clean := faultInternal.encode(e.ID)
	if told, ok := rpcerr.Parse(e.Error.Message); ok {
		clean = fault{told.Code, told.Message}.encode(e.ID)
	} else {
		g.log.Error().Msg("a handler failed; its error was not shown to the client")
	}
	if !streamed {
		return append(clean, '\n')
	}
	return event(clean)
}

// refuse answers with a JSON-RPC error and an HTTP status of its own.
func (g *guard) refuse(status int, f fault) {
	g.Header().Set("Content-Type", "application/json")
	g.WriteHeader(status)
	_, _ = g.Write(append(f.encode(g.id), '\n')) // a client that has gone needs no answer
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
	case strings.HasPrefix(g.Header().Get("Content-Type"), "text/event-stream"):
		_, _ = g.Write(event(f.encode(g.id)))
		g.Flush()
	}
}
