package schemas

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// Text says what was booked, who hears of it and under whose consent.
func (r *BookSlotResult) Text() string {
	lines := []string{
		fmt.Sprintf("%s: %s, %s, with %s. %s. Booking %s, status %s.",
			headline(r.Status, r.Repeated), sanitize.Quote(r.Title, 120), beside(r.Description, r.GuestLocal), hostNames(r.Hosts), interval(r.Start, r.End), r.BookingID, r.Status),
	}
	if r.SeriesID != "" {
		lines = append(lines, "Repeats: "+r.Repeat+" (series "+r.SeriesID+")")
	}
	if len(r.Skipped) > 0 {
		lines = append(lines, "NOT booked, for it was not free: "+strings.Join(r.Skipped, ", "))
	}
	if r.Price != "" {
		lines = append(lines, "Price: "+r.Price)
	}
	if r.CheckoutURL != "" {
		lines = append(lines, "Payment is due before it is confirmed: "+r.CheckoutURL)
	}
	if r.Note != "" {
		lines = append(lines, r.Note)
	}
	lines = append(lines, mailAbout(r.Status, r.Attendees),
		fmt.Sprintf("Consent: %s, %s (%s).", r.Consent.GivenBy, sanitize.Quote(r.Consent.Statement, 500), r.Consent.Method),
		"Next: "+r.Next)
	return strings.Join(lines, "\n")
}

// beside joins a time and the same one on the guest's clock, if that differs.
func beside(description, guest string) string {
	if guest == "" {
		return description
	}
	return description + " · " + guest
}

func headline(status string, repeated bool) string {
	said := "Recorded"
	switch status {
	case "confirmed":
		said = "Booked"
	case "pending_payment":
		said = "Held, NOT confirmed"
	case "cancelled":
		return "No longer booked"
	}
	if repeated {
		return "Already " + strings.ToLower(said[:1]) + said[1:]
	}
	return said
}

func alternatives(slots []Slot) string {
	lines := []string{"Free instead:"}
	for _, s := range slots {
		lines = append(lines, fmt.Sprintf("%d. %s", s.Number, s.Text()))
	}
	return strings.Join(lines, "\n")
}

func hostNames(hosts []HostTold) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = sanitize.Line(h.Name, 100)
	}
	return strings.Join(names, ", ")
}

// InCalendars says in whose calendar a booking stands, where that is not every host's.
func InCalendars(hosts []HostTold) string {
	var in, out []string
	for _, h := range hosts {
		if h.InCalendar {
			in = append(in, h.Name)
		} else {
			out = append(out, h.Name)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return fmt.Sprintf("It stands in only %s's calendar; Vennio does not tell %s, so tell them yourself.", strings.Join(in, ", "), strings.Join(out, ", "))
}

// mailAbout says whom Vennio writes to about a booking of that status: about one
// to be paid only after payment (vennio-api.md, Bookings).
func mailAbout(status string, attendees []Told) string {
	switch status {
	case "pending_payment":
		return "After payment: " + mail(attendees)
	case "cancelled":
		return "Attendees: " + strings.Join(people(attendees), ", ") + ". This call e-mails nobody."
	}
	return mail(attendees)
}

// people are the names and addresses of attendees, in their order.
func people(attendees []Told) []string {
	all := make([]string, len(attendees))
	for i, a := range attendees {
		all[i] = sanitize.Line(a.Email, 254)
		if a.Name != "" {
			all[i] = sanitize.Quote(a.Name, 100) + " <" + all[i] + ">"
		}
	}
	return all
}

// mail says whom Vennio writes to, and whom it does not.
func mail(attendees []Told) string {
	var told, untold []string
	for i, who := range people(attendees) {
		if attendees[i].Mailed {
			told = append(told, who)
		} else {
			untold = append(untold, who)
		}
	}
	switch {
	case len(attendees) == 0:
		return ""
	case len(untold) == 0:
		return "Vennio e-mails " + strings.Join(told, ", ") + "."
	case len(told) == 0:
		return "Vennio e-mails nobody (test keys send no mail); not told: " + strings.Join(untold, ", ") + "."
	}
	return "Vennio e-mails " + strings.Join(told, ", ") + "; not told, so tell them yourself: " + strings.Join(untold, ", ") + "."
}
