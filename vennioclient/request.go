package vennioclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
)

const (
	maxAnswer = 8 << 20  // bytes read of an answer
	maxCommas = 300_000  // in an answer, which limits its values: 92 days of slots have half as many
	maxError  = 64 << 10 // bytes read of an error's body
	maxDrain  = 64 << 10 // bytes read so that the connection can be reused
)

// request is an encoded call. Every attempt sends the same bytes.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	key          IdempotencyKey
	// invitation is a token in the query or the body that replaces the API key. Errors do
	// not contain it.
	invitation Secret
	// repeats502 allows a write without a key to be repeated after a 502 with the code
	// calendar_unavailable, where Vennio documents that this is safe.
	repeats502 bool
	isCalendar bool // the answer is a calendar file, not JSON
}

func (r request) write() bool { return r.method != http.MethodGet }

// get returns a request that reads.
func get(path string, query url.Values) request {
	return request{method: http.MethodGet, path: path, query: query}
}

// call sends r and decodes the answer. An error of decode becomes a KindMalformed.
func call[T any](ctx context.Context, c *Client, r request, decode func(json.RawMessage) (T, error)) (T, error) {
	var zero T
	raw, failed := c.do(ctx, r)
	if failed != nil {
		return zero, failed
	}
	out, err := decode(raw.body)
	if err != nil {
		return zero, raw.unexpectedForm(r, err)
	}
	return out, nil
}

func (a answer) unexpectedForm(r request, why error) *Error {
	failed := malformed(a.status, fmt.Errorf("%s %s: %w: %w", r.method, r.path, ErrForm, why))
	failed.Attempts = a.attempts
	return failed
}

// remove sends r as a DELETE. check, if not nil, checks the body, which is nil if it is not
// JSON.
func (c *Client) remove(ctx context.Context, r request, check func(json.RawMessage) error) error {
	r.method = http.MethodDelete
	raw, failed := c.do(ctx, r)
	if failed != nil {
		return failed
	}
	if check == nil {
		return nil
	}
	if err := check(raw.body); err != nil {
		return raw.unexpectedForm(r, err)
	}
	return nil
}

// answer is a success. Its body is one JSON value, or empty.
type answer struct {
	status, attempts int
	body             json.RawMessage
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r request) (answer, *Error) {
	var trace attemptTrace
	req, err := c.newRequest(httptrace.WithClientTrace(ctx, trace.hooks()), r)
	if err != nil {
		return answer{}, invalid("request", "cannot be encoded as HTTP")
	}
	if ctx.Err() != nil {
		return answer{}, &Error{Kind: KindCanceled, Err: ctx.Err()}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, trace.withDoubt(r, c.noAnswer(ctx, r, err, trace.sent(err)))
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
		_ = resp.Body.Close()
	}()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, trace.withDoubt(r, c.refusal(r, resp))
	}
	if r.method == http.MethodDelete { // the status is sufficient unless the body contradicts it
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		if err != nil || !json.Valid(body) {
			body = nil
		}
		return answer{status: resp.StatusCode, body: body}, nil
	}
	got, failed := c.read(ctx, r, resp)
	return got, trace.withDoubt(r, failed)
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	var body io.Reader // nil, not a nil *bytes.Reader: no body at all
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if r.invitation.text == nil { // if both are sent, Vennio ignores the token
		req.Header.Set("Authorization", "Bearer "+c.key())
	}
	req.Header.Set("Accept", "application/json, application/problem+json")
	if r.isCalendar {
		req.Header.Set("Accept", "text/calendar, application/problem+json")
	}
	req.Header.Set("User-Agent", c.agent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", string(r.key))
	}
	return req, nil
}

// read reads the body of a success. A truncated body counts as no answer, because the
// connection may have failed. A body that is too long, not JSON, or empty without a 204 is
// malformed.
func (c *Client) read(ctx context.Context, r request, resp *http.Response) (answer, *Error) {
	status := resp.StatusCode
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		failed := c.noAnswer(ctx, r, err, true)
		failed.Status = status
		return answer{}, failed
	}
	if len(raw) > maxAnswer {
		return answer{}, malformed(status, fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	}
	if bytes.Count(raw, []byte(",")) > maxCommas {
		return answer{}, malformed(status, errors.New("the answer has too many values"))
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // a byte order mark may be ignored (RFC 8259, 8.1)
	if r.isCalendar || json.Valid(raw) {          // the usual case; the decoder below distinguishes the others
		return answer{status: status, body: raw}, nil
	}
	var body json.RawMessage
	switch err := json.NewDecoder(bytes.NewReader(raw)).Decode(&body); {
	case err == nil, errors.Is(err, io.EOF) && status == http.StatusNoContent:
		return answer{status: status, body: body}, nil
	case errors.Is(err, io.EOF):
		return answer{}, malformed(status, errors.New("the answer is empty"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return answer{}, &Error{Kind: KindNetwork, Status: status, Sent: true, Err: errors.New("the answer was cut off")}
	default:
		return answer{}, malformed(status, errors.New("the answer is not JSON"))
	}
}

// attemptTrace records how far an attempt proceeded.
type attemptTrace struct{ requested, connected, unanswered, repeated atomic.Bool }

func (f *attemptTrace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { f.requested.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			f.connected.Store(true)
			if f.unanswered.Load() {
				f.repeated.Store(true)
			}
		},
		WroteHeaders:         func() { f.unanswered.Store(true) },
		GotFirstResponseByte: func() { f.unanswered.Store(false) },
	}
}

// sent reports whether a failed attempt may have reached Vennio. A request is written only
// to a connection. If the transport does not report connections, sent returns false only
// if dialling failed.
func (f *attemptTrace) sent(err error) bool {
	if f.requested.Load() {
		return f.connected.Load()
	}
	op, ok := errors.AsType[*net.OpError](err)
	return !ok || op.Op != "dial"
}

// withDoubt marks the error of a write of which an earlier copy may have taken effect:
// net/http repeats a request with an Idempotency-Key if a reused connection fails without
// an answer.
func (f *attemptTrace) withDoubt(r request, e *Error) *Error {
	if e != nil && r.write() && f.repeated.Load() {
		return e.withDoubt(true)
	}
	return e
}

// noAnswer returns the error of an attempt without a complete answer. It omits the URL,
// whose query may contain personal data.
func (c *Client) noAnswer(ctx context.Context, r request, err error, sent bool) *Error {
	if ctx.Err() != nil {
		return &Error{Kind: KindCanceled, Sent: sent, Err: ctx.Err()}
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if has(err.Error(), c.secrets(r)...) { // a transport may quote the header or the URL
		err = errors.New(c.cleaner(r)(err.Error(), maxDetail))
	}
	return &Error{Kind: KindNetwork, Sent: sent, Err: err}
}

// The paths of the operations (vennio-api.md). Those of next and mutual availability and of
// the own identity are inferred.
const (
	pathSlots    = "/v1/availability/slots"
	pathNext     = "/v1/availability/next"
	pathMutual   = "/v1/availability/mutual"
	pathBookings = "/v1/bookings"
	pathConsents = "/v1/consents"
	pathWebhooks = "/v1/webhooks"
	pathHosts    = "/v1/hosts"
	pathMe       = "/v1/me"

	pathProposals       = "/v1/proposals"
	pathProposalByToken = "/v1/proposals/by-token"
	pathVennLinks       = "/v1/venn-links"
	pathSeries          = "/v1/booking-series"
	pathTeams           = "/v1/teams"
	pathCalendars       = "/v1/calendars"
)

// itemPath returns the path of an item of a collection. It refuses an id that would
// address another resource (empty, or a step up the path), and control characters, which
// could end a line in a proxy that decodes the path.
func itemPath(collection, id string) (string, *Error) {
	if id == "" || id == "." || id == ".." || strings.ContainsFunc(id, unicode.IsControl) {
		return "", invalid("id", "must be an id that Vennio returned")
	}
	return collection + "/" + url.PathEscape(id), nil
}

// templates are the paths of Vennio's operations, including those that this client does
// not call (vennio-api.md). A path comes before the templates that it matches too.
var templates = []string{
	pathSlots, pathNext, pathMutual, pathBookings, pathBookings + "/{id}", pathConsents, pathConsents + "/{id}",
	pathWebhooks, pathWebhooks + "/{id}", pathHosts, pathMe,
	pathProposals, pathProposalByToken, pathProposals + "/{id}", pathProposals + "/{id}/response",
	pathProposals + "/{id}/cancel", pathProposals + "/{id}/close", pathProposals + "/{id}/ics",
	pathVennLinks, pathVennLinks + "/{id}/book", pathSeries, pathSeries + "/{id}",
	pathTeams + "/{id}/availability", pathCalendars, pathCalendars + "/sync",
}

// Operation returns the name of a request without the ids in its path, such as "GET
// /v1/bookings/{id}", for metrics and traces, whose names must be few and contain no
// personal data. For other paths it returns "other".
func Operation(method, path string) string {
	at := strings.Index(path, "/v1/") // the base URL may have a path
	if at < 0 || !slices.Contains([]string{"GET", "POST", "PATCH", "DELETE"}, method) {
		return "other"
	}
	parts := strings.Split(path[at:], "/")
	for _, template := range templates {
		if slices.EqualFunc(strings.Split(template, "/"), parts, func(want, got string) bool {
			return want == got || want == "{id}" && got != ""
		}) {
			return method + " " + template
		}
	}
	return "other"
}
