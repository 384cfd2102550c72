package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dialect is an API of models.
type dialect interface {
	// path is appended to the address of the endpoint.
	path() string
	// authorize adds the key, which may be empty, and the version to a request.
	authorize(h http.Header, key string)
	// encode returns the body of a request.
	encode(model string, r Request, maxOutput int, stream bool) ([]byte, error)
	// decode reads a whole answer.
	decode(body []byte) (Reply, error)
	// newStream returns a reader of the events of a streamed answer.
	newStream() stream
}

// stream collects the events of a streamed answer.
type stream interface {
	// event reads the data of one event. done: the answer is complete.
	event(data []byte) (done bool, err error)
	// finished reports whether the model has finished its answer. Some endpoints then close the stream without the last event.
	finished() bool
	reply() (Reply, error)
}

// endpoint is a Model behind HTTP.
type endpoint struct {
	dialect
	url, model, key string
	stream          bool
	maxOutput       int // tokens of one answer; only the Anthropic dialect requires it
	client          *http.Client
	timeout         time.Duration // of one attempt
	wait            func(context.Context, time.Duration) error
}

const (
	attempts    = 6
	firstWait   = time.Second // doubled after each failure, unless the endpoint sends Retry-After
	maxWait     = 2 * time.Minute
	maxResponse = 8 << 20 // bytes
)

// newHTTPClient returns a client that follows no redirects, so that the key reaches only the address that was set.
func newHTTPClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// statusError is an answer with a status other than 200.
type statusError struct {
	status     int
	message    string
	retryAfter time.Duration // 0: not sent
}

func (e *statusError) Error() string {
	advice := ""
	switch {
	case e.status >= http.StatusMultipleChoices && e.status < http.StatusBadRequest:
		advice = "; redirects are not followed: set EVAL_URL to the final address"
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		advice = "; check EVAL_KEY"
	case e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed:
		advice = "; check EVAL_URL and EVAL_MODEL"
	}
	return fmt.Sprintf("the endpoint answered %d %s: %s%s", e.status, http.StatusText(e.status), e.message, advice)
}

// repeatable reports whether the same request may succeed later. OpenAI also answers 429 when the account has no credit
// left.
func (e *statusError) repeatable() bool {
	switch e.status {
	case http.StatusTooManyRequests:
		return !strings.Contains(e.message, "insufficient_quota")
	case http.StatusRequestTimeout, http.StatusConflict:
		return true
	}
	return e.status >= http.StatusInternalServerError
}

// refusesAll reports whether the endpoint will refuse all other requests, too. It may refuse the contents or the length
// of a single conversation.
func (e *statusError) refusesAll() bool {
	return !e.repeatable() && !slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, e.status)
}

// maskedError is an error whose text may contain the key of the endpoint.
type maskedError struct {
	error
	text string
}

func (e maskedError) Error() string { return e.text }

// Unwrap returns the error with its original text.
func (e maskedError) Unwrap() error { return e.error }

// masked removes the key from the text of an error.
func (e *endpoint) masked(err error) error {
	if err == nil || e.key == "" || !strings.Contains(err.Error(), e.key) {
		return err
	}
	return maskedError{err, strings.ReplaceAll(err.Error(), e.key, "(key)")}
}

// Next implements Model. It repeats a request after rate limits, errors of the server, lost connections, timeouts
// and malformed answers.
func (e *endpoint) Next(ctx context.Context, r Request) (Reply, error) {
	reply, err := e.repeat(ctx, r)
	return reply, e.masked(err)
}

func (e *endpoint) repeat(ctx context.Context, r Request) (Reply, error) {
	body, err := e.encode(e.model, r, e.maxOutput, e.stream)
	if err != nil {
		return Reply{}, err
	}
	var used Usage // also by answers that cannot be used
	for attempt := 1; ; attempt++ {
		reply, err := e.attempt(ctx, body)
		used.add(reply.Usage)
		reply.Usage = used
		if err == nil || ctx.Err() != nil {
			return reply, cmp.Or(ctx.Err(), err)
		}
		refused, answered := errors.AsType[*statusError](err)
		if attempt == attempts || answered && !refused.repeatable() {
			return reply, err
		}
		pause := min(firstWait<<(attempt-1), maxWait)
		if answered && refused.retryAfter > 0 {
			pause = refused.retryAfter
		}
		if pause > maxWait {
			return reply, fmt.Errorf("%w; it asks to wait %s", err, pause)
		}
		if err := e.wait(ctx, pause); err != nil {
			return reply, err
		}
	}
}

// attempt sends a request once.
func (e *endpoint) attempt(ctx context.Context, body []byte) (Reply, error) {
	ctx, done := context.WithTimeout(ctx, e.timeout)
	defer done()
	reply, err := e.send(ctx, body)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("the endpoint sent no complete answer within %s (EVAL_TIMEOUT): %w", e.timeout, err)
	}
	return reply, err
}

func (e *endpoint) send(ctx context.Context, body []byte) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+e.path(), bytes.NewReader(body)) //nolint:gosec // G704: the owner chose the address
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	e.authorize(req.Header, e.key)
	resp, err := e.client.Do(req) //nolint:gosec // G704: as above
	if err != nil {
		return Reply{}, fmt.Errorf("the endpoint cannot be reached; check EVAL_URL: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	limited := io.LimitReader(resp.Body, maxResponse)
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(limited)
		return Reply{}, &statusError{resp.StatusCode, e.shown(text), retryAfter(resp.Header, time.Now())}
	}
	if e.stream && !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") { // some endpoints cannot stream
		return e.readStream(limited)
	}
	raw, err := io.ReadAll(limited)
	switch {
	case err != nil:
		return Reply{}, fmt.Errorf("the answer of the endpoint ended early: %w", err)
	case len(raw) == maxResponse:
		return Reply{}, fmt.Errorf("%w: it has more than %d bytes", errMalformed, maxResponse)
	}
	if err := e.reported(raw); err != nil {
		return Reply{}, err
	}
	reply, err := e.decode(raw)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, e.shown(raw))
	}
	return reply, err
}

// reported returns the error that an answer with the status 200 contains, such as {"error": {"type": "overloaded_error"}}.
// Compatible endpoints that pass requests on also put it into the choice.
func (e *endpoint) reported(body []byte) error {
	type failed struct {
		Error json.RawMessage `json:"error"`
	}
	var answer struct {
		failed
		Choices []failed `json:"choices"`
	}
	_ = json.Unmarshal(body, &answer)
	for _, f := range append(answer.Choices, answer.failed) {
		if len(f.Error) > 0 && string(f.Error) != "null" {
			return fmt.Errorf("%w: %s", errMalformed, e.shown(body))
		}
	}
	return nil
}

// readStream reads server-sent events until the answer is complete.
func (e *endpoint) readStream(body io.Reader) (Reply, error) {
	s := e.newStream()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxResponse)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		data = bytes.TrimSpace(data)
		if err := e.reported(data); err != nil {
			return Reply{}, err
		}
		done, err := s.event(data)
		if err != nil {
			return Reply{}, err
		}
		if done {
			return s.reply()
		}
	}
	if s.finished() {
		return s.reply()
	}
	return Reply{}, fmt.Errorf("%w: the stream ended early: %w", errMalformed, cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

// shown returns the message of an error in one short line, without the key.
func (e *endpoint) shown(body []byte) string {
	var answer struct {
		Error struct {
			Message string `json:"message"`
			Type    string `json:"type"`
			Code    any    `json:"code"` // a text or a number
		} `json:"error"`
	}
	text := string(body)
	if err := json.Unmarshal(body, &answer); err == nil && answer.Error.Message+answer.Error.Type != "" {
		code, _ := answer.Error.Code.(string)
		text = strings.Join(slices.Compact([]string{answer.Error.Type, code, answer.Error.Message}), " ")
	}
	text = oneLine(text)
	if e.key != "" {
		text = strings.ReplaceAll(text, e.key, "(key)")
	}
	const most = 300
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// retryAfter reads Retry-After, which is a number of seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour
	if seconds, err := strconv.ParseFloat(h.Get("Retry-After"), 64); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, most.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}

// sleep waits for d, or returns the error of ctx if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
