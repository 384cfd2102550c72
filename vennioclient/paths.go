package vennioclient

import "net/url"

// The paths of the operations (vennio-api.md). Those of next and mutual
// availability are inferred there; this is the place to correct them.
const (
	pathSlots    = "/v1/availability/slots"
	pathNext     = "/v1/availability/next"
	pathMutual   = "/v1/availability/mutual"
	pathBookings = "/v1/bookings"
	pathConsents = "/v1/consents"
)

// bookingPath is the path of one booking. An id that would name another
// resource (nothing, or a step up the path) is refused.
func bookingPath(id string) (string, *Error) {
	if id == "" || id == "." || id == ".." {
		return "", invalid("id", "must be the id of a booking")
	}
	return pathBookings + "/" + url.PathEscape(id), nil
}
