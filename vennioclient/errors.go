package vennioclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Error describes why a call failed. Text from Vennio (Type to AvailableScopes) contains no
// control or invisible characters and no API key, and is cut to a few hundred characters.
// It remains untrusted text.
type Error struct {
	Kind Kind
	// Status is the HTTP status, or 0 if there was no answer. It is set even if the body
	// is HTML, empty or truncated.
	Status int
	// Type, Title, Detail and RequestID are the members of a problem (RFC 9457). In Vennio's
	// older form, Title is `error` and Detail `message`. Type is a URL that ends in a slug.
	Type, Title, Detail, RequestID string
	// Code is the `code` of the answer, the last part of Type, or an `error` that is a code:
	// the first that is present, with "_" for "-", because Vennio writes both.
	Code string
	// Fields maps the name of an invalid field or parameter to its error.
	Fields map[string]string
	// RetryAfter is the wait that Vennio requests, or 0.
	RetryAfter time.Duration
	// KeyType and AvailableScopes may be set for KindForbidden.
	KeyType         string
	AvailableScopes []string
	// Sent reports whether the request, or an earlier attempt of it, may have reached Vennio.
	Sent bool
	// Attempts is the number of attempts, 0 if the client refused the arguments.
	Attempts int
	// Err is the cause if it is not Vennio's answer.
	Err error

	doubt bool // an earlier attempt may have taken effect, whatever the result of the last one
}

// Unwrap returns the cause, so that errors.Is finds context.Canceled and the like.
func (e *Error) Unwrap() error { return e.Err }

// Error returns one line for operators: kind, status, Vennio's text and the request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("vennio: " + string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	for _, text := range []string{e.Title, e.Detail, e.fieldText()} {
		if text != "" {
			b.WriteString(": " + text)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + tidy(e.Err.Error(), maxDetail))
	}
	if e.RequestID != "" {
		b.WriteString(" [" + e.RequestID + "]")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	return b.String()
}

func (e *Error) fieldText() string {
	all := make([]string, 0, len(e.Fields))
	for name, what := range sorted(e.Fields) {
		all = append(all, name+" "+what)
	}
	return strings.Join(all, ", ")
}

// KindOf returns the Kind of err: "" if err is nil, KindUnknown if it is not an *Error.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindUnknown
}

// withDoubt records whether an earlier attempt may have taken effect.
func (e *Error) withDoubt(doubt bool) *Error {
	e.doubt, e.Sent = doubt, e.Sent || doubt
	return e
}

// ErrForm is the cause (errors.Is) of a KindMalformed whose answer is valid JSON that the client cannot
// decode. Repeating the call does not help.
var ErrForm = errors.New("the answer does not have the expected form")

// malformed returns the error of a success that cannot be decoded.
func malformed(status int, why error) *Error {
	return &Error{Kind: KindMalformed, Status: status, Sent: true, Err: why}
}

// Kind classifies an error independently of HTTP statuses.
type Kind string

// The kinds, with the HTTP statuses they come with.
const (
	KindInvalid              Kind = "invalid_request"        // 400, a 422 without a more specific code, or refused before sending
	KindUnauthorized         Kind = "unauthorized"           // 401
	KindForbidden            Kind = "forbidden"              // 403
	KindNotFound             Kind = "not_found"              // 404
	KindCalendarNotConnected Kind = "calendar_not_connected" // 404
	KindSlotTaken            Kind = "slot_taken"             // 409
	KindInFlight             Kind = "in_flight"              // 409: a request with the same key is in progress
	KindConflict             Kind = "conflict"               // 409 of unknown meaning
	KindImpossible           Kind = "impossible"             // 422: valid, but for instance in the past
	KindKeyReused            Kind = "key_reused"             // 422: the key was used with another body
	KindInvitation           Kind = "invitation"             // 401 or 410: the invitation token is unknown, used, expired or of another proposal
	KindRateLimited          Kind = "rate_limited"           // 429
	KindUnavailable          Kind = "unavailable"            // 5xx
	KindNetwork              Kind = "network"                // no answer, or a truncated one
	KindCanceled             Kind = "canceled"               // the context ended
	KindMalformed            Kind = "malformed"              // 2xx that cannot be decoded
	KindUnknown              Kind = "unknown"                // anything else
)

// Kinds returns every Kind, so that tables over them can be tested for completeness.
func Kinds() []Kind {
	return []Kind{
		KindInvalid, KindUnauthorized, KindForbidden, KindNotFound, KindCalendarNotConnected,
		KindSlotTaken, KindInFlight, KindConflict, KindImpossible, KindKeyReused, KindInvitation, KindRateLimited,
		KindUnavailable, KindNetwork, KindCanceled, KindMalformed, KindUnknown,
	}
}

// kindOf classifies an error status. 404, 409 and 422 have several meanings, which the
// texts of the problem distinguish. The most specific text comes first.
func kindOf(status int, texts ...string) Kind {
	switch status {
	case http.StatusBadRequest:
		return KindInvalid
	case http.StatusUnauthorized:
		return KindUnauthorized
	case http.StatusForbidden:
		return KindForbidden
	case http.StatusNotFound:
		return firstKind(texts, KindNotFound, KindCalendarNotConnected)
	case http.StatusConflict:
		return firstKind(texts, KindConflict, refusals...)
	case http.StatusUnprocessableEntity:
		return firstKind(texts, KindInvalid, refusals...)
	case http.StatusTooManyRequests:
		return KindRateLimited
	}
	if status >= http.StatusInternalServerError {
		return KindUnavailable
	}
	return KindUnknown
}

// refusals are the possible meanings of a 409 or a 422, in the order in which they are checked.
var refusals = []Kind{KindInFlight, KindKeyReused, KindCalendarNotConnected, KindImpossible, KindSlotTaken}

// firstKind returns the kind that the first matching text indicates, or otherwise.
func firstKind(texts []string, otherwise Kind, among ...Kind) Kind {
	for _, text := range texts {
		text = strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(text))
		if i := slices.IndexFunc(among, func(k Kind) bool { return kindWords[k](text) }); i >= 0 {
			return among[i]
		}
	}
	return otherwise
}

// kindWords reports whether a slug or a sentence indicates a kind. The slugs of these kinds
// are not published (vennio-api.md, Errors), so all plausible ones match. Texts that only
// repeat the status ("conflict", "Unprocessable Entity") match none.
var kindWords = map[Kind]func(text string) bool{
	KindInFlight: func(s string) bool {
		return has(s, "idempoten", "key", "request") &&
			has(s, "in progress", "in flight", "inflight", "being processed", "still running", "concurrent")
	},
	KindKeyReused: func(s string) bool {
		return has(s, "idempoten", "this key", "same key", "key reuse") &&
			has(s, "reuse", "different", "other", "mismatch", "already used")
	},
	KindCalendarNotConnected: func(s string) bool {
		return has(s, "calendar") && has(s, "connect", "no calendar")
	},
	KindImpossible: func(s string) bool {
		return s == "unprocessable" || has(" "+s+" ", " past ", " past.", "already passed", "impossible", "outside", "too soon", "too far")
	},
	KindSlotTaken: func(s string) bool {
		return has(s, "slot", "time", "book") &&
			has(s, "taken", "unavailable", "not available", "no longer available", "not free", "no longer free",
				"already booked", "double book", "overlap", "busy", "slot conflict", "booking conflict", "time conflict")
	},
}

func has(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// Outcome is the result of a write.
type Outcome string

// The three outcomes. Unknown is not a failure: the write may have taken effect. Repeat it
// with the same key, or read the resource, before reporting that it did not.
const (
	Done    Outcome = "done"
	NotDone Outcome = "not_done"
	Unknown Outcome = "unknown"
)

// OutcomeOf returns the outcome of a write that returned err.
//
// NotDone: nothing was sent, or Vennio refused the write (400, 401, 403, 404, a taken slot,
// an impossible time, a reused key, an invalid invitation, 429). Unknown: there was no answer, or an inconclusive
// one (5xx, same key in flight, an unclassified conflict, a success that cannot be
// decoded), or err is not an *Error.
//
// One attempt with an unknown outcome makes the outcome of the whole call Unknown, whatever
// the result of a later attempt. That includes a taken slot: if the first attempt booked
// and its answer was lost, the slot is taken by our own booking. Reading the bookings costs
// less than a second booking.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok || e.doubt:
		return Unknown
	case !e.Sent && e.Status == 0:
		return NotDone
	}
	switch e.Kind {
	case KindInvalid, KindUnauthorized, KindForbidden, KindNotFound, KindCalendarNotConnected,
		KindSlotTaken, KindImpossible, KindKeyReused, KindInvitation, KindRateLimited:
		return NotDone
	default:
		return Unknown
	}
}

// refusal returns the error for an answer that is not a success. It never fails: even if
// the body cannot be read, the error has the status.
func (c *Client) refusal(r request, resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	e := &Error{Status: resp.StatusCode, Sent: true, RetryAfter: retryAfter(resp)}
	clean, code := c.cleaner(r), ""
	if problem, err := objectFrom(body); err == nil {
		code = clean.describe(e, problem)
	} else {
		e.Detail = clean(plainText(body), maxDetail)
	}
	e.Kind = kindOf(e.Status, path.Base(e.Type), code, e.Title, e.Detail)
	if r.invitation.text != nil && (e.Status == http.StatusUnauthorized || e.Status == http.StatusGone) {
		e.Kind = KindInvitation
	}
	e.Title = cmp.Or(e.Title, http.StatusText(e.Status))
	e.RequestID = cmp.Or(e.RequestID, clean(resp.Header.Get("X-Request-Id"), maxName))
	return e
}

// secrets returns the texts that no error about r may contain.
func (c *Client) secrets(r request) []string {
	if token := r.invitation.Reveal(); token != "" {
		return []string{c.key(), token, url.QueryEscape(token)}
	}
	return []string{c.key()}
}

// cleaner returns upstream text for an Error, cut to limit characters: normalized, and
// without the secrets of the request in case Vennio echoed them.
type cleaner func(text string, limit int) string

func (c *Client) cleaner(r request) cleaner {
	return func(s string, limit int) string {
		s = tidy(s, len(s))
		for i, secret := range c.secrets(r) {
			s = strings.ReplaceAll(s, secret, []string{"[API key]", "[invitation]", "[invitation]"}[i])
		}
		return tidy(s, limit)
	}
}

// describe fills e from a problem (RFC 9457) or from the older form
// {error, message, key_type}, whose error may also be an object. It returns the code, or "".
func (clean cleaner) describe(e *Error, problem object) (code string) {
	if inner, err := objectFrom(problem["error"]); err == nil {
		maps.Copy(problem, inner)
	}
	e.Type = clean(problem.text("type"), maxName)
	e.Title = clean(problem.text("title", "error"), maxName)
	e.Detail = clean(problem.text("detail", "message"), maxDetail)
	e.RequestID = clean(problem.text("request_id"), maxName)
	e.KeyType = clean(problem.text("key_type"), maxName)
	for _, scope := range capped(problem.texts("available_scopes")) {
		e.AvailableScopes = append(e.AvailableScopes, clean(scope, maxName))
	}
	e.Fields = clean.fields(problem["errors"])
	code = clean(problem.text("code", "error_code"), maxName)
	for _, text := range []string{code, path.Base(e.Type), e.Title} {
		if e.Code == "" && isCode().MatchString(text) {
			e.Code = strings.ReplaceAll(text, "-", "_")
		}
	}
	return code
}

var isCode = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`) }) // not about:blank or a sentence

// fields decodes `errors`: an object of messages or lists of messages by field or, as in
// the examples of RFC 9457, a list of objects.
func (clean cleaner) fields(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	if named, err := objectFrom(raw); err == nil {
		for name := range sorted(named) {
			out[clean(name, maxName)] = clean(strings.Join(named.texts(name), ", "), maxDetail)
		}
	}
	list, _ := listFrom(raw)
	for _, item := range list {
		if one, err := objectFrom(item); err == nil {
			name := clean(one.text("field", "path", "pointer", "name"), maxName)
			out[name] = clean(one.text("message", "detail"), maxDetail)
		}
	}
	return cappedMap(out)
}

// plainText returns a body of plain text, and "" for markup and JSON.
func plainText(body []byte) string {
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("<")) || bytes.HasPrefix(body, []byte("{")) {
		return ""
	}
	return string(body)
}

// retryAfter returns the requested wait: Retry-After in seconds or as a date (RFC 9110,
// 10.2.3); for a 429 also X-RateLimit-Reset, in seconds from now or since 1970. It returns
// at most a day.
func retryAfter(resp *http.Response) time.Duration {
	h := resp.Header
	now, err := http.ParseTime(h.Get("Date")) // dates refer to the server's clock
	if err != nil {
		now = time.Now()
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return min(max(0, at.Sub(now)), day)
	}
	value := h.Get("Retry-After")
	if value == "" && resp.StatusCode == http.StatusTooManyRequests {
		value = h.Get("X-RateLimit-Reset")
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	if n >= epoch {
		n = max(0, n-now.Unix())
	}
	return min(time.Duration(min(n, epoch))*time.Second, day)
}

const (
	day   = 24 * time.Hour
	epoch = 1_000_000_000 // seconds: larger values are Unix times, smaller ones are waits
)

// Limits of text copied from Vennio into an Error.
const (
	maxDetail = 500 // characters of a sentence
	maxName   = 200 // characters of a name, a title, an id
	maxItems  = 50  // fields, scopes
)

// tidy returns s as one line of at most limit characters, without control and invisible
// characters.
func tidy(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r == '\u2800', unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1 // bidirectional, zero-width, blank
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	return cut(s, limit)
}

// cut shortens s to limit characters; the last one of a shortened text is an ellipsis.
func cut(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-1]) + "…"
	}
	return s
}

func capped(list []string) []string { return list[:min(len(list), maxItems)] }

// cappedMap returns the first entries of m, or nil if there are none.
func cappedMap(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range sorted(m) {
		if len(out) == maxItems {
			break
		}
		out[k] = v
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// sorted iterates over m in the order of its keys.
func sorted[M ~map[string]V, V any](m M) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
