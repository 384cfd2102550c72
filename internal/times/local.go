package times

import "time"

// Local is a span on the clocks of a zone, in parts: what [Label] joins.
type Local struct {
	Start string // "Thu 14 May 2026, 15:00"
	End   string // "15:30", with a date or an offset where the start's does not hold
	Zone  string // "Europe/London, UTC+1"
}

// LocalParts returns the parts of the label of a span.
func LocalParts(start, end time.Time, loc *time.Location) Local {
	s := spanIn(start, end, loc)
	from, to := s.ends(true)
	return Local{Start: from, End: to, Zone: s.zone()}
}
