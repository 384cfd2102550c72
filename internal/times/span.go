package times

import "time"

// span is two instants on the clocks of one zone.
type span struct {
	start, end time.Time
	loc        *time.Location
}

func spanIn(start, end time.Time, loc *time.Location) span {
	start = at(start, loc)
	return span{start, at(end, loc), start.Location()}
}

// text is the span without its zone: "Thu 14 May 2026, 15:00–15:30". Without withDay the
// date is left out, for which the span must lie in one day.
func (s span) text(withDay bool) string {
	start, end := s.ends(withDay)
	if s.inOneDay() && s.inOneOffset() {
		return start + "–" + end
	}
	return start + " – " + end
}

// ends tells both instants: the end without what the start has said.
func (s span) ends(withDay bool) (start, end string) {
	start = s.moment(s.start, withDay)
	if s.inOneDay() && s.inOneOffset() {
		return start, Clock(s.end, s.loc)
	}
	return start, s.moment(s.end, withDay && !s.inOneDay())
}

func (s span) moment(t time.Time, withDay bool) string {
	text := Clock(t, s.loc)
	if withDay {
		text = Day(t, s.loc) + ", " + text
	}
	if !s.inOneOffset() {
		text += " " + Offset(t, s.loc)
	}
	return text
}

// zone is the name, and the offset unless text has it already or the name says it.
func (s span) zone() string {
	offset := Offset(s.start, s.loc)
	if !s.inOneOffset() || s.loc.String() == offset {
		return s.loc.String()
	}
	return s.loc.String() + ", " + offset
}

func (s span) inOneDay() bool { return Day(s.start, s.loc) == Day(s.end, s.loc) }

func (s span) inOneOffset() bool {
	_, first := s.start.Zone()
	_, last := s.end.Zone()
	return first == last
}
