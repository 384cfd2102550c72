package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type call struct {
	request        *http.Request
	method, uri    string
	query          url.Values
	body           []byte
	idempotencyKey string
	requestID      string
	caller         caller
	now            time.Time
	header         http.Header // of the answer, even if the call fails
}

// answer is the result of a handler.
type answer struct {
	status  int
	body    any
	changed bool // whether the account was changed
}

// reply is an encoded answer. Replies of writes are part of the stored account.
type reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// receive reads the request. Even with an error, which is a problem, the call can be answered.
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

// readBody reads the body up to the limit. The body of a request made by Go code may be nil.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

func (c *call) isWrite() bool { return c.method != http.MethodGet && c.method != http.MethodHead }

func (c *call) id() string { return c.request.PathValue("id") }

func (c *call) render(a answer, err error) reply {
	if file, ok := a.body.(calendarFile); ok && err == nil {
		return reply{a.status, http.Header{"Content-Type": {"text/calendar; charset=utf-8"}}, []byte(file)}
	}
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

// write sends and flushes the reply, so that no event of the call is delivered before it.
func (r reply) write(w http.ResponseWriter, c *call) {
	maps.Copy(w.Header(), r.Header)
	maps.Copy(w.Header(), c.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(r.Body)))
	w.WriteHeader(r.Status)
	_, _ = w.Write(r.Body)
	_ = http.NewResponseController(w).Flush() // not every writer can flush
}

var errNoZone = errors.New("not an IANA time zone")

// slug is the last part of a problem's type.
type slug string

const problemBase = "https://api.vennio.app/errors/"

var problems = map[slug]struct {
	status int
	title  string
	detail string
}{
	validationError:    {http.StatusBadRequest, "Validation failed", "One or more fields are missing or not valid."},
	unauthorized:       {http.StatusUnauthorized, "Unauthorized", "A valid API key is required."},
	forbidden:          {http.StatusForbidden, "Forbidden", "This key may not do that."},
	notFound:           {http.StatusNotFound, "Not found", "There is nothing here."},
	notConnected:       {http.StatusNotFound, "Calendar not connected", "The calendar of this principal is not connected."},
	slotUnavailable:    {http.StatusConflict, "Slot unavailable", "The requested time is not available."},
	inProgress:         {http.StatusConflict, "Request in progress", "A request with this idempotency key is still being processed."},
	timeInPast:         {http.StatusUnprocessableEntity, "Time in the past", "The requested time lies in the past."},
	unprocessable:      {http.StatusUnprocessableEntity, "Unprocessable", "The request is valid but cannot be carried out."},
	keyReused:          {http.StatusUnprocessableEntity, "Idempotency key reused", "This idempotency key was used with a different request."},
	rateLimited:        {http.StatusTooManyRequests, "Too many requests", "The hourly rate limit of this key is used up."},
	internalError:      {http.StatusInternalServerError, "Internal error", "Something went wrong on our side."},
	serviceUnavailable: {http.StatusServiceUnavailable, "Service unavailable", "The service is temporarily unavailable."},

	authRequired:     {http.StatusUnauthorized, "Authentication required", "An API key or the token of an invitation is required."},
	noProposal:       {http.StatusNotFound, "Not found", "There is no such proposal."},
	proposalUnknown:  {http.StatusNotFound, "Proposal not found", "There is no such proposal."},
	slotUnknown:      {http.StatusNotFound, "Winning slot not found", "No slot of this proposal is selected."},
	wrongState:       {http.StatusConflict, "Conflict", "The state of the proposal does not allow this."},
	notResolved:      {http.StatusConflict, "Poll not resolved", "The poll has no winning slot."},
	tokenInvalid:     {http.StatusUnauthorized, "Invalid token", "There is no such invitation, or it was used."},
	tokenMismatch:    {http.StatusUnauthorized, "Token mismatch", "The invitation belongs to another proposal."},
	tokenExpired:     {http.StatusGone, "Token expired", "The invitation has expired."},
	organizerRefused: {http.StatusForbidden, "Organizer cannot respond", "The organizer cannot respond to the proposal. Use the token of an invitation, without a key."},
	acceptOnly:       {http.StatusBadRequest, "Only accept", "A poll can only be answered with accept."},
	tooSoon:          {http.StatusBadRequest, "Earliest slot too soon", "The slots of a poll must begin at least 25 hours from now."},
	consentRequired:  {http.StatusForbidden, "Consent required", "A participant has not given you booking:propose."},
	organizerOffline: {http.StatusConflict, "Calendar disconnected", "The calendar of the organizer is not connected."},
	calendarOffline:  {http.StatusBadGateway, "Calendar unavailable", "The calendar cannot be reached. The call can be repeated."},
}

// problem is an answer that is not a success (RFC 9457). It is also an error.
type problem struct {
	Type            string            `json:"type"`
	Title           string            `json:"title"`
	Status          int               `json:"status"`
	Detail          string            `json:"detail"`
	RequestID       string            `json:"request_id"`
	Errors          map[string]string `json:"errors,omitempty"` // field to message, 400 only
	KeyType         string            `json:"key_type,omitempty"`
	AvailableScopes []string          `json:"available_scopes,omitempty"`

	retryAfter time.Duration
}

func (p *problem) Error() string { return p.Type + ": " + p.Detail }

// refuse returns a problem. An empty detail means that of its slug.
func refuse(s slug, detail string) *problem {
	known := problems[s]
	return &problem{Type: problemBase + string(s), Title: known.title, Status: known.status, Detail: cmp.Or(detail, known.detail)}
}

// invalid returns a problem with status 400 that lists all invalid fields, or nil if there are none.
func invalid(fields map[string]string) error {
	if len(fields) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(fields))
	p := refuse(validationError, "Not valid: "+strings.Join(names, ", ")+".")
	p.Errors = fields
	return p
}
