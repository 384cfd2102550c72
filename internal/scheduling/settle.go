package scheduling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// execute writes under a grant. The ledger records it before and after the write, so that a process
// that dies in between leaves a grant that the same call settles. write returns the id at Vennio of what
// it wrote. It also runs for a grant that is done: Vennio repeats its answer under the same key. execute
// returns the grant as it was sent. The error is Vennio's, or another one where the ledger determines the
// result.
func (s *Service) execute(ctx context.Context, g consent.Grant, write func(consent.Grant) (id string, err error)) (consent.Grant, error) {
	sent, err := s.Ledger.SendWithin(ctx, g, s.quota(g.At))
	if err != nil && (!errors.Is(err, consent.ErrSettled) || sent.Outcome != consent.Done) {
		if errors.Is(err, consent.ErrQuota) {
			err = NotAllowed(fmt.Sprintf("this server makes at most %d bookings a day, and they were made.", s.Limits.Daily))
		}
		return g, err
	}
	id, failed := write(sent)
	if sent.Outcome != consent.Done {
		if err := s.record(ctx, sent, id, failed); err != nil {
			return sent, err
		}
	}
	return sent, failed
}

// record notes the outcome of a write. It returns an error if another attempt under the same consent
// may have succeeded. An outcome that cannot be noted does not change the booking: it is reported to
// the operator, and the grant stays sent until the outcome can be noted, the same call is repeated,
// or SettleLeft asks Vennio.
func (s *Service) record(ctx context.Context, g consent.Grant, id string, failed error) error {
	outcome, requestID, detail := consent.Done, "", ""
	switch e, _ := errors.AsType[*vennioclient.Error](failed); {
	case failed == nil:
	case vennioclient.OutcomeOf(failed) == vennioclient.NotDone && vennioclient.KindOf(failed) != vennioclient.KindKeyReused:
		outcome, id, requestID, detail = consent.NotDone, "", e.RequestID, string(e.Kind)
	default:
		outcome, id, detail = consent.Unknown, "", string(vennioclient.KindOf(failed))
	}
	err := s.Ledger.SettleWithRetry(ctx, g, outcome, id, requestID, detail)
	switch {
	case errors.Is(err, consent.ErrInDoubt):
		return &Refusal{Code: schemas.CodeOutcomeUnknown, Cause: failed}
	case err != nil && !errors.Is(err, consent.ErrSettled):
		s.warn(fmt.Errorf("the outcome of a booking could not be recorded yet: %w", err))
	}
	return nil
}

const (
	// goneAfter is the time after a consent when nothing that was sent under it can still arrive: the
	// same call can be repeated for consent.RepeatWindow.
	goneAfter = consent.RepeatWindow + 15*time.Minute
	// unknownAfter is the time after which a grant whose outcome Vennio cannot be asked for becomes unknown.
	unknownAfter = time.Hour
)

// finding is the result of reading what became of a write.
type finding int

const (
	unclear finding = iota // the read does not show it
	notDone                // it was not done so far
	done
)

// SettleLeft settles a grant of this tenant whose outcome was not noted: it only reads at Vennio. What
// is not there is unknown while the same call can still be repeated, and not done after that. The
// error is the store's, or says that Vennio cannot be asked now.
func (s *Service) SettleLeft(ctx context.Context, left consent.Unsettled) error {
	found, bookingID, err := s.findWrite(ctx, left)
	if err != nil && (!isTemporary(err) || left.Age < unknownAfter || left.Grant.Outcome != consent.Sent) {
		return err
	}
	switch {
	case found == done:
		if err := s.Ledger.Resolve(ctx, left.Grant, consent.Done, bookingID, "a later read shows it"); err != nil {
			return err
		}
		switch left.Act.Tool {
		case ToolPropose, ToolRespond, ToolClosePoll, ToolShare:
			s.Notify(nil) // the list of bookings may have grown
			return nil
		}
		written := schemas.Written{ID: bookingID, Start: times.UTC(left.Act.Start), End: times.UTC(left.Act.End), New: left.Act.Tool == ToolBook}
		if left.Act.Tool == ToolCancel {
			written = schemas.Written{ID: bookingID, Status: vennioclient.StatusCancelled}
		}
		s.Notify([]schemas.Written{written})
		return nil
	case found == notDone && left.Age >= goneAfter:
		return s.Ledger.GiveUp(ctx, left.Grant, "a later read shows that it was not done")
	}
	return s.Ledger.Resolve(ctx, left.Grant, consent.Unknown, "", "a later read does not show it")
}

// isTemporary reports whether the same read may succeed later.
func isTemporary(err error) bool {
	return slices.Contains([]vennioclient.Kind{
		vennioclient.KindUnavailable, vennioclient.KindNetwork, vennioclient.KindRateLimited, vennioclient.KindMalformed,
		vennioclient.KindInFlight, vennioclient.KindConflict, vennioclient.KindCanceled,
	}, vennioclient.KindOf(err))
}

// findWrite asks Vennio what became of a write. The error is the store's, or says that Vennio may
// answer later. What Vennio refuses to answer is unclear, as is the act of a consent that was erased.
func (s *Service) findWrite(ctx context.Context, left consent.Unsettled) (found finding, bookingID string, err error) {
	switch left.Act.Tool {
	case ToolBook:
		found, bookingID, err = s.findNew(ctx, left)
	case ToolPropose:
		found, bookingID, err = s.findNewProposal(ctx, left)
	case ToolShare:
		found, bookingID, err = s.findNewLink(ctx, left)
	case ToolRespond, ToolClosePoll:
		bookingID = left.Act.BookingID
		found, err = s.findAnswer(ctx, left.Act)
	case ToolReschedule, ToolCancel, ToolUpdate:
		bookingID = left.Act.BookingID
		found, err = s.findChange(ctx, left.Act)
	}
	_, refused := errors.AsType[*Refusal](err)
	if _, fromVennio := errors.AsType[*vennioclient.Error](err); refused || fromVennio && !isTemporary(err) {
		return unclear, "", nil
	}
	return found, bookingID, err
}

// findChange reads the booking that was to be changed.
func (s *Service) findChange(ctx context.Context, act consent.Act) (finding, error) {
	b, err := s.readBooking(ctx, act.BookingID)
	if err != nil {
		return unclear, err
	}
	switch {
	case act.Tool == ToolUpdate && isUpdated(b, act):
		return done, nil
	case act.Tool == ToolUpdate && notesOf(b) == act.Replaces:
		return notDone, nil
	case act.Tool == ToolUpdate:
		return unclear, nil
	case act.Tool == ToolReschedule && b.IsAt(act.Start, act.End):
		return done, nil
	case act.Tool == ToolReschedule && b.IsAt(act.WasStart, act.WasEnd) && b.Status != vennioclient.StatusCancelled:
		return notDone, nil
	case act.Tool == ToolReschedule:
		return unclear, nil
	case act.Repeat == "" && b.Status == vennioclient.StatusCancelled:
		return done, nil
	case act.Repeat == "":
		return notDone, nil
	case b.SeriesID == "":
		return unclear, nil
	}
	future, err := s.futureOf(ctx, b.SeriesID)
	switch {
	case err != nil:
		return unclear, err
	case len(future) == 0:
		return done, nil
	}
	return notDone, nil
}

// findNew looks for the booking that was to be made: one of the same host, time and guest with the
// same consent in its metadata, which belongs to no other grant.
func (s *Service) findNew(ctx context.Context, left consent.Unsettled) (finding, string, error) {
	act := left.Act
	if len(act.Hosts) == 0 || len(act.Attendees) == 0 {
		return unclear, "", nil
	}
	alike, cut, err := s.bookingsLike(ctx, act)
	if err != nil {
		return unclear, "", err
	}
	found := notDone
	if cut {
		found = unclear
	}
	for _, b := range alike {
		taken, err := s.Ledger.HasBooking(ctx, left.Tenant, b.ID, left.Grant.ID)
		if err != nil {
			return unclear, "", err
		}
		switch {
		case taken:
		case hasConsent(b.Metadata, left.Grant):
			return done, b.ID, nil
		case len(b.Metadata) == 0:
			found = unclear // Vennio does not return the metadata
		}
	}
	return found, "", nil
}

// bookingsLike returns the bookings of an act's first host at its time for its first guest, the oldest
// first, and whether there are more than can be read.
func (s *Service) bookingsLike(ctx context.Context, act consent.Act) (found []vennioclient.Booking, cut bool, err error) {
	latest, pages := map[string]vennioclient.Booking{}, MaxListPages
	cut, err = s.eachBooking(ctx, Host{ID: act.Hosts[0].ID}, &pages, func(b vennioclient.Booking) {
		if isAtTimeOf(b, act) && isForGuest(b, act.Attendees[0].Email) {
			latest[b.ID] = b
		}
	})
	found = slices.SortedFunc(maps.Values(latest), func(a, b vennioclient.Booking) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.Start.Compare(b.Start))
	})
	return found, cut, err
}

// isAtTimeOf accepts any day of a series, because the first one may have been taken.
func isAtTimeOf(b vennioclient.Booking, act consent.Act) bool {
	if act.Repeat == "" {
		return b.Start.Equal(act.Start) && b.End.Equal(act.End)
	}
	return b.SeriesID != "" && !b.Start.Before(act.Start) && b.End.Sub(b.Start) == act.End.Sub(act.Start)
}

// isForGuest also looks among the participants, which contain the guests in the guide's dialect.
func isForGuest(b vennioclient.Booking, email string) bool {
	return strings.EqualFold(b.Customer.Email, email) || slices.ContainsFunc(b.Participants, func(p string) bool {
		return strings.EqualFold(strings.TrimPrefix(p, "user:"), email)
	})
}

// hasConsent reports whether the metadata of a booking or proposal contain the consent of the grant.
func hasConsent(metadata map[string]string, g consent.Grant) bool {
	for key, value := range consentMetadata(g) {
		if metadata[key] != value {
			return false
		}
	}
	return true
}
