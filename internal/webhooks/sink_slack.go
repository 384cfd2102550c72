package webhooks

import (
	"context"
	"net/http"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// slack is told a sentence through an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type slack struct {
	post *poster
	wording
}

// slackMessage has everything off that Slack could make of a text: what people wrote
// is shown as they wrote it.
type slackMessage struct {
	Text      string `json:"text"`
	Parse     string `json:"parse"`      // none: no mentions, and no links where they can be switched off
	LinkNames bool   `json:"link_names"` // @here
	Markup    bool   `json:"mrkdwn"`
	Links     bool   `json:"unfurl_links"`
	Media     bool   `json:"unfurl_media"`
}

func (s *slack) tell(ctx context.Context, m message) (string, error) {
	text := ""
	if m.request != nil {
		text = sanitize.Mask(s.asks(*m.request)) + m.request.Page
	} else {
		text = sanitize.Mask(s.sentence(m.event))
	}
	body, err := encode(slackMessage{Text: slackEscape.Replace(text), Parse: "none"})
	if err != nil {
		return "", err
	}
	_, err = s.post.send(ctx, http.Header{}, body)
	return "", err
}

// slackEscape: these three, and no others, are Slack's own characters
// (https://docs.slack.dev/messaging/formatting-message-text/#escaping).
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
