package tools

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// CheckCalendarAccess tells whose calendars this account may see, and how far.
func CheckCalendarAccess(d Deps) Tool {
	return define(d, Spec{
		Name: "check_calendar_access", Title: "Check calendar access", Effect: Reads,
		Description: "List whose calendars this account may look at in Vennio, and how far: free/busy or details. " +
			"Use it when asked whose calendars are open; when find_slots for several hosts is forbidden. " +
			"It only reads. Calendar access is not a consent to book; for that see book_slot.",
	}, d.checkCalendarAccess)
}

const (
	accessPage  = 100 // the most that Vennio lists in one answer (vennio-api.md, Consents)
	accessPages = 10  // the most that are read
	accessShown = 20  // the most that are told
)

func (d Deps) checkCalendarAccess(ctx context.Context, in schemas.CheckCalendarAccessInput) (*schemas.CheckCalendarAccessResult, error) {
	out := &schemas.CheckCalendarAccessResult{Access: []schemas.CalendarAccess{}}
	q := vennioclient.ConsentsQuery{Role: "grantee", ActiveOnly: new(!in.IncludeInactive), Limit: accessPage}
	for range accessPages {
		page, err := d.Vennio.ListConsents(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Consents {
			if d.concerns(c, in.Person) {
				out.Access = append(out.Access, d.access(c))
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

// concerns: nobody in particular was asked for, or this owner was, by part of a
// name, by address or by id.
func (d Deps) concerns(c vennioclient.Consent, person string) bool {
	person = strings.ToLower(strings.TrimSpace(person))
	names := strings.ToLower(c.Grantor.Name + "\n" + d.nameOf(c.Grantor.ID))
	return strings.Contains(names, person) || strings.EqualFold(c.Grantor.Email, person) || strings.EqualFold(c.Grantor.ID, person)
}

func (d Deps) access(c vennioclient.Consent) schemas.CalendarAccess {
	a := schemas.CalendarAccess{
		Owner:   d.owner(c.Grantor),
		OwnerID: sanitize.Line(c.Grantor.ID, 64),
		Level:   level(c.Scopes),
		Propose: slices.Contains(c.Scopes, "booking:propose"),
		Active:  c.Active,
	}
	if !c.ExpiresAt.IsZero() {
		a.Expires = times.UTC(c.ExpiresAt)
	}
	return a
}

// owner is the operator's name for somebody, else what they call themselves in
// Vennio.
func (d Deps) owner(p vennioclient.Party) string {
	if name := d.nameOf(p.ID); name != "" {
		return name
	}
	if name := nameFrom(p.Name); name != "" {
		return name
	}
	return cmp.Or(sanitize.Line(p.Email, 100), consent.Party{ID: p.ID}.Label(100, sanitize.Line))
}

// nameOf is the operator's name for a principal, "" where there is none.
func (d Deps) nameOf(id string) string {
	if h, ok := d.Hosts.find(id); ok && !h.unnamed() {
		return h.Name
	}
	return ""
}

// level folds Vennio's scopes (vennio-api.md, Consents) into one word.
func level(scopes []string) string {
	switch {
	case slices.Contains(scopes, "availability:read:details"):
		return "details"
	case slices.Contains(scopes, "availability:read:freebusy"):
		return "free_busy"
	}
	return "none"
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
