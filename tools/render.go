package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// This file renders what several tools return: offered times, bookings, proposals and people.

// offer signs and describes the chosen times. It leaves out a time that a slot id cannot carry, such as
// a start between whole minutes.
func (d *Deps) offer(q scheduling.Search, choices ...slots.Choice) []schemas.Slot {
	all := make([]schemas.Slot, 0, len(choices))
	loc, guest := q.Window.Loc, ""
	if q.Guest != nil {
		guest = q.Guest.String()
	}
	for _, c := range choices {
		id, err := d.Slots.Sign(slots.Offer{
			Start: c.Start, Duration: c.End.Sub(c.Start), Hosts: scheduling.HostIDs(q.Hosts), Zone: loc.String(), Guest: guest,
		})
		if err != nil {
			continue
		}
		local := times.LocalParts(c.Start, c.End, loc)
		all = append(all, schemas.Slot{
			Number:      len(all) + 1,
			SlotID:      id,
			Description: cmp.Or(sanitize.Line(c.Description, 200), times.Label(c.Start, c.End, loc)),
			Reason:      c.Reason,
			Start:       times.UTC(c.Start),
			End:         times.UTC(c.End),
			StartLocal:  local.Start,
			EndLocal:    local.End,
			Timezone:    local.Zone,
			GuestLocal:  times.GuestLabel(c.Start, c.End, loc, q.Guest),
		})
	}
	return all
}

// withAlternatives adds free times near the one that is taken, if that is the error. The window of q
// begins at the taken time.
func (d *Deps) withAlternatives(ctx context.Context, err error, q scheduling.Search) error {
	r, ok := errors.AsType[*scheduling.Refusal](err)
	if !ok || r.Code != schemas.CodeSlotTaken {
		return err
	}
	if r.Instead.Alternatives = d.offer(q, d.Alternatives(ctx, q, defaultLimit)...); len(r.Instead.Alternatives) == 0 {
		r.Next = scheduling.SearchAgain
	}
	return r
}

// window describes the window that was searched.
func window(w times.Window) schemas.Window {
	out := schemas.Window{When: w.When, Description: w.Text(), From: localTime(w.From, w.Loc), To: localTime(w.To, w.Loc), Timezone: w.Loc.String()}
	if w.Earliest > 0 {
		out.Earliest = times.ClockOf(w.Earliest)
	}
	if w.Latest > 0 {
		out.Latest = times.ClockOf(w.Latest)
	}
	for _, day := range w.Days {
		out.Days = append(out.Days, weekdayCodes[day])
	}
	return out
}

var weekdayCodes = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func localTime(t time.Time, loc *time.Location) string {
	return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
}

// actions has the action that each tool asks a person to approve.
var actions = map[string]string{
	toolBook: schemas.ActionBook, toolReschedule: schemas.ActionReschedule, toolCancel: schemas.ActionCancel, toolUpdate: schemas.ActionUpdate,
	toolPropose: schemas.ActionPropose, toolRespond: schemas.ActionRespond, toolClosePoll: schemas.ActionClose, toolShare: schemas.ActionShare,
}

func hostsOf(a consent.Act) []scheduling.Host {
	hosts := make([]scheduling.Host, len(a.Hosts))
	for i, h := range a.Hosts {
		hosts[i] = scheduling.Host{Name: h.Name, ID: h.ID}
	}
	return hosts
}

// proposal shows an act to the person who is to consent to it.
func (d *Deps) proposal(a consent.Act, hosts []scheduling.Host, loc, guest *time.Location) *schemas.Proposal {
	p := &schemas.Proposal{
		Action: actions[a.Tool], SlotID: a.SlotID, BookingID: sanitize.Line(a.BookingID, 100), Title: a.Title, Repeat: a.Repeat,
		Hosts: d.hosts(hosts), Attendees: attendees(a), Price: a.Price, Notes: a.Notes,
	}
	if !a.Start.IsZero() {
		p.Description, p.GuestLocal = times.Label(a.Start, a.End, loc), times.GuestLabel(a.Start, a.End, loc, guest)
		p.Start, p.End = times.UTC(a.Start), times.UTC(a.End)
	}
	switch a.Tool {
	case toolRespond:
		p.SlotID = "" // the act has the mark of the invitation there
	case toolShare:
		p.BookingID = ""
	}
	for _, f := range a.Details() {
		p.Details = append(p.Details, schemas.Detail(f))
	}
	const mostNotes = 500 // the agent, which wrote the notes, has all of them
	if n := utf8.RuneCountInString(a.Notes); n > mostNotes {
		p.Notes = sanitize.Block(a.Notes, mostNotes) + fmt.Sprintf(" [%d characters in all]", n)
	}
	if a.Tool == toolBook || a.Tool == toolPropose {
		p.Note = schemas.InCalendars(p.Hosts)
	}
	if !a.WasStart.IsZero() {
		p.Was = times.Label(a.WasStart, a.WasEnd, loc)
	}
	return p
}

// hosts lists hosts, and whether a booking is in their calendars.
func (d *Deps) hosts(hosts []scheduling.Host) []schemas.BookedHost {
	all := make([]schemas.BookedHost, len(hosts))
	for i, h := range hosts {
		all[i] = schemas.BookedHost{Name: h.Shown(), InCalendar: d.InCalendar(i)}
	}
	return all
}

func attendees(a consent.Act) []schemas.Recipient {
	all := []schemas.Recipient{}
	for _, t := range a.Attendees {
		all = append(all, schemas.Recipient{Email: t.Email, Name: t.Name, Mailed: t.Mailed})
	}
	return all
}

func consentOnFile(g consent.Grant) schemas.ConsentOnFile {
	return schemas.ConsentOnFile{GivenBy: g.GivenBy, Statement: g.Words, Method: string(g.Method)}
}

func existing(b scheduling.Booking, loc *time.Location) schemas.Booking {
	out := schemas.Booking{
		BookingID:   sanitize.Line(b.ID, 100),
		Status:      sanitize.Line(b.Status, 40),
		Title:       sanitize.Line(b.Title, 120),
		Description: "at a time that Vennio did not give",
		Hosts:       b.ShownHosts(),
		Attendees:   []string{},
		SeriesID:    sanitize.Line(b.SeriesID, 100),
	}
	if !b.Start.IsZero() && b.End.After(b.Start) {
		out.Description, out.Start, out.End = times.Label(b.Start, b.End, loc), times.UTC(b.Start), times.UTC(b.End)
	}
	for _, p := range b.Guests {
		shown := cmp.Or(p.Name, p.Email)
		if p.Name != "" && p.Email != "" {
			shown = sanitize.Line(p.Name, 60) + " <" + p.Email + ">"
		}
		out.Attendees = append(out.Attendees, sanitize.Line(shown, 160))
	}
	return out
}

// changed renders a booking after a change under g, or without a change if g is nil.
func changed(b scheduling.Booking, loc *time.Location, g *consent.Grant) *schemas.ChangeResult {
	out := &schemas.ChangeResult{Booking: existing(b, loc)}
	out.Hosts, out.Attendees = limitPeople(out.Hosts), limitPeople(out.Attendees)
	if g != nil {
		file := consentOnFile(*g)
		out.Consent = &file
	}
	return out
}

// undo names the call of a tool that undoes a write, and the argument, which the result contains, that
// identifies what was written.
func (d *Deps) undo(tool, argument string) string {
	if !d.offered[tool] {
		return "No tool of this server undoes it; people do that in Vennio."
	}
	return tool + " with this " + argument + "."
}

// addresses separates the attendees to whom Vennio may send e-mail from the others.
func addresses(a consent.Act) (mailed, notMailed []string) {
	for _, t := range a.Attendees {
		if t.Mailed {
			mailed = append(mailed, t.Email)
		} else {
			notMailed = append(notMailed, t.Email)
		}
	}
	return limitPeople(mailed), limitPeople(notMailed)
}

// peopleSize limits the names and addresses of one booking, in bytes: with the other fields they stay
// under 2,000 tokens in any script.
const peopleSize = 2_000

// limitPeople keeps as many people as fit into peopleSize bytes, and counts the others.
func limitPeople(people []string) []string {
	size := peopleSize
	for i, p := range people {
		if size -= len(p); size < 0 && i > 0 {
			return append(people[:i:i], fmt.Sprintf("%d more", len(people)-i))
		}
	}
	return people
}
