package sandbox

import (
	"slices"
	"time"
)

// search is a question about free time.
type search struct {
	hosts                  []*host
	window                 span
	duration, step, buffer time.Duration
	limit                  int // 0: no limit
}

// free lists the slots in which all hosts are free, in order. They overlap one
// another where the step is shorter than the duration. It needs s.mu.
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

// busy lists what takes the time of any of the hosts during within: events,
// time taken behind the caller's back, and bookings. It needs s.mu.
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

// booked lists the taken and booked times of h, but for one booking.
func (s *Server) booked(h *host, within span, but *Booking) []span {
	var out []span
	for _, t := range s.taken[h.ID] {
		if t.overlaps(within) {
			out = append(out, t)
		}
	}
	for _, b := range s.bookings {
		if b != but && b.HostID == h.ID && b.Status != statusCancelled && b.span().overlaps(within) {
			out = append(out, b.span())
		}
	}
	return out
}

// available tells whether h can be booked for the whole of slot, as if but were
// not there: inside business hours, and nothing else at that time.
func (s *Server) available(h *host, slot span, but *Booking) bool {
	inHours := slices.ContainsFunc(h.workdays(slot), func(open span) bool { return open.contains(slot) })
	return inHours && len(h.events(s.seed, slot)) == 0 && len(s.booked(h, slot, but)) == 0
}

func overlapsAny(busy []span, slot span) bool {
	return slices.ContainsFunc(busy, slot.overlaps)
}
