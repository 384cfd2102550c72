package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	initializeMessage = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}`
	initializedMessage = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// request is a tool call that succeeds or is refused. If method is set, it is a request of that method with
// the arguments as its parameters.
type request struct {
	method, tool, arguments string
	refused                 bool
}

var (
	ping      = request{method: "ping", arguments: "{}"}
	findSlots = request{tool: "find_slots", arguments: `{"timezone":"Europe/London"}`}
	echoCall  = request{tool: "echo", arguments: `{"text":"hello"}`}
	// refusedCall measures a tool call without the tool: all checks, and an error about as long as an echo.
	refusedCall = request{tool: "find_slots", arguments: `{"duration_minutes":1}`, refused: true}
	// hugeCall has a very long argument; the server reads all of it and refuses it.
	hugeCall = request{tool: "find_slots", arguments: `{"from":"` + string(bytes.Repeat([]byte("x"), 128<<10)) + `"}`, refused: true}
)

func (q request) message(id int) []byte {
	if q.method != "" {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, q.method, q.arguments)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, q.tool, q.arguments)
}

// response holds the fields of a JSON-RPC response that are needed to match it to its request.
type response struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
}

// check returns an error unless the result is the expected one.
func (q request) check(result []byte) error {
	switch refused := bytes.Contains(result, []byte(`"isError":true`)); {
	case len(result) == 0:
		return errors.New("no result")
	case refused != q.refused:
		return fmt.Errorf("%s%s: unexpected response: %.300s", q.method, q.tool, result)
	}
	return nil
}

// pendingRequests are the requests of one connection without a response yet.
type pendingRequests struct {
	mu      sync.Mutex
	last    int // the last ID that was assigned
	waiting map[int]chan []byte
	closed  chan struct{} // closed when the connection ends
}

func newPendingRequests() *pendingRequests {
	return &pendingRequests{waiting: map[int]chan []byte{}, closed: make(chan struct{})}
}

// register assigns an ID and returns the channel that will receive the result.
func (w *pendingRequests) register() (id int, result chan []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	result = make(chan []byte, 1)
	w.waiting[w.last] = result
	return w.last, result
}

// deliver sends a result to the caller that waits for it, if any.
func (w *pendingRequests) deliver(a response) {
	w.mu.Lock()
	caller := w.waiting[a.ID]
	delete(w.waiting, a.ID)
	w.mu.Unlock()
	if caller != nil {
		caller <- a.Result
	}
}

var errClosed = errors.New("the connection was closed")

// wait waits for the result of q and checks it.
func (w *pendingRequests) wait(ctx context.Context, result <-chan []byte, q request) error {
	late := time.NewTimer(processTimeout)
	defer late.Stop()
	select {
	case result := <-result:
		return q.check(result)
	case <-late.C:
		return fmt.Errorf("no response within %s", processTimeout)
	case <-w.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stdioClient is a client over standard input and output. It is safe for concurrent use.
type stdioClient struct {
	*pendingRequests
	writing sync.Mutex
	w       io.Writer
}

// newStdioClient initializes a connection to the server that reads w and writes r.
func newStdioClient(w io.Writer, r io.Reader) (*stdioClient, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	if _, err := io.WriteString(w, initializeMessage+"\n"); err != nil {
		return nil, err
	}
	if first, err := lines.ReadBytes('\n'); err != nil {
		return nil, fmt.Errorf("no response to initialize: %w (%s)", err, first)
	}
	if _, err := io.WriteString(w, initializedMessage+"\n"); err != nil {
		return nil, err
	}
	p := &stdioClient{pendingRequests: newPendingRequests(), w: w}
	go p.readLoop(lines)
	return p, nil
}

func (p *stdioClient) readLoop(lines *bufio.Reader) {
	defer close(p.closed)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a response
		if json.Unmarshal(line, &a) != nil {
			return
		}
		p.deliver(a)
	}
}

func (p *stdioClient) send(ctx context.Context, q request) error {
	id, result := p.register()
	if err := p.say(q, id); err != nil {
		return err
	}
	return p.wait(ctx, result, q)
}

func (p *stdioClient) say(q request, id int) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := p.w.Write(append(q.message(id), '\n'))
	return err
}

// httpClient is a client over HTTP that reuses its connections.
type httpClient struct {
	http      *http.Client
	streaming *http.Client // without a timeout, for streams, which end with their context
	url       string
	last      atomic.Int64 // the last ID that was assigned
}

func newHTTPClient(url string) *httpClient {
	w := &httpClient{url: url}
	w.limitIdleConns(64)
	return w
}

// limitIdleConns limits the idle connections that are kept; each one is a goroutine of the server.
func (w *httpClient) limitIdleConns(most int) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = most, most
	w.http, w.streaming = &http.Client{Transport: t, Timeout: processTimeout}, &http.Client{Transport: t}
}

// session initializes a session and returns its ID.
func (w *httpClient) session(ctx context.Context) (string, error) {
	_, header, err := w.post(ctx, "", []byte(initializeMessage))
	if err != nil {
		return "", err
	}
	id := header.Get("Mcp-Session-Id")
	_, _, err = w.post(ctx, id, []byte(initializedMessage))
	return id, err
}

func (w *httpClient) send(ctx context.Context, session string, q request) (body []byte, err error) {
	if body, _, err = w.post(ctx, session, q.message(int(w.last.Add(1)))); err != nil {
		return nil, err
	}
	if !bytes.Contains(body, []byte(`"result":`)) {
		return nil, fmt.Errorf("no result: %.300s", body)
	}
	return body, q.check(body)
}

func (w *httpClient) post(ctx context.Context, session string, body []byte) ([]byte, http.Header, error) {
	return w.postTo(ctx, w.url, session, body)
}

func (w *httpClient) postTo(ctx context.Context, url, session string, body []byte) ([]byte, http.Header, error) {
	header := map[string]string{}
	if session != "" {
		header["Mcp-Session-Id"] = session
	}
	r, err := newPost(ctx, url, body, header)
	if err != nil {
		return nil, nil, err
	}
	return w.do(r)
}

// newPost returns a request of Streamable HTTP with these headers.
func newPost(ctx context.Context, url string, body []byte, header map[string]string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r, nil
}

// callStateless calls a tool without a session, according to MCP 2026-07-28, with further headers.
func (w *httpClient) callStateless(ctx context.Context, tool, arguments string, header map[string]string) ([]byte, error) {
	const params = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"0"}},"name":%q,"arguments":%s}`
	r, err := newPost(ctx, w.url, request{method: "tools/call", arguments: fmt.Sprintf(params, tool, arguments)}.message(1), header)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	r.Header.Set("Mcp-Method", "tools/call")
	r.Header.Set("Mcp-Name", tool)
	body, _, err := w.do(r)
	return body, err
}

// get sends a request directly to Vennio's API.
func (w *httpClient) get(ctx context.Context, key string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	_, _, err = w.do(r)
	return err
}

func (w *httpClient) do(r *http.Request) ([]byte, http.Header, error) {
	resp, err := w.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("status %d: %.300s", resp.StatusCode, body)
	}
	return body, resp.Header, err
}

// sseClient is a client over SSE. Its session lasts as long as its stream.
type sseClient struct {
	*pendingRequests
	httpClient *httpClient
	to         string // the URL for messages
	body       io.Closer
}

// open opens an SSE stream at the server's /sse and initializes it. The stream ends with ctx, or when it is
// closed.
func (w *httpClient) open(ctx context.Context) (*sseClient, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.url, "/mcp")+"/sse", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := w.streaming.Do(r)
	if err != nil {
		return nil, err
	}
	s := &sseClient{pendingRequests: newPendingRequests(), httpClient: w, body: resp.Body}
	lines := bufio.NewReaderSize(resp.Body, 1<<10) // longer lines are read too
	if err := s.readEndpoint(resp, lines); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	go s.readLoop(lines)
	return s, s.initialize(ctx)
}

// readEndpoint reads the first event, which names the URL for messages.
func (s *sseClient) readEndpoint(resp *http.Response, lines *bufio.Reader) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d of the stream", resp.StatusCode)
	}
	data, err := readData(lines)
	if err != nil {
		return fmt.Errorf("no endpoint on the stream: %w", err)
	}
	to, err := url.Parse(string(data))
	if err != nil {
		return err
	}
	s.to = resp.Request.URL.ResolveReference(to).String()
	return nil
}

func (s *sseClient) initialize(ctx context.Context) error {
	id, result := s.register()
	if _, _, err := s.httpClient.postTo(ctx, s.to, "", bytes.Replace([]byte(initializeMessage), []byte(`"id":0`), fmt.Appendf(nil, `"id":%d`, id), 1)); err != nil {
		return err
	}
	if err := s.wait(ctx, result, ping); err != nil {
		return err
	}
	_, _, err := s.httpClient.postTo(ctx, s.to, "", []byte(initializedMessage))
	return err
}

func (s *sseClient) readLoop(lines *bufio.Reader) {
	defer close(s.closed)
	for {
		data, err := readData(lines)
		if err != nil {
			return
		}
		var a response
		if json.Unmarshal(data, &a) == nil { // a notification has no ID, which decodes as the unused 0
			s.deliver(a)
		}
	}
}

// readData reads the next line of event data.
func readData(lines *bufio.Reader) ([]byte, error) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if data, found := bytes.CutPrefix(line, []byte("data: ")); found {
			return bytes.TrimSpace(data), nil
		}
	}
}

// send sends q and waits for its response on the stream.
func (s *sseClient) send(ctx context.Context, q request) error {
	id, result := s.register()
	if _, _, err := s.httpClient.postTo(ctx, s.to, "", q.message(id)); err != nil {
		return err
	}
	return s.wait(ctx, result, q)
}

// close closes the stream without waiting for pending responses.
func (s *sseClient) close() { _ = s.body.Close() }
