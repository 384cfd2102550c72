package sandbox

import "time"

// offers writes slots as they go over the wire. With details, each says which
// calendar entries touch it. It needs s.mu.
func (s *Server) offers(q search, slots []span, zone *time.Location, details bool) []slotJSON {
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

// byDay puts slots under their dates in the zone of the answer.
func byDay(slots []slotJSON) map[string][]slotJSON {
	out := map[string][]slotJSON{}
	for _, s := range slots {
		day := s.Start[:len(time.DateOnly)]
		out[day] = append(out[day], s)
	}
	return out
}
