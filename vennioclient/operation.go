package vennioclient

import (
	"slices"
	"strings"
)

// templates are the paths of Vennio's operations, less the ids in them; more
// than this client calls, since the list only names (vennio-api.md).
var templates = []string{
	pathSlots, pathNext, pathMutual, pathBookings, pathBookings + "/{id}", pathConsents, pathConsents + "/{id}",
	"/v1/webhooks", "/v1/webhooks/{id}", pathHosts,
}

// Operation names a request without the ids in its path, such as "GET
// /v1/bookings/{id}": for metrics and traces, whose names must be few and tell
// of nobody. What is not Vennio's is "other".
func Operation(method, path string) string {
	at := strings.Index(path, "/v1/") // a base URL may have a path of its own
	if at < 0 || !slices.Contains([]string{"GET", "POST", "PATCH", "DELETE"}, method) {
		return "other"
	}
	path = path[at:]
	if slices.Contains(templates, path) {
		return method + " " + path
	}
	if path = path[:strings.LastIndex(path, "/")] + "/{id}"; slices.Contains(templates, path) {
		return method + " " + path
	}
	return "other"
}
