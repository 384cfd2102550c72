package tools

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// bookSlot defines the tool that books a slot of find_slots with a person's consent.
func bookSlot(d *Deps) Tool {
	return define(d, spec{
		name: toolBook, title: "Book a slot", effect: adds, needs: toolFind, card: cards.BookingURI,
		description: "Book a slot. " + consentRule(d.Policy) +
			" Writes to the calendar; Vennio may mail attendees. Safe to repeat. " +
			"Offers others if taken.",
	}, d.bookSlot)
}

func (d *Deps) bookSlot(ctx context.Context, in schemas.BookSlotInput) (*schemas.BookSlotResult, error) {
	b, err := d.PrepareBooking(ctx, in)
	if err != nil {
		return nil, err
	}
	req := writeRequest{act: b.Act, proposal: d.proposal(b.Act, b.Hosts, b.Loc, b.Guest), starts: b.Starts(), prices: b.Prices}
	if against := d.AgainstPreferences(b); len(against) > 0 {
		req.proposal.Repeat += "; the hosts' preferences exclude " + scheduling.JoinDays(against)
	}
	made, err := withConsent(ctx, d, req, in.Consent, b, d.Book)
	if err != nil {
		return nil, d.withAlternatives(ctx, writeFailed(err, writeBook), scheduling.Search{
			Hosts: b.Hosts, Duration: b.Offer.Duration, Guest: b.Guest, Window: times.Window{From: b.Request.Start, Loc: b.Loc},
		})
	}
	out := d.booked(b, made)
	return out, d.offerPayment(ctx, out, made.Fresh)
}

// booked renders a booking that was made now or, if the call is repeated, before.
func (d *Deps) booked(b scheduling.NewBooking, made scheduling.Booked) *schemas.BookSlotResult {
	start, end := made.Booking.Start, made.Booking.End
	if start.IsZero() || !end.After(start) {
		start, end = b.Request.Start, b.Request.End
	}
	out := &schemas.BookSlotResult{
		Status:      sanitize.Line(made.Booking.Status, 40),
		Repeated:    !made.Fresh,
		BookingID:   sanitize.Line(made.Booking.ID, 100),
		Title:       b.Request.Title,
		Description: times.Label(start, end, b.Loc),
		GuestLocal:  times.GuestLabel(start, end, b.Loc, b.Guest),
		Start:       times.UTC(start),
		End:         times.UTC(end),
		Hosts:       d.hosts(b.Hosts),
		Note:        schemas.InCalendars(d.hosts(b.Hosts)),
		Attendees:   attendees(b.Act),
		Price:       b.Act.Price,
		Consent:     consentOnFile(made.Grant),
	}
	if made.Booking.Status == vennioclient.StatusCancelled {
		for i := range out.Attendees {
			out.Attendees[i].Mailed = false
		}
	}
	if made.Booking.Status == vennioclient.StatusPendingPayment {
		out.CheckoutURL = d.Vennio.SafeLink(made.Booking.CheckoutURL)
	}
	if made.Series != nil {
		addSeries(out, b, made)
	}
	if out.Next = nextAfterBooking(out); out.Status != vennioclient.StatusCancelled {
		out.Undo = d.undo(toolCancel, "booking_id")
	}
	if out.SeriesID != "" && d.offered[toolCancel] {
		out.Undo += " With scope series it cancels all of them."
	}
	if made.Series == nil {
		out.Meta = d.calendarMeta(out.BookingID, out.Status, out.Title, start, end)
	}
	return out
}

// addSeries adds which days of a series were booked, and which were not.
func addSeries(out *schemas.BookSlotResult, b scheduling.NewBooking, made scheduling.Booked) {
	series := made.Series
	out.SeriesID = sanitize.Line(series.ID, 100)
	booked, unconfirmed := make([]string, len(series.Bookings)), 0
	for i, one := range series.Bookings {
		booked[i] = times.Day(one.Start, b.Loc)
		if one.Status != vennioclient.StatusConfirmed {
			unconfirmed++
		}
		if made.Fresh && one.ID != made.Booking.ID {
			out.AddWritten(schemas.Written{ID: one.ID, Status: one.Status, Start: times.UTC(one.Start), End: times.UTC(one.End), New: true})
		}
	}
	out.Repeat = fmt.Sprintf("%s; %d booked: %s", b.Repeat.Text(), max(series.Created, len(booked)), scheduling.JoinDays(booked))
	if len(booked) == 0 {
		out.Repeat = fmt.Sprintf("%s; %d booked, whose days Vennio did not name", b.Repeat.Text(), series.Created)
	}
	if unconfirmed > 0 {
		out.Repeat += fmt.Sprintf("; %d of them NOT confirmed", unconfirmed)
	}
	switch {
	case series.Created == len(booked): // Vennio named all that it made
		out.Skipped = slices.DeleteFunc(scheduling.Days(b.Repeat.Starts, b.Loc), func(day string) bool { return slices.Contains(booked, day) })
	case series.Skipped > 0:
		out.Skipped = []string{fmt.Sprintf("%d days that Vennio did not name", series.Skipped)}
	}
}

// mailOncePaid says when Vennio e-mails the attendees of a booking that is to be paid (vennio-api.md,
// Bookings).
const mailOncePaid = "Vennio e-mails attendees only after payment."

func nextAfterBooking(out *schemas.BookSlotResult) string {
	switch {
	case out.Status == vennioclient.StatusConfirmed && out.Repeated:
		return "Tell the person that it is booked, and that this call booked nothing more; say who was not e-mailed."
	case out.Status == vennioclient.StatusConfirmed:
		return "Tell the person it is booked, and who was not e-mailed."
	case out.Status == vennioclient.StatusPendingPayment && out.CheckoutURL == "":
		return "Say that it is not confirmed, and that the host must send a payment link: Vennio gave none."
	case out.Status == vennioclient.StatusPendingPayment:
		return "Say that it is not confirmed, and give the customer the payment link. " + mailOncePaid + " For 2 hours after find_slots the same call shows whether it was paid."
	case out.Status == vennioclient.StatusCancelled:
		return "This booking was made and has since been cancelled. To book anew call find_slots and ask again."
	}
	return "Tell the person this status as it is; do not call it confirmed."
}

// paymentPrefix marks the state of a question about a payment link. It contains the id of the booking;
// the state of other questions contains the id of a proposal.
const paymentPrefix = "pay:"

// paymentTime limits how long a result waits for the person to open the payment link. The booking is
// made, and a client may abandon a call that takes long.
const paymentTime = 10 * time.Second

// offerPayment opens the payment link of a new booking in the client, if the client opens links. The
// booking does not depend on it, and the result contains the link in any case. The error is a
// question for a client of 2026-07-28.
func (d *Deps) offerPayment(ctx context.Context, out *schemas.BookSlotResult, fresh bool) error {
	can := capabilities(ctx).Elicitation
	if out.CheckoutURL == "" || can == nil || can.URL == nil || d.Approved != nil {
		return nil
	}
	id := paymentPrefix + out.BookingID
	if got := answerFrom(ctx); got != nil && got.result != nil && d.isSealed(got.state, id) {
		out.Next = d.withoutMissingTools(nextAfterPaymentLink(got.result), "")
		return nil
	}
	if !fresh {
		return nil
	}
	q := mcp.ElicitationParams{
		Mode: mcp.ElicitationModeURL, ElicitationID: id, URL: out.CheckoutURL,
		Message: "Pay for " + sanitize.Quote(out.Title, 120) + ", " + out.Description + "? It is confirmed only once it is paid.",
	}
	if server.IsModernRequest(ctx) {
		d.Notify(out.AllWritten()) // the client may never repeat the call for the result
		return &question{q, d.seal(id)}
	}
	limited, done := context.WithTimeout(ctx, min(d.askTime(), paymentTime))
	defer done()
	defer waiting(ctx, func() string { return "The booking is made. Waiting for a person to open its payment page." })()
	if got, err := elicit(limited, q); err == nil {
		out.Next = d.withoutMissingTools(nextAfterPaymentLink(got), "")
	}
	return nil
}

func nextAfterPaymentLink(r *mcp.ElicitationResult) string {
	if r.Action == mcp.ElicitationResponseActionAccept {
		return "The person has opened the payment page. Say that it is not confirmed until it is paid; get_booking shows when it is. " + mailOncePaid
	}
	return "The person did not open the payment page. Say that it is not confirmed, and give the customer the payment link. " + mailOncePaid
}
