package scheduling

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Update is a booking whose notes and labels are to be replaced.
type Update struct {
	Booking
	Loc  *time.Location // in which the person is asked
	Act  consent.Act
	Sent bool // the update was sent recently; this call settles it
}

// Done reports whether the booking has the new notes and labels.
func (u Update) Done() bool { return isUpdated(u.Booking, u.Act) }

func isUpdated(b Booking, act consent.Act) bool {
	return (act.Notes == "" || notesOf(b) == act.Notes) && !slices.ContainsFunc(act.Labels, func(l consent.Label) bool { return b.Metadata[l.Name] != l.Value })
}

// notesOf returns the notes of a booking in the form in which an act has them.
func notesOf(b Booking) string { return sanitize.Block(b.Notes, 2000) }

// PrepareUpdate resolves an update without writing. Vennio's PATCH documents notes and metadata besides
// the time (vennio-api.md, Bookings).
func (s *Service) PrepareUpdate(ctx context.Context, in schemas.UpdateBookingInput) (u Update, err error) {
	if u.Booking, err = s.ReadBooking(ctx, in.BookingID); err != nil {
		return u, err
	}
	u.Loc = s.zoneOf(u.Metadata)
	u.Act = s.updateAct(u.Booking, u.Loc, sanitize.Block(in.Notes, 2000), in.Labels)
	sent, err := s.Ledger.SentOn(ctx, s.Tenant, ToolUpdate, u.ID, func(a consent.Act) bool {
		return a.Notes == u.Act.Notes && slices.EqualFunc(a.Labels, u.Act.Labels, func(a, b consent.Label) bool { return a.Name == b.Name && a.Value == b.Value })
	})
	if sent != nil && !u.Done() { // it was done, and somebody has changed the booking since
		grant, _, err := s.Ledger.FindConsent(ctx, *sent)
		if err != nil {
			return u, err
		}
		if grant != nil && grant.Outcome == consent.Done {
			sent = nil
		}
	}
	switch {
	case err != nil:
		return u, err
	case sent != nil:
		u.Act, u.Sent = *sent, true
		if loc, err := times.Zone(sent.Zone); err == nil {
			u.Loc = loc
		}
		return u, nil
	case u.Done():
		return u, nil
	}
	if err := s.RefuseUnchangeable(u.Booking); err != nil {
		return u, err
	}
	if err := s.giveUpOld(ctx, u.Act); err != nil {
		return u, err
	}
	u.Act, err = s.distinct(ctx, u.Act, func(consent.Grant) bool { return true })
	return u, err
}

func (s *Service) updateAct(b Booking, loc *time.Location, notes string, labels []schemas.Label) consent.Act {
	act := s.changeAct(ToolUpdate, b, loc)
	act.Notes = notes
	if notes != "" {
		act.Replaces = notesOf(b)
	}
	for _, l := range labels {
		name := strings.TrimSpace(l.Name)
		act.Labels = append(act.Labels, consent.Label{Name: name, Value: sanitize.Line(l.Value, 500), Replaces: sanitize.Line(b.Metadata[name], 500)})
	}
	slices.SortFunc(act.Labels, func(a, b consent.Label) int { return strings.Compare(a.Name, b.Name) })
	return act
}

// Update changes a booking under a grant, if it still has the notes and labels that the person saw.
func (s *Service) Update(ctx context.Context, u Update, g consent.Grant) (Changed, error) {
	now, err := s.readBooking(ctx, u.ID)
	if err != nil {
		return Changed{}, unreadable(g, err)
	}
	isDone := isUpdated(now, u.Act)
	isAsShown := u.Act.Notes == "" || notesOf(now) == u.Act.Replaces
	for _, l := range u.Act.Labels {
		isAsShown = isAsShown && sanitize.Line(now.Metadata[l.Name], 500) == l.Replaces
	}
	if g.Outcome != consent.Done && !isDone && !isAsShown {
		return Changed{}, changedSince("booking")
	}
	out := Changed{Fresh: g.Outcome == consent.Unsent && !isDone}
	out.Grant, err = s.execute(ctx, g, func(g consent.Grant) (string, error) {
		if g.Outcome == consent.Done || isDone {
			return u.ID, nil // the read settles it
		}
		_, err := s.Vennio.UpdateBooking(ctx, vennioclient.IdempotencyKey(g.Key()), u.ID, updateOf(now, u.Act))
		if err != nil {
			if after, failed := s.readBooking(ctx, u.ID); failed == nil && isUpdated(after, u.Act) {
				return u.ID, nil
			}
		}
		return u.ID, err
	})
	if err != nil {
		return out, err
	}
	out.Booking = s.afterWrite(ctx, u.Booking)
	return out, nil
}

// updateOf returns the request for an act. It keeps what else Vennio stores in the notes and metadata.
func updateOf(b Booking, act consent.Act) vennioclient.BookingUpdate {
	update := vennioclient.BookingUpdate{Of: &b.Booking}
	if act.Notes != "" {
		update.Notes = &act.Notes
	}
	for _, l := range act.Labels {
		if update.Metadata == nil {
			update.Metadata = map[string]string{}
		}
		update.Metadata[l.Name] = l.Value
	}
	return update
}
