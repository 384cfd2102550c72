package schemas

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// This file is the contract of share_link.

// ShareLinkInput has the arguments of share_link.
type ShareLinkInput struct {
	Title           string   `json:"title" jsonschema:"maxLength=120" jsonschema_description:"Meeting title"`
	DurationMinutes int      `json:"duration_minutes,omitempty" jsonschema:"minimum=5,maximum=480,default=30" jsonschema_description:"Length in minutes, 5 to 480, default 30"`
	Host            HostRef  `json:"host,omitempty" jsonschema:"maxLength=100" jsonschema_description:"Name or id of the host, default is the configured one"`
	Price           string   `json:"price,omitempty" jsonschema:"maxLength=30" jsonschema_description:"What a booking costs, such as 50 EUR, or free; default as set in Vennio"`
	Questions       []string `json:"questions,omitempty" jsonschema:"maxItems=10,maxLength=200" jsonschema_description:"Questions that the guest must answer"`
	ExpiresInHours  int      `json:"expires_in_hours,omitempty" jsonschema:"minimum=1,maximum=8760" jsonschema_description:"Lifetime, 1 to 8760"`
	ConsentArgument
}

// Duration is the length of the meeting, by default 30 minutes.
func (in ShareLinkInput) Duration() time.Duration {
	return FindSlotsInput{DurationMinutes: in.DurationMinutes}.Duration()
}

// violations refuses blank texts and questions that are asked twice.
func (in ShareLinkInput) violations() (wrong []Violation) {
	if sanitize.Line(in.Title, 1) == "" {
		wrong = append(wrong, Violation{[]string{"title"}, "is blank"})
	}
	seen := map[string]bool{}
	for i, q := range in.Questions {
		if text := strings.ToLower(sanitize.Line(q, 200)); text == "" || seen[text] {
			wrong = append(wrong, Violation{[]string{"questions", strconv.Itoa(i)}, "is blank or asked twice"})
		} else {
			seen[text] = true
		}
	}
	return wrong
}

// ShareLinkResult is the result of share_link.
type ShareLinkResult struct {
	LinkID          string        `json:"link_id"`
	URL             string        `json:"url,omitempty" jsonschema_description:"The link to send: whoever has it can book"`
	Repeated        bool          `json:"repeated" jsonschema_description:"True if an earlier call made it and this one made nothing"`
	Title           string        `json:"title"`
	DurationMinutes int           `json:"duration_minutes"`
	Host            string        `json:"host"`
	Price           string        `json:"price,omitempty" jsonschema_description:"What a booking costs; absent: as set in Vennio"`
	Questions       []string      `json:"questions,omitempty"`
	Expires         string        `json:"expires,omitempty" jsonschema_description:"When it ends, in words"`
	Consent         ConsentOnFile `json:"consent"`
	Undo            string        `json:"undo,omitempty" jsonschema_description:"The call that undoes it"`
	Next            string        `json:"next"`
	Instead
	Envelope
}

// Text says which link was made, what it asks and costs, and who consented.
func (r *ShareLinkResult) Text() string {
	headline := "Made"
	if r.Repeated {
		headline = "Already made"
	}
	lines := []string{fmt.Sprintf("%s: a link for %s, %d minutes with %s. Link id %s.", headline, sanitize.Quote(r.Title, 120), r.DurationMinutes, r.Host, r.LinkID)}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, name+": "+text)
		}
	}
	add("Link", r.URL)
	add("Price", r.Price)
	if len(r.Questions) > 0 {
		add("Questions", quoted(r.Questions))
	}
	add("Expires", r.Expires)
	return strings.Join(append(lines, r.Consent.text(), undoAndNext(r.Undo, r.Next)), "\n")
}
