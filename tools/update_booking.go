package tools

import (
	"context"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// updateBooking defines the tool that replaces the notes and labels of a booking with a person's consent.
func updateBooking(d *Deps) Tool {
	return define(d, spec{
		name: toolUpdate, title: "Change a booking's notes", effect: changes,
		description: "Replace a booking's notes or set labels; the preview says what is replaced. " + consentRule(d.Policy) + " Vennio may e-mail attendees.",
	}, d.updateBooking)
}

func (d *Deps) updateBooking(ctx context.Context, in schemas.UpdateBookingInput) (*schemas.ChangeResult, error) {
	u, err := d.PrepareUpdate(ctx, in)
	if err != nil {
		return nil, err
	}
	if !u.Sent && u.Done() {
		out := changed(u.Booking, u.Loc, nil)
		out.Next = "Tell the person that it has these notes and labels already."
		return out, nil
	}
	req := writeRequest{act: u.Act, proposal: d.proposal(u.Act, u.Hosts, u.Loc, nil)}
	done, err := withConsent(ctx, d, req, in.Consent, u, d.Update)
	if err != nil {
		return nil, writeFailed(err, writeUpdate)
	}
	out := changed(done.Booking, u.Loc, &done.Grant)
	out.Changed, out.Notes = done.Fresh, sanitize.Block(done.Booking.Notes, 500)
	out.Mailed, out.NotMailed = addresses(u.Act)
	out.Undo = toolUpdate + " with the earlier notes."
	if u.Act.Replaces != "" {
		out.Undo = toolUpdate + " with the earlier notes: " + sanitize.Excerpt(u.Act.Replaces, 500)
	}
	out.Next = "Tell the person that it was changed, and that they must inform those to whom Vennio sends no e-mail."
	if !done.Fresh {
		out.Next = "Tell the person that it had already been changed, and that this call changed nothing more."
	}
	return out, nil
}
