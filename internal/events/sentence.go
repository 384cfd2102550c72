package events

import (
	"cmp"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
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

// sentence tells an event to people, in a line or two.
func sentence(e webhook.Event, zone *time.Location, emails bool) string {
	text := cmp.Or(headlines[e.Type], "Vennio tells: "+plain.Line(string(e.Type), 60))
	if b, ok := e.Booking(); ok {
		text += about(b, zone)
	} else if c, ok := e.Consent(); ok {
		text += between(c)
	}
	if !emails {
		text = address().ReplaceAllString(text, "[address]")
	}
	return text + "."
}

func about(b vennioclient.Booking, zone *time.Location) string {
	var text strings.Builder
	if b.Title != "" {
		text.WriteString(": " + plain.Quote(b.Title, 120))
	}
	if !b.Start.IsZero() {
		text.WriteString(", " + times.Label(b.Start, b.End, zone))
	}
	if who := plain.Line(cmp.Or(b.Customer.Name, b.Customer.Email), 100); who != "" {
		text.WriteString(", with " + who)
	}
	if b.Status == vennioclient.StatusPendingPayment {
		text.WriteString(" (not confirmed: payment is pending)")
	}
	return text.String() + " (booking " + plain.Line(b.ID, 80) + ")"
}

func between(c vennioclient.Consent) string {
	grantor, grantee := party(c.Grantor), party(c.Grantee)
	if grantor == "" {
		return ""
	}
	text := ": the calendar of " + grantor
	if grantee != "" {
		text += " for " + grantee
	}
	return text
}

func party(p vennioclient.Party) string { return plain.Line(cmp.Or(p.Name, p.Email, p.ID), 100) }
