package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const (
	// LinkLife is the time for which a pairing link is valid; it can be used once.
	LinkLife = 10 * time.Minute
	// pairingLife is the time for which a browser stays paired.
	pairingLife = 90 * 24 * time.Hour

	pairPath = Path + "pair/"
	// The cookie is host-only. Cookies ignore ports, so it is valid for every local process of the user.
	cookieName = "vennio-paired"
)

// PairedBrowser is a browser in which a person may approve and decline for a tenant.
type PairedBrowser struct {
	ID          string
	Hash        string // of its cookie
	Tenant      string
	Name        string // of the person: the one they typed, or the one that the sign-in issuer gives
	Subject     string // the identifier of the person at that issuer; empty if the browser was paired by a link
	At, Expires time.Time
}

func (b *PairedBrowser) columns() []any {
	return []any{&b.ID, &b.Hash, &b.Tenant, &b.Name, &b.Subject, sqldb.Instant{To: &b.At}, sqldb.Instant{To: &b.Expires}}
}

const selectBrowsers = `SELECT id, hash, tenant, name, subject, at, expires FROM paired_browsers WHERE `

// addLink stores a single-use link by its hash, and deletes the expired ones.
func addLink(tx *sqldb.Tx, hash, tenant string, now, expires time.Time) error {
	if err := tx.Exec(`DELETE FROM pairing_links WHERE expires <= ?`, sqldb.Text(now)); err != nil {
		return err
	}
	return tx.Exec(`INSERT INTO pairing_links (hash, tenant, expires) VALUES (?, ?, ?)`, hash, tenant, sqldb.Text(expires))
}

// findLink returns the tenant of a valid link; ok is false if there is none.
func findLink(tx *sqldb.Tx, hash string, now time.Time) (tenant string, ok bool, err error) {
	found, err := sqldb.One(tx, sqldb.Column[string], `SELECT tenant FROM pairing_links WHERE hash = ? AND expires > ?`, hash, sqldb.Text(now))
	if found == nil {
		return "", false, err
	}
	return *found, true, err
}

// addBrowser stores a pairing, or renews the one that the browser has with the tenant. It deletes the
// expired pairings. The pairings that the browser had under the cookie before get the new cookie, so that
// an attacker who set that cookie does not share the new pairing.
func addBrowser(tx *sqldb.Tx, before string, b PairedBrowser) error {
	if err := tx.Exec(`UPDATE paired_browsers SET hash = ? WHERE hash = ?`, b.Hash, hashed(before)); err != nil {
		return err
	}
	if err := tx.Exec(`DELETE FROM paired_browsers WHERE expires <= ?`, sqldb.Text(b.At)); err != nil {
		return err
	}
	b.ID, b.Expires = strings.ToLower(rand.Text()[:8]), b.At.Add(pairingLife)
	return tx.Exec(`INSERT INTO paired_browsers (id, hash, tenant, name, subject, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hash, tenant) DO UPDATE SET name = excluded.name, subject = excluded.subject, at = excluded.at, expires = excluded.expires`,
		b.ID, b.Hash, b.Tenant, b.Name, b.Subject, sqldb.Text(b.At), sqldb.Text(b.Expires))
}

// browserPairings returns the valid pairings of one browser, ordered by tenant.
func browserPairings(tx *sqldb.Tx, hash string, now time.Time) ([]PairedBrowser, error) {
	return sqldb.All(tx, (*PairedBrowser).columns, selectBrowsers+`hash = ? AND expires > ? ORDER BY tenant`, hash, sqldb.Text(now))
}

// tenantPairings returns the valid pairings of a tenant, the newest first.
func tenantPairings(tx *sqldb.Tx, tenant string, now time.Time) ([]PairedBrowser, error) {
	return sqldb.All(tx, (*PairedBrowser).columns, selectBrowsers+`tenant = ? AND expires > ? ORDER BY at DESC, id`, tenant, sqldb.Text(now))
}

func deleteBrowser(tx *sqldb.Tx, tenant, id string) error {
	return tx.Exec(`DELETE FROM paired_browsers WHERE tenant = ? AND id = ?`, tenant, id)
}

// Pairings stores the browsers in which people may approve and decline. The link that pairs a browser must
// reach the person without passing through an agent: opened in their browser, printed in a terminal, or
// sent by the operator.
type Pairings struct {
	db     *sqldb.DB
	now    func() time.Time
	cookie string // the name of the cookie
}

// NewPairings returns the pairings stored in db.
func NewPairings(db *sqldb.DB, now func() time.Time) *Pairings {
	p := &Pairings{db: db, now: now, cookie: cookieName}
	if db.Volatile() {
		p.UseSandboxCookie()
	}
	return p
}

// UseSandboxCookie gives the cookie another name, so that a pairing with a sandbox does not replace one with the
// store of an account: both may be on the same host.
func (p *Pairings) UseSandboxCookie() { p.cookie = cookieName + "-sandbox" }

// NewLink returns the path of a single-use link that pairs the browser that opens it with a tenant, and
// then leads to the page of a proposal, or to the overview if proposal is empty.
func (p *Pairings) NewLink(ctx context.Context, tenant, proposal string) (path string, err error) {
	token, now := rand.Text(), p.now()
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error { return addLink(tx, hashed(token), tenant, now, now.Add(LinkLife)) })
	path = pairPath + token
	if proposal != "" {
		path += "/" + proposal
	}
	return path, err
}

// Browsers returns the pairings of a tenant, the newest first.
func (p *Pairings) Browsers(ctx context.Context, tenant string) ([]PairedBrowser, error) {
	return sqldb.Select(ctx, p.db, func(tx *sqldb.Tx) ([]PairedBrowser, error) { return tenantPairings(tx, tenant, p.now()) })
}

// ErrNoPairing is the error of Revoke for a pairing that does not exist.
var ErrNoPairing = errors.New("there is no such paired browser")

// Revoke ends a pairing of a tenant.
func (p *Pairings) Revoke(ctx context.Context, tenant, id string) error {
	return p.db.Write(ctx, func(tx *sqldb.Tx) error {
		all, err := tenantPairings(tx, tenant, p.now())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(b PairedBrowser) bool { return b.ID == id }) {
			return ErrNoPairing
		}
		return deleteBrowser(tx, tenant, id)
	})
}

// Erase deletes the pairings of all tenants that name a person, and returns their number.
func (p *Pairings) Erase(ctx context.Context, names func(text string) bool) (n int, err error) {
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		all, err := sqldb.All(tx, (*PairedBrowser).columns, selectBrowsers+`hash <> ''`)
		if err != nil {
			return err
		}
		for _, b := range all {
			if !names(b.Name) {
				continue
			}
			n++
			if err := deleteBrowser(tx, b.Tenant, b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// of returns the pairings of the browser that sent a request.
func (p *Pairings) of(r *http.Request) ([]PairedBrowser, error) {
	cookie, err := r.Cookie(p.cookie)
	if err != nil || cookie.Value == "" {
		return nil, nil //nolint:nilerr // no cookie
	}
	return sqldb.Select(r.Context(), p.db, func(tx *sqldb.Tx) ([]PairedBrowser, error) {
		return browserPairings(tx, hashed(cookie.Value), p.now())
	})
}

// with returns the pairing with a tenant of the browser that sent a request, or nil if there is none.
func (p *Pairings) with(r *http.Request, tenant string) (*PairedBrowser, error) {
	all, err := p.of(r)
	for _, b := range all {
		if b.Tenant == tenant {
			return &b, nil
		}
	}
	return nil, err
}

func (p *Pairings) valid(ctx context.Context, token string) (tenant string, ok bool, err error) {
	err = p.db.Read(ctx, func(tx *sqldb.Tx) error {
		tenant, ok, err = findLink(tx, hashed(token), p.now())
		return err
	})
	return tenant, ok, err
}

// use pairs a browser with the tenant of a link; ok is false if the link is not valid. If the link was
// used before to store this very cookie, nothing changes and ok is true: a double click sends the form
// twice.
func (p *Pairings) use(ctx context.Context, token, before, cookie, name string) (ok bool, err error) {
	now := p.now()
	err = p.db.Write(ctx, func(tx *sqldb.Tx) error {
		var tenant string
		if tenant, ok, err = findLink(tx, hashed(token), now); err != nil {
			return err
		}
		if !ok {
			known, err := browserPairings(tx, hashed(cookie), now)
			ok = len(known) > 0
			return err
		}
		if err := tx.Exec(`DELETE FROM pairing_links WHERE hash = ?`, hashed(token)); err != nil {
			return err
		}
		return addBrowser(tx, before, PairedBrowser{Hash: hashed(cookie), Tenant: tenant, Name: name, At: now})
	})
	return ok, err
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte("vennio-mcp pairing v1\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// pair serves a pairing link. Opening the link does not use it up, so link previews are harmless.
func (p *Pages) pair(w http.ResponseWriter, r *http.Request) {
	token, proposal, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, pairPath), "/")
	onward := Path
	if proposalID().MatchString(proposal) {
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
	paired := slices.ContainsFunc(known, func(b PairedBrowser) bool { return b.Tenant == tenant })
	switch {
	case r.Method == http.MethodPost:
		p.paired(w, r, token, onward)
	case len(known) > 0 && (paired || !ok):
		http.Redirect(w, r, onward, http.StatusSeeOther) //nolint:gosec // G710: a path of these pages
	case !ok:
		linkUsed(w, "A pairing link works once and for ten minutes. ")
	case p.reloadForCookie(w, r):
	default:
		if _, err := r.Cookie(p.Pairings.cookie); err != nil {
			p.setPaired(w, r, rand.Text(), LinkLife) // identifies the browser; it is paired with nothing yet
		}
		write(w, http.StatusOK, pairPage(tenant, ""))
	}
}

// proposalID matches ids of proposals (consent.Proposal).
var proposalID = lazyregexp.New(`^[A-Z2-7]{26}$`)

const howToPair = "In a terminal on the machine of this server, run vennio-mcp approvals link, or ask its operator for a link. If you have just paired it, allow cookies for this address."

func linkUsed(w http.ResponseWriter, why string) {
	write(w, http.StatusGone, page{Heading: "This link cannot be used", Lead: why + howToPair})
}

func pairPage(tenant, why string) page {
	shown := page{
		Heading: "Pair this browser", Pair: true,
		Lead: why + "After that, you can approve or decline here what an assistant wants to book, move or cancel with Vennio. Pair only a browser that no assistant controls.",
	}
	if tenant != "" {
		shown.Facts = []fact{{Name: "Tenant", Text: sanitize.Line(tenant, 100)}}
	}
	return shown
}

func (p *Pages) paired(w http.ResponseWriter, r *http.Request, token, onward string) {
	if !p.readForm(w, r, mostForm) {
		write(w, http.StatusForbidden, pairPage("", "Nothing was changed: this form did not come from this page. "))
		return
	}
	name := sanitize.Line(r.PostForm.Get("name"), 100)
	if name == "" {
		write(w, http.StatusUnprocessableEntity, pairPage("", "Please enter your name: the record shows who approved. "))
		return
	}
	before, cookie := p.Pairings.cookies(r, token)
	ok, err := p.Pairings.use(r.Context(), token, before, cookie, name)
	switch {
	case err != nil:
		failed(w, storeError(err))
		return
	case !ok:
		linkUsed(w, "It has been used already, or it has expired. ")
		return
	}
	p.setPaired(w, r, cookie, pairingLife)
	http.Redirect(w, r, onward, http.StatusSeeOther) //nolint:gosec // G710: a path of these pages
}

// cookies returns the cookie of a browser before it is paired, if it has one, and the new one. The new
// cookie is computed from the old one and the link, so that a form that is sent twice gets it twice; only
// the browser and whoever made the link can compute it.
func (p *Pairings) cookies(r *http.Request, token string) (before, cookie string) {
	old, err := r.Cookie(p.cookie)
	if err != nil || old.Value == "" {
		return "", rand.Text()
	}
	sum := sha256.Sum256([]byte("vennio-mcp paired browser v1\x00" + token + "\x00" + old.Value))
	return old.Value, hex.EncodeToString(sum[:])
}

func (p *Pages) setPaired(w http.ResponseWriter, r *http.Request, value string, life time.Duration) {
	p.setCookie(w, r, p.Pairings.cookie, value, http.SameSiteStrictMode, int(life/time.Second))
}

// setCookie sets a cookie that the browser sends to the pages only.
func (p *Pages) setCookie(w http.ResponseWriter, r *http.Request, name, value string, site http.SameSite, maxAge int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure where there is TLS; on loopback there is none
		Name: name, Value: value, Path: strings.TrimSuffix(Path, "/"), HttpOnly: true, SameSite: site,
		Secure: p.HTTPS || r.TLS != nil, MaxAge: maxAge,
	})
}

// reloadForCookie answers a request that follows a link of another site with a page that reloads itself:
// the browser does not send the cookie with such a request (SameSite=Strict), but sends it on a reload.
// It returns false if no reload is necessary.
func (p *Pages) reloadForCookie(w http.ResponseWriter, r *http.Request) bool {
	if !fromAnotherSite(r) || r.Method != http.MethodGet {
		return false
	}
	if _, err := r.Cookie(p.Pairings.cookie); err == nil {
		return false
	}
	write(w, http.StatusOK, page{Heading: "One moment …", Lead: "This page opens in a moment; if it does not, load it again.", Now: true})
	return true
}

// fromAnotherSite reports whether a page of another site caused the request (Fetch Metadata).
func fromAnotherSite(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// answering says how the browser that sent a request may answer a proposal.
type answering struct {
	policy   consent.Policy // the stricter of the policies of the request and of this server
	paired   bool
	browser  PairedBrowser     // zero if it is not paired
	passkeys []consent.Passkey // of the tenant; none if the policy accepts every browser
}

// signs reports whether an approval must be signed with a passkey: under the policy signed, and under human
// if the tenant has a passkey.
func (a answering) signs() bool {
	return a.policy == consent.PolicySigned || a.policy == consent.PolicyHuman && len(a.passkeys) > 0
}

// trusted reports whether more than the address of the page admitted the browser. mayAnswer admits no
// other under a policy that requires a person.
func (a answering) trusted() bool { return a.paired || a.policy.NeedsPerson() }

// mayAnswer returns how the browser may answer a proposal. If the policy requires a person, the browser
// must be paired, or the tenant must have a passkey, with which the answer is then signed. Otherwise
// mayAnswer writes the response and returns false.
func (p *Pages) mayAnswer(w http.ResponseWriter, r *http.Request, proposal consent.Proposal) (by answering, ok bool) {
	by.policy = proposal.Policy
	if p.PolicyOf != nil {
		by.policy = consent.Strictest(by.policy, p.PolicyOf(proposal.Act.Tenant))
	}
	if p.Pairings != nil {
		b, err := p.Pairings.with(r, proposal.Act.Tenant)
		if err != nil {
			failed(w, storeError(err))
			return by, false
		}
		if b != nil {
			by.browser, by.paired = *b, true
		}
	}
	if !by.policy.NeedsPerson() {
		return by, true
	}
	var err error
	if by.passkeys, err = p.ledger.Passkeys(r.Context(), proposal.Act.Tenant); err != nil {
		failed(w, err)
		return by, false
	}
	if by.paired || len(by.passkeys) > 0 || p.Pairings == nil {
		return by, true
	}
	if p.reloadForCookie(w, r) {
		return by, false
	}
	if by.policy == consent.PolicySigned {
		write(w, http.StatusForbidden, page{Heading: "A passkey is needed", Lead: "Nothing was changed. " + addOneFirst + " Then open this address again."})
		return by, false
	}
	write(w, http.StatusForbidden, page{
		Heading: "This browser is not paired", SignIn: p.signInLink(proposal.ID),
		Lead: "Nothing was changed. Requests can be answered only in a browser that is paired with this server. " + p.orSignIn() + " Then open this address again.",
	})
	return by, false
}

// storeError converts an error of the store to the corresponding error of the ledger, which failed explains.
func storeError(err error) error {
	if errors.Is(err, sqldb.ErrUnavailable) {
		return consent.ErrUnavailable
	}
	return err
}
