package scheduling

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Changed is a booking that was changed under a grant.
type Changed struct {
	Grant   consent.Grant
	Booking Booking // as it is now
	Fresh   bool    // this call changed it
}

// changeAct is the act of a person who agrees to change an existing booking.
func (s *Service) changeAct(tool string, b Booking, loc *time.Location) consent.Act {
	a := consent.Act{
		Tool: tool, Tenant: s.Tenant, BookingID: b.ID, Start: b.Start, End: b.End, Zone: loc.String(),
		Title: sanitize.Line(b.Title, 120), Hosts: parties(b.Hosts),
	}
	if len(b.Guests) > 0 {
		a.Attendees = s.attendees(vennioclient.BookingRequest{Hosts: HostIDs(b.Hosts), Customer: b.Guests[0], Others: b.Guests[1:]})
	}
	return a
}

// changedSince refuses to change a booking or proposal that is no longer what the person agreed to.
func changedSince(what string) error {
	return refuse(schemas.CodeConsentMismatch, "This call changed nothing: the "+what+" has been changed since the person was asked.",
		"Look at the "+what+" again, show the person its current state, and ask again.")
}

// unreadable is the error where a booking cannot be read before a change under g is sent. The outcome
// of a change that was sent before stays as certain as it was.
func unreadable(g consent.Grant, err error) error {
	switch g.Outcome {
	case consent.Unsent, consent.NotDone:
		return &Refusal{Cause: err}
	case consent.Done:
		return &Refusal{Message: "This was done before, as agreed; its current state cannot be read.", Cause: err}
	case consent.Sent, consent.Unknown:
	}
	return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: err}
}

// Move is a booking that is to be moved.
type Move struct {
	Booking
	Offer      slots.Offer    // the new time
	Loc, Guest *time.Location // Guest is nil if the guest's zone is not known
	Act        consent.Act
	Sent       bool // the move was sent before under the same slot id
}

// AtNewTime reports whether the booking has the new time already, without a move that was sent before.
func (m Move) AtNewTime() bool { return !m.Sent && m.IsAt(m.Offer.Start, m.Offer.End()) }

// PrepareMove resolves a move without writing. If the move was sent before, the act is the one in the
// ledger: the booking may have the new time by now, so the act cannot be derived from it.
func (s *Service) PrepareMove(ctx context.Context, bookingID, slotID string) (m Move, err error) {
	if m.Booking, err = s.ReadBooking(ctx, bookingID); err != nil {
		return m, err
	}
	if m.Offer, err = s.openSlot(slotID, m.Hosts); err != nil {
		return m, err
	}
	if m.Loc, m.Guest, err = offerZones(m.Offer); err != nil {
		return m, err
	}
	sent, err := s.Ledger.SentUnder(ctx, s.Tenant, slots.Normalize(slotID))
	if err != nil {
		return m, err
	}
	if sent != nil && sent.Tool == ToolReschedule && sent.BookingID == m.ID {
		m.Act, m.Sent = *sent, true
		return m, nil
	}
	m.Act = s.changeAct(ToolReschedule, m.Booking, m.Loc)
	m.Act.SlotID, m.Act.GuestZone = slots.Normalize(slotID), m.Offer.Guest
	m.Act.WasStart, m.Act.WasEnd, m.Act.Start, m.Act.End = m.Start, m.End, m.Offer.Start, m.Offer.End()
	return m, s.RefuseUnchangeable(m.Booking)
}

// Move moves a booking under a grant, if it is still as the person saw it.
func (s *Service) Move(ctx context.Context, m Move, g consent.Grant) (Changed, error) {
	now, err := s.readBooking(ctx, m.ID)
	if err != nil {
		return Changed{}, unreadable(g, err)
	}
	isMoved := now.IsAt(m.Act.Start, m.Act.End)
	isAsShown := now.IsAt(m.Act.WasStart, m.Act.WasEnd) && now.Status != vennioclient.StatusCancelled
	if g.Outcome != consent.Done && !isMoved && !isAsShown {
		return Changed{}, changedSince("booking")
	}
	out := Changed{Fresh: g.Outcome == consent.Unsent && !isMoved}
	out.Grant, err = s.execute(ctx, g, func(g consent.Grant) (string, error) {
		if g.Outcome == consent.Done || isMoved {
			return now.ID, nil // the read settles it
		}
		// The zone in which the new time was found replaces another one. Bookings that are not ours have none.
		update := vennioclient.BookingUpdate{Start: m.Act.Start, End: m.Act.End}
		if zone := now.Metadata[metaZone]; zone != "" && zone != m.Act.Zone {
			update.Metadata, update.Of = map[string]string{metaZone: m.Act.Zone}, &now.Booking
		}
		_, err := s.Vennio.UpdateBooking(ctx, vennioclient.IdempotencyKey(g.Key()), m.ID, update)
		if err != nil {
			if after, failed := s.readBooking(ctx, m.ID); failed == nil && after.IsAt(m.Act.Start, m.Act.End) {
				return m.ID, nil
			}
		}
		return m.ID, err
	})
	if err != nil {
		return out, err
	}
	known := m.Booking // used if it cannot be read again
	if out.Fresh {
		known.Start, known.End = m.Act.Start, m.Act.End
	}
	out.Booking = s.afterWrite(ctx, known)
	return out, nil
}

// Cancellation is a booking, or the rest of its series, that is to be cancelled.
type Cancellation struct {
	Booking
	Scope  vennioclient.CancelScope
	Loc    *time.Location         // in which the person is asked
	Series []vennioclient.Booking // the bookings to come, if the series is meant
	Act    consent.Act
	Sent   bool // the cancellation was sent recently; this call settles it
}

// Done reports whether nothing is left to cancel.
func (c Cancellation) Done() bool {
	if c.Scope == vennioclient.CancelSeries {
		return len(c.Series) == 0
	}
	return c.Status == vennioclient.StatusCancelled
}

// PrepareCancellation resolves a cancellation without writing. loc is the zone that the caller names,
// nil for the zone in which the booking was found.
func (s *Service) PrepareCancellation(ctx context.Context, bookingID string, scope vennioclient.CancelScope, loc *time.Location) (Cancellation, error) {
	c, err := s.readCancellation(ctx, bookingID, scope, loc)
	if err != nil {
		return c, err
	}
	if c.Hosts, err = s.WithNames(ctx, c.Hosts); err != nil {
		return c, err
	}
	c.Act.Hosts = parties(c.Hosts)
	sent, err := s.Ledger.SentOn(ctx, s.Tenant, ToolCancel, c.ID, func(a consent.Act) bool { return (a.Repeat != "") == (scope == vennioclient.CancelSeries) })
	switch {
	case err != nil:
		return c, err
	case sent != nil:
		c.Act, c.Sent = *sent, true
		if loc, err := times.Zone(sent.Zone); err == nil {
			c.Loc = loc
		}
		return c, nil
	case c.Done():
		return c, nil
	}
	if err := s.RefuseUnchangeable(c.Booking); err != nil && scope == vennioclient.CancelSingle {
		return c, err
	}
	return c, s.giveUpOld(ctx, c.Act)
}

// readCancellation reads what is to be cancelled as it is now, without asking for the names of its
// hosts. The act of a series names each booking by day and time: if one is moved, the act is another.
func (s *Service) readCancellation(ctx context.Context, id string, scope vennioclient.CancelScope, loc *time.Location) (c Cancellation, err error) {
	if c.Booking, err = s.readBooking(ctx, id); err != nil {
		return c, err
	}
	c.Loc = cmp.Or(loc, s.zoneOf(c.Metadata))
	c.Scope, c.Act = scope, s.changeAct(ToolCancel, c.Booking, c.Loc)
	if scope != vennioclient.CancelSeries {
		return c, nil
	}
	if c.SeriesID == "" {
		return c, refuse(schemas.CodeInvalidArguments, "scope: this booking is not part of a series.", "Leave scope out to cancel this one booking.")
	}
	if c.Series, err = s.futureOf(ctx, c.SeriesID); err != nil || len(c.Series) == 0 {
		return c, err
	}
	each := make([]string, len(c.Series))
	for i, b := range c.Series {
		each[i] = times.Day(b.Start, c.Loc) + " " + times.Clock(b.Start, c.Loc)
	}
	what := "1 booking"
	if len(each) > 1 {
		what = fmt.Sprintf("%d bookings", len(each))
	}
	c.Act.Repeat = fmt.Sprintf("%s of the series (%s): %s", what, c.Loc, JoinDays(each))
	c.Act.Start, c.Act.End = c.Series[0].Start, c.Series[len(c.Series)-1].End
	return c, nil
}

// giveUpOld settles an act that was sent so long ago that its write can no longer arrive: the booking
// still exists, so the act was not done, and a new call is a new act.
func (s *Service) giveUpOld(ctx context.Context, act consent.Act) error {
	grant, _, err := s.Ledger.FindConsent(ctx, act)
	if err != nil || grant == nil || grant.Outcome == consent.Unsent || grant.Outcome == consent.Done {
		return err
	}
	if s.Now().Sub(grant.At) < consent.RepeatWindow {
		return nil
	}
	return s.Ledger.GiveUp(ctx, *grant, "a later read shows that it was not done")
}

// Cancel cancels under a grant, if everything is still as the person saw it.
func (s *Service) Cancel(ctx context.Context, c Cancellation, g consent.Grant) (Changed, error) {
	now, err := s.readCancellation(ctx, c.ID, c.Scope, c.Loc)
	if err != nil {
		return Changed{}, unreadable(g, err)
	}
	// A host who was renamed in the meantime does not make another act.
	if slices.EqualFunc(now.Act.Hosts, c.Act.Hosts, func(a, b consent.Host) bool { return a.ID == b.ID }) {
		now.Act.Hosts = c.Act.Hosts
	}
	if !now.Done() && now.Act.Digest() != c.Act.Digest() {
		return Changed{}, changedSince("booking")
	}
	out := Changed{Fresh: g.Outcome == consent.Unsent && !now.Done()}
	out.Grant, err = s.execute(ctx, g, func(g consent.Grant) (string, error) {
		if now.Done() {
			return c.ID, nil // the read settles it
		}
		err := s.Vennio.CancelBooking(ctx, vennioclient.IdempotencyKey(g.Key()), c.ID, c.Scope)
		if err != nil {
			if after, failed := s.readCancellation(ctx, c.ID, c.Scope, c.Loc); failed == nil && after.Done() {
				return c.ID, nil
			}
		}
		return c.ID, err
	})
	if err != nil {
		return out, err
	}
	out.Booking = s.afterWrite(ctx, c.Booking)
	return out, nil
}
