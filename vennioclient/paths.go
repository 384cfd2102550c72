package vennioclient

import (
	"net/url"
	"strings"
	"unicode"
)

// The paths of the operations (vennio-api.md). Those of next and mutual
// availability are inferred there; this is the place to correct them.
const (
	pathSlots    = "/v1/availability/slots"
	pathNext     = "/v1/availability/next"
	pathMutual   = "/v1/availability/mutual"
	pathBookings = "/v1/bookings"
	pathConsents = "/v1/consents"
	pathWebhooks = "/v1/webhooks"
	pathHosts    = "/v1/hosts"
)

// itemPath is the path of one of a collection's items. An id that would name
// another resource (nothing, or a step up the path) is refused, and one that holds
// what would end a line for whoever decodes it on the way.
func itemPath(collection, id string) (string, *Error) {
	if id == "" || id == "." || id == ".." || strings.ContainsFunc(id, unicode.IsControl) {
		return "", invalid("id", "must be the id that Vennio gave")
	}
	return collection + "/" + url.PathEscape(id), nil
}
