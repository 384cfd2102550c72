package schemas

import (
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Booking is a booking as Vennio holds it now. What others wrote is cleaned and
// cut; what Vennio left out is absent.
type Booking struct {
	BookingID   string   `json:"booking_id"`
	Status      string   `json:"status" jsonschema_description:"confirmed, pending_payment (not confirmed until paid), cancelled, or as Vennio says"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description" jsonschema_description:"When, in words to read to a person"`
	Start       string   `json:"start,omitempty" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	End         string   `json:"end,omitempty" jsonschema:"format=date-time" jsonschema_description:"UTC"`
	Hosts       []string `json:"hosts" jsonschema_description:"Names; the first owns the booking"`
	Attendees   []string `json:"attendees" jsonschema_description:"Name <e-mail>, the customer first"`
	SeriesID    string   `json:"series_id,omitempty"`
}

// line is the booking on one line. Whatever others may have written is quoted. The words for when carry the offset and so
// the instant; UTC is spelt out where there is room.
func (b Booking) line(utc bool) string {
	title := "untitled"
	if b.Title != "" {
		title = sanitize.Quote(b.Title, 120)
	}
	all := []string{title, b.Description}
	if utc && b.Start != "" {
		all = append(all, interval(b.Start, b.End))
	}
	if len(b.Hosts) > 0 {
		all = append(all, "with "+quoted(b.Hosts))
	}
	if len(b.Attendees) > 0 {
		all = append(all, "for "+quoted(b.Attendees))
	}
	all = append(all, status(b.Status), "booking_id "+b.BookingID)
	if b.SeriesID != "" {
		all = append(all, "series "+b.SeriesID)
	}
	return strings.Join(all, " · ")
}

func quoted(people []string) string {
	all := make([]string, len(people))
	for i, p := range people {
		all[i] = sanitize.Quote(p, 160)
	}
	return strings.Join(all, ", ")
}

// status never lets an unpaid booking pass for a confirmed one.
func status(s string) string {
	switch s {
	case "pending_payment":
		return "pending_payment: NOT confirmed until paid"
	case "cancelled":
		return "CANCELLED"
	case "":
		return "status unknown"
	case "confirmed":
		return s
	}
	return "status " + sanitize.Quote(s, 40)
}

// Writing is the result of a tool that changed bookings.
type Writing interface {
	// Wrote lists the bookings that were made, moved or cancelled.
	Wrote() []Written
}

// Written is a booking that a call wrote, as it stands since.
type Written struct {
	ID, Status string
	Start, End string // UTC, as in results; "" where not known
	New        bool   // it was made
}

// Wrote is the booking that was made, or found to have been made before, and those
// that were made with it.
func (r *BookSlotResult) Wrote() []Written {
	return append([]Written{{r.BookingID, r.Status, r.Start, r.End, true}}, r.others...)
}

// WroteToo notes further bookings that the call made.
func (r *BookSlotResult) WroteToo(others ...Written) { r.others = append(r.others, others...) }
