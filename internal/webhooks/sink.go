package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/files"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// Sink is somebody who is told of events, as the operator sets it.
type Sink struct {
	Name    string            // a-z and 0-9, with single - or _ between
	Type    string            // http or slack
	URL     string            // https, or http on loopback
	Secret  string            // http: signs what is sent, in the Standard Webhooks form; "whsec_" and base64, or any text
	Events  []string          // patterns such as booking.*; none: everything
	Pause   time.Duration     // before the second try (jobs.Lane); zero: its default
	Headers map[string]string // http: sent along
	Emails  bool              // slack: addresses may be shown
}

// message is what a sink is told.
type message struct {
	tenant   string
	event    webhook.Event
	received time.Time
	external string   // what the sink called the booking before
	request  *request // what it tells instead of the event's data; nil: it is an event of Vennio's
}

// teller tells one sink. external is what the sink calls the booking, if it says.
type teller interface {
	tell(context.Context, message) (external string, err error)
}

type recipient struct {
	Sink
	teller
}

// maxPause keeps the fifth try within half a day.
const maxPause = 10 * time.Minute

var sinkName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]+([_-][a-z0-9]+)*$`) })

// eventPattern: a type, a family of them such as booking.*, or * for all.
var eventPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$`) })

// Check says what is wrong with a sink; field names it as the settings file does.
func (s Sink) Check() (field string, err error) {
	switch {
	case !sinkName().MatchString(s.Name) || len(s.Name) > 40:
		return "name", errors.New("want a name of at most 40 characters, a-z and 0-9, with single - or _ between")
	case s.Type != "http" && s.Type != "slack":
		return "type", errors.New("want http or slack")
	}
	if err := checkURL(s.URL); err != nil {
		return "url", err
	}
	for _, pattern := range s.Events {
		if !eventPattern().MatchString(pattern) {
			return "events", fmt.Errorf("%q is no pattern: want a type such as booking.created, or booking.*", pattern)
		}
	}
	switch {
	case s.Pause < 0 || s.Pause > maxPause:
		return "pause", errors.New("want a duration of at most 10m, such as 10s")
	case s.Type == "http" && s.Secret == "":
		return "secret", errors.New("is missing: what is sent is signed with it")
	case s.Type == "http":
		if _, err := signer(s.Secret); err != nil {
			return "secret", err
		}
		return "secret", files.Weak(s.Secret)
	case s.Secret != "" || len(s.Headers) > 0:
		return "type", errors.New("slack takes neither secret nor headers")
	}
	return "", nil
}

// checkURL does not repeat the address: it may hold a secret.
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

func (s Sink) build(transport http.RoundTripper, zone *time.Location, now func() time.Time) (teller, error) {
	if field, err := s.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	post := newPoster(s.URL, transport)
	if s.Type == "slack" {
		return &slack{post: post, wording: wording{zone: zone, emails: s.Emails}}, nil
	}
	sign, err := signer(s.Secret)
	if err != nil {
		return nil, err
	}
	return &httpSink{post: post, sign: sign, headers: s.Headers, now: now}, nil
}

// wants: no patterns at all mean everything.
func (s Sink) wants(kind webhook.Type) bool {
	return len(s.Events) == 0 || slices.ContainsFunc(s.Events, func(pattern string) bool {
		family, all := strings.CutSuffix(pattern, "*")
		return pattern == string(kind) || all && strings.HasPrefix(string(kind), family)
	})
}
