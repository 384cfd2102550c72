package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// call is one request as the handlers see it.
type call struct {
	request        *http.Request
	method, uri    string
	query          url.Values
	body           []byte
	idempotencyKey string
	requestID      string
	caller         caller
	now            time.Time
	header         http.Header // of the answer, whatever becomes of the call
}

// answer is what a handler did.
type answer struct {
	status  int
	body    any
	changed bool // whether something in the account is now different
}

// reply is an answer as it goes over the wire.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// receive reads the request. Its error, a problem, comes with a call that can be answered.
func receive(w http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{
		request: r, method: r.Method, uri: r.URL.RequestURI(), header: http.Header{},
		idempotencyKey: r.Header.Get(idempotencyHeader),
	}
	var err error
	if c.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return c, refuse(validationError, "The query string cannot be read.")
	}
	if c.body, err = readBody(w, r); err != nil {
		return c, refuse(validationError, fmt.Sprintf("The body cannot be read, or is over %d bytes.", maxBody))
	}
	return c, nil
}

// readBody bounds the body; a request that came by no network may have none at all.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

func (c *call) isWrite() bool { return c.method != http.MethodGet && c.method != http.MethodHead }

// id is the {id} of the path.
func (c *call) id() string { return c.request.PathValue("id") }

// render turns an answer or an error into bytes.
func (c *call) render(a answer, err error) reply {
	if err == nil {
		return reply{a.status, http.Header{"Content-Type": {"application/json"}}, encode(a.body)}
	}
	var p *problem
	if !errors.As(err, &p) {
		p = refuse(internalError, "")
	}
	p.RequestID = c.requestID
	h := http.Header{"Content-Type": {"application/problem+json"}}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	return reply{p.Status, h, encode(p)}
}

func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // unreachable: the shapes in choices.go all encode
		return nil
	}
	return b.Bytes()
}

// write sends the reply at once, so that no event it caused comes before it.
func (r reply) write(w http.ResponseWriter, c *call) {
	maps.Copy(w.Header(), r.header)
	maps.Copy(w.Header(), c.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body)
	_ = http.NewResponseController(w).Flush() // where the writer can
}
