package approval

import "github.com/vennio-mcp/vennio-mcp/internal/consent"

// question is what a person is asked about an act.
type question struct{ heading, lead string }

// questionOf tells an act on a booking that exists from a new one.
func questionOf(a consent.Act) question {
	switch {
	case a.BookingID == "":
		return question{"Approve this booking?", "An assistant asks to book this with Vennio. Nothing is booked until you approve."}
	case cancelsSeries(a):
		return question{"Cancel these bookings?", "An assistant asks to cancel them with Vennio. They stay booked until you approve. A cancellation cannot be undone."}
	case a.WasStart.IsZero():
		return question{"Cancel this booking?", "An assistant asks to cancel this with Vennio. It stays booked until you approve. A cancellation cannot be undone."}
	}
	return question{"Move this booking?", "An assistant asks to move this with Vennio. It stays where it is until you approve."}
}

func cancelsSeries(a consent.Act) bool {
	return a.BookingID != "" && a.WasStart.IsZero() && a.Repeat != ""
}
