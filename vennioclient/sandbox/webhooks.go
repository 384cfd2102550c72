package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The types of events that the sandbox sends. Only the guide mentions consentChanged.
const (
	bookingCreated   = "booking.created"
	bookingUpdated   = "booking.updated"
	bookingConfirmed = "booking.confirmed"
	bookingCancelled = "booking.cancelled"
	seriesCancelled  = "booking_series.cancelled"
	consentGranted   = "consent.granted"
	consentRevoked   = "consent.revoked"
	consentChanged   = "consent.changed"

	proposalCreated   = "proposal.created"
	proposalCountered = "proposal.countered"
	proposalAccepted  = "proposal.accepted"
	proposalRejected  = "proposal.rejected"
	proposalCancelled = "proposal.cancelled"
	proposalExpired   = "proposal.expired"
	proposalResolved  = "proposal.resolved"
)

// eventNames are the types of events for subscriptions.
var eventNames = []string{
	bookingCreated, bookingUpdated, bookingConfirmed, bookingCancelled, seriesCancelled,
	consentGranted, consentRevoked, consentChanged,
	proposalCreated, proposalCountered, proposalAccepted, proposalRejected, proposalCancelled, proposalExpired, proposalResolved,
}

// Webhook is a subscription to events, with the secret that signs them.
type Webhook struct {
	ID, URL, Secret, Description string
	Events                       []string
	CreatedAt                    time.Time
}

func (w *Webhook) json() webhookJSON {
	return webhookJSON{ID: w.ID, URL: w.URL, Events: w.Events, Description: w.Description, CreatedAt: stamp(w.CreatedAt, time.UTC)}
}

type webhookBody struct {
	URL         string   `json:"url"`
	Events      []string `json:"events"`
	Description string   `json:"description"`
}

func (in *webhookBody) err() error {
	wrong := fieldErrors{}
	u, err := url.Parse(in.URL)
	switch {
	case in.URL == "":
		wrong["url"] = "is required"
	case err != nil, u.Host == "", u.User != nil, len(in.URL) > maxText, u.Scheme != "https" && (u.Scheme != "http" || !onLoopback(u)):
		wrong["url"] = "must be an absolute https URL, or http on loopback, without a user"
	}
	unknown := func(name string) bool { return !slices.Contains(eventNames, name) }
	if len(in.Events) == 0 || slices.ContainsFunc(in.Events, unknown) {
		wrong["events"] = "must name one or more of " + strings.Join(eventNames, ", ")
	}
	if len(in.Description) > maxText {
		wrong["description"] = fmt.Sprintf("must have at most %d bytes", maxText)
	}
	return wrong.err()
}

func onLoopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// createWebhook answers POST /v1/webhooks. Only this answer contains the secret.
func (s *Server) createWebhook(c *call) (answer, error) {
	var in webhookBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	if err := in.err(); err != nil {
		return answer{}, err
	}
	if len(s.data.Webhooks) == maxWebhooks {
		return answer{}, refuse(unprocessable, fmt.Sprintf("There are %d webhooks already.", maxWebhooks))
	}
	slices.Sort(in.Events)
	secret := s.digest()
	w := &Webhook{
		ID: s.tag("wh_"), URL: in.URL, Secret: "whsec_" + hex.EncodeToString(secret[:]), Description: in.Description,
		Events: slices.Compact(in.Events), CreatedAt: c.now.Truncate(time.Second),
	}
	s.data.Webhooks = append(s.data.Webhooks, w)
	out := w.json()
	out.Secret = w.Secret
	return answer{http.StatusCreated, out, true}, nil
}

func (s *Server) listWebhooks(c *call) (answer, error) {
	if err := newForm(c.query).err(); err != nil {
		return answer{}, err
	}
	out := webhookPage{Webhooks: make([]webhookJSON, 0, len(s.data.Webhooks))}
	for _, w := range s.data.Webhooks {
		out.Webhooks = append(out.Webhooks, w.json())
	}
	return answer{status: http.StatusOK, body: out}, nil
}

func (s *Server) deleteWebhook(c *call) (answer, error) {
	i := slices.IndexFunc(s.data.Webhooks, func(w *Webhook) bool { return w.ID == c.id() })
	if i < 0 {
		return answer{}, refuse(notFound, "There is no webhook "+c.id()+".")
	}
	gone := s.data.Webhooks[i]
	s.data.Webhooks = slices.Delete(s.data.Webhooks, i, i+1)
	return answer{http.StatusOK, gone.json(), true}, nil
}

// Webhooks returns the subscriptions with their secrets, in order of creation, so that a
// test can sign deliveries. It returns none if the storage cannot be read.
func (s *Server) Webhooks() []Webhook {
	var out []Webhook
	_ = s.read(func() {
		for _, w := range s.data.Webhooks {
			copied := *w
			copied.Events = slices.Clone(w.Events)
			out = append(out, copied)
		}
	})
	return out
}

// publish creates an event and puts a delivery of it into the outbox for each subscription
// to it. It returns the id of the event, or "" if there is no subscription. The caller must
// hold s.mu.
func (s *Server) publish(name string, about eventData) string {
	var subscribed []*Webhook
	for _, w := range s.data.Webhooks {
		if slices.Contains(w.Events, name) {
			subscribed = append(subscribed, w)
		}
	}
	if len(subscribed) == 0 {
		return ""
	}
	id := s.tag("evt_")
	body := encode(eventEnvelope{ID: id, Type: name, CreatedAt: stamp(s.now(), time.UTC), Data: about})
	copies := 1
	if s.duplicates > 0 {
		copies, s.duplicates = 2, s.duplicates-1
	}
	for _, w := range subscribed {
		s.outbox = append(s.outbox, slices.Repeat([]delivery{{url: w.URL, body: body, signature: sign(body, w.Secret)}}, copies)...)
	}
	return id
}

func (s *Server) publishBooking(name string, b *Booking) {
	s.publish(name, eventData{Booking: new(b.json())})
}

func (s *Server) publishConsent(name string, k *consent) {
	about := eventData{Consent: new(k.json(s.now()))}
	s.publish(name, about)
	s.publish(consentChanged, about)
}

// sign returns the documented signature: the HMAC-SHA256 of the raw body in lower-case
// hexadecimal digits, without a prefix or a time.
func sign(body []byte, secret string) string {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write(body) // never fails
	return hex.EncodeToString(h.Sum(nil))
}

// sendOutbox sends the outbox, after the answer to the call that filled it.
func (s *Server) sendOutbox() {
	s.mu.Lock()
	due := s.outbox
	s.outbox = nil
	s.mu.Unlock()
	s.dispatcher.add(due)
}

// DuplicateNext makes each of the next n events be delivered twice.
func (s *Server) DuplicateNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.duplicates += max(n, 0)
}

// Emit sends count events of that type at once, for load tests, and returns their ids. They
// are about the newest booking or consent, or about a made-up booking if there is none. It
// fails for an unknown type, for a count outside 1 to 10000, and if there is no subscription
// to the type.
func (s *Server) Emit(name string, count int) ([]string, error) {
	if !slices.Contains(eventNames, name) {
		return nil, fmt.Errorf("no event is called %q", name)
	}
	if count < 1 || count > maxEmit {
		return nil, fmt.Errorf("the count must be from 1 to %d", maxEmit)
	}
	defer s.sendOutbox()
	ids := make([]string, 0, count)
	err := s.change(func() bool {
		for range count {
			if id := s.publish(name, s.sampleData(name)); id != "" {
				ids = append(ids, id)
			}
		}
		return len(ids) > 0
	})
	if err == nil && len(ids) == 0 {
		err = errors.New("no subscription asks for " + name)
	}
	return ids, err
}

func (s *Server) sampleData(name string) eventData {
	switch kind, _, _ := strings.Cut(name, "."); kind {
	case "booking":
		return eventData{Booking: new(s.newestBooking().json())}
	case "booking_series":
		return eventData{BookingSeries: &cancelledSeries{ID: s.uuid(), CancelledCount: 1}}
	case "consent":
		return eventData{Consent: new(s.data.Consents[len(s.data.Consents)-1].json(s.now()))}
	default:
		return eventData{Proposal: new(s.newestProposal().json())}
	}
}

func (s *Server) newestBooking() *Booking {
	if n := len(s.data.Bookings); n > 0 {
		return s.data.Bookings[n-1]
	}
	start := s.now().Truncate(time.Hour).Add(24 * time.Hour)
	return &Booking{
		ID: s.uuid(), HostID: hosts[0].ID, Status: statusConfirmed, Start: start, End: start.Add(30 * time.Minute),
		CreatedAt: s.now().Truncate(time.Second), CustomerEmail: account.Email, CustomerName: account.Name,
	}
}
