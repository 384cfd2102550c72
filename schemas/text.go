package schemas

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// This file renders results as text, with the same facts as the structured content.

// Text lists the slots as a person would read them, with the same facts.
func (r *FindSlotsResult) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %d minutes with %s, %s", count(len(r.Slots)), r.DurationMinutes, strings.Join(r.Hosts, ", "), r.Window.text())
	if r.Preferences != "" {
		b.WriteString(", " + r.Preferences)
	}
	if len(r.Slots) > 1 {
		b.WriteString(", best first")
	}
	fmt.Fprintf(&b, ". Now: %s.\n", r.Now)
	for _, s := range r.Slots {
		fmt.Fprintf(&b, "%d. %s\n", s.Number, s.Text())
	}
	if r.NextOpening != nil {
		fmt.Fprintf(&b, "Next opening: %s\n", r.NextOpening.Text())
	}
	b.WriteString(r.Note)
	return b.String()
}

func count(n int) string {
	switch n {
	case 0:
		return "No free times"
	case 1:
		return "1 free time"
	}
	return fmt.Sprintf("%d free times", n)
}

func (w Window) text() string {
	text := w.Description + " (" + w.Timezone + ")"
	if w.When != "" {
		return w.When + " = " + text
	}
	return text
}

// Text is the slot on one line: Vennio's words, the exact time, the reason, the time in UTC and the id.
func (s Slot) Text() string {
	exact := Exact(s.StartLocal, s.EndLocal, s.Timezone)
	if s.Description != exact {
		exact = sanitize.Quote(s.Description, 200) + " = " + exact // Vennio's words are a quotation
	}
	parts := []string{exact}
	for _, part := range []string{s.GuestLocal, s.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, interval(s.Start, s.End), "slot_id "+s.SlotID), " · ")
}

// interval is a time interval in UTC (ISO 8601-1, 5.5.2.4); the end has no date if it is the date of
// the start: "2026-05-14T14:00:00Z/14:30:00Z".
func interval(start, end string) string {
	if day, clock, ok := strings.Cut(end, "T"); ok && strings.HasPrefix(start, day+"T") {
		return start + "/" + clock
	}
	return start + "/" + end
}

// Exact joins the parts of a local time: "Thu 14 May 2026, 15:00" and "15:30"
// become "Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)".
func Exact(start, end, zone string) string {
	dash := "–"
	if strings.Contains(end, " ") {
		dash = " – "
	}
	return start + dash + end + " (" + zone + ")"
}

// text is empty if nothing is offered.
func (i Instead) text() string {
	switch {
	case i.Proposal != nil:
		return i.Proposal.Text()
	case len(i.Alternatives) > 0:
		return alternatives(i.Alternatives)
	}
	return ""
}

// Text says what was booked, who receives e-mail and who consented.
func (r *BookSlotResult) Text() string {
	lines := []string{
		fmt.Sprintf("%s: %s, %s, with %s. %s. Booking %s, status %s.",
			headline(r.Status, r.Repeated), sanitize.Quote(r.Title, 120), withGuestTime(r.Description, r.GuestLocal), hostNames(r.Hosts), interval(r.Start, r.End), r.BookingID, r.Status),
	}
	if r.SeriesID != "" {
		lines = append(lines, "Repeats: "+r.Repeat+" (series "+r.SeriesID+")")
	}
	if len(r.Skipped) > 0 {
		lines = append(lines, "NOT booked, because it was not free: "+strings.Join(r.Skipped, ", "))
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
	lines = append(lines, mailAbout(r.Status, r.Attendees), r.Consent.text(), undoAndNext(r.Undo, r.Next))
	return strings.Join(lines, "\n")
}

// undoAndNext are the last lines of the result of a write.
func undoAndNext(undo, next string) string {
	if undo == "" {
		return "Next: " + next
	}
	return "Undo: " + undo + "\nNext: " + next
}

func (c ConsentOnFile) text() string {
	return fmt.Sprintf("Consent: %s, %s (%s).", c.GivenBy, sanitize.Quote(c.Statement, 500), c.Method)
}

// withGuestTime appends the same time on the guest's clock, if that differs.
func withGuestTime(description, guest string) string {
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

func hostNames(hosts []BookedHost) string {
	names := make([]string, len(hosts))
	for i, h := range hosts {
		names[i] = sanitize.Line(h.Name, 100)
	}
	return strings.Join(names, ", ")
}

// InCalendars says in whose calendars a booking is, if it is not in every host's.
func InCalendars(hosts []BookedHost) string {
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
	return fmt.Sprintf("It is in only %s's calendar; Vennio does not notify %s, so inform them yourself.", strings.Join(in, ", "), strings.Join(out, ", "))
}

// mailAbout says to whom Vennio sends e-mail about a booking with this status. For a booking that is to
// be paid, that is only after the payment (vennio-api.md, Bookings).
func mailAbout(status string, attendees []Recipient) string {
	switch status {
	case "pending_payment":
		return "After payment: " + mail(attendees)
	case "cancelled":
		return "Attendees: " + strings.Join(people(attendees), ", ") + ". This call e-mails nobody."
	}
	return mail(attendees)
}

// people lists the names and addresses of attendees.
func people(attendees []Recipient) []string {
	all := make([]string, len(attendees))
	for i, a := range attendees {
		all[i] = sanitize.Line(a.Email, 254)
		if a.Name != "" {
			all[i] = sanitize.Quote(a.Name, 100) + " <" + all[i] + ">"
		}
	}
	return all
}

// mail says to whom Vennio sends e-mail, and to whom it does not.
func mail(attendees []Recipient) string {
	var mailed, notMailed []string
	for i, who := range people(attendees) {
		if attendees[i].Mailed {
			mailed = append(mailed, who)
		} else {
			notMailed = append(notMailed, who)
		}
	}
	switch {
	case len(attendees) == 0:
		return ""
	case len(notMailed) == 0:
		return "Vennio e-mails " + strings.Join(mailed, ", ") + "."
	case len(mailed) == 0:
		return "Vennio e-mails nobody (test keys send no mail); not e-mailed: " + strings.Join(notMailed, ", ") + "."
	}
	return "Vennio e-mails " + strings.Join(mailed, ", ") + "; not e-mailed, so inform them yourself: " + strings.Join(notMailed, ", ") + "."
}

// line is the booking on one line. Texts by others are quoted. The description contains the offset and
// thereby the instant; utc adds the time in UTC.
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

// status marks a booking that is not confirmed.
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

// Text says what has changed, who receives e-mail and who consented.
func (r *ChangeResult) Text() string {
	lines := []string{r.headline() + ": " + r.line(true)}
	if r.Was != "" {
		lines = append(lines, "It was: "+r.Was)
	}
	if r.Series != "" {
		lines = append(lines, "Cancelled: "+r.Series)
	}
	if len(r.Mailed) > 0 {
		lines = append(lines, "Vennio may e-mail: "+strings.Join(r.Mailed, ", "))
	}
	if len(r.NotMailed) > 0 {
		lines = append(lines, "Vennio sends no e-mail to: "+strings.Join(r.NotMailed, ", "))
	}
	if r.Notes != "" {
		lines = append(lines, "Notes: "+sanitize.Quote(r.Notes, 500))
	}
	if r.Consent != nil {
		lines = append(lines, r.Consent.text())
	}
	return strings.Join(append(lines, undoAndNext(r.Undo, r.Next)), "\n")
}

func (r *ChangeResult) headline() string {
	switch {
	case r.Status == "cancelled" && !r.Changed:
		return "Already cancelled"
	case r.Status == "cancelled":
		return "Cancelled"
	case r.Consent == nil:
		return "Nothing was changed, because it was like this before"
	case r.Was != "" && !r.Changed:
		return "Already moved"
	case r.Was != "":
		return "Moved"
	case !r.Changed:
		return "Already changed"
	}
	return "Changed"
}

// Text describes the booking and the next step.
func (r *GetBookingResult) Text() string {
	lines := []string{r.line(true)}
	if r.Notes != "" {
		lines = append(lines, "Notes: "+sanitize.Quote(r.Notes, 500))
	}
	if r.CheckoutURL != "" {
		lines = append(lines, "The customer pays at: "+r.CheckoutURL)
	}
	for _, one := range r.Series {
		lines = append(lines, "- of the series: "+one)
	}
	if r.Note != "" {
		lines = append(lines, r.Note)
	}
	return strings.Join(append(lines, "Next: "+r.Next), "\n")
}

// Text lists the bookings, one per line, in the order of their start.
func (r *ListBookingsResult) Text() string {
	lines := []string{fmt.Sprintf("%s, %s. Now: %s.", r.count(), r.Window.text(), r.Now)}
	for _, b := range r.Bookings {
		lines = append(lines, "- "+b.line(false))
	}
	if r.NextCursor != "" {
		lines = append(lines, "More: call again with the same arguments and cursor "+r.NextCursor)
	}
	return strings.Join(append(lines, r.Note), "\n")
}

func (r *ListBookingsResult) count() string {
	switch n := len(r.Bookings); {
	case r.Total == 0:
		return "No bookings"
	case n < r.Total:
		return fmt.Sprintf("%d of %d bookings", n, r.Total)
	}
	return fmt.Sprintf("%d %s", r.Total, plural(r.Total, "booking"))
}

// Text lists the permissions, one per line.
func (r *CheckCalendarAccessResult) Text() string {
	lines := []string{fmt.Sprintf("Calendar access to %d %s:", len(r.Access), plural(len(r.Access), "calendar"))}
	for _, a := range r.Access {
		lines = append(lines, "- "+a.text())
	}
	if r.More {
		lines = append(lines, "The list was cut.")
	}
	return strings.Join(append(lines, r.Note), "\n")
}

func (a CalendarAccess) text() string {
	text := fmt.Sprintf("%s (owner_id %s): %s", sanitize.Quote(a.Owner, 100), a.OwnerID, a.Level) // their own words for themselves
	if a.Propose {
		text += ", may propose"
	}
	if !a.Active {
		text += ", NOT active"
	}
	if a.Expires != "" {
		text += ", until " + a.Expires
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// Text shows a person everything that would be written.
func (p *Proposal) Text() string {
	return "What would be " + p.Done() + ", to show to the person:\n" + p.Facts()
}

// Text says first that nothing was written. The address is on a separate line, so that it can be copied.
func (a *AwaitingConsent) Text() string {
	lines := []string{a.Message, a.Proposal.Text()}
	if a.ApprovalURL != "" {
		lines = append(lines, "Approval page, for the person:", a.ApprovalURL)
	}
	return strings.Join(append(lines, "Next: "+a.Next), "\n")
}

// Facts lists everything that would be written, one fact per line.
func (p *Proposal) Facts() string {
	lines := []string{"  Title: " + sanitize.Quote(p.Title, 120)}
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, "  "+name+": "+text)
		}
	}
	add("Now", p.Was)
	when := withGuestTime(p.Description, p.GuestLocal) + " · " + interval(p.Start, p.End)
	for _, d := range p.Details {
		add(d.Name, d.Text)
	}
	switch {
	case p.Description == "" || p.Action == ActionPropose: // it has no time, or the details contain its times
	case p.Action == ActionReschedule:
		add("New time", when)
	case p.Action == ActionCancel && p.Repeat != "":
		add("Cancels", p.Repeat)
		add("When", when)
	default:
		add("When", when)
		add("Repeats", p.Repeat)
	}
	add("With", hostNames(p.Hosts))
	add("Price", p.Price)
	add("Mail", p.mail())
	add("Note", p.Note)
	if p.Notes != "" {
		add("Notes", sanitize.Quote(p.Notes, 2000))
	}
	subject := "Booking"
	if p.Action == ActionRespond || p.Action == ActionClose {
		subject = "Proposal"
	}
	add(subject, p.BookingID)
	add("Slot", p.SlotID)
	return strings.Join(lines, "\n")
}

// mail says to whom Vennio sends e-mail; for changes that is inferred (vennio-api.md, Bookings).
func (p *Proposal) mail() string {
	if p.Action == ActionBook {
		return mail(p.Attendees)
	}
	return strings.Replace(mail(p.Attendees), "Vennio e-mails", "Vennio may e-mail", 1)
}
