package tools

import (
	"context"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Vennio lists in an order of its own, so all is read before the first is told:
// at most listPages pages in all, over all hosts.
const listPage, listPages = 100, 20

// gather reads what Vennio holds for the hosts, each booking once, and sorts it.
// cut says that there was more than is read.
func (d Deps) gather(ctx context.Context, q listing) (found []vennioclient.Booking, cut bool, err error) {
	hosts, pages := q.hosts, listPages
	if len(hosts) == 0 {
		hosts = []Host{{}}
	}
	kept := map[string]bool{}
	for _, h := range hosts {
		more, err := d.gatherOf(ctx, h, &pages, func(b vennioclient.Booking) {
			if !kept[b.ID] && ownedBy(b, h) && q.wants(b) {
				kept[b.ID] = true
				found = append(found, b)
			}
		})
		if err != nil {
			return nil, false, err
		}
		cut = cut || more
	}
	slices.SortFunc(found, func(a, b vennioclient.Booking) int { return placeOf(a).compare(placeOf(b)) })
	return found, cut, nil
}

// gatherOf reads the pages of one host. It stops where a page brings nothing
// new: Vennio then does not page. left says that pages ran out first.
func (d Deps) gatherOf(ctx context.Context, h Host, pages *int, each func(vennioclient.Booking)) (left bool, err error) {
	q, seen := vennioclient.BookingsQuery{Host: h.ID, Limit: listPage}, map[string]bool{}
	for ; *pages > 0; *pages-- {
		page, err := d.Vennio.ListBookings(ctx, q)
		if err != nil {
			return false, err
		}
		before := len(seen)
		for _, b := range page.Bookings {
			seen[b.ID] = true
			each(b)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" || len(seen) == before {
			*pages--
			return false, nil
		}
	}
	return true, nil
}

// ownedBy: the host's, or not to be told apart, since in the guide's dialect a
// host is an address and in Vennio's answers an id.
func ownedBy(b vennioclient.Booking, h Host) bool {
	return h.ID == "" || b.HostID == "" || strings.EqualFold(b.HostID, h.ID) || strings.Contains(h.ID, "@") != strings.Contains(b.HostID, "@")
}
