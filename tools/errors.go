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

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// This file turns errors into results: the code of each error, and the text that the model reads.

// codeText is the text of a code, used if the failing function does not provide one.
type codeText struct {
	message, next string
	retryable     bool
}

// codeTexts has an entry for every code; a test checks this.
var codeTexts = map[schemas.Code]codeText{
	schemas.CodeInvalidArguments: {"The arguments do not fit.", "Correct them and call again.", false},
	schemas.CodeInvalidTimezone:  {"The time zone is not an IANA name.", "Correct it and call again.", false},
	schemas.CodeInvalidWindow:    {"The window cannot be searched.", "Correct when, or from and to, and call again.", false},
	schemas.CodeUnknownHost:      {"The host is not known.", "Name a host there is.", false},
	schemas.CodeUnknownSlot: {
		"This slot_id is not one that find_slots gave for these hosts.",
		"Copy the slot_id whole, with the same hosts in the same order as in find_slots; else call find_slots again.", false,
	},
	schemas.CodeSlotExpired:     {"This slot_id is more than 2 hours old.", "If an earlier call may have booked it, have the person look in Vennio first. " + scheduling.SearchAgain, false},
	schemas.CodeSlotPast:        {"Vennio cannot book this time: it has passed or is not possible.", scheduling.SearchAgain, false},
	schemas.CodeConsentRequired: {"This call changed nothing: no person has agreed to it yet.", "Show the person what would be written and ask. If they agree, make the same call again with consent {granted: true, given_by: their name, statement: their words}.", false},
	schemas.CodeConsentExpired:  {"This call changed nothing: the person's consent has expired or was used up.", "Make the same call with consent {granted: false} to ask the person again.", false},
	schemas.CodeConsentDeclined: {"This call changed nothing: the person did not agree. (A booking made earlier under this slot_id, if any, still stands.)", "Do not ask for this again. Ask whether another time would do, or stop.", false},
	schemas.CodeConsentMismatch: {
		"This slot_id was already used for something else (other attendees, title, notes, booking or consent); a consent holds only for what was agreed.",
		"To see what was done, repeat the earlier call unchanged. For something else call find_slots and ask the person again.", false,
	},
	schemas.CodeApprovalNeeded:    {"This call changed nothing: here a person must agree to it themselves, an agent's word is not enough.", "Ask the person to approve it, then make the same call again.", true},
	schemas.CodeConsentUnanswered: {"This call changed nothing: the person was asked in this client and gave no answer.", "Do not ask in the same form again.", true},
	schemas.CodeSlotTaken:         {"The time was taken a moment ago.", "Offer the person the alternatives: each needs a new consent, may be up to 15 minutes old, and is checked again at booking.", false},
	schemas.CodeOutcomeUnknown: {
		"Vennio gave no clear answer, so this may or may not have been done.",
		"Make exactly the same call again, within 2 hours of find_slots: it settles this and cannot do it twice. Until then tell the person it is not certain.", true,
	},
	schemas.CodeBookingClosed:        {"This booking can no longer be changed.", "Tell the person. To meet anew call find_slots and ask for consent to a new booking.", false},
	schemas.CodePreview:              {"This call changed nothing: this server only previews for this host.", "Tell the person plainly that nothing was booked or changed, and that they must do it in Vennio. Do not repeat the call.", false},
	schemas.CodeNotAllowed:           {"This call changed nothing: this server's operator does not allow it.", "Do not repeat the call: no consent changes it. Tell the person, and offer what is allowed; vennio://policy says what that is.", false},
	schemas.CodeRejected:             {"Vennio refused the request.", "Correct what it names and call again; if nothing can be corrected, tell the user.", false},
	schemas.CodeUnauthorized:         {"Vennio does not accept this server's API key.", "Tell the user that the operator must check VENNIO_API_KEY. Do not repeat the call.", false},
	schemas.CodeForbidden:            {"This server's key or calendar access does not cover that.", "check_calendar_access shows whose calendars are open. Ask the owner to grant access, or the operator for a key with the scope.", false},
	schemas.CodeNotFound:             {"Vennio knows nothing by that id.", "Check the hosts with the user.", false},
	schemas.CodeCalendarNotConnected: {"The host's calendar is not connected to Vennio, so their free times are unknown (not: none).", "Tell the user that the host must connect the calendar in Vennio. Do not repeat the call.", false},
	schemas.CodeRateLimited:          {"Vennio's hourly limit is used up.", "Wait, then make the same call again.", true},
	schemas.CodeUnavailable:          {"Vennio cannot be reached or is failing.", "Try the same call again in a minute; if it fails again, tell the user.", true},
	schemas.CodeStoreAway:            {"This server's own store cannot be used for now, so this call sent nothing to Vennio.", "Make exactly the same call again in a minute; if it fails again, tell the user.", true},
	schemas.CodeCanceled:             {"The call was cancelled before it was done.", "Make the call again if it is still wanted.", true},
	schemas.CodeInternal:             {"This server failed; the cause is in its log.", "Do not repeat the call; tell the user.", false},
}

// codes are the codes of Vennio's errors for reads. Writes have other codes for some of them: see
// writeKind.
var codes = map[vennioclient.Kind]schemas.Code{
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
	vennioclient.KindInvitation:           schemas.CodeRejected,
	vennioclient.KindRateLimited:          schemas.CodeRateLimited,
	vennioclient.KindUnavailable:          schemas.CodeUnavailable,
	vennioclient.KindNetwork:              schemas.CodeUnavailable,
	vennioclient.KindMalformed:            schemas.CodeUnavailable,
	vennioclient.KindCanceled:             schemas.CodeCanceled,
	vennioclient.KindUnknown:              schemas.CodeRejected,
}

// writeKind says how the errors of one kind of write are reported.
type writeKind struct {
	done     string // what the call did not do
	notFound string // the next step if Vennio does not know the booking; empty: that of the code
	codes    map[vennioclient.Kind]schemas.Code
}

const checkBookingID = "Check the booking_id with the user."

var (
	slotCodes = map[vennioclient.Kind]schemas.Code{
		vennioclient.KindSlotTaken:  schemas.CodeSlotTaken,
		vennioclient.KindImpossible: schemas.CodeSlotPast,
		vennioclient.KindKeyReused:  schemas.CodeConsentMismatch,
	}
	writePropose = writeKind{"proposed nothing", "", slotCodes}
	writeBook    = writeKind{"booked nothing", "", slotCodes}
	writeMove    = writeKind{"changed nothing", checkBookingID, slotCodes}
	writeCancel  = writeKind{"changed nothing", checkBookingID, closedCodes}
	writeUpdate  = writeCancel
	writeAnswer  = writeKind{"changed nothing", "Check the proposal_id with the user.", closedCodes}
	writeShare   = writeKind{"made nothing", "", slotCodes}
	closedCodes  = map[vennioclient.Kind]schemas.Code{ // of writes whose errors are not about a slot
		vennioclient.KindSlotTaken:  schemas.CodeBookingClosed,
		vennioclient.KindImpossible: schemas.CodeBookingClosed,
		vennioclient.KindKeyReused:  schemas.CodeConsentMismatch,
	}
)

// writeFailed states what is certain after a write that Vennio did not confirm: it was not done, or
// its outcome is unknown. Other errors are returned unchanged.
func writeFailed(err error, k writeKind) error {
	if is[*scheduling.Refusal](err) || !is[*vennioclient.Error](err) {
		return err
	}
	if vennioclient.OutcomeOf(err) == vennioclient.Unknown {
		return &scheduling.Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
	}
	code := cmp.Or(k.codes[vennioclient.KindOf(err)], CodeOf(err))
	r := &scheduling.Refusal{Code: code, Message: "This call " + k.done + ". " + codeTexts[code].message, Cause: err}
	if code == schemas.CodeNotFound {
		r.Next = k.notFound
	}
	return r
}

// CodeOf returns the code under which the model sees an error; it is empty if err is nil.
func CodeOf(err error) schemas.Code {
	if err == nil {
		return ""
	}
	if r := refusalOf(err); r != nil && r.Code == "" {
		return CodeOf(r.Cause)
	} else if r != nil {
		return r.Code
	}
	if a, ok := errors.AsType[*Awaiting](err); ok {
		return a.Reason
	}
	switch {
	case is[*schemas.ValidationError](err):
		return schemas.CodeInvalidArguments
	case is[*times.ZoneError](err):
		return schemas.CodeInvalidTimezone
	case is[*times.WindowError](err):
		return schemas.CodeInvalidWindow
	case is[*vennioclient.Error](err):
		return codes[vennioclient.KindOf(err)]
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return schemas.CodeCanceled
	}
	return schemas.CodeInternal
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isRetryable reports whether the same call may succeed later.
func isRetryable(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || codeTexts[CodeOf(err)].retryable
}

// failure is the result of a call that failed.
func (d *Deps) failure(err error) *schemas.Failure {
	code := CodeOf(err)
	text := codeTexts[code]
	p := &schemas.Problem{Code: code, Message: text.message, Next: text.next, Retryable: text.retryable}
	f := &schemas.Failure{Envelope: schemas.Envelope{Error: p}}
	switch code { // these errors have texts for the model
	case schemas.CodeInvalidArguments, schemas.CodeInvalidTimezone, schemas.CodeInvalidWindow:
		p.Message = err.Error()
	default:
	}
	if r := refusalOf(err); r != nil {
		p.Message, p.Next = cmp.Or(r.Message, p.Message), cmp.Or(r.Next, p.Next)
		f.Instead, p.RetryAfterSeconds = r.Instead, seconds(r.Wait)
	}
	if errors.Is(err, scheduling.ErrNoBooking) {
		p.Next = "Copy the whole booking_id from the result that contained it, or check it with the user."
		if d.offered[toolList] {
			p.Next = "Call list_bookings, and copy the whole booking_id from its result."
		}
	}
	if e, ok := errors.AsType[*vennioclient.Error](err); ok {
		addUpstream(p, e)
	}
	return f
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// addUpstream adds Vennio's own words as a quotation: they are data, never an instruction.
func addUpstream(p *schemas.Problem, e *vennioclient.Error) {
	p.RequestID, p.RetryAfterSeconds = sanitize.Line(e.RequestID, 64), seconds(e.RetryAfter)
	detail := cmp.Or(e.Detail, e.Title)
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		detail += fmt.Sprintf("; %s: %s", field, e.Fields[field])
	}
	switch detail = strings.TrimPrefix(detail, "; "); {
	case detail == "":
	case e.Status != 0:
		p.Message += fmt.Sprintf(" Vennio says (%d): %s.", e.Status, sanitize.Quote(detail, 300))
	case e.Kind == vennioclient.KindInvalid: // the client refused to send it
		p.Message += fmt.Sprintf(" It was not sent: %s.", sanitize.Quote(detail, 300))
	}
}

// allOf returns the only error, or one error with the messages of all. It returns nil if there is none.
func allOf(all ...error) error {
	var wrong []error
	var messages []string
	for _, err := range all {
		if err != nil {
			wrong, messages = append(wrong, err), append(messages, strings.TrimSuffix(new(Deps).failure(err).Error.Message, "."))
		}
	}
	if len(wrong) < 2 {
		return errors.Join(wrong...)
	}
	return &scheduling.Refusal{Code: schemas.CodeInvalidArguments, Message: strings.Join(messages, "; ") + ".", Cause: errors.Join(wrong...)}
}

// refusalOf returns the refusal in err: one of package scheduling, or that of an error of the consent
// ledger. It returns nil for other errors.
func refusalOf(err error) *scheduling.Refusal {
	if r, ok := errors.AsType[*scheduling.Refusal](err); ok {
		return r
	}
	switch {
	case is[*consent.RequiredError](err):
		return incompleteConsent(err)
	case errors.Is(err, consent.ErrOtherAct):
		return otherAct(err)
	case errors.Is(err, consent.ErrDeclined):
		return declinedByPerson(err)
	case is[*consent.TooManyError](err):
		return tooManyRequests(err)
	case errors.Is(err, consent.ErrExpired), errors.Is(err, consent.ErrNoGrant), errors.Is(err, consent.ErrSettled):
		// ErrSettled: another call used this consent, and nothing was booked
		return &scheduling.Refusal{Code: schemas.CodeConsentExpired, Cause: err}
	case errors.Is(err, consent.ErrUnavailable): // before anything is sent: what was sent is settled later
		return &scheduling.Refusal{Code: schemas.CodeStoreAway, Cause: err}
	case errors.Is(err, consent.ErrTampered):
		return &scheduling.Refusal{
			Code: schemas.CodeInternal, Message: "This call sent nothing to Vennio: the stored consent does not match the consent ledger.",
			Next: "Do not repeat the call. Tell the user that this server's operator must run vennio-mcp ledger verify.", Cause: err,
		}
	}
	return nil
}

// incompleteConsent refuses a report that claims consent without naming the person or their words.
func incompleteConsent(err error) *scheduling.Refusal {
	missing, _ := errors.AsType[*consent.RequiredError](err)
	return &scheduling.Refusal{
		Code:    schemas.CodeInvalidArguments,
		Message: "This call changed nothing: where consent.granted is true, " + missing.Why + ".",
		Next:    "Send consent {granted: true, given_by: the person's name, statement: their words}. If nobody has agreed, send {granted: false}: it shows what would be written.",
	}
}

// otherAct names the act for which the slot id was used.
func otherAct(err error) *scheduling.Refusal {
	r := &scheduling.Refusal{Code: schemas.CodeConsentMismatch, Cause: err}
	other, ok := errors.AsType[*consent.OtherActError](err)
	if !ok || other.Act.Tool == "" {
		return r
	}
	loc, zoneErr := times.Zone(other.Act.Zone)
	if zoneErr != nil {
		loc = time.UTC
	}
	r.Message = fmt.Sprintf("This slot_id was already used for %s, %s", sanitize.Quote(other.Act.Title, 120), times.Label(other.Act.Start, other.Act.End, loc))
	if other.BookingID != "" {
		r.Message += " (booking " + sanitize.Line(other.BookingID, 100) + ")"
	}
	r.Message += "; a consent holds only for exactly what was agreed. This call changed nothing."
	return r
}

// declinedByPerson says how long a refusal lasts and what the person may still be asked.
func declinedByPerson(err error) *scheduling.Refusal {
	r := &scheduling.Refusal{Code: schemas.CodeConsentDeclined, Cause: err}
	refused, ok := errors.AsType[*consent.RefusedError](err)
	if !ok {
		return r
	}
	what, other := "time", "another time"
	if refused.Booking {
		what, other = "booking", "something else"
	}
	r.Message = fmt.Sprintf("%s The refusal holds for this %s, however the request is worded, for another %s.", codeTexts[r.Code].message, what, roundedUp(refused.Wait))
	r.Next = fmt.Sprintf("Do not ask for this again. Ask the person whether %s would do, or stop.", other)
	if refused.Changeable {
		r.Next += fmt.Sprintf(" If they want this %s with something changed, such as another title or guest, one changed request is possible.", what)
	}
	return r
}

// tooManyRequests says which limit on requests to people is reached, and how long to wait.
func tooManyRequests(err error) *scheduling.Refusal {
	e, _ := errors.AsType[*consent.TooManyError](err)
	callers := "one caller"
	if e.Tenant {
		callers = "all callers of this account together"
	}
	r := &scheduling.Refusal{Code: schemas.CodeRateLimited, Wait: e.Wait, Cause: err}
	again := "make exactly the same call again in " + roundedUp(e.Wait)
	if e.Open {
		open := fmt.Sprintf("%d requests", e.Most)
		if e.Most == 1 {
			open = "1 request"
		}
		r.Message = fmt.Sprintf("This call changed nothing and asked nobody: %s may have %s open that wait for a person.", callers, open)
		r.Next = "Have the person answer the requests that are open, then make exactly the same call again; otherwise " + again + ", when one has expired."
		return r
	}
	r.Message = fmt.Sprintf("This call changed nothing and asked nobody: %s may have people asked %d times an hour.", callers, e.Most)
	r.Next = "Tell the person that no further request is possible for now, and " + again + "."
	return r
}

// roundedUp is a duration in words, rounded up: "45 seconds", "10 minutes", "3 hours".
func roundedUp(d time.Duration) string {
	unit, name := time.Second, "second"
	switch {
	case d > 3*time.Hour:
		unit, name = time.Hour, "hour"
	case d > 2*time.Minute:
		unit, name = time.Minute, "minute"
	}
	n := max(1, (d+unit-1)/unit)
	if n > 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", n, name)
}
