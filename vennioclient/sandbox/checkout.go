package sandbox

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

//go:embed checkout.html
var checkoutHTML string

var (
	checkoutPage  = sync.OnceValue(func() *template.Template { return template.Must(template.New("checkout").Parse(checkoutHTML)) })
	checkoutStyle = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<style>(.*)</style>`) })
	// checkoutPolicy lets the page have its own style and its own form, and nothing else.
	checkoutPolicy = sync.OnceValue(func() string {
		return "default-src 'none'; style-src 'sha256-" + styleHash() + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	})
)

func styleHash() string {
	sum := sha256.Sum256([]byte(checkoutStyle().FindStringSubmatch(checkoutHTML)[1]))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// checkout is what the payment page keeps of a booking.
type checkout struct {
	token    string // must come with the next order, and is good for one
	declined bool   // the last payment failed
}

// checkoutView is what the page shows.
type checkoutView struct {
	ID, Status, Host, When, Price, Customer, Token string
	Declined, Stale                                bool
}

// checkoutURL is where a booking is paid: on the sandbox itself, by the address
// at which the caller reached it unless Options.PublicURL says another.
func (s *Server) checkoutURL(r *http.Request, id string) string {
	base := s.publicURL
	if base == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		base = scheme + "://" + cmp.Or(r.Host, "localhost")
	}
	return strings.TrimSuffix(base, "/") + "/checkout/" + id
}

// showCheckout answers GET /checkout/{id}. Looking changes nothing.
func (s *Server) showCheckout(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.lapse(s.now())
	status, view := s.viewCheckout(r.PathValue("id"))
	s.unlock()
	view.show(w, status)
}

// answerCheckout answers POST /checkout/{id}: token, and outcome pay, fail or expire.
func (s *Server) answerCheckout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	_ = r.ParseForm() // what cannot be read has no token, and settles nothing
	id, token, outcome := r.PathValue("id"), r.PostForm.Get("token"), r.PostForm.Get("outcome")
	s.mu.Lock()
	s.lapse(s.now())
	done := s.settleCheckout(id, token, outcome)
	status, view := s.viewCheckout(id)
	s.unlock()
	if done {
		http.Redirect(w, r, "/checkout/"+view.ID, http.StatusSeeOther)
		return
	}
	if view.Stale = view.Status == statusPending; status == http.StatusOK {
		status = http.StatusConflict
	}
	view.show(w, status)
}

// settleCheckout does what the form orders, once for each token. It needs s.mu.
func (s *Server) settleCheckout(id, token, outcome string) bool {
	b, open := s.findBooking(id), s.checkouts[id]
	if b == nil || b.Status != statusPending || open == nil || subtle.ConstantTimeCompare([]byte(token), []byte(open.token)) == 0 {
		return false
	}
	switch outcome {
	case "pay":
		s.markPaid(b)
	case "expire":
		s.markCancelled(b)
	case "fail":
		open.declined = true
	default:
		return false
	}
	open.token = rand.Text()
	return true
}

// viewCheckout needs s.mu.
func (s *Server) viewCheckout(id string) (int, checkoutView) {
	b := s.findBooking(id)
	if b == nil || findHost(b.HostID).Price == "" {
		return http.StatusNotFound, checkoutView{}
	}
	h := findHost(b.HostID)
	if s.checkouts[id] == nil {
		s.checkouts[id] = &checkout{token: rand.Text()}
	}
	open := s.checkouts[id]
	return http.StatusOK, checkoutView{
		ID: b.ID, Status: b.Status, Host: h.Name, When: describe(b.Start, h.location()), Price: h.Price,
		Customer: cmp.Or(b.CustomerName, b.CustomerEmail), Token: open.token, Declined: open.declined,
	}
}

func (v checkoutView) show(w http.ResponseWriter, status int) {
	var page bytes.Buffer
	if err := checkoutPage().Execute(&page, v); err != nil { // unreachable: the tests show every page
		status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", checkoutPolicy())
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}
