package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// BookSlot books one slot that find_slots offered, once a person has agreed.
func BookSlot(d Deps) Tool {
	return define(d, Spec{
		Name: toolBook, Title: "Book a slot", Effect: Adds, Needs: toolFind,
		Description: "Book a slot. " + consentRule(d.Policy) +
			" Writes to the calendar; Vennio may mail attendees. Safe to repeat. " +
			"Offers others if taken.",
	}, d.bookSlot)
}

const toolBook = "book_slot"

func (d Deps) bookSlot(ctx context.Context, in schemas.BookSlotInput) (*schemas.BookSlotResult, error) {
	hosts, err := d.hostsMeant(ctx, in.Hosts)
	if err != nil {
		return nil, err
	}
	offer, err := d.Slots.Open(in.SlotID, hostIDs(hosts))
	if err != nil {
		return nil, slotRefused(err)
	}
	loc, guest, err := zonesOf(offer)
	if err != nil {
		return nil, err
	}
	if hosts, err = d.namedAsSent(ctx, hosts, in.SlotID); err != nil {
		return nil, err
	}
	b := booking{hosts: hosts, offer: offer, loc: loc, guest: guest, request: request(in, offer, hosts)}
	if in.Repeat != "" && d.price(hosts) != "" {
		return nil, refuse(schemas.CodeInvalidArguments, "repeat is not possible with a host who charges: each booking is paid by itself.", "Book the days one by one, each with the person's consent.")
	}
	if b.repeat, err = repeated(in.Repeat, offer.Start, loc); err != nil {
		return nil, err
	}
	fresh := true
	out, err := agreed(ctx, d, d.deed(b, in), in.Consent, func(ctx context.Context, g consent.Grant) (*schemas.BookSlotResult, error) {
		fresh = g.Outcome != consent.Done
		return d.book(ctx, b, g)
	})
	switch {
	case errors.Is(err, errTaken):
		return nil, d.notBooked(ctx, b, err)
	case err != nil:
		return nil, err
	}
	if out.Repeated = !fresh; out.Repeated && out.Status == vennioclient.StatusConfirmed {
		out.Next = "Tell the person that it is booked, and that this call booked nothing more; say who was not e-mailed."
	}
	return out, d.handOver(ctx, out, fresh)
}

// namedAsSent gives the hosts the names under which something was sent to Vennio for this slot before:
// the same call again is the same act, and the same bytes under its idempotency key, even if
// a host has been renamed since.
func (d Deps) namedAsSent(ctx context.Context, hosts []Host, slotID string) ([]Host, error) {
	if !slices.ContainsFunc(hosts, d.asksName) {
		return hosts, nil
	}
	sent, err := d.Ledger.SentUnder(ctx, d.Tenant, slots.Normalize(slotID))
	if err != nil || sent == nil || len(sent.Hosts) != len(hosts) {
		return hosts, ledgerRefused(err)
	}
	for i, h := range sent.Hosts {
		if hosts[i].ID == h.ID && hosts[i].Name != h.Name {
			hosts[i].Name = h.Name
		}
	}
	return hosts, nil
}

func (d Deps) deed(b booking, in schemas.BookSlotInput) deed {
	to := deed{act: d.act(b, in), asked: d.proposal(in, b), costs: d.costs(b.hosts)}
	if b.repeat != nil {
		to.each = b.repeat.starts
	}
	return to
}

// act is what a person agrees to: all that will be written, and who is told.
func (d Deps) act(b booking, in schemas.BookSlotInput) consent.Act {
	a := consent.Act{
		Tool: toolBook, Tenant: d.Tenant, SlotID: slots.Normalize(in.SlotID), Start: b.request.Start, End: b.request.End, Zone: b.offer.Zone,
		GuestZone: b.offer.Guest, Title: b.request.Title, Notes: b.request.Notes, Price: d.price(b.hosts), Repeat: b.repeat.text(b.loc),
	}
	if b.repeat != nil {
		a.Count = len(b.repeat.starts)
	}
	a.Hosts = asParties(b.hosts)
	for _, t := range d.told(b.request, "") {
		a.Attendees = append(a.Attendees, consent.Attendee{Name: t.Name, Email: t.Email, Mailed: t.Mailed})
	}
	return a
}

// booking is a booking under way.
type booking struct {
	hosts   []Host
	offer   slots.Offer
	loc     *time.Location
	guest   *time.Location // nil: not told
	request vennioclient.BookingRequest
	repeat  *repeat // nil: it is booked once
}

func request(in schemas.BookSlotInput, offer slots.Offer, hosts []Host) vennioclient.BookingRequest {
	people := make([]vennioclient.Person, len(in.Attendees))
	for i, a := range in.Attendees {
		people[i] = vennioclient.Person{Email: strings.TrimSpace(a.Email), Name: sanitize.Line(a.Name, 100)}
	}
	return vennioclient.BookingRequest{
		Hosts: offer.Hosts, HostNames: namesOf(hosts), Customer: people[0], Others: people[1:],
		Start: offer.Start, End: offer.End(),
		Title: sanitize.Line(in.Title, 120), Notes: sanitize.Block(in.Notes, 2000),
	}
}

// namesOf are the names of hosts as they are, for Vennio to keep.
func namesOf(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.Name
	}
	return all
}

// onRecord keeps the consent with the booking: whoever looks at it in Vennio
// sees who agreed and in what words, and the same slot id under another consent
// is another body, which Vennio refuses (vennio-api.md, Idempotency).
func onRecord(g consent.Grant) map[string]string {
	return map[string]string{"mcp_consent_by": g.GivenBy, "mcp_consent_words": g.Words, "mcp_consent_rung": string(g.Rung)}
}

// slotRefused translates an error of slots.Signer.Open.
func slotRefused(err error) error {
	switch {
	case errors.Is(err, slots.ErrExpired):
		return refuse(schemas.CodeSlotExpired, "", "")
	case errors.Is(err, slots.ErrFuture):
		return refuse(schemas.CodeUnknownSlot, "This slot_id was issued more than 15 minutes in the future: the clock of this server, or of another one that shares its secret, is wrong.",
			"If an earlier call may have booked it, have the person look in Vennio first. Tell the user that the server's clock must be checked. "+searchAgain)
	}
	return refuse(schemas.CodeUnknownSlot, "", "")
}

func (d Deps) proposal(in schemas.BookSlotInput, b booking) *schemas.Proposal {
	return &schemas.Proposal{
		Action:      schemas.ActionBook,
		SlotID:      slots.Normalize(in.SlotID),
		Title:       b.request.Title,
		Description: times.Label(b.request.Start, b.request.End, b.loc),
		GuestLocal:  times.GuestLabel(b.request.Start, b.request.End, b.loc, b.guest),
		Start:       times.UTC(b.request.Start),
		End:         times.UTC(b.request.End),
		Hosts:       d.hostsTold(b.hosts),
		Note:        schemas.InCalendars(d.hostsTold(b.hosts)),
		Attendees:   d.told(b.request, ""),
		Repeat:      b.repeat.text(b.loc),
		Price:       d.price(b.hosts),
		Notes:       shownNotes(b.request.Notes),
	}
}

// price is what a booking with these hosts costs: in the reference dialect it is
// the first one's alone (vennio-api.md, Two dialects).
func (d Deps) price(hosts []Host) string { return strings.Join(d.costs(hosts), " and ") }

func (d Deps) costs(hosts []Host) (all []string) {
	for i, told := range d.hostsTold(hosts) {
		if told.InCalendar && hosts[i].Price != "" {
			all = append(all, sanitize.Line(hosts[i].Price, 40))
		}
	}
	return all
}

// shownNotes keeps a proposal short; the agent that wrote the notes has them all.
func shownNotes(notes string) string {
	const most = 500
	if n := utf8.RuneCountInString(notes); n > most {
		return sanitize.Block(notes, most) + fmt.Sprintf(" [%d characters in all]", n)
	}
	return notes
}

// told lists the attendees and whom of them Vennio writes to, about a booking of
// that status: about one that is paid only once it is, about a cancelled one not
// at all.
func (d Deps) told(r vennioclient.BookingRequest, status string) []schemas.Told {
	mailed, silent := d.Vennio.Dialect().Recipients(r)
	var all []schemas.Told
	for _, p := range mailed {
		all = append(all, schemas.Told{Email: p.Email, Name: p.Name, Mailed: !d.NoMail && status != vennioclient.StatusCancelled})
	}
	for _, p := range silent {
		all = append(all, schemas.Told{Email: p.Email, Name: p.Name})
	}
	return all
}

// hostsTold lists the hosts: in the reference dialect a booking belongs to one,
// the first (vennio-api.md, Two dialects).
func (d Deps) hostsTold(hosts []Host) []schemas.HostTold {
	all := make([]schemas.HostTold, len(hosts))
	for i, h := range hosts {
		all[i] = schemas.HostTold{Name: h.shown(), InCalendar: i == 0 || d.Vennio.Dialect() == vennioclient.Guide}
	}
	return all
}

// asItIsNow reads a booking back. The answer to a repeated call is a stored one:
// since then the booking may have been paid, moved or cancelled. Where reading
// is not possible (a publishable key) the stored answer stands.
func (d Deps) asItIsNow(ctx context.Context, made *vennioclient.Booking) *vennioclient.Booking {
	now, err := d.Vennio.GetBooking(ctx, made.ID)
	if err != nil { // also where Vennio answers with another booking
		return made
	}
	now.CheckoutURL = cmp.Or(now.CheckoutURL, made.CheckoutURL)
	return now
}
