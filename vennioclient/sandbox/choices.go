package sandbox

import "time"

// This file holds our choices: everything that docs/vennio-api.md marks [I]
// (inferred) or [U] (unknown). Vennio may have decided otherwise; where it has,
// this is the place to change. What is documented stands in the other files.

// Paths whose spelling is not published. The methods and paths of consents,
// and PATCH for changing a booking, are inferred too.
const (
	pathNext    = "/v1/availability/next"
	pathMutual  = "/v1/availability/mutual"
	pathBooking = "/v1/bookings/{id}"
	pathConsent = "/v1/consents/{id}"
	pathWebhook = "/v1/webhooks/{id}"
)

// Scopes beyond the two that are published, and the names of the kinds of key.
const (
	scopeReadBookings   = "read:bookings"
	scopeUpdateBooking  = "update:booking"
	scopeCancelBooking  = "cancel:booking"
	scopeReadConsents   = "read:consents"
	scopeManageConsents = "manage:consents"
	scopeReadHosts      = "read:hosts"
	scopeReadCalendars  = "read:calendars"
	scopeSyncCalendars  = "sync:calendars"
	scopeManageWebhooks = "manage:webhooks"

	keyAnonymous   = "none"
	keyPublishable = "publishable"
	keyOAuth       = "oauth"
	keySecret      = "secret" // also of an unknown prefix, such as the guide's sk_test_xxx
)

// Problem types. The first three are published; the names of the others are ours.
const (
	validationError    slug = "validation-error"
	unauthorized       slug = "unauthorized"
	forbidden          slug = "forbidden"
	notFound           slug = "not-found"
	notConnected       slug = "calendar-not-connected"
	slotUnavailable    slug = "slot-unavailable"
	inProgress         slug = "idempotency-in-progress"
	timeInPast         slug = "time-in-past"
	unprocessable      slug = "unprocessable"
	keyReused          slug = "idempotency-key-reused"
	rateLimited        slug = "rate-limited"
	internalError      slug = "internal-error"
	serviceUnavailable slug = "service-unavailable"
)

// Limits and defaults that are not published.
const (
	maxBody         = 256 << 10 // bytes
	minDuration     = 5         // minutes
	maxDuration     = 480       // minutes
	maxBuffer       = 240       // minutes, kept free before and after whatever is busy
	maxWindow       = 366 * 24 * time.Hour
	daysAhead       = 14 // of next slot
	maxDaysAhead    = 90
	mutualLimit     = 50 // default of limit in mutual availability; at most maxPage
	maxOccurrences  = 52 // of a series
	replayHeader    = "Idempotency-Replayed"
	requestIDHeader = "X-Request-Id"
	reservedPrefix  = "vennio_" // metadata keys that callers may not set
	// holdLifetime is how long an unpaid booking keeps its time. Then it is
	// cancelled, and the time is free again. That is noticed, and told, when next
	// anyone looks.
	holdLifetime    = 30 * time.Minute
	maxWebhooks     = 50
	maxText         = 2048             // bytes of a webhook's URL and description
	deliveryTimeout = 10 * time.Second // of one attempt
	retryBase       = time.Second      // the wait before the first retry; it doubles
	maxCarriers     = 16               // deliveries at once
	maxPending      = 20000            // deliveries on their way; more are given up at once
	maxEmit         = 10000            // events of one order to emit
)

// Further decisions:
//   - Only accepted writes (2xx) are kept under their idempotency key. A refused
//     one leaves no trace, and its key may be used again, for another body too.
//     Bodies are compared byte for byte, together with method, path and query.
//   - A field or parameter that Vennio does not document is refused with 400, so
//     that a misspelt one is noticed; Vennio may well ignore it.
//   - No host named: the default host, but for duration_minutes without
//     business_id, which is a slip in the reference dialect and answers 400.
//   - Two or more hosts among the guide's participants: their mutual
//     availability, under the same calendar access as the operation of that name.
//   - The answers of both dialects have one shape.
//   - Times are given in the host's zone (slots of one host), in UTC (mutual
//     availability, bookings, consents), or in the timezone asked for (slots).
//   - Slots that have begun are not offered. The grid starts with business hours.
//   - PATCH merges metadata. A new start without a new end keeps the length. A
//     cancelled booking cannot be changed: 422. Cancelling it again: 200. A new time
//     needs a connected calendar, as booking does.
//   - The first occurrence of a series must be free. A month that lacks the day
//     is left out and not counted, as RFC 5545 does.
//   - Bookings can be listed by from and to: those that touch that time.
//   - Webhooks are listed and deleted as consents are; all come on one page. The
//     account has one list, whatever the key.
//   - Events fire for test keys too: there is nothing here but tests.
//   - An event has one id and one body for all subscriptions. Any status of 200 to
//     299 accepts it; a redirect does not. It is sent once the answer to the call
//     that caused it is written.
//   - booking.created comes when a booking is made, waiting for payment or not, and
//     for each one of a series; booking.confirmed only once a payment came;
//     booking.updated for every PATCH accepted; booking.cancelled also where the host
//     cancels or no payment comes. consent.changed comes, with an id of its own, to
//     who subscribed to it, besides consent.granted and consent.revoked.
//   - What was on its way to a webhook when it is deleted still goes there.
//   - checkout_url is a page of the sandbox, which marks itself as one.
//   - Lists are in order of creation. X-RateLimit-Reset is in Unix seconds.

// slotJSON is an offered slot. The names of its fields are our guess.
type slotJSON struct {
	Start       string      `json:"start"`
	End         string      `json:"end"`
	Description string      `json:"description,omitempty"`
	Events      []eventJSON `json:"events,omitempty"` // what touches the slot, for who may see details
}

type eventJSON struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Start       string `json:"start"`
	End         string `json:"end"`
}

// slotsJSON answers slots and mutual availability. Slots is a list, or with
// group_by_day an object of lists under dates.
type slotsJSON struct {
	BusinessID      string        `json:"business_id,omitempty"`
	Timezone        string        `json:"timezone"`
	DurationMinutes int           `json:"duration_minutes"`
	Slots           any           `json:"slots"`
	Consent         *accessJSON   `json:"consent,omitempty"`
	Consents        *[]accessJSON `json:"consents,omitempty"`
}

// accessJSON is the calendar access under which an answer was given.
type accessJSON struct {
	ID          string   `json:"id"`
	PrincipalID string   `json:"principal_id"`
	Status      string   `json:"status"`
	Scopes      []string `json:"scopes"`
}

// nextJSON answers next slot; "slot": null is the explicit none.
type nextJSON struct {
	BusinessID string    `json:"business_id"`
	Timezone   string    `json:"timezone"`
	Slot       *slotJSON `json:"slot"`
}

type bookingJSON struct {
	ID            string            `json:"id"`
	BusinessID    string            `json:"business_id"`
	Status        string            `json:"status"`
	StartTime     string            `json:"start_time"`
	EndTime       string            `json:"end_time"`
	CustomerEmail string            `json:"customer_email"`
	CustomerName  string            `json:"customer_name,omitempty"`
	Title         string            `json:"title,omitempty"`
	Notes         string            `json:"notes,omitempty"`
	Participants  []string          `json:"participants,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	SeriesID      string            `json:"series_id,omitempty"`
	CheckoutURL   string            `json:"checkout_url,omitempty"`
	CreatedAt     string            `json:"created_at"`
}

// bookingEnvelope wraps a single booking; cancelling answers with it as well.
type bookingEnvelope struct {
	Booking bookingJSON `json:"booking"`
}

type bookingPage struct {
	Bookings   []bookingJSON `json:"bookings"`
	Pagination pagination    `json:"pagination"`
}

type partyJSON struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

type consentJSON struct {
	ID        string    `json:"id"`
	Grantor   partyJSON `json:"grantor"`
	Grantee   partyJSON `json:"grantee"`
	Scopes    []string  `json:"scopes"`
	Status    string    `json:"status"` // active, revoked, expired
	Active    bool      `json:"active"`
	GrantedAt string    `json:"granted_at"`
	ExpiresAt string    `json:"expires_at"`
	RevokedAt string    `json:"revoked_at,omitempty"`
}

type consentEnvelope struct {
	Consent consentJSON `json:"consent"`
}

type consentPage struct {
	Consents   []consentJSON `json:"consents"`
	Pagination pagination    `json:"pagination"`
}

// hostJSON is a host in a list. Its fields are published for the answer to the call that adds a
// host; that a list has the same ones is our guess.
type hostJSON struct {
	PrincipalID       string `json:"principal_id"`
	DisplayName       string `json:"display_name"`
	Status            string `json:"status"`
	CalendarConnected bool   `json:"calendar_connected"`
	CreatedAt         string `json:"created_at"`
}

type hostPage struct {
	Hosts      []hostJSON `json:"hosts"`
	Pagination pagination `json:"pagination"`
}

// webhookJSON has its secret in the answer to the call that made it, and nowhere else.
type webhookJSON struct {
	ID          string   `json:"id"`
	URL         string   `json:"url"`
	Events      []string `json:"events"`
	Description string   `json:"description,omitempty"`
	Secret      string   `json:"secret,omitempty"`
	CreatedAt   string   `json:"created_at"`
}

type webhookPage struct {
	Webhooks   []webhookJSON `json:"webhooks"`
	Pagination pagination    `json:"pagination"`
}

// eventEnvelope is an event as it is delivered.
type eventEnvelope struct {
	ID        string    `json:"id"` // evt_...
	Type      string    `json:"type"`
	CreatedAt string    `json:"created_at"`
	Data      eventData `json:"data"`
}

// eventData holds one of these.
type eventData struct {
	Booking       *bookingJSON     `json:"booking,omitempty"`
	BookingSeries *cancelledSeries `json:"booking_series,omitempty"`
	Consent       *consentJSON     `json:"consent,omitempty"`
	Proposal      *proposalJSON    `json:"proposal,omitempty"`
}

type proposalJSON struct {
	ID string `json:"id"`
}
