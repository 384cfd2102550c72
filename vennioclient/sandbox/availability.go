package sandbox

import (
	"net/http"
	"slices"
	"time"
)

const (
	defaultDuration = 30                  // minutes
	longestStep     = 15                  // minutes: the default step is the shorter of this and the duration
	defaultWindow   = 14 * 24 * time.Hour // of slots
	minMutual       = 2
	maxMutual       = 5
)

// slots answers GET /v1/availability/slots, in both dialects.
func (s *Server) slots(c *call) (answer, error) {
	f := newForm(c.query, "business_id", "principal_id", "participants", "duration_minutes", "duration", "from", "to",
		"timezone", "buffer", "group_by_day", "slot_interval", "consent_id")
	q := searchOf(f)
	q.window = f.window(c.now)
	zone, grouped := f.zone(), f.boolean("group_by_day", false)
	if err := f.err(); err != nil {
		return answer{}, err
	}
	var err error
	if q.hosts, err = s.hostsOf(f); err != nil {
		return answer{}, err
	}
	out := slotsJSON{DurationMinutes: int(q.duration.Minutes())}
	var details bool
	if len(q.hosts) == 1 {
		out.BusinessID = q.hosts[0].ID
		out.Consent, details, err = s.accessOf(c, f.values.Get("consent_id"), q.hosts[0])
	} else {
		out.Consents, err = s.accessTo(c, q.hosts)
	}
	if err == nil {
		err = s.connected(q.hosts)
	}
	if err != nil {
		return answer{}, err
	}
	zone = zoneFor(zone, q.hosts)
	out.Timezone = zone.String()
	found := s.slotList(q, s.free(q, c.now), zone, details)
	if out.Slots = found; grouped {
		out.Slots = byDay(found)
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// nextSlot answers with the next free slot, or null.
func (s *Server) nextSlot(c *call) (answer, error) {
	f := newForm(c.query, "business_id", "principal_id", "participants", "duration_minutes", "duration", "after", "days_ahead",
		"timezone", "slot_interval")
	q := searchOf(f)
	after := f.instant("after", c.now)
	q.window = span{after, after.AddDate(0, 0, f.number(daysAhead, 1, maxDaysAhead, "days_ahead"))}
	q.limit = 1
	zone := f.zone()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	who, err := s.hostsOf(f)
	if err != nil {
		return answer{}, err
	}
	q.hosts = who[:1]
	if err := s.connected(q.hosts); err != nil {
		return answer{}, err
	}
	zone = zoneFor(zone, q.hosts)
	out := nextJSON{BusinessID: q.hosts[0].ID, Timezone: zone.String()}
	if found := s.slotList(q, s.free(q, c.now), zone, false); len(found) > 0 {
		out.Slot = &found[0]
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// mutualSlots answers with times at which two to five principals are free.
func (s *Server) mutualSlots(c *call) (answer, error) {
	f := newForm(c.query, "principal_ids", "duration_minutes", "duration", "from", "to", "timezone", "limit")
	q := searchOf(f)
	f.require("from", "to")
	q.window = f.window(c.now)
	q.limit = f.number(mutualLimit, 1, maxPage, "limit")
	zone := f.zone()
	refs := f.list("principal_ids")
	if n := len(refs); n < minMutual || n > maxMutual {
		f.errors["principal_ids"] = "must name 2 to 5 principals, separated by commas"
	}
	if err := f.err(); err != nil {
		return answer{}, err
	}
	var err error
	if q.hosts, err = principals(refs); err != nil {
		return answer{}, err
	}
	access, err := s.accessTo(c, q.hosts)
	if err == nil {
		err = s.connected(q.hosts)
	}
	if err != nil {
		return answer{}, err
	}
	zone = zoneFor(zone, q.hosts)
	return answer{status: http.StatusOK, body: slotsJSON{
		DurationMinutes: int(q.duration.Minutes()), Timezone: zone.String(),
		Slots: s.slotList(q, s.free(q, c.now), zone, false), Consents: access,
	}}, nil
}

// Team is a group of hosts who meet.
type Team struct {
	ID, Name string
	HostIDs  []string
}

// Teams returns the teams of the sandbox: Alice and Bob.
func Teams() []Team {
	return []Team{{ID: "8d7bb5d1-9c0e-4c5b-a0f3-64b9e9f6a7c2", Name: "Design", HostIDs: []string{hosts[0].ID, hosts[1].ID}}}
}

// Documented: how many slots a team gets.
const (
	teamLimit    = 10
	maxTeamLimit = 50
)

// teamAvailability answers GET /v1/teams/{id}/availability. Members share their calendars with the
// team, so it needs no calendar access.
func (s *Server) teamAvailability(c *call) (answer, error) {
	f := newForm(c.query, "duration_minutes", "from", "to", "timezone", "limit")
	q := searchOf(f)
	f.require("from", "to")
	q.window = f.window(c.now)
	q.limit = f.number(teamLimit, 1, maxTeamLimit, "limit")
	zone := f.zone()
	if err := f.err(); err != nil {
		return answer{}, err
	}
	teams := Teams()
	i := slices.IndexFunc(teams, func(t Team) bool { return t.ID == c.id() })
	if i < 0 {
		return answer{}, refuse(notFound, "There is no team "+c.id()+".")
	}
	for _, id := range teams[i].HostIDs {
		q.hosts = append(q.hosts, findHost(id))
	}
	if err := s.connected(q.hosts); err != nil {
		return answer{}, err
	}
	zone = zoneFor(zone, q.hosts)
	return answer{status: http.StatusOK, body: slotsJSON{
		TeamID: c.id(), DurationMinutes: int(q.duration.Minutes()), Timezone: zone.String(), Slots: s.slotList(q, s.free(q, c.now), zone, false),
	}}, nil
}

// searchOf reads the parameters that the availability operations have in common.
func searchOf(f *form) search {
	q := search{duration: f.minutes(defaultDuration, minDuration, maxDuration, "duration_minutes", "duration")}
	q.step = f.minutes(min(int(q.duration.Minutes()), longestStep), 1, maxDuration, "slot_interval")
	q.buffer = f.minutes(0, 0, maxBuffer, "buffer")
	return q
}

// window reads from and to. The defaults are those of the older documentation.
func (f *form) window(now time.Time) span {
	from := f.instant("from", now)
	w := span{from, f.instant("to", from.Add(defaultWindow))}
	switch {
	case len(f.errors) > 0:
	case !w.end.After(w.start):
		f.errors["to"] = "must be after from"
	case w.end.Sub(w.start) > maxWindow:
		f.errors["to"] = "must be at most 366 days after from"
	}
	return w
}

func (f *form) require(names ...string) {
	for _, name := range names {
		if f.values.Get(name) == "" {
			f.errors[name] = "is required"
		}
	}
}

// search describes the wanted free time.
type search struct {
	hosts                  []*host
	window                 span
	duration, step, buffer time.Duration
	limit                  int // 0: no limit
}

// free returns the slots in which all hosts are free, in order. They overlap if the step is
// shorter than the duration. The caller must hold s.mu.
func (s *Server) free(q search, now time.Time) []span {
	if q.window.start.Before(now) {
		q.window.start = now
	}
	hours := q.hosts[0].workdays(q.window)
	for _, h := range q.hosts[1:] {
		hours = intersectAll(hours, h.workdays(q.window))
	}
	var out []span
	for _, open := range hours {
		busy := s.busy(q.hosts, open.widen(q.buffer))
		for t := open.start; ; t = t.Add(q.step) {
			slot := span{t, t.Add(q.duration)}
			if !open.contains(slot) {
				break
			}
			if !q.window.contains(slot) || overlapsAny(busy, slot.widen(q.buffer)) {
				continue
			}
			if out = append(out, slot); len(out) == q.limit {
				return out
			}
		}
	}
	return out
}

// busy returns the busy times of any of the hosts during within: calendar events, times
// blocked by Take, and bookings. The caller must hold s.mu.
func (s *Server) busy(who []*host, within span) []span {
	var out []span
	for _, h := range who {
		for _, e := range h.events(s.seed, within) {
			out = append(out, e.span)
		}
		out = append(out, s.booked(h, within, nil)...)
	}
	return out
}

// booked returns the blocked and booked times of h, except for one booking.
func (s *Server) booked(h *host, within span, but *Booking) []span {
	var out []span
	for _, t := range s.data.Taken[h.ID] {
		if when := (span{t.Start, t.End}); when.overlaps(within) {
			out = append(out, when)
		}
	}
	for _, b := range s.data.Bookings {
		if b != but && b.HostID == h.ID && b.Status != statusCancelled && b.span().overlaps(within) {
			out = append(out, b.span())
		}
	}
	return out
}

// available reports whether slot is inside the business hours of h and free, ignoring the
// booking but.
func (s *Server) available(h *host, slot span, but *Booking) bool {
	inHours := slices.ContainsFunc(h.workdays(slot), func(open span) bool { return open.contains(slot) })
	return inHours && len(h.events(s.seed, slot)) == 0 && len(s.booked(h, slot, but)) == 0
}

func overlapsAny(busy []span, slot span) bool {
	return slices.ContainsFunc(busy, slot.overlaps)
}

// slotList encodes slots. With details, each slot lists the calendar entries that overlap
// or adjoin it. The caller must hold s.mu.
func (s *Server) slotList(q search, slots []span, zone *time.Location, details bool) []slotJSON {
	out := make([]slotJSON, 0, len(slots))
	for _, slot := range slots {
		o := slotJSON{Start: stamp(slot.start, zone), End: stamp(slot.end, zone)}
		if !s.hideDescriptions {
			o.Description = describe(slot.start, zone)
		}
		if details {
			o.Events = s.touching(q.hosts[0], slot, zone)
		}
		out = append(out, o)
	}
	return out
}

func (s *Server) touching(h *host, slot span, zone *time.Location) []eventJSON {
	var out []eventJSON
	for _, e := range h.events(s.seed, slot.widen(time.Nanosecond)) {
		out = append(out, eventJSON{Title: e.title, Description: e.description, Start: stamp(e.start, zone), End: stamp(e.end, zone)})
	}
	return out
}

// byDay groups slots by their dates in the zone of the answer.
func byDay(slots []slotJSON) map[string][]slotJSON {
	out := map[string][]slotJSON{}
	for _, s := range slots {
		day := s.Start[:len(time.DateOnly)]
		out[day] = append(out[day], s)
	}
	return out
}
