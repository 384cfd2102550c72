package tools

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	accessPageSize = 100 // the most that Vennio lists in one answer (vennio-api.md, Consents)
	accessPages    = 10  // the most that are read
	accessShown    = 20  // the most that are shown
)

// checkCalendarAccess defines the tool that lists whose calendars the account may see, and how far.
func checkCalendarAccess(d *Deps) Tool {
	return define(d, spec{
		name: toolAccess, title: "Check calendar access", effect: reads,
		description: "List whose calendars this account may look at in Vennio, and how far: free/busy or details. " +
			"Use it when asked whose calendars are open; when find_slots for several hosts is forbidden. " +
			"It only reads. Calendar access is not a consent to book; for that see book_slot.",
	}, d.checkCalendarAccess)
}

func (d *Deps) checkCalendarAccess(ctx context.Context, in schemas.CheckCalendarAccessInput) (*schemas.CheckCalendarAccessResult, error) {
	out := &schemas.CheckCalendarAccessResult{Access: []schemas.CalendarAccess{}}
	q := vennioclient.ConsentsQuery{Role: "grantee", ActiveOnly: new(!in.IncludeInactive), Limit: accessPageSize}
	for range accessPages {
		page, err := d.Vennio.ListConsents(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Consents {
			if d.isGrantor(c.Grantor, in.Person) {
				out.Access = append(out.Access, d.calendarAccess(c))
			}
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	if out.More = q.Cursor != "" || len(out.Access) > accessShown; out.More {
		out.Access = out.Access[:min(len(out.Access), accessShown)]
	}
	out.Note = accessNote(in, out)
	return out, nil
}

// isGrantor reports whether the call asks for this person: by part of a name, by address or by id. A
// call that names nobody asks for everybody.
func (d *Deps) isGrantor(p vennioclient.Party, asked string) bool {
	asked = strings.ToLower(strings.TrimSpace(asked))
	names := strings.ToLower(p.Name + "\n" + d.nameOf(p.ID))
	return strings.Contains(names, asked) || strings.EqualFold(p.Email, asked) || strings.EqualFold(p.ID, asked)
}

func (d *Deps) calendarAccess(c vennioclient.Consent) schemas.CalendarAccess {
	a := schemas.CalendarAccess{
		Owner:   cmp.Or(d.nameOf(c.Grantor.ID), scheduling.SafeName(c.Grantor.Name), sanitize.Line(c.Grantor.Email, 100), consent.Host{ID: c.Grantor.ID}.Label(100, sanitize.Line)),
		OwnerID: sanitize.Line(c.Grantor.ID, 64),
		Level:   "none",
		Propose: slices.Contains(c.Scopes, "booking:propose"),
		Active:  c.Active,
	}
	switch { // Vennio's scopes (vennio-api.md, Consents)
	case slices.Contains(c.Scopes, "availability:read:details"):
		a.Level = "details"
	case slices.Contains(c.Scopes, "availability:read:freebusy"):
		a.Level = "free_busy"
	}
	if !c.ExpiresAt.IsZero() {
		a.Expires = times.UTC(c.ExpiresAt)
	}
	return a
}

// nameOf is the operator's name for a person, empty if there is none.
func (d *Deps) nameOf(id string) string {
	if h, ok := d.Hosts.Find(id); ok && !h.Unnamed() {
		return h.Name
	}
	return ""
}

func accessNote(in schemas.CheckCalendarAccessInput, out *schemas.CheckCalendarAccessResult) string {
	switch {
	case len(out.Access) > 0 && out.More:
		return "Name a person to see theirs. Access to a calendar is not a consent to book."
	case len(out.Access) > 0:
		return "Access to a calendar is not a consent to book."
	case in.Person != "" && out.More:
		return "Not found among the first 1,000; ask for the exact name, address or id."
	case in.Person != "":
		return "Nobody of that name has opened a calendar to this account; they grant it in Vennio."
	}
	return "Nobody has opened a calendar to this account; people grant it in Vennio."
}
