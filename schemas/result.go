package schemas

import (
	"fmt"
	"strings"
)

// Code identifies an error for programs. The list is closed.
type Code string

// The codes. Package tools has the text of each for the model.
const (
	CodeInvalidArguments     Code = "invalid_arguments"
	CodeInvalidTimezone      Code = "invalid_timezone"
	CodeInvalidWindow        Code = "invalid_window"
	CodeUnknownHost          Code = "unknown_host"
	CodeUnknownSlot          Code = "unknown_slot"
	CodeSlotExpired          Code = "slot_expired"
	CodeSlotPast             Code = "slot_past"
	CodeConsentRequired      Code = "consent_required"
	CodeConsentExpired       Code = "consent_expired"
	CodeConsentDeclined      Code = "consent_declined"
	CodeConsentMismatch      Code = "consent_mismatch"
	CodeApprovalNeeded       Code = "approval_needed"
	CodeConsentUnanswered    Code = "consent_unanswered"
	CodeSlotTaken            Code = "slot_taken"
	CodeOutcomeUnknown       Code = "outcome_unknown"
	CodeBookingClosed        Code = "booking_closed"
	CodePreview              Code = "preview"
	CodeNotAllowed           Code = "not_allowed"
	CodeRejected             Code = "rejected"
	CodeUnauthorized         Code = "unauthorized"
	CodeForbidden            Code = "forbidden"
	CodeNotFound             Code = "not_found"
	CodeCalendarNotConnected Code = "calendar_not_connected"
	CodeRateLimited          Code = "rate_limited"
	CodeUnavailable          Code = "vennio_unavailable"
	CodeStoreAway            Code = "store_unavailable"
	CodeCanceled             Code = "canceled"
	CodeInternal             Code = "internal_error"
)

// Codes lists every Code.
func Codes() []Code {
	return []Code{
		CodeInvalidArguments, CodeInvalidTimezone, CodeInvalidWindow, CodeUnknownHost, CodeUnknownSlot, CodeSlotExpired,
		CodeSlotPast, CodeConsentRequired, CodeConsentExpired, CodeConsentDeclined, CodeConsentMismatch, CodeApprovalNeeded, CodeConsentUnanswered, CodeSlotTaken, CodeOutcomeUnknown,
		CodeBookingClosed, CodePreview, CodeNotAllowed, CodeRejected, CodeUnauthorized, CodeForbidden, CodeNotFound, CodeCalendarNotConnected, CodeRateLimited,
		CodeUnavailable, CodeStoreAway, CodeCanceled, CodeInternal,
	}
}

// Problem is a failure as the model sees it.
type Problem struct {
	Code              Code   `json:"code"`
	Message           string `json:"message"`
	Next              string `json:"next" jsonschema_description:"The one thing to do next"`
	Retryable         bool   `json:"retryable" jsonschema_description:"Whether the same call may succeed later"`
	RetryAfterSeconds int    `json:"retry_after_seconds,omitempty"`
	RequestID         string `json:"request_id,omitempty" jsonschema_description:"Vennio's id of the failed request, for support"`
}

// Text is the problem in words, with every fact.
func (p Problem) Text() string {
	facts := []string{"retryable: no"}
	if p.Retryable {
		facts[0] = "retryable: the same call may succeed later"
	}
	if p.RetryAfterSeconds > 0 {
		facts = append(facts, fmt.Sprintf("wait %d seconds", p.RetryAfterSeconds))
	}
	if p.RequestID != "" {
		facts = append(facts, "Vennio request "+p.RequestID)
	}
	return fmt.Sprintf("%s: %s\nNext: %s\n(%s)", p.Code, p.Message, p.Next, strings.Join(facts, "; "))
}

// Envelope has the fields that all results have.
type Envelope struct {
	Error   *Problem `json:"error,omitempty" jsonschema_description:"Set when the call failed; then other fields may be absent"`
	Sandbox bool     `json:"sandbox,omitempty" jsonschema_description:"True while no Vennio key is set: nothing real is booked"`
	Warning string   `json:"warning,omitempty" jsonschema_description:"To tell the person: what is not real"`

	// Meta is the result's _meta, for the client and its cards. Resources and models do not get it.
	Meta map[string]any `json:"-"`
}

// Common returns the envelope of a result, to be filled in.
func (e *Envelope) Common() *Envelope { return e }

// MarkSandbox marks a result as one of the sandbox.
func (e *Envelope) MarkSandbox() { e.Sandbox, e.Warning = true, SandboxText }

// SandboxText is the warning of every sandboxed result, and the last line of its text.
const SandboxText = "SANDBOX: no VENNIO_API_KEY is set; people, times and bookings are made up, nothing real is booked."

// Result is the result of a tool: structured content that can render itself as text.
type Result interface {
	// Text is a success in words for a person, with the same facts.
	Text() string
	Common() *Envelope
}

// Render is the whole text of a result: its problem if there is one, its facts, and the warning of the
// sandbox.
func Render(r Result) string {
	var parts []string
	if e := r.Common().Error; e != nil {
		parts = append(parts, e.Text())
	}
	if text := r.Text(); text != "" {
		parts = append(parts, text)
	}
	if warning := r.Common().Warning; warning != "" {
		parts = append(parts, warning)
	}
	return strings.Join(parts, "\n")
}

// Failure is the result of a call that failed: the problem, and what is offered instead.
type Failure struct {
	Instead
	Envelope
}

// Text is what is offered instead; the problem is in the envelope.
func (f *Failure) Text() string { return f.Instead.text() }
