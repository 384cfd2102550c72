package tools

import (
	"context"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// getBooking defines the tool that shows one booking as it is now.
func getBooking(d *Deps) Tool {
	return define(d, spec{
		name: toolGet, title: "Look at a booking", effect: reads, card: cards.BookingURI,
		description: "Show the current state of one booking: status, time, people, and the payment link while payment is due. " +
			"Use it to see whether one was paid or moved, and before changing it; without its id call list_bookings. Only reads.",
	}, d.getBooking)
}

func (d *Deps) getBooking(ctx context.Context, in schemas.GetBookingInput) (*schemas.GetBookingResult, error) {
	loc, err := d.zone("timezone", in.Timezone, d.Zone)
	if err != nil {
		return nil, err
	}
	b, err := d.ReadBooking(ctx, in.BookingID)
	if err != nil {
		return nil, err
	}
	out := &schemas.GetBookingResult{Booking: existing(b, loc), Notes: sanitize.Block(b.Notes, 500)}
	out.Attendees = limitPeople(out.Attendees)
	out.Meta = d.calendarMeta(b.ID, b.Status, b.Title, b.Start, b.End)
	if b.Status == vennioclient.StatusPendingPayment {
		out.CheckoutURL = d.Vennio.SafeLink(b.CheckoutURL)
	}
	if b.SeriesID != "" {
		out.Series = d.seriesView(ctx, b.SeriesID, loc)
	}
	out.Next = d.nextAfterReading(b.Booking, out.CheckoutURL)
	if in.Timezone == "" {
		out.Note = defaultZoneNote(loc)
	}
	return out, nil
}

// seriesView lists the bookings of a series; it is empty if Vennio cannot list them now.
func (d *Deps) seriesView(ctx context.Context, id string, loc *time.Location) (all []string) {
	found, err := d.ReadSeries(ctx, id)
	if err != nil {
		return nil
	}
	for _, b := range found {
		all = append(all, times.Moment(b.Start, loc)+", "+sanitize.Line(b.Status, 40))
	}
	return limitPeople(all)
}

// nextAfterReading says what can be done with a booking by the selected tools.
func (d *Deps) nextAfterReading(b vennioclient.Booking, checkoutURL string) string {
	switch {
	case b.Status == vennioclient.StatusCancelled && d.offered[toolFind]:
		return "It is cancelled. To meet after all, find a time with find_slots and ask the person anew."
	case b.Status == vennioclient.StatusCancelled:
		return "It is cancelled; tell the person."
	case !b.End.IsZero() && b.End.Before(d.Now()):
		return "It is over; nothing about it can be changed."
	case b.Status == vennioclient.StatusPendingPayment && checkoutURL == "":
		return "Say that it is not confirmed and that the host must send a payment link: Vennio gave none."
	case b.Status == vennioclient.StatusPendingPayment:
		return "Say that it is not confirmed and give the customer the payment link; get_booking shows when it is paid."
	case b.Status != vennioclient.StatusConfirmed:
		return "Tell the person this status as it is; do not call it confirmed."
	}
	var can []string
	if d.offered[toolReschedule] {
		can = append(can, "reschedule_booking moves it")
	}
	if d.offered[toolCancel] {
		can = append(can, "cancel_booking cancels it")
	}
	if len(can) == 0 {
		return "Tell the person. This server cannot change it; people do that in Vennio."
	}
	return "Tell the person. " + strings.Join(can, ", ") + ": only with the person's consent."
}
