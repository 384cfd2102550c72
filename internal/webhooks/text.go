package webhooks

import (
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
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

// anyAddress matches everything that looks like an e-mail address.
var anyAddress = lazyregexp.New(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)

// plainAddress matches a text that is only an e-mail address.
var plainAddress = lazyregexp.New(`^[\w.%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$`)

// textStyle renders events as text for people.
type textStyle struct {
	zone   *time.Location
	emails bool // include e-mail addresses
}

// eventText describes an event in one or two lines.
func (w textStyle) eventText(e webhook.Event) string {
	text := cmp.Or(headlines[e.Type], "Vennio event: "+sanitize.Line(string(e.Type), 60))
	if b, ok := e.Booking(); ok {
		text += w.bookingText(b)
	} else if c, ok := e.Consent(); ok {
		text += w.accessText(c)
	}
	return text + "."
}

func (w textStyle) bookingText(b vennioclient.Booking) string {
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

func (w textStyle) accessText(c vennioclient.Consent) string {
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

// party returns a person's name or address, or a text with a shortened id if both are missing.
func (w textStyle) party(p vennioclient.Party) string {
	if who := w.person(p.Name, p.Email); who != "" || p.ID == "" {
		return who
	}
	return "an unnamed person (" + unlinked(consent.ShortID(p.ID)) + ")"
}

// person returns the first non-empty text: a name in quotation marks, or an e-mail address.
func (w textStyle) person(texts ...string) string {
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

// quoted returns a title or name in quotation marks and without links.
func (w textStyle) quoted(s string, limit int) string {
	return sanitize.Quote(w.safe(sanitize.Line(s, limit)), 2*limit)
}

// safe returns a line without secrets and links, and without e-mail addresses unless w.emails is set.
func (w textStyle) safe(s string) string {
	s = sanitize.Mask(s) // first, because part of a secret may look like an address
	if !w.emails {
		s = anyAddress().ReplaceAllStringFunc(s, func(found string) string {
			return hiddenAddress + found[len(strings.TrimRight(found, "?.!")):] // keeps the punctuation at the end of a sentence
		})
	}
	return unlinked(s)
}

// linkable matches what chat programs turn into links whatever their markup settings: a scheme,
// the dots of a domain, and an @ that begins a mention.
var linkable = lazyregexp.New(`(?i:\b(?:https?|ftp|mailto|tel|sms|slack|skype|data|javascript):)|:/|[.．][\p{L}\p{M}\d-]*[\p{L}\p{M}]{2}|[@＠]\S`)

// unlinked breaks every link such that people can still read and copy it:
// https[:]//example[.]com. Slack turns addresses into links in any text that is not verbatim,
// which includes the text of an incoming webhook
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

// approvalText describes a request to people. The caller appends the address of the page.
func (w textStyle) approvalText(r request) string {
	text := "Approval needed: " + w.safe(r.Question)
	if r.Client != "" {
		text += " Requested by " + w.quoted(r.Client, 60) + "."
	}
	return text + " Open until " + times.Clock(r.Expires.Truncate(time.Minute), w.zone) + " (" + w.zone.String() + "): "
}
