package approval

import "net/http"

// OnLoopback serves the page under one address alone: a request that names
// another host comes from a page whose name was made to point here (DNS
// rebinding).
func OnLoopback(address string, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address {
			http.Error(w, "unknown host", http.StatusForbidden)
			return
		}
		page.ServeHTTP(w, r)
	})
}
