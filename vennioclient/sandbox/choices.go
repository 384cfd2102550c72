package sandbox

import "time"

// This file contains our assumptions: everything that docs/vennio-api.md marks [I]
// (inferred) or [U] (unknown). Correct them here if Vennio behaves differently. The other
// files implement documented behaviour.

// Paths that are not published. The methods and paths of consents, and PATCH for changing a
// booking, are inferred too.
const (
	pathNext    = "/v1/availability/next"
	pathMutual  = "/v1/availability/mutual"
	pathBooking = "/v1/bookings/{id}"
	pathConsent = "/v1/consents/{id}"
	pathWebhook = "/v1/webhooks/{id}"

	pathProposal = "/v1/proposals/{id}"
	pathClose    = pathProposal + "/close"
	pathICS      = pathProposal + "/ics"
	pathSeries   = "/v1/booking-series/{id}"
	pathBookLink = "/v1/venn-links/{id}/book"
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
	scopeReadProposals  = "read:proposals"
	scopeProposals      = "manage:proposals"
	scopeVennLinks      = "manage:venn-links"

	keyAnonymous   = "none"
	keyPublishable = "publishable"
	keyOAuth       = "oauth"
	keySecret      = "secret" // also of an unknown prefix, such as the guide's sk_test_xxx
)

// Problem types. The first three are published; the names of the others are ours. Those of
// proposals, further down, are published, except that they are the end of a type.
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

	authRequired     slug = "authentication_required"
	noProposal       slug = "not_found"
	proposalUnknown  slug = "proposal_not_found"
	slotUnknown      slug = "winning_slot_not_found"
	wrongState       slug = "conflict"
	notResolved      slug = "poll_not_resolved"
	tokenInvalid     slug = "invalid_token"
	tokenMismatch    slug = "token_proposal_mismatch"
	tokenExpired     slug = "token_expired"
	organizerRefused slug = "organizer_cannot_respond"
	acceptOnly       slug = "poll_mode_only_supports_accept"
	tooSoon          slug = "earliest_slot_too_soon"
	consentRequired  slug = "consent_required"
	organizerOffline slug = "calendar_disconnected_originator"
	calendarOffline  slug = "calendar_unavailable"
)

// Limits and defaults that are not published.
const (
	maxBody         = 256 << 10 // bytes
	minDuration     = 5         // minutes
	maxDuration     = 480       // minutes
	maxBuffer       = 240       // minutes, kept free before and after busy times
	maxWindow       = 366 * 24 * time.Hour
	daysAhead       = 14 // of next slot
	maxDaysAhead    = 90
	mutualLimit     = 50 // default of limit in mutual availability; at most maxPage
	maxOccurrences  = 52 // of a series
	replayHeader    = "Idempotency-Replayed"
	requestIDHeader = "X-Request-Id"
	reservedPrefix  = "vennio_" // metadata keys that callers may not set
	// holdLifetime is how long an unpaid booking reserves its time. After that the booking
	// is cancelled, with its event, at the next access.
	holdLifetime    = 30 * time.Minute
	maxWebhooks     = 50
	maxText         = 2048             // bytes of a webhook's URL and description
	deliveryTimeout = 10 * time.Second // of one attempt
	retryBase       = time.Second      // the wait before the first retry; it doubles
	maxParallel     = 16               // concurrent deliveries
	maxPending      = 20000            // pending deliveries; further ones fail at once
	maxEmit         = 10000            // events of one emit command

	proposalHours    = 7 * 24  // expires_in_hours if it is absent
	maxProposalHours = 30 * 24 // the most that expires_in_hours may be
	maxQuestions     = 20      // of a Venn Link
	maxPrice         = 99_999_999
	// pollNotice is how far ahead the slots of a poll must begin; the page says "about 25 hours".
	pollNotice = 25 * time.Hour
	// tokenSurvivesFailure says whether an invitation can be used again after a response whose
	// calendar operations failed. Vennio's pages contradict each other; the choice is the
	// stricter one for callers.
	tokenSurvivesFailure = false
)

// Further decisions:
//   - Only the answers of accepted writes (2xx) are stored under their idempotency key. The
//     key of a refused write may be used again, also with another body. Method, path, query
//     and the bytes of the body are compared.
//   - A field or parameter that Vennio does not document is refused with 400, so that
//     misspellings are found. Vennio may ignore it.
//   - Without a host, the default host is used. An exception is duration_minutes without
//     business_id, which is a mistake in the reference dialect and is refused with 400.
//   - Two or more hosts among the guide's participants: their mutual
//     availability, under the same calendar access as the operation of that name.
//   - The answers of both dialects have the same form.
//   - Times are given in the host's zone (slots of one host), in UTC (mutual
//     availability, bookings, consents), or in the timezone asked for (slots).
//   - Slots that have begun are not offered. The first slot starts with the business hours.
//   - PATCH merges metadata. A new start without a new end keeps the length. A
//     cancelled booking cannot be changed: 422. Cancelling it again: 200. A new time
//     needs a connected calendar, as booking does.
//   - The first occurrence of a series must be free. A month that lacks the day
//     is left out and not counted, as in RFC 5545.
//   - from and to select the bookings that overlap that time.
//   - Webhooks are listed and deleted in the same form as consents, on one page. All keys
//     of the account have the same webhooks.
//   - Events are sent for test keys too.
//   - An event has the same id and body for all subscriptions. A status of 200 to 299
//     accepts it; a redirect does not. It is sent after the answer to the call that caused it.
//   - booking.created is sent for every new booking, paid or not, and for each one of a
//     series; booking.confirmed after a payment; booking.updated for every accepted PATCH;
//     booking.cancelled also if the host cancels or the payment is overdue. consent.changed
//     is sent, with a different id, in addition to consent.granted and consent.revoked.
//   - Pending deliveries to a deleted webhook are still sent.
//   - checkout_url is a page of the sandbox, which is labelled as such.
//   - Lists are in order of creation. X-RateLimit-Reset is in Unix seconds.
//   - The organizer's calendar is that of the default host, because the owner of the key has none.
//   - The slots of a proposal may overlap, but two may not be equal. A poll does not look at
//     calendars, not even when it is resolved. Another proposal looks at the calendar of a
//     participant who is a host and accepts; a slot in the past is refused when it is made.
//   - If several participants must accept, the first one chooses the slot. Another slot is 409.
//   - An accepted proposal is one booking, free of charge, with the host who accepted last.
//   - The one who counters becomes the organizer of the new proposal; all others are its participants.
//   - A poll expires at the start of its earliest slot at the latest. A token expires with its
//     proposal. A used token opens neither the proposal nor its calendar file (the page about the
//     file states that, although it also says that voters use it).
//   - In an open poll, a vote with the e-mail address of an earlier vote replaces it.
//   - A poll sends proposal.resolved, any other proposal proposal.accepted.
//   - A Venn Link is for the default host unless principal_id names another, lasts 30 minutes, and
//     inherits the price of the host unless it has price_amount; 0 is free. Its short code is the
//     start of its id. An expired one is 404. A booking must have its length. An answer without a
//     question is refused. The title becomes that of the booking, and the answers are part of it.
//   - A request without a key uses the idempotency keys and the rate limit of all such requests.

// slotJSON is an offered slot. The names of its fields are inferred.
type slotJSON struct {
	Start       string      `json:"start"`
	End         string      `json:"end"`
	Description string      `json:"description,omitempty"`
	Events      []eventJSON `json:"events,omitempty"` // overlapping or adjoining entries, if the caller may see details
}

type eventJSON struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Start       string `json:"start"`
	End         string `json:"end"`
}

// slotsJSON is the answer of slots and mutual availability. Slots is a list or, with
// group_by_day, an object of lists by date.
type slotsJSON struct {
	BusinessID      string        `json:"business_id,omitempty"`
	TeamID          string        `json:"team_id,omitempty"`
	Timezone        string        `json:"timezone"`
	DurationMinutes int           `json:"duration_minutes"`
	Slots           any           `json:"slots"`
	Consent         *accessJSON   `json:"consent,omitempty"`
	Consents        *[]accessJSON `json:"consents,omitempty"`
}

// accessJSON is the calendar access that permitted an answer.
type accessJSON struct {
	ID          string   `json:"id"`
	PrincipalID string   `json:"principal_id"`
	Status      string   `json:"status"`
	Scopes      []string `json:"scopes"`
}

// nextJSON is the answer of next slot. "slot" is null if there is none.
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
	Answers       map[string]string `json:"answers,omitempty"`
	SeriesID      string            `json:"series_id,omitempty"`
	CheckoutURL   string            `json:"checkout_url,omitempty"`
	CreatedAt     string            `json:"created_at"`
}

// bookingEnvelope contains one booking. It is also the answer to a cancellation.
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

// hostJSON is a host in a list. Its fields are published for the call that adds a host; that a
// list has the same fields is inferred.
type hostJSON struct {
	PrincipalID       string `json:"principal_id"`
	DisplayName       string `json:"display_name"`
	Status            string `json:"status"`
	CalendarConnected bool   `json:"calendar_connected"`
	CreatedAt         string `json:"created_at"`
}

// principalJSON is the owner of a key. Only principal_id is published.
type principalJSON struct {
	PrincipalID string `json:"principal_id"`
	DisplayName string `json:"display_name"`
	Email       string `json:"email"`
}

type hostPage struct {
	Hosts      []hostJSON `json:"hosts"`
	Pagination pagination `json:"pagination"`
}

// webhookJSON contains the secret only in the answer to the call that created the webhook.
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

// eventEnvelope is the body of a delivery.
type eventEnvelope struct {
	ID        string    `json:"id"` // evt_...
	Type      string    `json:"type"`
	CreatedAt string    `json:"created_at"`
	Data      eventData `json:"data"`
}

// eventData contains one of these.
type eventData struct {
	Booking       *bookingJSON     `json:"booking,omitempty"`
	BookingSeries *cancelledSeries `json:"booking_series,omitempty"`
	Consent       *consentJSON     `json:"consent,omitempty"`
	Proposal      *proposalJSON    `json:"proposal,omitempty"`
}

// proposalJSON is a proposal. requester_id, is_selected, selected_slot_id and start_time of a
// slot are published; the names of the other fields are inferred.
type proposalJSON struct {
	ID           string            `json:"id"`
	ThreadID     string            `json:"thread_id"`
	Mode         string            `json:"mode"`
	Status       string            `json:"status"`
	RequesterID  string            `json:"requester_id"`
	Organizer    partyJSON         `json:"organizer"`
	Message      string            `json:"message,omitempty"`
	Metadata     map[string]any    `json:"metadata"`
	Slots        []pollSlotJSON    `json:"slots"`
	Participants []participantJSON `json:"participants"`
	BookingID    string            `json:"booking_id,omitempty"`
	NextID       string            `json:"next_proposal_id,omitempty"`
	CreatedAt    string            `json:"created_at"`
	ExpiresAt    string            `json:"expires_at"`
}

type pollSlotJSON struct {
	ID        string `json:"id"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
	VoteCount int    `json:"vote_count"`
	Selected  bool   `json:"is_selected"`
}

type participantJSON struct {
	ID             string  `json:"id"`
	PrincipalID    string  `json:"principal_id,omitempty"`
	Name           string  `json:"name,omitempty"`
	Email          string  `json:"email,omitempty"`
	Status         string  `json:"status"` // pending, accepted, rejected, countered or voted
	SelectedSlotID *string `json:"selected_slot_id"`
}

// proposalEnvelope contains a proposal: the answer to a read or a change. The links are in the
// answer to the call that created it, the new proposal in that to a counter.
type proposalEnvelope struct {
	Proposal     proposalJSON     `json:"proposal"`
	Invitations  []invitationJSON `json:"invitations,omitempty"`
	MagicLinkURL string           `json:"magic_link_url,omitempty"`
	NewProposal  *proposalJSON    `json:"new_proposal,omitempty"`
}

type invitationJSON struct {
	Email        string `json:"email"`
	MagicLinkURL string `json:"magic_link_url"`
}

type proposalPage struct {
	Proposals  []proposalJSON `json:"proposals"`
	Pagination pagination     `json:"pagination"`
}

// tokenEnvelope is the answer to a read by token. participant is null for an open link, published.
type tokenEnvelope struct {
	Proposal    proposalJSON     `json:"proposal"`
	Participant *participantJSON `json:"participant"`
	Token       tokenJSON        `json:"token"`
}

type tokenJSON struct {
	Kind      string `json:"kind"` // named or open, published
	ExpiresAt string `json:"expires_at"`
}

// seriesJSON is a series. That a list has the same fields as a new series is inferred.
type seriesJSON struct {
	ID           string `json:"id"`
	Frequency    string `json:"frequency"`
	CreatedCount int    `json:"created_count"`
	SkippedCount int    `json:"skipped_count"`
}

// seriesEnvelope is the answer to a new series, published, and to a read, inferred.
type seriesEnvelope struct {
	BookingSeries seriesJSON    `json:"booking_series"`
	Bookings      []bookingJSON `json:"bookings"`
}

type seriesPage struct {
	BookingSeries []seriesJSON `json:"booking_series"`
	Pagination    pagination   `json:"pagination"`
}

// vennLinkJSON is a booking link. title, event_type_id and the price are published.
type vennLinkJSON struct {
	ID              string         `json:"id"`
	ShortCode       string         `json:"short_code"`
	URL             string         `json:"url"`
	Title           string         `json:"title"`
	PrincipalID     string         `json:"principal_id"`
	EventTypeID     string         `json:"event_type_id,omitempty"`
	DurationMinutes int            `json:"duration_minutes"`
	PriceAmount     *int64         `json:"price_amount"` // minor units; null is inherited, published
	PriceCurrency   string         `json:"price_currency,omitempty"`
	Questions       []questionJSON `json:"questions"`
	CreatedAt       string         `json:"created_at"`
	ExpiresAt       string         `json:"expires_at,omitempty"`
}

type questionJSON struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Required bool   `json:"required"`
}

type vennLinkEnvelope struct {
	VennLink vennLinkJSON `json:"venn_link"`
}

type vennLinkPage struct {
	VennLinks  []vennLinkJSON `json:"venn_links"`
	Pagination pagination     `json:"pagination"`
}

// The currencies of ISO 4217 that Stripe accepts, and those whose minor unit is not a hundredth.
const (
	currencies = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp " +
		"etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga " +
		"mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl " +
		"thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw"
	currenciesWithout   = "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf"
	currenciesWithThree = "bhd jod kwd omr tnd"
)
