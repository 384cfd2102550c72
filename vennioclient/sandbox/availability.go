package sandbox

import (
	"net/http"
	"time"
)

const (
	defaultDuration = 30                  // minutes
	longestStep     = 15                  // minutes: the default step is the duration, or this where it is shorter
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
	zone, grouped := f.zone("timezone"), f.boolean("group_by_day", false)
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
	offers := s.offers(q, s.free(q, c.now), zone, details)
	if out.Slots = offers; grouped {
		out.Slots = byDay(offers)
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// nextSlot answers the next opening, or an explicit none.
func (s *Server) nextSlot(c *call) (answer, error) {
	f := newForm(c.query, "business_id", "principal_id", "participants", "duration_minutes", "duration", "after", "days_ahead",
		"timezone", "slot_interval")
	q := searchOf(f)
	after := f.instant("after", c.now)
	q.window = span{after, after.AddDate(0, 0, f.number(daysAhead, 1, maxDaysAhead, "days_ahead"))}
	q.limit = 1
	zone := f.zone("timezone")
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
	if found := s.offers(q, s.free(q, c.now), zone, false); len(found) > 0 {
		out.Slot = &found[0]
	}
	return answer{status: http.StatusOK, body: out}, nil
}

// mutualSlots answers when two to five principals are all free.
func (s *Server) mutualSlots(c *call) (answer, error) {
	f := newForm(c.query, "principal_ids", "duration_minutes", "duration", "from", "to", "timezone", "limit")
	q := searchOf(f)
	f.require("from", "to")
	q.window = f.window(c.now)
	q.limit = f.number(mutualLimit, 1, maxPage, "limit")
	zone := f.zone("timezone")
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
		Slots: s.offers(q, s.free(q, c.now), zone, false), Consents: access,
	}}, nil
}

// searchOf reads what the availability operations have in common.
func searchOf(f *form) search {
	q := search{duration: f.minutes(defaultDuration, minDuration, maxDuration, "duration_minutes", "duration")}
	q.step = f.minutes(min(int(q.duration.Minutes()), longestStep), 1, maxDuration, "slot_interval")
	q.buffer = f.minutes(0, 0, maxBuffer, "buffer")
	return q
}

// window reads from and to; their defaults are those of the older documentation.
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
