package vennioclient

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is why a call failed. Text from Vennio (Type to AvailableScopes) is
// cleaned of control and invisible characters, cut to a few hundred characters
// and free of the API key; it remains a stranger's words.
type Error struct {
	Kind Kind
	// Status is the HTTP status, 0 where no answer came. It survives bodies that
	// are HTML, empty or cut off.
	Status int
	// Type, Title, Detail and RequestID are those of RFC 9457 as Vennio sends it;
	// of its older shape, Title is `error` and Detail `message`. Type is a URL
	// that ends in a slug.
	Type, Title, Detail, RequestID string
	// Fields maps the name of a field or parameter to what is wrong with it.
	Fields map[string]string
	// RetryAfter is how long Vennio asks to wait, 0 where it does not say.
	RetryAfter time.Duration
	// KeyType and AvailableScopes come with KindForbidden, where Vennio says them.
	KeyType         string
	AvailableScopes []string
	// Sent says that the request, or an earlier attempt of it, may have reached
	// Vennio.
	Sent bool
	// Attempts is how many requests were begun, 0 where the arguments were refused here.
	Attempts int
	// Err is the cause, where it lies outside Vennio's answer.
	Err error

	doubt bool // an earlier attempt may have taken effect, whatever the last one says
}

// Unwrap returns the cause, so that errors.Is finds context.Canceled and the like.
func (e *Error) Unwrap() error { return e.Err }

// Error is one line for operators: kind, status, Vennio's words and request id.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("vennio: " + string(e.Kind))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d)", e.Status)
	}
	for _, text := range []string{e.Title, e.Detail, e.misfits()} {
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

func (e *Error) misfits() string {
	all := make([]string, 0, len(e.Fields))
	for name, what := range sorted(e.Fields) {
		all = append(all, name+" "+what)
	}
	return strings.Join(all, ", ")
}

// KindOf returns the Kind of err: "" where err is nil, KindUnknown where it is
// not a client's.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindUnknown
}

// under notes whether an earlier attempt left doubt.
func (e *Error) under(doubt bool) *Error {
	e.doubt, e.Sent = doubt, e.Sent || doubt
	return e
}

// ErrForm is the cause (errors.Is) of a KindMalformed whose answer is JSON of another form than the
// client reads: the same call will not do better.
var ErrForm = errors.New("the answer is not of the form that is expected")

// malformed is a success that cannot be understood.
func malformed(status int, why error) *Error {
	return &Error{Kind: KindMalformed, Status: status, Sent: true, Err: why}
}
