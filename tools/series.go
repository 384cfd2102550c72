package tools

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

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
			break
		}
	}
	slices.SortFunc(ahead, func(a, b vennioclient.Booking) int { return a.Start.Compare(b.Start) })
	return slices.CompactFunc(ahead, func(a, b vennioclient.Booking) bool { return a.ID == b.ID }), nil
}

// wholeSeries says which bookings of a series are meant.
func (d Deps) wholeSeries(all []vennioclient.Booking) string {
	days := make([]string, len(all))
	for i, b := range all {
		days[i] = times.Day(b.Start, d.Zone)
	}
	return fmt.Sprintf("all %d future bookings of the series: %s", len(all), some(days))
}

// some names as many as a person will read: the first ones and the last.
func some(days []string) string {
	const most = 60
	if n := len(days); n > most {
		return strings.Join(days[:most-1], ", ") + ", … " + days[n-1]
	}
	return strings.Join(days, ", ")
}
