package vennioclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// WebhookRequest asks to be told of events. Package webhook receives them, and
// has the names of the events.
type WebhookRequest struct {
	URL         string   // absolute; https, or http on loopback
	Events      []string // one or more
	Description string
}

// Webhook is a subscription to events.
type Webhook struct {
	ID     string // "wh_..."
	URL    string
	Events []string
	// Secret is what deliveries are signed with: "whsec_...". Vennio shows it once, to
	// CreateWebhook; elsewhere it is empty.
	Secret      Secret
	Description string
	CreatedAt   time.Time // UTC
}

// CreateWebhook subscribes to events. Keep the Secret at once: it is not shown
// again, but for the same call under the same key (vennio-api.md, Webhooks).
func (c *Client) CreateWebhook(ctx context.Context, key IdempotencyKey, r WebhookRequest) (*Webhook, error) {
	wrong := misfits{}
	wrong.receiver(r.URL)
	if len(r.Events) == 0 {
		wrong["events"] = "must name one or more"
	}
	if refused := wrong.refused(); refused != nil {
		return nil, refused
	}
	body, refused := encode(struct {
		URL         string   `json:"url"`
		Events      []string `json:"events"`
		Description string   `json:"description,omitempty"`
	}{r.URL, r.Events, r.Description})
	if refused != nil {
		return nil, refused
	}
	return call(ctx, c, request{method: http.MethodPost, path: pathWebhooks, key: key, body: body}, newWebhookFrom)
}

// ListWebhooks returns the account's subscriptions, without their secrets. The
// operation is not published: this is the form in which Vennio lists other things.
func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) {
	return call(ctx, c, get(pathWebhooks, nil), func(raw json.RawMessage) ([]Webhook, error) {
		all, _, err := listOf(raw, "webhooks", webhookFrom)
		return all, err
	})
}

// DeleteWebhook ends a subscription. The operation is not published: this is the
// form in which Vennio ends other things.
func (c *Client) DeleteWebhook(ctx context.Context, key IdempotencyKey, id string) error {
	path, refused := itemPath(pathWebhooks, id)
	if refused != nil {
		return refused
	}
	return c.remove(ctx, request{path: path, key: key}, nil)
}

// receiver refuses addresses to which events must not be sent.
func (m misfits) receiver(raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		m["url"] = "must be an absolute https URL (http is for loopback only)"
	}
}

// newWebhookFrom refuses a subscription without a secret: no delivery of it
// could ever be verified.
func newWebhookFrom(raw json.RawMessage) (*Webhook, error) {
	w, err := webhookFrom(raw)
	if err == nil && w.Secret.Reveal() == "" {
		err = errors.New("the answer holds no secret")
	}
	return &w, err
}

// webhookFrom reads a subscription, flat or in an envelope.
func webhookFrom(raw json.RawMessage) (Webhook, error) {
	o, err := payload(raw)
	if err != nil {
		return Webhook{}, err
	}
	if inner, err := objectFrom(o["webhook"]); err == nil {
		o = inner
	}
	w := Webhook{
		ID: o.text("id", "webhook_id"), URL: o.text("url"), Events: o.texts("events"),
		Secret: secretOf(o.text("secret")), Description: o.text("description"),
	}
	if w.ID == "" {
		return Webhook{}, errors.New("the answer holds no webhook with an id")
	}
	w.CreatedAt, err = o.time("created_at")
	return w, err
}
