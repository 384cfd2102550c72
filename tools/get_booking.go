package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// peopleSize bounds the names and addresses of one booking, in bytes: with the
// rest it stays under 2,000 tokens in any script.
const peopleSize = 2_000

// GetBooking tells what one booking is now.
func GetBooking(d Deps) Tool {
	return define(d, Spec{
		Name: "get_booking", Title: "Look at a booking", Effect: Reads,
		Description: "Tell how one booking stands now: status, time, people, and the payment link while payment is due. " +
			"Use it to see whether one was paid or moved, and before changing it; without its id call list_bookings. Only reads.",
	}, d.getBooking)
}

func (d Deps) getBooking(ctx context.Context, in schemas.GetBookingInput) (*schemas.GetBookingResult, error) {
	loc, err := d.zone("timezone", in.Timezone, d.Zone)
	if err != nil {
		return nil, err
	}
	b, err := d.readBooking(ctx, in.BookingID)
	if err != nil {
		return nil, err
	}
	out := &schemas.GetBookingResult{
		Booking: d.booking(b, loc),
		Notes:   sanitize.Block(b.Notes, 500),
		Next:    d.afterReading(b.Booking),
	}
	out.Attendees = within(out.Attendees)
	if b.Status == vennioclient.StatusPendingPayment {
		out.CheckoutURL = d.Vennio.SafeLink(b.CheckoutURL)
	}
	if in.Timezone == "" {
		out.Note = fmt.Sprintf("No timezone was given: times are in %s, the server's default.", loc)
	}
	return out, nil
}

func (d Deps) noBooking(err error) error {
	if errors.Is(err, vennioclient.ErrOtherBooking) {
		return &Refusal{
			Code: schemas.CodeUnavailable, Cause: err,
			Message: "Vennio answered with another booking than the one asked for, so nothing is known about this one. Nothing was changed or recorded.",
			Next:    "Make the same call once more. If it happens again, tell the user that Vennio mixes up bookings, and to look at this one in Vennio itself.",
		}
	}
	if vennioclient.KindOf(err) != vennioclient.KindNotFound {
		return err
	}
	r := &Refusal{Code: schemas.CodeNotFound, Message: "Vennio knows no booking by this booking_id.", Cause: err}
	r.Next = "Copy the booking_id whole from where it was told, or check it with the user."
	if d.offered["list_bookings"] {
		r.Next = "Call list_bookings, and copy the booking_id whole from there."
	}
	return r
}

// afterReading says what can be done with a booking, with tools there are.
func (d Deps) afterReading(b vennioclient.Booking) string {
	switch {
	case b.Status == vennioclient.StatusCancelled && d.offered["find_slots"]:
		return "It is cancelled. To meet after all, find a time with find_slots and ask the person anew."
	case b.Status == vennioclient.StatusCancelled:
		return "It is cancelled; tell the person."
	case !b.End.IsZero() && b.End.Before(d.Now()):
		return "It is over; nothing about it can be changed."
	case b.Status == vennioclient.StatusPendingPayment && d.Vennio.SafeLink(b.CheckoutURL) == "":
		return "Say that it is not confirmed and that the host must send a payment link: Vennio gave none."
	case b.Status == vennioclient.StatusPendingPayment:
		return "Say that it is not confirmed and give the customer the payment link; get_booking shows when it is paid."
	case b.Status != vennioclient.StatusConfirmed:
		return "Tell the person this status as it is; do not call it confirmed."
	}
	return d.changes()
}

// changes names the tools that change a booking, if the operator offers any.
func (d Deps) changes() string {
	var can []string
	if d.offered["reschedule_booking"] {
		can = append(can, "reschedule_booking moves it")
	}
	if d.offered["cancel_booking"] {
		can = append(can, "cancel_booking cancels it")
	}
	if len(can) == 0 {
		return "Tell the person. This server cannot change it; people do that in Vennio."
	}
	return "Tell the person. " + strings.Join(can, ", ") + ": only with the person's consent."
}
