package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Sink is a receiver of events that the operator configures.
type Sink struct {
	Name    string                     // a-z and 0-9, with single - or _ between
	Type    string                     // http or slack
	URL     sanitize.Secret            // https, or http on loopback; services such as Slack treat it as a secret
	Secret  sanitize.Secret            // http: signs the messages in the Standard Webhooks form; "whsec_" and base64, or any text
	Events  []string                   // patterns such as booking.*; empty: all events
	Pause   time.Duration              // before the second attempt (Queue.Pause); 0: its default
	Headers map[string]sanitize.Secret // http: additional headers; may contain credentials
	Emails  bool                       // slack: messages may contain e-mail addresses
}

type message struct {
	tenant     string
	event      webhook.Event
	received   time.Time
	externalID string   // id that the sink gave the booking earlier
	request    *request // sent in place of the event's data; nil for events of Vennio
}

// sender sends messages to one sink. externalID is the id that the sink gives the booking, or empty.
type sender interface {
	send(context.Context, message) (externalID string, err error)
}

type configuredSink struct {
	Sink
	sender
}

// maxPause limits the time between the first and the fifth attempt to about 14 hours.
const maxPause = 10 * time.Minute

var sinkName = lazyregexp.New(`^[a-z0-9]+([_-][a-z0-9]+)*$`)

// eventPattern matches a type, a prefix such as booking.*, or * for all types.
var eventPattern = lazyregexp.New(`^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$`)

// Check returns the error of an invalid sink and the name of the field in the settings file.
func (s Sink) Check() (field string, err error) {
	switch {
	case !sinkName().MatchString(s.Name) || len(s.Name) > 40:
		return "name", errors.New("want a name of at most 40 characters, a-z and 0-9, with single - or _ between")
	case s.Type != "http" && s.Type != "slack":
		return "type", errors.New("want http or slack")
	}
	if err := checkURL(s.URL.Reveal()); err != nil {
		return "url", err
	}
	for _, pattern := range s.Events {
		if !eventPattern().MatchString(pattern) {
			return "events", fmt.Errorf("%q is not a pattern: want a type such as booking.created, or booking.*", pattern)
		}
	}
	switch {
	case s.Pause < 0 || s.Pause > maxPause:
		return "pause", errors.New("want a duration of at most 10m, such as 10s")
	case s.Type == "http" && s.Secret == "":
		return "secret", errors.New("is missing: it signs the messages to the sink")
	case s.Type == "http":
		if _, err := signer(s.Secret.Reveal()); err != nil {
			return "secret", err
		}
		return "secret", files.Weak(s.Secret.Reveal())
	case s.Secret != "" || len(s.Headers) > 0:
		return "type", errors.New("slack takes neither secret nor headers")
	}
	return "", nil
}

// checkURL returns errors without the URL, which may contain a secret.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return errors.New("want an address such as https://example.com/hook")
	}
	if u.Scheme == "https" || u.Scheme == "http" && auth.LoopbackHost(u.Hostname()) {
		return nil
	}
	return errors.New("want https; http is for loopback only")
}

func (s Sink) newSender(zone *time.Location, now func() time.Time) (sender, error) {
	if field, err := s.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	post := newPoster(s.URL.Reveal())
	if s.Type == "slack" {
		return &slack{post: post, textStyle: textStyle{zone: zone, emails: s.Emails}}, nil
	}
	sign, err := signer(s.Secret.Reveal())
	if err != nil {
		return nil, err
	}
	return &httpSink{post: post, sign: sign, headers: s.Headers, now: now}, nil
}

// wants reports whether the sink receives events of a type. Without patterns it receives all.
func (s Sink) wants(kind webhook.Type) bool {
	return len(s.Events) == 0 || slices.ContainsFunc(s.Events, func(pattern string) bool {
		family, all := strings.CutSuffix(pattern, "*")
		return pattern == string(kind) || all && strings.HasPrefix(string(kind), family)
	})
}

const (
	postTimeout = 10 * time.Second // of one attempt
	maxAnswer   = 64 << 10
)

// poster sends POST requests to one URL. It does not follow redirects, because the operator
// configured this URL as the receiver.
type poster struct {
	url    string
	client *http.Client
}

func newPoster(address string) *poster {
	return &poster{address, &http.Client{
		Timeout:       postTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// send returns the body of a successful answer. The error determines whether and when the task
// is tried again. It does not contain the URL, which may contain a secret.
func (p *poster) send(ctx context.Context, header http.Header, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, Permanent(errors.New("the sink's address cannot be used"))
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "vennio-mcp")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the sink was not reached: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status is sufficient if reading fails
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return answer, nil
	}
	return nil, statusError(resp)
}

// withoutURL returns an error of net/http without the URL.
func withoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		return outer.Err
	}
	return err
}

// statusError returns the error of a status that is not a success. It is permanent unless the
// status suggests that a later attempt may succeed.
func statusError(resp *http.Response) error {
	err := fmt.Errorf("the sink answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code >= 300 && code < 400:
		return Permanent(fmt.Errorf("%w: redirects are not followed, set the new address", err))
	case code == http.StatusRequestTimeout, code == http.StatusConflict, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		if wait := retryAfter(resp.Header.Get("Retry-After")); wait > 0 {
			return DelayRetry(err, wait)
		}
		return err
	}
	return Permanent(err)
}

// retryAfter parses a Retry-After in seconds or as a date (RFC 9110, 10.2.3).
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return time.Until(at)
}

// httpSink sends events in the Standard Webhooks form
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
type httpSink struct {
	post    *poster
	sign    *standardwebhooks.Webhook
	headers map[string]sanitize.Secret
	now     func() time.Time
}

// envelope is the body (docs/events.md). It does not depend on the form of Vennio's.
type envelope struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Timestamp  time.Time       `json:"timestamp"`
	Tenant     string          `json:"tenant,omitempty"` // absent for the default one
	ExternalID string          `json:"external_id,omitempty"`
	Data       json.RawMessage `json:"data"`
}

func (h *httpSink) send(ctx context.Context, m message) (string, error) {
	e := envelope{ID: m.event.ID, Type: string(m.event.Type), Timestamp: m.event.At, Tenant: m.tenant, ExternalID: m.externalID, Data: m.event.Data}
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
	return idFrom(answer), err
}

func (h *httpSink) signed(id string, body []byte) (http.Header, error) {
	now := h.now()
	signature, err := h.sign.Sign(id, now, body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for name, value := range h.headers {
		header.Set(name, value.Reveal())
	}
	header.Set(standardwebhooks.HeaderWebhookID, id)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return header, nil
}

// signer accepts a secret in the form of Standard Webhooks, or any text.
func signer(secret string) (*standardwebhooks.Webhook, error) {
	if strings.HasPrefix(secret, "whsec_") {
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errors.New("begins with whsec_, but what follows is not base64")
		}
		return w, nil
	}
	return standardwebhooks.NewWebhookRaw([]byte(secret))
}

// encode returns JSON without escaping <, > and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// idFrom returns the id of the booking in the answer of a sink, or "" if there is none that can
// be stored.
func idFrom(answer []byte) string {
	var in struct {
		ID       json.RawMessage `json:"id"`
		External json.RawMessage `json:"external_id"`
	}
	if json.Unmarshal(answer, &in) != nil {
		return ""
	}
	for _, raw := range []json.RawMessage{in.External, in.ID} {
		if id := textOf(raw); id != "" && len(id) <= 256 && id == sanitize.Line(id, 256) {
			return id
		}
	}
	return ""
}

// textOf returns a JSON string or number as text, and "" for anything else.
func textOf(raw json.RawMessage) string {
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

// slack sends a sentence through an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type slack struct {
	post *poster
	textStyle
}

// slackMessage disables Slack's formatting, so that Slack displays titles and names unchanged.
type slackMessage struct {
	Text      string `json:"text"`
	Parse     string `json:"parse"`      // none: no mentions, and no links as far as Slack allows
	LinkNames bool   `json:"link_names"` // @here
	Markup    bool   `json:"mrkdwn"`
	Links     bool   `json:"unfurl_links"`
	Media     bool   `json:"unfurl_media"`
}

func (s *slack) send(ctx context.Context, m message) (string, error) {
	text := ""
	if m.request != nil {
		text = sanitize.Mask(s.approvalText(*m.request)) + m.request.Page
	} else {
		text = sanitize.Mask(s.eventText(m.event))
	}
	body, err := encode(slackMessage{Text: slackEscape.Replace(text), Parse: "none"})
	if err != nil {
		return "", err
	}
	_, err = s.post.send(ctx, http.Header{}, body)
	return "", err
}

// slackEscape escapes the three characters that Slack requires to be escaped
// (https://docs.slack.dev/messaging/formatting-message-text/#escaping).
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
