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
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed checkout.html
var checkoutHTML string

//go:embed index.html
var indexHTML string

var (
	indexPage     = sync.OnceValue(func() *template.Template { return template.Must(template.New("index").Parse(indexHTML)) })
	checkoutPage  = sync.OnceValue(func() *template.Template { return template.Must(template.New("checkout").Parse(checkoutHTML)) })
	checkoutStyle = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<style>(.*)</style>`) })
	// checkoutPolicy allows only the page's style and its form.
	checkoutPolicy = sync.OnceValue(func() string {
		return "default-src 'none'; style-src 'sha256-" + styleHash() + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	})
)

func styleHash() string {
	sum := sha256.Sum256([]byte(checkoutStyle().FindStringSubmatch(checkoutHTML)[1]))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// checkout is the state of the payment page of a booking.
type checkout struct {
	Token    string // must be part of the next form, and is valid once
	Declined bool   // the last payment failed
}

// checkoutView is the data of the page.
type checkoutView struct {
	ID, Status, Host, When, Price, Customer, Token string
	Declined, Stale                                bool
}

// pageURL returns the URL of a page: under Options.PublicURL or, if that is empty, at the
// address of the request.
func (s *Server) pageURL(r *http.Request, path string) string {
	base := s.publicURL
	if base == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		base = scheme + "://" + cmp.Or(r.Host, "localhost")
	}
	return strings.TrimSuffix(base, "/") + path
}

// showCheckout answers GET /checkout/{id}. It changes nothing but the token of the form.
func (s *Server) showCheckout(w http.ResponseWriter, r *http.Request) {
	var status int
	var view checkoutView
	err := s.change(func() (changed bool) {
		known := len(s.data.Checkouts)
		status, view = s.viewCheckout(r.PathValue("id"))
		return len(s.data.Checkouts) > known
	})
	s.sendOutbox()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	view.show(w, status)
}

// answerCheckout answers POST /checkout/{id}: token, and outcome pay, fail or expire.
func (s *Server) answerCheckout(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	_ = r.ParseForm() // an invalid form has no token and is refused
	id, token, outcome := r.PathValue("id"), r.PostForm.Get("token"), r.PostForm.Get("outcome")
	var done bool
	var status int
	var view checkoutView
	err := s.change(func() bool {
		done = s.settleCheckout(id, token, outcome)
		status, view = s.viewCheckout(id)
		return true
	})
	s.sendOutbox()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	if done {
		http.Redirect(w, r, "/checkout/"+view.ID, http.StatusSeeOther)
		return
	}
	if view.Stale = view.Status == statusPending; status == http.StatusOK {
		status = http.StatusConflict
	}
	view.show(w, status)
}

// settleCheckout executes the form, once for each token. The caller must hold s.mu.
func (s *Server) settleCheckout(id, token, outcome string) bool {
	b, open := s.findBooking(id), s.data.Checkouts[id]
	if b == nil || b.Status != statusPending || open == nil || subtle.ConstantTimeCompare([]byte(token), []byte(open.Token)) == 0 {
		return false
	}
	switch outcome {
	case "pay":
		s.markPaid(b)
	case "expire":
		s.markCancelled(b)
	case "fail":
		open.Declined = true
	default:
		return false
	}
	open.Token = rand.Text()
	return true
}

// viewCheckout returns the status and the data of the page. The caller must hold s.mu.
func (s *Server) viewCheckout(id string) (int, checkoutView) {
	b := s.findBooking(id)
	if b == nil || b.Price == "" {
		return http.StatusNotFound, checkoutView{}
	}
	h := findHost(b.HostID)
	if s.data.Checkouts[id] == nil {
		s.data.Checkouts[id] = &checkout{Token: rand.Text()}
	}
	open := s.data.Checkouts[id]
	return http.StatusOK, checkoutView{
		ID: b.ID, Status: b.Status, Host: h.Name, When: describe(b.Start, h.location()), Price: b.Price,
		Customer: cmp.Or(b.CustomerName, b.CustomerEmail), Token: open.Token, Declined: open.Declined,
	}
}

func (v checkoutView) show(w http.ResponseWriter, status int) {
	showPage(w, status, checkoutPage(), checkoutPolicy(), v)
}

// showPage renders a page with policy as its Content-Security-Policy.
func showPage(w http.ResponseWriter, status int, t *template.Template, policy string, data any) {
	var page bytes.Buffer
	if err := t.Execute(&page, data); err != nil { // unreachable: the tests render every page
		status = http.StatusInternalServerError
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// indexView is the data of the page at GET /.
type indexView struct {
	Hosts      []Host
	Key        string
	Operations []indexOperation
	Commands   []string // under /_sandbox/
	Unpaid     []checkoutView
}

type indexOperation struct {
	Pattern string
	Public  bool
}

// showIndex answers GET /: a page that describes the sandbox and links to what it serves. It
// is not counted as a call.
func (s *Server) showIndex(w http.ResponseWriter, _ *http.Request) {
	view := indexView{Hosts: Hosts(), Key: DefaultKey(), Commands: slices.Sorted(maps.Keys(orders))}
	view.Commands = append(view.Commands, "emit")
	for _, op := range operations() {
		if op.pattern != "/" {
			view.Operations = append(view.Operations, indexOperation{op.pattern, op.public})
		}
	}
	for _, b := range s.Bookings() {
		if h := findHost(b.HostID); b.Status == statusPending {
			view.Unpaid = append(view.Unpaid, checkoutView{ID: b.ID, Host: h.Name, When: describe(b.Start, h.location())})
		}
	}
	showPage(w, http.StatusOK, indexPage(), "default-src 'none'; base-uri 'none'; frame-ancestors 'none'", view)
}

// acceptsHTML reports whether a request accepts a page. Without an Accept header it accepts
// anything (RFC 9110, 12.5.1).
func acceptsHTML(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "text/*") || strings.Contains(accept, "*/*")
}
