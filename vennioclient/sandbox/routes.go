package sandbox

import "net/http"

// operation is one documented call.
type operation struct {
	pattern string
	scope   string // what the key must be allowed; "" for nothing
	public  bool   // whether it works without a key
	handle  func(*Server, *call) (answer, error)
}

// operations lists the account's calls. Handlers run one at a time, with s.mu held.
func operations() []operation {
	return []operation{
		{"GET /v1/availability/slots", scopeReadAvailability, true, (*Server).slots},
		{"GET " + pathNext, scopeReadAvailability, true, (*Server).nextSlot},
		{"GET " + pathMutual, scopeReadAvailability, false, (*Server).mutualSlots},
		{"POST /v1/bookings", scopeCreateBooking, false, (*Server).createBooking},
		{"GET /v1/bookings", scopeReadBookings, false, (*Server).listBookings},
		{"GET " + pathBooking, scopeReadBookings, false, (*Server).readBooking},
		{"PATCH " + pathBooking, scopeUpdateBooking, false, (*Server).updateBooking},
		{"DELETE " + pathBooking, scopeCancelBooking, false, (*Server).cancelBooking},
		{"GET /v1/consents", scopeReadConsents, false, (*Server).listConsents},
		{"POST /v1/consents", scopeManageConsents, false, (*Server).createConsent},
		{"GET " + pathConsent, scopeReadConsents, false, (*Server).readConsent},
		{"DELETE " + pathConsent, scopeManageConsents, false, (*Server).revokeConsent},
		{"POST /v1/webhooks", scopeManageWebhooks, false, (*Server).createWebhook},
		{"GET /v1/webhooks", scopeManageWebhooks, false, (*Server).listWebhooks},
		{"DELETE " + pathWebhook, scopeManageWebhooks, false, (*Server).deleteWebhook},
		{"GET /v1/hosts", scopeReadHosts, false, (*Server).listHosts},
		{"GET /v1/calendars", scopeReadCalendars, false, (*Server).calendars},
		{"POST /v1/calendars/sync", scopeSyncCalendars, false, (*Server).syncCalendars},
		{"/", "", true, (*Server).nothing},
	}
}

func (s *Server) route() {
	for _, op := range operations() {
		s.mux.HandleFunc(op.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(op, w, r) })
	}
	s.mux.HandleFunc("GET /_sandbox/state", s.state)
	s.mux.HandleFunc("POST /_sandbox/{order}", s.control)
	s.mux.HandleFunc("GET /checkout/{id}", s.showCheckout)
	s.mux.HandleFunc("POST /checkout/{id}", s.answerCheckout)
}

func (s *Server) nothing(c *call) (answer, error) {
	return answer{}, refuse(notFound, "There is no operation "+c.method+" "+c.request.URL.Path+".")
}
