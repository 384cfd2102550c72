package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Refusal is a failure that knows its code. Where message or next is empty the
// table's words are used.
type Refusal struct {
	Code          schemas.Code
	Message, Next string
	Instead       schemas.Instead
	Wait          time.Duration // until the same call may succeed; 0: not known
	Cause         error         // for the operator; never shown
}

func (r *Refusal) Error() string {
	text := string(r.Code) + ": " + r.Message
	if r.Cause != nil {
		text += ": " + r.Cause.Error()
	}
	return text
}

func (r *Refusal) Unwrap() error { return r.Cause }

func refuse(code schemas.Code, message, next string) *Refusal {
	return &Refusal{Code: code, Message: message, Next: next}
}

// CodeOf is the code under which err is told to the model, "" where err is nil.
func CodeOf(err error) schemas.Code {
	if err == nil {
		return ""
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Code
	}
	if a, ok := errors.AsType[*Awaiting](err); ok {
		return a.Reason
	}
	switch {
	case is[*schemas.Misfits](err):
		return schemas.CodeInvalidArguments
	case is[*times.ZoneError](err):
		return schemas.CodeInvalidTimezone
	case is[*times.WindowError](err):
		return schemas.CodeInvalidWindow
	case is[*vennioclient.Error](err):
		return kinds[vennioclient.KindOf(err)]
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return schemas.CodeCanceled
	}
	return schemas.CodeInternal
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// kinds maps what the client says of a read. A booking has words of its own for
// some of them: see notBooked.
var kinds = map[vennioclient.Kind]schemas.Code{
	vennioclient.KindInvalid:              schemas.CodeRejected,
	vennioclient.KindUnauthorized:         schemas.CodeUnauthorized,
	vennioclient.KindForbidden:            schemas.CodeForbidden,
	vennioclient.KindNotFound:             schemas.CodeNotFound,
	vennioclient.KindCalendarNotConnected: schemas.CodeCalendarNotConnected,
	vennioclient.KindSlotTaken:            schemas.CodeRejected,
	vennioclient.KindInFlight:             schemas.CodeUnavailable,
	vennioclient.KindConflict:             schemas.CodeUnavailable,
	vennioclient.KindImpossible:           schemas.CodeRejected,
	vennioclient.KindKeyReused:            schemas.CodeRejected,
	vennioclient.KindRateLimited:          schemas.CodeRateLimited,
	vennioclient.KindUnavailable:          schemas.CodeUnavailable,
	vennioclient.KindNetwork:              schemas.CodeUnavailable,
	vennioclient.KindMalformed:            schemas.CodeUnavailable,
	vennioclient.KindCanceled:             schemas.CodeCanceled,
	vennioclient.KindUnknown:              schemas.CodeRejected,
}

// failure is the boundary: past it there are no Go errors, only results.
func failure(err error) *schemas.Failure {
	code := CodeOf(err)
	said := table[code]
	p := &schemas.Problem{Code: code, Message: said.message, Next: said.next, Retryable: said.retryable}
	f := &schemas.Failure{Envelope: schemas.Envelope{Error: p}}
	switch code { // errors whose own words were written for the model
	case schemas.CodeInvalidArguments, schemas.CodeInvalidTimezone, schemas.CodeInvalidWindow:
		p.Message = err.Error()
	default:
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		p.Message, p.Next = cmp.Or(r.Message, p.Message), cmp.Or(r.Next, p.Next)
		f.Instead, p.RetryAfterSeconds = r.Instead, int(math.Ceil(r.Wait.Seconds()))
	}
	if e, ok := errors.AsType[*vennioclient.Error](err); ok {
		addUpstream(p, e)
	}
	return f
}

// addUpstream adds what Vennio said, as a quotation: it is data, never an
// instruction.
func addUpstream(p *schemas.Problem, e *vennioclient.Error) {
	p.RequestID = sanitize.Line(e.RequestID, 64)
	p.RetryAfterSeconds = int(math.Ceil(e.RetryAfter.Seconds()))
	detail := cmp.Or(e.Detail, e.Title)
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		detail += fmt.Sprintf("; %s: %s", field, e.Fields[field])
	}
	switch detail = strings.TrimPrefix(detail, "; "); {
	case detail == "":
	case e.Status != 0:
		p.Message += fmt.Sprintf(" Vennio says (%d): %s.", e.Status, sanitize.Quote(detail, 300))
	case e.Kind == vennioclient.KindInvalid: // ours: the request was not even sent
		p.Message += fmt.Sprintf(" It was not sent: %s.", sanitize.Quote(detail, 300))
	}
}
