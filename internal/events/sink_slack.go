package events

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// slack is told a sentence through an incoming webhook
// (https://api.slack.com/messaging/webhooks).
type slack struct {
	post   *poster
	zone   *time.Location
	emails bool
}

// slackMessage has its markup off: what people wrote is shown as they wrote it.
type slackMessage struct {
	Text   string `json:"text"`
	Markup bool   `json:"mrkdwn"`
	Links  bool   `json:"unfurl_links"`
	Media  bool   `json:"unfurl_media"`
}

func (s *slack) tell(ctx context.Context, m message) (string, error) {
	body, err := encode(slackMessage{Text: slackEscape.Replace(sentence(m.event, s.zone, s.emails))})
	if err != nil {
		return "", err
	}
	_, err = s.post.send(ctx, http.Header{}, body)
	return "", err
}

// slackEscape: these three, and no others, are Slack's own characters
// (https://api.slack.com/reference/surfaces/formatting#escaping).
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
