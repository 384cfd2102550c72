package vennioclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// WebhookRequest subscribes to events. Package webhook decodes the deliveries and defines
// the names of the events.
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
	// Secret signs deliveries: "whsec_...". Only CreateWebhook returns it; elsewhere it is
	// empty.
	Secret      Secret
	Description string
	CreatedAt   time.Time // UTC
}

// CreateWebhook subscribes to events. Store the Secret at once: only the same call with the
// same key returns it again (vennio-api.md, Webhooks).
func (c *Client) CreateWebhook(ctx context.Context, key IdempotencyKey, r WebhookRequest) (*Webhook, error) {
	wrong := argumentErrors{}
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

// ListWebhooks returns the account's subscriptions, without their secrets. The operation is
// not published; its form is that of Vennio's other lists.
func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) {
	return call(ctx, c, get(pathWebhooks, nil), func(raw json.RawMessage) ([]Webhook, error) {
		all, _, err := listOf(raw, "webhooks", webhookFrom)
		return all, err
	})
}

// DeleteWebhook deletes a subscription. The operation is not published; its form is that of
// Vennio's other deletions.
func (c *Client) DeleteWebhook(ctx context.Context, key IdempotencyKey, id string) error {
	path, refused := itemPath(pathWebhooks, id)
	if refused != nil {
		return refused
	}
	return c.remove(ctx, request{path: path, key: key}, nil)
}

// receiver refuses URLs to which events must not be sent.
func (m argumentErrors) receiver(raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		m["url"] = "must be an absolute https URL (http is for loopback only)"
	}
}

// newWebhookFrom decodes a new subscription. It refuses one without a secret, whose
// deliveries could not be verified.
func newWebhookFrom(raw json.RawMessage) (*Webhook, error) {
	w, err := webhookFrom(raw)
	if err == nil && w.Secret.Reveal() == "" {
		err = errors.New("the answer holds no secret")
	}
	return &w, err
}

// webhookFrom decodes a subscription, flat or in an envelope.
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
