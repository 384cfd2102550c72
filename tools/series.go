package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// A series of ours has times.MaxOccurrences bookings at most; others' may be longer.
const seriesPages, seriesPage = 10, 100

// future are the confirmed bookings of a series that lie ahead, the first one
// first: what cancelling the series cancels (vennio-api.md, Bookings).
func (d Deps) future(ctx context.Context, series string) (ahead []vennioclient.Booking, err error) {
	q := vennioclient.BookingsQuery{SeriesID: series, Limit: seriesPage}
	for range seriesPages {
		page, err := d.Vennio.ListBookings(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Bookings {
			if b.SeriesID == series && b.Status == vennioclient.StatusConfirmed && b.Start.After(d.Now()) {
				ahead = append(ahead, b)
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return inOrder(ahead), nil
		}
	}
	return nil, refuse(schemas.CodeRejected, "This series has more bookings than can be shown to a person here.", "Have the person cancel it in Vennio, or cancel its bookings one by one.")
}

func inOrder(ahead []vennioclient.Booking) []vennioclient.Booking {
	slices.SortFunc(ahead, func(a, b vennioclient.Booking) int { return a.Start.Compare(b.Start) })
	return slices.CompactFunc(ahead, func(a, b vennioclient.Booking) bool { return a.ID == b.ID })
}

// wholeSeries names each booking that is meant by its day and time: one that is
// moved makes another text, and with it another act.
func wholeSeries(all []vennioclient.Booking, loc *time.Location) string {
	each := make([]string, len(all))
	for i, b := range all {
		each[i] = times.Day(b.Start, loc) + " " + times.Clock(b.Start, loc)
	}
	what := "1 booking"
	if len(all) > 1 {
		what = fmt.Sprintf("%d bookings", len(all))
	}
	return fmt.Sprintf("%s of the series (%s): %s", what, loc, some(each))
}

// some names as many as a person will read: the first ones and the last.
func some(days []string) string {
	const most = 60
	if n := len(days); n > most {
		return strings.Join(days[:most-1], ", ") + ", … " + days[n-1]
	}
	return strings.Join(days, ", ")
}
