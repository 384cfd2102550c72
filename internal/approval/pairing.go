package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const (
	// LinkLife is how long a pairing link can be used, once.
	LinkLife = 10 * time.Minute
	// pairingLife is how long a browser stays paired.
	pairingLife = 90 * 24 * time.Hour

	pairPath = Path + "pair/"
	// The cookie is host-only. Cookies ignore ports, so it holds for every local process of the user.
	cookieName = "vennio-paired"
)

// Pairings are the browsers in which people may answer. The link by which one is paired must reach
// the person past the agent: opened in their browser, printed in a terminal, or sent by the operator.
type Pairings struct {
	db     *sqldb.DB
	now    func() time.Time
	cookie string // its name
}

// NewPairings returns the pairings kept in db.
func NewPairings(db *sqldb.DB, now func() time.Time) *Pairings {
	p := &Pairings{db: db, now: now, cookie: cookieName}
	if db.Volatile() { // a sandbox's pairing does not replace one with the store that lasts
		p.cookie += "-sandbox"
	}
	return p
}

// NewLink returns the path of a single-use link that pairs the browser in which it is opened with a
// tenant, and then leads to the page of a proposal; to its overview where proposal is empty.
func (p *Pairings) NewLink(ctx context.Context, tenant, proposal string) (path string, err error) {
	token, now := rand.Text(), p.now()
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error { return tx.AddPairingLink(hashed(token), tenant, now, now.Add(LinkLife)) })
	path = pairPath + token
	if proposal != "" {
		path += "/" + proposal
	}
	return path, err
}

// Browsers returns the pairings of a tenant, the newest first.
func (p *Pairings) Browsers(ctx context.Context, tenant string) (all []sqldb.PairedBrowser, err error) {
	err = p.db.Read(ctx, func(tx *sqldb.Tx) error {
		all, err = tx.PairedBrowsers(tenant, p.now())
		return err
	})
	return all, err
}

// ErrNoPairing is the error of Revoke for a pairing that does not exist.
var ErrNoPairing = errors.New("there is no such paired browser")

// Revoke ends a pairing of a tenant.
func (p *Pairings) Revoke(ctx context.Context, tenant, id string) error {
	return p.db.Write(ctx, func(tx *sqldb.Tx) error {
		all, err := tx.PairedBrowsers(tenant, p.now())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(b sqldb.PairedBrowser) bool { return b.ID == id }) {
			return ErrNoPairing
		}
		return tx.DropPairedBrowser(tenant, id)
	})
}

// Erase ends the pairings of all tenants that name a person, and returns how many there were.
func (p *Pairings) Erase(ctx context.Context, names func(text string) bool) (n int, err error) {
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		all, err := tx.AllPairedBrowsers()
		if err != nil {
			return err
		}
		for _, b := range all {
			if !names(b.Name) {
				continue
			}
			n++
			if err := tx.DropPairedBrowser(b.Tenant, b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// of returns the pairings of the browser that sent a request.
func (p *Pairings) of(r *http.Request) (all []sqldb.PairedBrowser, err error) {
	cookie, err := r.Cookie(p.cookie)
	if err != nil || cookie.Value == "" {
		return nil, nil //nolint:nilerr // no cookie
	}
	err = p.db.Read(r.Context(), func(tx *sqldb.Tx) error {
		all, err = tx.PairingsOf(hashed(cookie.Value), p.now())
		return err
	})
	return all, err
}

// with returns the pairing of the browser that sent a request with a tenant; nil if it has none.
func (p *Pairings) with(r *http.Request, tenant string) (*sqldb.PairedBrowser, error) {
	all, err := p.of(r)
	for _, b := range all {
		if b.Tenant == tenant {
			return &b, nil
		}
	}
	return nil, err
}

// valid returns the tenant of a link that can be used.
func (p *Pairings) valid(ctx context.Context, token string) (tenant string, ok bool, err error) {
	err = p.db.Read(ctx, func(tx *sqldb.Tx) error {
		tenant, ok, err = tx.PairingLink(hashed(token), p.now())
		return err
	})
	return tenant, ok, err
}

// use pairs a browser with the tenant of a link; ok is false if the link cannot be used any more. The
// pairings that the browser has under the cookie before move to the new one, so that nobody who gave
// the browser a cookie of their own shares the new pairing.
func (p *Pairings) use(ctx context.Context, token, before, cookie, name string) (ok bool, err error) {
	now := p.now()
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error {
		var tenant string
		if tenant, ok, err = tx.PairingLink(hashed(token), now); err != nil || !ok {
			return err
		}
		if err := tx.DropPairingLink(hashed(token)); err != nil {
			return err
		}
		if err := tx.MovePairings(hashed(before), hashed(cookie)); err != nil {
			return err
		}
		return tx.AddPairedBrowser(sqldb.PairedBrowser{
			ID: strings.ToLower(rand.Text()[:8]), Hash: hashed(cookie), Tenant: tenant, Name: name, At: now, Expires: now.Add(pairingLife),
		})
	})
	return ok, err
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte("vennio-mcp pairing v1\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// pair serves a pairing link. Opening it uses nothing up, so link previews are harmless.
func (p *Pages) pair(w http.ResponseWriter, r *http.Request) {
	token, proposal, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, pairPath), "/")
	onward := Path
	if proposalID.MatchString(proposal) {
		onward += proposal
	}
	tenant, ok, err := p.Pairings.valid(r.Context(), token)
	if err != nil {
		failed(w, storeError(err))
		return
	}
	known, err := p.Pairings.of(r)
	if err != nil {
		failed(w, storeError(err))
		return
	}
	paired := slices.ContainsFunc(known, func(b sqldb.PairedBrowser) bool { return b.Tenant == tenant })
	switch {
	case r.Method != http.MethodPost && len(known) > 0 && (paired || !ok):
		http.Redirect(w, r, onward, http.StatusSeeOther) //nolint:gosec // G710: a path of these pages
	case !ok:
		write(w, http.StatusGone, page{Heading: "This link cannot be used", Lead: "A pairing link works once and for ten minutes. " + howToPair})
	case r.Method == http.MethodPost:
		p.paired(w, r, token, onward)
	default:
		if p.comesFromElsewhere(w, r) {
			return
		}
		write(w, http.StatusOK, pairPage(tenant, ""))
	}
}

// proposalID is the form of the ids of proposals (consent.Proposal).
var proposalID = regexp.MustCompile(`^[A-Z2-7]{26}$`)

const howToPair = "In a terminal on the machine of this server, run vennio-mcp approvals link, or ask its operator for a link. If you have just paired it, allow cookies for this address."

func pairPage(tenant, why string) page {
	shown := page{
		Heading: "Pair this browser", Pair: true,
		Lead: why + "From then on you can approve or decline here what an assistant wants to book, move or cancel with Vennio. Pair only a browser that no assistant controls.",
	}
	if tenant != "" {
		shown.Facts = []fact{{Name: "Tenant", Text: sanitize.Line(tenant, 100)}}
	}
	return shown
}

func (p *Pages) paired(w http.ResponseWriter, r *http.Request, token, onward string) {
	const most = 16 << 10
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if p.sameSite.Check(r) != nil || r.ParseForm() != nil {
		write(w, http.StatusForbidden, pairPage("", "Nothing was changed: this form did not come from this page. "))
		return
	}
	name := sanitize.Line(r.PostForm.Get("name"), 100)
	if name == "" {
		write(w, http.StatusUnprocessableEntity, pairPage("", "Please enter your name: the record says who agreed. "))
		return
	}
	before, secret := p.Pairings.cookies(r)
	ok, err := p.Pairings.use(r.Context(), token, before, secret, name)
	switch {
	case err != nil:
		failed(w, storeError(err))
		return
	case !ok:
		write(w, http.StatusGone, page{Heading: "This link cannot be used", Lead: "It has been used meanwhile. " + howToPair})
		return
	}
	p.setPaired(w, r, secret)
	http.Redirect(w, r, onward, http.StatusSeeOther) //nolint:gosec // G710: a path of these pages
}

// cookies returns the cookie of a browser before it is paired, if any, and the one that it gets.
func (p *Pairings) cookies(r *http.Request) (before, secret string) {
	if cookie, err := r.Cookie(p.cookie); err == nil {
		before = cookie.Value
	}
	return before, rand.Text()
}

func (p *Pages) setPaired(w http.ResponseWriter, r *http.Request, secret string) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure where there is TLS; on loopback there is none
		Name: p.Pairings.cookie, Value: secret, Path: strings.TrimSuffix(Path, "/"), HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: p.HTTPS || r.TLS != nil, MaxAge: int(pairingLife / time.Second),
	})
}

// comesFromElsewhere answers a request that a link of another site made, with which the browser
// does not send the cookie (SameSite=Strict), by a page that loads the same address once more.
func (p *Pages) comesFromElsewhere(w http.ResponseWriter, r *http.Request) bool {
	if !fromAnotherSite(r) || r.Method != http.MethodGet {
		return false
	}
	if _, err := r.Cookie(p.Pairings.cookie); err == nil {
		return false
	}
	write(w, http.StatusOK, page{Heading: "One moment …", Lead: "This page opens in a moment; if it does not, load it again.", Now: true})
	return true
}

// fromAnotherSite reports what the browser says (Fetch Metadata): whether a page of another site made
// the request.
func fromAnotherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// mayAnswer returns the pairing of the browser with the tenant of a proposal, or the zero value. Where
// the policy wants a paired browser and this is none, it writes the answer and returns false.
func (p *Pages) mayAnswer(w http.ResponseWriter, r *http.Request, proposal consent.Proposal) (who sqldb.PairedBrowser, ok bool) {
	if p.Pairings == nil {
		return who, true
	}
	b, err := p.Pairings.with(r, proposal.Act.Tenant)
	switch {
	case err != nil:
		failed(w, storeError(err))
		return who, false
	case b != nil:
		return *b, true
	case anyBrowser(proposal.Policy) && (p.PolicyOf == nil || anyBrowser(p.PolicyOf(proposal.Act.Tenant))):
		return who, true
	case p.comesFromElsewhere(w, r):
		return who, false
	}
	write(w, http.StatusForbidden, page{
		Heading: "This browser is not paired", SignIn: p.signInLink(proposal.ID),
		Lead: "Nothing was changed. Here only a person may answer, in a browser that is paired with this server. " + p.orSignIn() + " Then open this address again.",
	})
	return who, false
}

// anyBrowser: under the policy of a request, empty if it is not known, an answer counts from whichever
// browser it comes.
func anyBrowser(p consent.Policy) bool {
	return p == "" || p == consent.PolicyAttested || p == consent.PolicyAsk
}

// storeError makes an error of the store one of the ledger's, for which there is a page.
func storeError(err error) error {
	if errors.Is(err, sqldb.ErrUnavailable) {
		return consent.ErrUnavailable
	}
	return err
}
