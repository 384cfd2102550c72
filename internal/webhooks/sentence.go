package webhooks

import (
	"cmp"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

var headlines = map[webhook.Type]string{
	webhook.BookingCreated:         "New booking",
	webhook.BookingUpdated:         "Booking changed",
	webhook.BookingConfirmed:       "Booking confirmed",
	webhook.BookingCancelled:       "Booking cancelled",
	webhook.BookingSeriesCancelled: "Series of bookings cancelled",
	webhook.ConsentGranted:         "Calendar access granted",
	webhook.ConsentRevoked:         "Calendar access revoked",
	webhook.ConsentChanged:         "Calendar access changed",
}

// address is what looks like an e-mail address; others may stand in a title.
var address = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`) })

// plainAddress is an e-mail address that can be nothing else.
var plainAddress = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w.%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`) })

// wording is how events are told to people.
type wording struct {
	zone   *time.Location
	emails bool // addresses may be shown
}

// sentence tells an event to people, in a line or two.
func (w wording) sentence(e webhook.Event) string {
	text := cmp.Or(headlines[e.Type], "Vennio tells: "+sanitize.Line(string(e.Type), 60))
	if b, ok := e.Booking(); ok {
		text += w.about(b)
	} else if c, ok := e.Consent(); ok {
		text += w.between(c)
	}
	return text + "."
}

func (w wording) about(b vennioclient.Booking) string {
	var text strings.Builder
	if title := sanitize.Line(b.Title, 120); title != "" {
		text.WriteString(": " + w.quoted(title, 120))
	}
	if !b.Start.IsZero() {
		text.WriteString(", " + times.Label(b.Start, b.End, w.zone))
	}
	if who := w.person(b.Customer.Name, b.Customer.Email); who != "" {
		text.WriteString(", with " + who)
	}
	if b.Status == vennioclient.StatusPendingPayment {
		text.WriteString(" (not confirmed: payment is pending)")
	}
	return text.String() + " (booking " + unlinked(sanitize.Line(b.ID, 80)) + ")"
}

func (w wording) between(c vennioclient.Consent) string {
	grantor, grantee := w.party(c.Grantor), w.party(c.Grantee)
	if grantor == "" {
		return ""
	}
	text := ": the calendar of " + grantor
	if grantee != "" {
		text += " for " + grantee
	}
	return text
}

// party is a person by name or address; where Vennio gives neither, an id is cut and said to be one.
func (w wording) party(p vennioclient.Party) string {
	if who := w.person(p.Name, p.Email); who != "" || p.ID == "" {
		return who
	}
	return "somebody without a name (" + unlinked(consent.ShortID(p.ID)) + ")"
}

// person is the first of the texts that says something: a name in quotation marks,
// or an address as it is.
func (w wording) person(texts ...string) string {
	switch who := sanitize.First(100, texts...); {
	case who == "":
		return ""
	case !plainAddress().MatchString(who):
		return w.quoted(who, 100)
	case w.emails:
		return who
	}
	return hiddenAddress
}

const hiddenAddress = "[address]"

// quoted is what somebody wrote, in quotation marks and without links.
func (w wording) quoted(s string, limit int) string {
	return sanitize.Quote(w.safe(sanitize.Line(s, limit)), 2*limit)
}

// safe is a line without secrets and links, and without addresses unless they may be shown.
func (w wording) safe(s string) string {
	s = sanitize.Mask(s) // before a part of it may pass for an address
	if !w.emails {
		s = address().ReplaceAllStringFunc(s, func(found string) string {
			return hiddenAddress + found[len(strings.TrimRight(found, "?.!")):] // the end of a sentence stays
		})
	}
	return unlinked(s)
}

// linkable finds what chat programs make into a link by themselves, whatever their
// markup settings: a scheme, the dots of a bare domain, and an @ that begins a mention.
var linkable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i:\b(?:https?|ftp|mailto|tel|sms|slack|skype|data|javascript):)|:/|[.．][\p{L}\p{M}\d-]*[\p{L}\p{M}]{2}|[@＠]\S`)
})

// unlinked breaks every link so that a person can still read it, and copy it on
// purpose: https[:]//example[.]com. Slack links addresses in any text but a verbatim
// one, which the text of an incoming webhook is not
// (https://docs.slack.dev/messaging/formatting-message-text/#automatic-parsing).
func unlinked(s string) string {
	var out strings.Builder
	done := 0
	for _, at := range linkable().FindAllStringIndex(s, -1) {
		before, _ := utf8.DecodeLastRuneInString(s[:at[0]])
		inWord := unicode.In(before, unicode.L, unicode.M, unicode.N)
		found := s[at[0]:at[1]]
		first, size := utf8.DecodeRuneInString(found)
		out.WriteString(s[done:at[0]])
		switch done = at[1]; {
		case first == ':':
			found = "[:]" + found[size:]
		case strings.HasSuffix(found, ":"):
			found = strings.TrimSuffix(found, ":") + "[:]"
		case (first == '@' || first == '＠') && !inWord:
			found = found[:size] + " " + found[size:]
		case (first == '.' || first == '．') && inWord:
			found = "[" + found[:size] + "]" + found[size:]
		}
		out.WriteString(found)
	}
	return out.String() + s[done:]
}
