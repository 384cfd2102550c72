package approval

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

const (
	signInPath = Path + "sign-in"
	// SignedInPath is the path to which the issuer returns the browser.
	SignedInPath = Path + "signed-in"

	attemptCookie = "vennio-sign-in"
	attemptLife   = 10 * time.Minute
)

// SignIn lets people pair their browser by signing in at an OpenID Connect issuer.
type SignIn struct {
	Issuer *auth.SignIn
	Keys   tenant.Keyring // sign the cookie in which a browser keeps its attempt
}

// attempt is the content of a browser's cookie during a sign-in.
type attempt struct {
	auth.Attempt
	Proposal string    `json:"to"` // shown afterwards; empty for the overview
	Expires  time.Time `json:"expires"`
}

const attemptPurpose = "vennio-mcp attempt to sign in v1\x00"

func (s *SignIn) seal(a attempt) string {
	raw, _ := json.Marshal(a) // strings and a time
	payload := base64.RawURLEncoding.EncodeToString(raw)
	return payload + "." + base64.RawURLEncoding.EncodeToString(s.Keys.Sign(attemptPurpose+payload))
}

// open reads a sealed attempt that has not expired. Its state must be that of the callback, so an
// attempt is completed only in the browser that began it.
func (s *SignIn) open(sealed, state string, now time.Time) (a attempt, ok bool) {
	payload, signature, _ := strings.Cut(sealed, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !s.Keys.Verify(attemptPurpose+payload, given) {
		return a, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || json.Unmarshal(raw, &a) != nil {
		return a, false
	}
	return a, now.Before(a.Expires) && state != "" && subtle.ConstantTimeCompare([]byte(state), []byte(a.State)) == 1
}

// signInLink returns the address at which an unpaired browser can sign in, or "" if sign-in is not
// configured. It is under the public URL, to which the issuer returns the browser: cookies belong to one
// host.
func (p *Pages) signInLink(proposal string) string {
	if p.SignIn == nil {
		return ""
	}
	link := strings.TrimSuffix(p.SignIn.Issuer.RedirectURL(), SignedInPath) + signInPath
	if proposalID().MatchString(proposal) {
		link += "?to=" + proposal
	}
	return link
}

// orSignIn explains how to pair a browser, by signing in where that is configured.
func (p *Pages) orSignIn() string {
	if p.SignIn == nil {
		return howToPair
	}
	return "Sign in to pair it. Or: " + strings.ToLower(howToPair[:1]) + howToPair[1:]
}

func (p *Pages) signIn(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	link := p.signInLink(r.URL.Query().Get("to")) // an id or nothing, so it cannot lead to another site
	_, proposal, _ := strings.Cut(link, "?to=")
	if fromAnotherSite(r) { // another site must not start a sign-in without a click
		write(w, http.StatusOK, page{Heading: "Sign in", Lead: "Sign in to pair this browser. You can then approve or decline here what an assistant wants to book, move or cancel.", SignIn: link})
		return
	}
	a := attempt{Attempt: auth.NewAttempt(), Proposal: proposal, Expires: p.Pairings.now().Add(attemptLife)}
	address, err := p.SignIn.Issuer.AuthURL(r.Context(), a.Attempt)
	if err != nil {
		p.notSignedIn(w, err, link)
		return
	}
	p.setAttempt(w, r, p.SignIn.seal(a), int(attemptLife/time.Second))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// setAttempt sets the cookie of an attempt. It is SameSite=Lax because the browser returns from the
// issuer's site.
func (p *Pages) setAttempt(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	p.setCookie(w, r, attemptCookie, value, http.SameSiteLaxMode, maxAge)
}

// signedIn receives the browser from the issuer and pairs it.
func (p *Pages) signedIn(w http.ResponseWriter, r *http.Request) {
	// After the reload the browser also sends the cookie of its other pairings.
	if !readOnly(w, r) || p.reloadForCookie(w, r) {
		return
	}
	q := r.URL.Query()
	sealed := ""
	if cookie, err := r.Cookie(attemptCookie); err == nil {
		sealed = cookie.Value
	}
	a, ok := p.SignIn.open(sealed, q.Get("state"), p.Pairings.now())
	link := p.signInLink(a.Proposal)
	if !ok {
		write(w, http.StatusBadRequest, page{Heading: notCompleted, Lead: "Nothing was changed. It was started in another browser, it took more than ten minutes, it was completed before, or cookies are disabled. Please sign in again.", SignIn: p.signInLink("")})
		return
	}
	p.setAttempt(w, r, "", -1)
	iss, code := q.Get("iss"), q.Get("code")
	if iss != "" && iss != p.SignIn.Issuer.Issuer() { // RFC 9207
		p.notSignedIn(w, auth.ErrIDToken, link)
		return
	}
	if q.Get("error") != "" || code == "" { // the page does not repeat the error, which anybody can write into an address
		write(w, http.StatusForbidden, page{Heading: "You are not signed in", Lead: "Nothing was changed: the authorization server did not sign you in, or you refused. You can try again.", SignIn: link})
		return
	}
	person, err := p.SignIn.Issuer.Person(r.Context(), code, a.Attempt)
	if err != nil {
		p.notSignedIn(w, err, link)
		return
	}
	before, cookie := p.Pairings.cookies(r, rand.Text())
	err = p.Pairings.db.Write(r.Context(), func(tx *sqldb.Tx) error {
		return addBrowser(tx, before, PairedBrowser{Hash: hashed(cookie), Tenant: person.Tenant, Name: person.Name, Subject: person.Subject, At: p.Pairings.now()})
	})
	if err != nil {
		failed(w, storeError(err))
		return
	}
	p.setPaired(w, r, cookie, pairingLife)
	http.Redirect(w, r, Path+a.Proposal, http.StatusSeeOther)
}

const notCompleted = "This sign-in cannot be completed"

func (p *Pages) notSignedIn(w http.ResponseWriter, err error, again string) {
	shown, status := page{Heading: "You have no access here", SignIn: again}, http.StatusForbidden
	switch {
	case errors.Is(err, auth.ErrNoTenant):
		shown.Lead = "Nothing was changed: you signed in, but your account belongs to no tenant of this server. Ask its operator for access, or sign in with another account."
	case errors.Is(err, auth.ErrNotAllowed):
		shown.Lead = "Nothing was changed: you signed in, but the settings of this server do not allow you to approve. Ask its operator for access, or sign in with another account."
	case errors.Is(err, auth.ErrCode):
		status, shown.Heading = http.StatusBadRequest, notCompleted
		shown.Lead = "Nothing was changed: the authorization server does not accept it, perhaps because it was completed before or took too long. Please sign in again; if that fails too, tell this server's operator, whose log says why."
	case errors.Is(err, auth.ErrIDToken):
		shown.Heading = "You are not signed in"
		shown.Lead = "Nothing was changed: what the authorization server sent is not valid for this sign-in. Please sign in again; if that fails too, tell this server's operator, whose log says why."
	default:
		status, shown.Heading = http.StatusServiceUnavailable, "Sign-in is not available right now"
		w.Header().Set("Retry-After", strconv.Itoa(5))
		shown.Lead = "Nothing was changed: the authorization server cannot be used. Try again in a moment. If that fails too, tell this server's operator, whose log says why. Meanwhile you can pair this browser by a link. " + howToPair
	}
	write(w, status, shown)
}

// readOnly refuses all methods except GET and HEAD.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	write(w, http.StatusMethodNotAllowed, page{Heading: "Nothing was changed", Lead: "This page can only be opened."})
	return false
}
