package sandbox

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

var errNoZone = errors.New("not an IANA time zone")

// slug is the last part of a problem's type.
type slug string

const problemBase = "https://api.vennio.app/errors/"

// problems says the status of each slug, and its detail where nothing more is known.
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
}

// problem is an answer that was not a success (RFC 9457), and the error by which it travels.
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

// refuse makes a problem; without a detail it carries that of its slug.
func refuse(s slug, detail string) *problem {
	known := problems[s]
	if detail == "" {
		detail = known.detail
	}
	return &problem{Type: problemBase + string(s), Title: known.title, Status: known.status, Detail: detail}
}

// invalid is the 400 that names every misfit at once; nil where there is none.
func invalid(fields map[string]string) error {
	if len(fields) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(fields))
	p := refuse(validationError, "Not valid: "+strings.Join(names, ", ")+".")
	p.Errors = fields
	return p
}
