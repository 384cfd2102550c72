package mcpserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"golang.org/x/time/rate"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// secured is the middleware of everything that is served, also of what the mux
// answers itself. It checks Host and Origin, sets security headers, bounds the
// request and the response in time, and recovers from panics.
func (h *httpServer) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &responseWriter{w: rw, control: http.NewResponseController(rw), head: make(http.Header), bodyTime: h.o.BodyTime, writeTime: h.o.WriteTime}
		h.setSecurityHeaders(rw.Header(), r)
		_ = w.control.SetWriteDeadline(time.Time{}) // of the previous request on this connection
		defer w.close()
		defer func() {
			if v := recover(); v != nil {
				logPanic(h.o.Log, r.URL.Path, v)
				w.refuse(http.StatusInternalServerError, &errorInternal)
			}
		}()
		w.limitBodyTime(r)
		public := h.discoverable(r)
		if why := h.policy.refusal(r, public); why != "" {
			w.refuse(http.StatusForbidden, &rpcError{Code: mcp.INVALID_REQUEST, Message: why})
			return
		}
		if origin := r.Header.Get("Origin"); !public && h.policy.configured(origin) {
			w.origin = origin
		}
		if auth.CredentialInQuery(r.URL) {
			w.refuse(http.StatusBadRequest, &errorCredentialInURL)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var (
	errorCredentialInURL = rpcError{
		Code:    mcp.INVALID_REQUEST,
		Message: "the address carries what looks like a credential, and addresses are logged: send it in a header, and replace it if it was a real one",
	}
	// A body that comes with another method may be a request in hiding (RFC 9110,
	// section 9.3.1).
	errorBodyWithoutPost = rpcError{Code: mcp.INVALID_REQUEST, Message: "send a body with POST alone"}
	// The length of a compressed body would show only when it is decompressed.
	errorEncodedBody = rpcError{Code: mcp.INVALID_REQUEST, Message: "the request body has a Content-Encoding; send it uncompressed, without that header"}
)

// setSecurityHeaders sets the headers that restrict browsers, whatever is answered.
func (h *httpServer) setSecurityHeaders(header http.Header, r *http.Request) {
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Vary", "Origin") // foreign origins are refused, and allowed ones get CORS headers
	if auth.Secure(r, h.o.Proxies) {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// endpoint serves one path for these methods; none means all.
func endpoint(next func(*responseWriter, *http.Request), methods ...string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := rw.(*responseWriter)
		switch {
		case len(methods) > 0 && r.Method == http.MethodOptions && w.origin != "" && !w.page:
			w.preflight(r, methods)
		case len(methods) > 0 && !slices.Contains(methods, r.Method):
			w.Header().Set("Allow", strings.Join(methods, ", "))
			w.refuse(http.StatusMethodNotAllowed, &rpcError{Code: mcp.INVALID_REQUEST, Message: "this endpoint takes " + strings.Join(methods, ", ")})
		case w.hasBody && r.Method != http.MethodPost:
			w.refuse(http.StatusBadRequest, &errorBodyWithoutPost)
		case w.hasBody && contentEncoded(r):
			w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
			w.refuse(http.StatusUnsupportedMediaType, &errorEncodedBody)
		default:
			next(w, r)
		}
	})
}

// page serves a page, whose responses no other origin may read, at this rate of all
// callers together. Each page has its own, so that requests to one do not slow
// another.
func (h *httpServer) page(next http.Handler, pace *rate.Limiter) http.Handler {
	served := endpoint(func(w *responseWriter, r *http.Request) {
		if !w.paced(pace) {
			return
		}
		if r, ok := w.limitBody([]*memoryBudget{h.limits.pages, h.limits.process.memory}, r, h.o.MaxBody); ok {
			next.ServeHTTP(w, r)
		}
	}, http.MethodGet, http.MethodHead, http.MethodPost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(*responseWriter).page = true
		served.ServeHTTP(w, r)
	})
}

// contentEncoded reports whether the body has a content coding (RFC 9110, section
// 8.4.1) other than "identity".
func contentEncoded(r *http.Request) bool {
	codings := strings.Split(strings.Join(r.Header.Values("Content-Encoding"), ","), ",")
	return slices.ContainsFunc(codings, func(coding string) bool {
		coding = strings.TrimSpace(coding)
		return coding != "" && !strings.EqualFold(coding, "identity")
	})
}

// responseWriter writes the response to one HTTP request. It bounds each write in
// time, decides whether the connection stays open, and is closed when the request
// is over. It sends what it is given unchanged.
type responseWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	id      json.RawMessage // of the JSON-RPC request, once it is known

	bodyTime, writeTime time.Duration

	hasBody     bool         // the request has a body
	bodyRead    atomic.Bool  // which was read to its end
	last        bool         // no further request is read from the connection
	page        bool         // a page answers
	origin      string       // an allowed origin whose web pages may read the response (CORS); "": none
	reservation *reservation // memory of the body

	head http.Header // set by handlers; that of net/http is touched under mu alone

	mu     sync.Mutex
	status int
	wrote  bool
	closed bool
}

// Header returns the headers that are sent with the first byte of the response.
func (w *responseWriter) Header() http.Header { return w.head }

func (w *responseWriter) Unwrap() http.ResponseWriter { return w.w }

// WriteHeader sets the status that is sent with the first byte of the response.
func (w *responseWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

// begin sends the headers. It is called with the lock held.
func (w *responseWriter) begin() {
	if w.wrote {
		return
	}
	w.wrote = true
	status, head := cmp.Or(w.status, http.StatusOK), w.w.Header()
	maps.Copy(head, w.head)
	if w.mustClose(status) {
		head.Set("Connection", "close")
	}
	if strings.HasPrefix(head.Get("Content-Type"), "text/event-stream") {
		head.Set("X-Accel-Buffering", "no") // nginx would hold events back (MCP 2026-07-28, Receiving Messages)
	}
	if w.origin != "" && !w.page {
		head.Set("Access-Control-Allow-Origin", w.origin)
		head.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
	w.w.WriteHeader(status)
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, http.ErrHandlerTimeout
	}
	w.begin()
	_ = w.control.SetWriteDeadline(time.Now().Add(w.writeTime))
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	return w.w.Write(b)
}

// Flush sends what was written.
func (w *responseWriter) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.begin()
	_ = w.control.SetWriteDeadline(time.Now().Add(w.writeTime))
	_ = w.control.Flush() // a client that has gone shows at the next write
	_ = w.control.SetWriteDeadline(time.Time{})
}

// close ends all writing; net/http then sends what is buffered.
func (w *responseWriter) close() {
	w.reservation.shrink(0)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status != 0 {
		w.begin() // a response without a body
	}
	w.closed = true
	if w.hasBody { // whatever deadline a page has set or lifted: net/http reads on after the response
		_ = w.control.SetReadDeadline(time.Now().Add(min(w.bodyTime, time.Second)))
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.writeTime))
}

// refuse answers with a JSON-RPC error and this HTTP status. It does nothing when
// the response has begun.
func (w *responseWriter) refuse(status int, e *rpcError) { w.answer(status, e.response(w.id)) }

// busy refuses for now.
func (w *responseWriter) busy(e *rpcError) {
	w.Header().Set("Retry-After", "1")
	w.refuse(http.StatusServiceUnavailable, e)
}

func (w *responseWriter) answer(status int, answer response) {
	w.mu.Lock()
	wrote := w.wrote
	w.mu.Unlock()
	if wrote {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(answer.body, '\n')) // a client that has gone needs no answer
}

// paced refuses a request that comes too soon, and names the time to wait.
func (w *responseWriter) paced(l *rate.Limiter) bool {
	if l == nil || l.Allow() {
		return true
	}
	wait := strconv.Itoa(max(1, int(1/float64(l.Limit())+0.999)))
	w.Header().Set("Retry-After", wait)
	w.refuse(http.StatusTooManyRequests, &rpcError{Code: codeBusy, Message: "too many requests; wait " + wait + " s, then send the same again"})
	return false
}

// mustClose reports whether the connection closes after this response: because the
// body was not read to its end, so that what follows is the rest of it, or because
// the request was wrong, so that what follows may be. A request that came too soon
// was not wrong; one that a page refuses may be, whatever its status.
func (w *responseWriter) mustClose(status int) bool {
	wrong := 400 <= status && status < 500 && status != http.StatusTooManyRequests
	return w.last || wrong || w.page && status >= 400 || w.hasBody && !w.bodyRead.Load()
}

// limitBodyTime bounds the body in time, whether a handler reads it or not:
// net/http reads on after a response, and then waits without end.
//
// A body in chunks is the last on its connection. net/http silently ignores a
// length beside the chunks, and such a request must be the last (RFC 9112, section
// 6.1).
func (w *responseWriter) limitBodyTime(r *http.Request) {
	w.hasBody, w.last = r.ContentLength != 0, len(r.TransferEncoding) > 0
	if w.hasBody {
		_ = w.control.SetReadDeadline(time.Now().Add(w.bodyTime))
	}
}

// limitBody returns r with a body of at most limit bytes, for which it has reserved
// memory until the request is over, or refuses the request. A body in chunks
// reserves the whole limit.
func (w *responseWriter) limitBody(from []*memoryBudget, r *http.Request, limit int) (_ *http.Request, ok bool) {
	size := int64(limit)
	if 0 <= r.ContentLength && r.ContentLength < size {
		size = r.ContentLength
	}
	if w.reservation, ok = reserve(from, size); !ok {
		w.busy(&rpcError{Code: codeBusy, Message: "too many long messages are being read; try again in a second"})
		return nil, false
	}
	if w.hasBody {
		r = r.WithContext(r.Context()) // net/http keeps the original body
		r.Body = http.MaxBytesReader(w.w, &body{r.Body, w}, int64(limit))
	}
	return r, true
}

// body lifts the bound on its time when it is read to its end: what net/http reads
// after that shows whether the client is still connected.
type body struct {
	io.ReadCloser

	w *responseWriter
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.w.bodyRead.Store(true)
		_ = b.w.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// readBody reads the body of a request that limitBody has let pass, or refuses it.
func (h *httpServer) readBody(w *responseWriter, r *http.Request) ([]byte, bool) {
	raw, err := io.ReadAll(r.Body)
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		w.refuse(http.StatusRequestEntityTooLarge, errorTooLong(h.o.MaxBody))
		return nil, false
	}
	if err != nil {
		w.refuse(http.StatusBadRequest, &rpcError{Code: mcp.PARSE_ERROR, Message: "the request body could not be read"})
		return nil, false
	}
	w.reservation.shrink(bodyMemory(int64(len(raw)), maxValues(int64(len(raw)))))
	return bytes.TrimPrefix(raw, byteOrderMark), true
}
