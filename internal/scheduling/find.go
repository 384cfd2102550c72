package scheduling

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Search is a search for free times.
type Search struct {
	Hosts    []Host // who must all be free
	Team     string // id of a team at Vennio whose members must be free too; empty: none
	Duration time.Duration
	Window   times.Window
	Guest    *time.Location // nil: not known
	Wishes   slots.Wishes
	Moving   *Booking // the booking that is to be moved; nil: none
	// Preferences are those of the hosts that exclude times. A search that overrides them has them in
	// Wishes.Waived instead.
	Preferences []slots.Preferences
}

// Found are the free times of a search.
type Found struct {
	Hosts    []Host              // those of the search, with the names that people see
	Slots    []vennioclient.Slot // inside the window; they overlap one another
	Until    time.Time           // the end of the part that was searched: that of the window, unless there are too many
	Withheld []string            // names of the hosts' preferences that excluded free times; empty: none did
}

// Free returns Vennio's free times inside the window. A free time that is longer than the meeting is cut to its
// length. Requests to Vennio that do not depend on one another, names included, are sent at the same time: the
// person waits for one round trip and not for each in turn.
func (s *Service) Free(ctx context.Context, q Search) (f Found, err error) {
	q.Window.From = wholeMinute(q.Window.From)
	around := s.around(q)
	var moving []vennioclient.Slot
	var team map[int64]bool
	var namesErr, movingErr, teamErr error
	var reads sync.WaitGroup
	reads.Go(func() { f.Hosts, namesErr = s.WithNames(ctx, q.Hosts) })
	if q.Moving != nil && s.overlapsMoving(around) {
		reads.Go(func() { moving, movingErr = s.freeAroundMoving(ctx, q) })
	}
	if q.Team != "" {
		reads.Go(func() { team, teamErr = s.freeOfTeam(ctx, around) })
	}
	found, until, err := s.freeOfHosts(ctx, around)
	reads.Wait()
	f.Slots, f.Until = found, until
	if f.Until.After(q.Window.To) {
		f.Until = q.Window.To
	}
	if err := cmp.Or(namesErr, calendarRefusal(err, f.Hosts), movingErr, teamErr); err != nil {
		return Found{Until: f.Until}, err
	}
	f.Slots = append(f.Slots, moving...)
	if q.Team != "" { // a slot id is bound to the hosts, in whose calendar the meeting is booked
		f.Slots = slices.DeleteFunc(f.Slots, func(t vennioclient.Slot) bool { return !team[t.Start.Unix()] })
	}
	f.Slots, f.Withheld = s.fitting(f.Slots, q)
	return f, nil
}

// Vennio returns at most teamLimit free times of a team at once (vennio-api.md, Availability).
const teamLimit, teamPages = 50, 12

// freeOfTeam returns the starts, in seconds since 1970, at which the team of q is free.
func (s *Service) freeOfTeam(ctx context.Context, q Search) (map[int64]bool, error) {
	free, from := map[int64]bool{}, q.Window.From
	for range teamPages {
		page, err := s.Vennio.TeamAvailability(ctx, vennioclient.TeamQuery{
			TeamID: q.Team, Duration: q.Duration, From: from, To: q.Window.To, Timezone: q.Window.Loc.String(), Limit: teamLimit,
		})
		if vennioclient.KindOf(err) == vennioclient.KindNotFound {
			err = &Refusal{Code: schemas.CodeNotFound, Message: "Vennio knows no team by this id.", Next: "Ask the person for the id of the team in Vennio, or name the hosts.", Cause: err}
		}
		if err != nil {
			return nil, err
		}
		before := from
		for _, t := range page {
			free[t.Start.Unix()] = true
			if t.Start.After(from) {
				from = t.Start
			}
		}
		if len(page) < teamLimit || !from.After(before) {
			break
		}
	}
	return free, nil
}

// around widens the window of q by the free time that the hosts want before the first and after the last meeting.
// It begins and ends whole steps earlier and later: Vennio may count the steps between free times from the
// beginning, and returns only free times that end in the window.
func (s *Service) around(q Search) Search {
	step := min(q.Duration, 15*time.Minute) // vennio-api.md, Availability: slot_interval
	before, after := slots.Buffers(q.Preferences)
	wholeSteps := func(d time.Duration) time.Duration { return (d + step - 1) / step * step }
	for before = wholeSteps(before); before > 0 && q.Window.From.Add(-before).Before(s.Now()); before -= step {
	}
	q.Window.From, q.Window.To = q.Window.From.Add(-before), q.Window.To.Add(wholeSteps(after))
	return q
}

// wholeMinute rounds up, because slot ids contain whole minutes.
func wholeMinute(t time.Time) time.Time { return t.Add(time.Minute - 1).Truncate(time.Minute) }

// fitting cuts free times to the length of the meeting, and keeps those in the window, in the hours that
// the operator allows, and within the preferences of the hosts, which it names if they excluded any.
func (s *Service) fitting(found []vennioclient.Slot, q Search) (kept []vennioclient.Slot, withheld []string) {
	var free []slots.Span
	if len(q.Preferences) > 0 {
		free = slots.Joined(found)
	}
	for i := range found {
		if end := found[i].Start.Add(q.Duration); end.Before(found[i].End) {
			found[i].End = end
		}
	}
	kept = slices.DeleteFunc(found, func(f vennioclient.Slot) bool {
		return f.Start.Before(q.Window.From) || f.End.After(q.Window.To) || f.End.Sub(f.Start) != q.Duration ||
			!q.Window.Holds(f.Start, f.End) || s.outsideHours([]time.Time{f.Start}, f.End.Sub(f.Start)) != ""
	})
	return slots.Withhold(kept, free, q.Preferences)
}

// freeOfHosts returns when all hosts are free, and the end of the part of the window that was searched.
func (s *Service) freeOfHosts(ctx context.Context, q Search) (found []vennioclient.Slot, until time.Time, err error) {
	if len(q.Hosts) > 1 {
		return s.freeOfAll(ctx, q)
	}
	found, err = s.Vennio.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: HostIDs(q.Hosts), Duration: q.Duration, From: q.Window.From, To: q.Window.To, Timezone: q.Window.Loc.String(),
	})
	return found, q.Window.To, err
}

// Vennio returns at most mutualLimit common free times at once, in order (vennio-api.md,
// Availability), so a longer window is read in pages. All pages together cover some weeks.
const mutualLimit, mutualPages = 50, 12

// freeOfAll reads when all hosts are free, page by page. Each page begins at the start of the last
// free time of the page before and not after it, because Vennio may count its steps from there; it
// may therefore repeat that one.
func (s *Service) freeOfAll(ctx context.Context, q Search) (found []vennioclient.Slot, until time.Time, err error) {
	from := q.Window.From
	for range mutualPages {
		page, err := s.mutualPage(ctx, q, from)
		if err != nil {
			return nil, from, err
		}
		found = append(found, page...)
		if len(page) < mutualLimit {
			return found, q.Window.To, nil
		}
		last := slices.MaxFunc(page, func(a, b vennioclient.Slot) int { return a.Start.Compare(b.Start) }).Start
		if !last.Add(q.Duration).Before(q.Window.To) {
			return found, q.Window.To, nil // nothing later would fit
		}
		if !last.After(from) {
			break // Vennio makes no progress
		}
		from = last
	}
	return found, from, nil
}

func (s *Service) mutualPage(ctx context.Context, q Search, from time.Time) ([]vennioclient.Slot, error) {
	return s.Vennio.MutualSlots(ctx, vennioclient.MutualQuery{
		Hosts: HostIDs(q.Hosts), Duration: q.Duration, From: from, To: q.Window.To, Timezone: q.Window.Loc.String(), Limit: mutualLimit,
	})
}

// calendarRefusal explains that Vennio cannot see a calendar and how that is solved, or that Vennio
// answered for another host.
func calendarRefusal(err error, hosts []Host) error {
	if errors.Is(err, vennioclient.ErrOtherHost) {
		return &Refusal{
			Code: schemas.CodeUnavailable, Cause: err,
			Message: fmt.Sprintf("Vennio answered with the free times of another host than %s, so theirs are unknown (not: none).", strings.Join(ShownNames(hosts), " and ")),
			Next:    "Make the same call once more. If it happens again, tell the user that Vennio mixes up hosts; do not offer any time.",
		}
	}
	if vennioclient.KindOf(err) != vennioclient.KindCalendarNotConnected {
		return err
	}
	who := strings.Join(ShownNames(hosts), " or ")
	return &Refusal{
		Code: schemas.CodeCalendarNotConnected, Cause: err,
		Message: fmt.Sprintf("The calendar of %s is not connected to Vennio, so the free times are unknown (not: none).", who),
		Next: fmt.Sprintf("Tell the user: %s must sign in to Vennio and connect the calendar there, again if it was connected before. "+
			"Then make the same call; until then do not repeat it.", who),
	}
}

// DaysAhead is how many days are searched after a window without free times.
const DaysAhead = 60

// Later is the result of the search after a window without free times.
type Later struct {
	Opening *slots.Choice // nil: none was found
	Until   time.Time     // the end of the part that was searched
	Partial bool          // not all the days could be searched
	Free    bool          // the hosts have free times then, whether these suit or not
	// Withheld names the hosts' preferences that excluded free times then.
	Withheld []string
	Err      error // the search failed
}

// SearchLater searches the days after a time for the first opening on any day, within the hours of
// the window. A failure does not fail the call, whose own search is complete.
func (s *Service) SearchLater(ctx context.Context, q Search, after time.Time) (l Later) {
	q.Window.Days = nil
	q.Window.From, q.Window.To = after, after.AddDate(0, 0, DaysAhead)
	found, err := s.openings(ctx, q)
	if l.Until, l.Withheld, l.Err = found.Until, found.Withheld, err; err != nil {
		return l
	}
	l.Partial, l.Free = l.Until.Before(q.Window.To), len(found.Slots)+len(found.Withheld) > 0
	if first, ok := slots.First(found.Slots, q.Wishes); ok {
		l.Opening = &first
	}
	return l
}

// openings asks Vennio for its next slot alone where that is sufficient: for one host, without
// wishes, preferences and hours, and if the slot lies in working hours. The path of this operation is
// inferred; a Vennio without it is asked for all free times.
func (s *Service) openings(ctx context.Context, q Search) (Found, error) {
	if len(q.Hosts) > 1 || q.Wishes.Any() || len(q.Preferences) > 0 || len(s.Limits.Hours) > 0 || q.Window.Earliest+q.Window.Latest > 0 {
		return s.Free(ctx, q)
	}
	next, err := s.Vennio.NextSlot(ctx, vennioclient.NextSlotQuery{
		Host: q.Hosts[0].ID, Duration: q.Duration, After: q.Window.From, DaysAhead: DaysAhead, Timezone: q.Window.Loc.String(),
	})
	found := Found{Until: q.Window.To}
	switch {
	case vennioclient.KindOf(err) == vennioclient.KindNotFound:
		return s.Free(ctx, q)
	case err == nil && next != nil && next.Start.After(s.Now()):
		end := next.Start.Add(q.Duration)
		if !q.Wishes.InWorkingHours(vennioclient.Slot{Start: next.Start, End: end}) {
			return s.Free(ctx, q)
		}
		found.Slots = []vennioclient.Slot{{Start: next.Start, End: end, Description: next.Description}}
	}
	return found, err
}

// WithoutHost is a host without whom the others have a common free time, and the first such time.
type WithoutHost struct {
	Host  Host
	First time.Time
}

// FirstWithout searches, for hosts without a common free time until the given time, the first common
// time of all but one of them: one request for each host, all at the same time. A search that fails is
// left out.
func (s *Service) FirstWithout(ctx context.Context, q Search, until time.Time) (all []WithoutHost) {
	q.Window.Days = nil
	q.Window.From, q.Window.To = wholeMinute(q.Window.From), until
	first := make([]time.Time, len(q.Hosts))
	var searches sync.WaitGroup
	for i := range q.Hosts {
		searches.Go(func() { first[i] = s.firstWithout(ctx, q, i) })
	}
	searches.Wait()
	for i, start := range first {
		if !start.IsZero() {
			all = append(all, WithoutHost{q.Hosts[i], start})
		}
	}
	return all
}

// firstWithout returns the first common time without one of the hosts; zero if there is none or the search
// fails.
func (s *Service) firstWithout(ctx context.Context, q Search, host int) time.Time {
	q.Hosts = slices.Concat(q.Hosts[:host], q.Hosts[host+1:])
	if len(q.Preferences) > 0 {
		q.Preferences = s.Excluding(q.Hosts)
	}
	var found []vennioclient.Slot
	var err error
	if around := s.around(q); len(q.Hosts) > 1 {
		found, err = s.mutualPage(ctx, around, around.Window.From)
	} else {
		found, _, err = s.freeOfHosts(ctx, around)
	}
	if err != nil {
		return time.Time{}
	}
	fit, _ := s.fitting(found, q)
	first, _ := slots.First(fit, q.Wishes)
	return first.Start
}

// Alternatives searches again for at most n free times near the taken one, which begins where the
// window of q begins. It returns none if the search fails.
func (s *Service) Alternatives(ctx context.Context, q Search, n int) []slots.Choice {
	const before, after = 24 * time.Hour, 4 * 24 * time.Hour
	wanted := vennioclient.Slot{Start: q.Window.From, End: q.Window.From.Add(q.Duration)}
	q.Window.From, q.Window.To = s.notPast(wanted.Start.Add(-before)), wanted.Start.Add(after)
	w := slots.Wishes{Zone: q.Window.Loc, People: s.People(q.Hosts, q.Window.Loc, q.Guest, q.Window.Loc.String() == s.Zone.String())}
	if q.Preferences = s.Excluding(q.Hosts); !slots.Allow(q.Preferences, wanted) { // the search for the wanted time overrode them
		q.Preferences, w.Waived = nil, q.Preferences
	}
	found, err := s.Free(ctx, q)
	if err != nil {
		return nil
	}
	if q.Moving != nil {
		w.Leaving = &slots.Span{Start: q.Moving.Start, End: q.Moving.End}
	}
	return slots.Nearest(found.Slots, n, wanted, w)
}

// People are the people whose working hours count for a search. loc is the zone of the search: the
// hosts' own if ofHosts is set, otherwise the zone of the person who asks. guest may be nil. Hosts without
// working hours of the operator work at the usual hours in loc, because Zone may be only the zone of the
// machine.
func (s *Service) People(hosts []Host, loc, guest *time.Location, ofHosts bool) []slots.Person {
	all := []slots.Person{{Zone: loc}}
	for _, h := range hosts {
		p := s.PreferencesOf(h)
		switch own := (slots.Person{Zone: p.Zone, Work: p.Work}); {
		case len(p.Work) == 0:
		case ofHosts && len(all[0].Work) == 0 && p.Zone.String() == loc.String():
			all[0] = own
		case !slices.ContainsFunc(all, func(o slots.Person) bool {
			return o.Zone.String() == own.Zone.String() && o.Work.String() == own.Work.String()
		}):
			all = append(all, own)
		}
	}
	if guest != nil {
		all = append(all, slots.Person{Zone: guest})
	}
	return all
}

// PreferencesOf returns the preferences of a host: their own, or otherwise those of all hosts.
func (s *Service) PreferencesOf(h Host) slots.Preferences {
	p, own := s.HostPreferences[strings.ToLower(h.ID)]
	if !own {
		p = s.Preferences
	}
	p.Zone = cmp.Or(p.Zone, s.Zone)
	return p
}

// Excluding returns the preferences of the hosts that exclude times.
func (s *Service) Excluding(hosts []Host) (all []slots.Preferences) {
	for _, h := range hosts {
		p := s.PreferencesOf(h)
		if p.Exclude() && !slices.ContainsFunc(all, func(o slots.Preferences) bool { return o.String() == p.String() }) {
			all = append(all, p)
		}
	}
	return all
}

func (s *Service) notPast(t time.Time) time.Time {
	if now := s.Now(); t.Before(now) {
		return now
	}
	return t
}

// overlapsMoving reports whether the window overlaps the time of the booking that is to be moved, and
// that booking blocks this time for all hosts. In the reference dialect a booking is in the calendar
// of the first host alone; the others may have another appointment then.
func (s *Service) overlapsMoving(q Search) bool {
	blocksAll := len(q.Hosts) == 1 || s.Vennio.Dialect() == vennioclient.Guide
	return blocksAll && q.Window.From.Before(q.Moving.End) && q.Moving.Start.Before(q.Window.To)
}

// freeAroundMoving returns the times to which a booking can be moved and that overlap its present
// time, which Vennio reports as busy. Vennio is asked for short pieces of time around it, because
// these may be free where the whole meeting is not.
func (s *Service) freeAroundMoving(ctx context.Context, q Search) ([]vennioclient.Slot, error) {
	const piece, step = 5 * time.Minute, 15 * time.Minute
	old := q.Moving
	around := q
	around.Moving, around.Preferences, around.Duration = nil, nil, piece
	around.Window = times.Window{From: s.notPast(old.Start.Add(-q.Duration)), To: old.End.Add(q.Duration), Loc: q.Window.Loc}
	if !around.Window.To.After(around.Window.From) {
		return nil, nil
	}
	free, err := s.Free(ctx, around)
	if err != nil {
		return nil, err
	}
	spans := slots.Joined(append(free.Slots, vennioclient.Slot{Start: old.Start, End: old.End}))
	var found []vennioclient.Slot
	for start := old.Start.Add(-q.Duration / step * step); start.Before(old.End); start = start.Add(step) {
		end := start.Add(q.Duration)
		isFree := slices.ContainsFunc(spans, func(span slots.Span) bool { return span.Holds(start, end) })
		if isFree && end.After(old.Start) && !old.IsAt(start, end) {
			found = append(found, vennioclient.Slot{Start: start, End: end})
		}
	}
	return found, nil
}
