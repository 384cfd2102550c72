package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// httpSink is told in the Standard Webhooks form
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
type httpSink struct {
	post    *poster
	sign    *standardwebhooks.Webhook
	headers map[string]string
	now     func() time.Time
}

// envelope is ours, the same whatever form Vennio's has: docs/events.md.
type envelope struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Timestamp  time.Time       `json:"timestamp"`
	Tenant     string          `json:"tenant,omitempty"` // absent for the default one
	ExternalID string          `json:"external_id,omitempty"`
	Data       json.RawMessage `json:"data"`
}

func (h *httpSink) tell(ctx context.Context, m message) (string, error) {
	e := envelope{ID: m.event.ID, Type: string(m.event.Type), Timestamp: m.event.At, Tenant: m.tenant, ExternalID: m.external, Data: m.event.Data}
	if e.Timestamp.IsZero() {
		e.Timestamp = m.received
	}
	if m.request != nil {
		data, err := encode(map[string]*request{"request": m.request})
		if err != nil {
			return "", err
		}
		e.Data = data
	}
	if e.Data == nil {
		e.Data = json.RawMessage("null")
	}
	body, err := encode(e)
	if err != nil {
		return "", err
	}
	header, err := h.signed(e.ID, body)
	if err != nil {
		return "", err
	}
	answer, err := h.post.send(ctx, header, body)
	return external(answer), err
}

func (h *httpSink) signed(id string, body []byte) (http.Header, error) {
	now := h.now()
	signature, err := h.sign.Sign(id, now, body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range h.headers {
		header.Set(name, value)
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return header, nil
}

// signer takes a secret as Standard Webhooks writes it, or any text.
func signer(secret string) (*standardwebhooks.Webhook, error) {
	if strings.HasPrefix(secret, "whsec_") {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("begins with whsec_ but is no base64 after it")
		}
		return w, nil
	}
	return standardwebhooks.NewWebhookRaw([]byte(secret))
}

// encode leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// external reads the id that a sink gave the booking, if its answer has one that
// can be kept.
func external(answer []byte) string {
	var in struct {
		ID       json.RawMessage `json:"id"`
		External json.RawMessage `json:"external_id"`
	}
	if json.Unmarshal(answer, &in) != nil {
		return ""
	}
	for _, raw := range []json.RawMessage{in.External, in.ID} {
		if id := text(raw); id != "" && len(id) <= 256 && id == sanitize.Line(id, 256) {
			return id
		}
	}
	return ""
}

// text reads a JSON string or number; "" for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
