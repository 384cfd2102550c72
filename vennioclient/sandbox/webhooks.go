package sandbox

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The events of the documentation, but for consentChanged, which only the guide
// speaks of.
const (
	bookingCreated   = "booking.created"
	bookingUpdated   = "booking.updated"
	bookingConfirmed = "booking.confirmed"
	bookingCancelled = "booking.cancelled"
	seriesCancelled  = "booking_series.cancelled"
	consentGranted   = "consent.granted"
	consentRevoked   = "consent.revoked"
	consentChanged   = "consent.changed"
)

// eventNames are what may be subscribed to. Proposals never happen here.
var eventNames = []string{
	bookingCreated, bookingUpdated, bookingConfirmed, bookingCancelled, seriesCancelled,
	consentGranted, consentRevoked, consentChanged,
	"proposal.created", "proposal.countered", "proposal.accepted", "proposal.rejected", "proposal.cancelled",
	"proposal.expired", "proposal.resolved",
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

// webhookBody is what POST /v1/webhooks takes.
type webhookBody struct {
	URL         string   `json:"url"`
	Events      []string `json:"events"`
	Description string   `json:"description"`
}

func (in *webhookBody) err() error {
	wrong := misfits{}
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

// createWebhook answers POST /v1/webhooks: the only answer with the secret.
func (s *Server) createWebhook(c *call) (answer, error) {
	var in webhookBody
	if err := decode(c.body, &in); err != nil {
		return answer{}, err
	}
	if err := in.err(); err != nil {
		return answer{}, err
	}
	if len(s.webhooks) == maxWebhooks {
		return answer{}, refuse(unprocessable, fmt.Sprintf("There are %d webhooks already.", maxWebhooks))
	}
	slices.Sort(in.Events)
	secret := s.digest()
	w := &Webhook{
		ID: s.tag("wh_"), URL: in.URL, Secret: "whsec_" + hex.EncodeToString(secret[:]), Description: in.Description,
		Events: slices.Compact(in.Events), CreatedAt: c.now.Truncate(time.Second),
	}
	s.webhooks = append(s.webhooks, w)
	out := w.json()
	out.Secret = w.Secret
	return answer{http.StatusCreated, out, true}, nil
}

func (s *Server) listWebhooks(c *call) (answer, error) {
	if err := newForm(c.query).err(); err != nil {
		return answer{}, err
	}
	out := webhookPage{Webhooks: make([]webhookJSON, 0, len(s.webhooks))}
	for _, w := range s.webhooks {
		out.Webhooks = append(out.Webhooks, w.json())
	}
	return answer{status: http.StatusOK, body: out}, nil
}

func (s *Server) deleteWebhook(c *call) (answer, error) {
	i := slices.IndexFunc(s.webhooks, func(w *Webhook) bool { return w.ID == c.id() })
	if i < 0 {
		return answer{}, refuse(notFound, "There is no webhook "+c.id()+".")
	}
	gone := s.webhooks[i]
	s.webhooks = slices.Delete(s.webhooks, i, i+1)
	return answer{http.StatusOK, gone.json(), true}, nil
}

// Webhooks lists the subscriptions with their secrets, in order of creation, so
// that a test can sign what it likes.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Webhook, 0, len(s.webhooks))
	for _, w := range s.webhooks {
		copied := *w
		copied.Events = slices.Clone(w.Events)
		out = append(out, copied)
	}
	return out
}
