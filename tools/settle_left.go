package tools

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	// goneAfter is how long after a consent nothing that was sent under it can still
	// arrive: the same call is taken for the same one for consent.Repeatable.
	goneAfter = consent.Repeatable + 15*time.Minute
	// doubtAfter is how long a grant stands as sent while Vennio cannot be asked.
	doubtAfter = time.Hour
)

// finding is what a read shows of something that was sent.
type finding int

const (
	unclear finding = iota // the read does not show it
	absent                 // it was not done, so far
	done
)

// SettleLeft settles a grant of this tenant that was sent and whose outcome was not
// noted: it asks Vennio what became of it, by reads alone. What is not there is
// unknown while the same call may still be made again, and not done after that.
// The error is the store's, or that of a Vennio that cannot be asked now.
func (d Deps) SettleLeft(ctx context.Context, left consent.Left) error {
	found, bookingID, err := d.shown(ctx, left)
	if err != nil && (!passing(err) || left.Age < doubtAfter || left.Grant.Outcome != consent.Sent) {
		return err
	}
	switch {
	case found == done:
		if err := d.Ledger.Resolve(ctx, left.Grant, consent.Done, bookingID, "a later read shows it"); err != nil {
			return err
		}
		if d.Changed != nil {
			d.Changed([]schemas.Written{written(left.Act, bookingID)})
		}
		return nil
	case found == absent && left.Age >= goneAfter:
		return d.Ledger.GiveUp(ctx, left.Grant, "a later read shows that it was not done")
	}
	return d.Ledger.Resolve(ctx, left.Grant, consent.Unknown, "", "a later read does not show it")
}

// written is the booking that an act wrote, as far as the act says.
func written(act consent.Act, bookingID string) schemas.Written {
	if act.Tool == toolCancel {
		return schemas.Written{ID: bookingID, Status: vennioclient.StatusCancelled}
	}
	return schemas.Written{ID: bookingID, Start: times.UTC(act.Start), End: times.UTC(act.End), New: act.Tool == toolBook}
}

// passing: the same read may succeed in a while.
func passing(err error) bool {
	return slices.Contains([]vennioclient.Kind{
		vennioclient.KindUnavailable, vennioclient.KindNetwork, vennioclient.KindRateLimited, vennioclient.KindMalformed,
		vennioclient.KindInFlight, vennioclient.KindConflict, vennioclient.KindCanceled,
	}, vennioclient.KindOf(err))
}

// shown asks Vennio. Its error is the store's, or says that Vennio may answer later;
// what Vennio refuses to answer is unclear, as is the act of a consent that was
// erased.
func (d Deps) shown(ctx context.Context, left consent.Left) (found finding, bookingID string, err error) {
	switch left.Act.Tool {
	case toolBook:
		found, bookingID, err = d.shownBooking(ctx, left)
	case toolReschedule, toolCancel:
		bookingID = left.Act.BookingID
		found, err = d.shownChange(ctx, left.Act)
	}
	if is[*Refusal](err) || is[*vennioclient.Error](err) && !passing(err) {
		return unclear, "", nil
	}
	return found, bookingID, err
}

// shownChange looks at the booking that was to be changed.
func (d Deps) shownChange(ctx context.Context, act consent.Act) (finding, error) {
	b, err := d.stateOf(ctx, act.BookingID)
	if err != nil {
		return unclear, err
	}
	switch {
	case act.Tool == toolReschedule && b.stands(act.Start, act.End):
		return done, nil
	case act.Tool == toolReschedule && b.stands(act.WasStart, act.WasEnd) && b.Status != vennioclient.StatusCancelled:
		return absent, nil
	case act.Tool == toolReschedule:
		return unclear, nil
	case act.Repeat == "" && b.Status == vennioclient.StatusCancelled:
		return done, nil
	case act.Repeat == "":
		return absent, nil
	case b.SeriesID == "":
		return unclear, nil
	}
	ahead, err := d.future(ctx, b.SeriesID)
	switch {
	case err != nil:
		return unclear, err
	case len(ahead) == 0:
		return done, nil
	}
	return absent, nil
}

// shownBooking looks for the booking that was to be made: one of the same host,
// time and guest with the same consent on record, and no other grant's.
func (d Deps) shownBooking(ctx context.Context, left consent.Left) (finding, string, error) {
	act := left.Act
	if len(act.Hosts) == 0 || len(act.Attendees) == 0 {
		return unclear, "", nil
	}
	alike, cut, err := d.alike(ctx, act)
	if err != nil {
		return unclear, "", err
	}
	found := absent
	if cut {
		found = unclear
	}
	for _, b := range alike {
		taken, err := d.Ledger.HasBooking(ctx, left.Tenant, b.ID, left.Grant.ID)
		if err != nil {
			return unclear, "", err
		}
		switch {
		case taken:
		case sameConsent(b, left.Grant):
			return done, b.ID, nil
		case len(b.Metadata) == 0:
			found = unclear // Vennio does not tell whose it is
		}
	}
	return found, "", nil
}

// alike are the bookings of an act's first host at its time for its first guest,
// the oldest first. cut: not all were read.
func (d Deps) alike(ctx context.Context, act consent.Act) (found []vennioclient.Booking, cut bool, err error) {
	host, pages, kept := Host{ID: act.Hosts[0].ID}, listPages, map[string]vennioclient.Booking{}
	cut, err = d.gatherOf(ctx, host, &pages, func(b vennioclient.Booking) {
		if ownedBy(b, host) && atTimeOf(b, act) && forGuest(b, act.Attendees[0].Email) {
			kept[b.ID] = b
		}
	})
	found = slices.SortedFunc(maps.Values(kept), func(a, b vennioclient.Booking) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), a.Start.Compare(b.Start))
	})
	return found, cut, err
}

// atTimeOf: of a series any day, since the first may have been taken.
func atTimeOf(b vennioclient.Booking, act consent.Act) bool {
	if act.Repeat == "" {
		return b.Start.Equal(act.Start) && b.End.Equal(act.End)
	}
	return b.SeriesID != "" && !b.Start.Before(act.Start) && b.End.Sub(b.Start) == act.End.Sub(act.Start)
}

// forGuest: in the guide's dialect guests are among the participants.
func forGuest(b vennioclient.Booking, email string) bool {
	return strings.EqualFold(b.Customer.Email, email) || slices.ContainsFunc(b.Participants, func(p string) bool {
		return strings.EqualFold(strings.TrimPrefix(p, "user:"), email)
	})
}

// sameConsent: what a booking says of the consent to it is what the grant says.
func sameConsent(b vennioclient.Booking, g consent.Grant) bool {
	for key, value := range onRecord(g) {
		if b.Metadata[key] != value {
			return false
		}
	}
	return true
}
