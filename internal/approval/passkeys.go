package approval

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// PasskeyPath is the path of the pages on which passkeys are added and removed. The token of a link
// (consent.PasskeyLink) follows.
const PasskeyPath = Path + "passkey/"

//go:embed passkey.js
var script string

// scriptSource allows the script, and no other, in the Content-Security-Policy.
var scriptSource = sync.OnceValue(func() string {
	hash := sha256.Sum256([]byte(script))
	return "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
})

// signing is what a page needs so that the browser uses a passkey. Each text is the JSON of the options of
// navigator.credentials; an empty one means that its button needs no passkey.
type signing struct {
	Approve, Decline string // of the buttons of a request
	Create, Confirm  string // of the buttons of the page that adds or removes a passkey
	Nonce            string // of the statements and the challenge
	Made, MadeNonce  string // the passkey that the browser has made; an existing one must confirm it
	Script           template.JS
}

func newSigning(nonce string) *signing {
	return &signing{Nonce: nonce, Script: template.JS(script)} //nolint:gosec // G203: our own file
}

const noncePurpose = "vennio-mcp passkey nonce v1\x00"

// nonce returns a nonce for the statements about a subject. Only this server can make one, so that a
// signature cannot be prepared before the page was opened.
func (p *Pages) nonce(subject string) string {
	return passkey.NewNonce(func(random string) []byte { return p.Keys.SignShort(noncePurpose + subject + "\x00" + random) })
}

func (p *Pages) checkNonce(subject, nonce string) error {
	valid := passkey.CheckNonce(nonce, func(random string, mac []byte) bool {
		return p.Keys.VerifyShort(noncePurpose+subject+"\x00"+random, mac)
	})
	if !valid {
		return passkey.ErrOther
	}
	return nil
}

// errForwarded refuses a page under whose address this server does not itself accept connections.
var errForwarded = errors.New("the connection was forwarded from another address")

// site returns the site under which the browser sees the pages. Without a public URL it must be the address
// at which this server accepted the connection. The client chooses the Host header, and passkeys for
// localhost work on every port: a program on another port could show another request, have it signed, and
// send the signature here with its own address as Host.
func (p *Pages) site(r *http.Request) (passkey.Site, error) {
	if p.PublicURL != "" {
		return passkey.SiteOf(p.PublicURL)
	}
	u := url.URL{Scheme: "http", Host: r.Host}
	port := "80"
	if r.TLS != nil {
		u.Scheme, port = "https", "443"
	}
	site, err := passkey.SiteOf(u.String())
	if err != nil {
		return site, err
	}
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || cmp.Or(u.Port(), port) != strconv.Itoa(at.Port) || site.ID == passkey.Local && !isLocalhost(at.IP) {
		return passkey.Site{}, errForwarded
	}
	return site, nil
}

// isLocalhost reports whether localhost resolves to an address (RFC 6761, 6.3).
func isLocalhost(ip net.IP) bool {
	return ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback)
}

// assertion reads the signature in a form.
func (p *Pages) assertion(r *http.Request, subject string) (*passkey.Assertion, error) {
	nonce := r.PostForm.Get("nonce")
	if err := p.checkNonce(subject, nonce); err != nil {
		return nil, err
	}
	a, err := passkey.ParseAssertion(r.PostForm.Get("passkey"), nonce)
	return &a, err
}

// errOtherSite refuses a page at which no passkey of the tenant works.
var errOtherSite = errors.New("the passkeys belong to another site")

// usable returns the passkeys that work at a site; errOtherSite if there are only others.
func usable(all []consent.Passkey, site passkey.Site) (list []passkey.Credential, err error) {
	for _, p := range all {
		if p.RP == site.ID {
			list = append(list, p.Credential)
		}
	}
	if len(list) == 0 && len(all) > 0 {
		err = errOtherSite
	}
	return list, err
}

const addOneFirst = "Here, only a passkey can approve, and none was added yet. In a terminal on the machine of this server, run vennio-mcp passkeys add, or ask its operator for a link."

// addSigning makes the buttons of a request use a passkey. A paired browser declines without one.
func (p *Pages) addSigning(shown *page, r *http.Request, proposal consent.Proposal, by answering) {
	site, err := p.site(r)
	var allowed []passkey.Credential
	if err == nil {
		allowed, err = usable(by.passkeys, site)
	}
	switch {
	case len(by.passkeys) == 0:
		shown.Lead, shown.Verb, shown.OnlyDecline = shown.Lead+" "+addOneFirst, "", true
		return
	case err != nil:
		_, lead, _ := passkeyProblem(err)
		shown.Lead, shown.Verb, shown.OnlyDecline = lead, "", by.paired
		return
	}
	shown.Passkey = newSigning(p.nonce(proposal.ID))
	options := func(agreed bool) string {
		statement := proposal.Statement(agreed)
		statement.Nonce = shown.Passkey.Nonce
		return passkey.RequestOptions(site, statement.Challenge(), allowed)
	}
	shown.Passkey.Approve = options(true)
	if !by.paired {
		shown.Passkey.Decline = options(false)
	}
}

func (p *Pages) sign(r *http.Request, proposal consent.Proposal, answer *consent.Answer) (err error) {
	if r.PostForm.Get("passkey") == "" {
		return consent.ErrUnsigned
	}
	answer.Method = consent.Signed
	if answer.Site, err = p.site(r); err != nil {
		return err
	}
	answer.Assertion, err = p.assertion(r, proposal.ID)
	return err
}

// passkeyProblems explain why a passkey was not accepted, and what to do next.
var passkeyProblems = []struct {
	err    error
	status int
	lead   string
}{
	{consent.ErrUnsigned, http.StatusForbidden, "this must be signed with a passkey, which needs JavaScript and a browser that can use passkeys."},
	{consent.ErrNoPasskey, http.StatusForbidden, "this passkey is not one of those that may sign here, or it was removed. Use another one, or add it with vennio-mcp passkeys add."},
	{consent.ErrKnown, http.StatusConflict, "this passkey was added before."},
	{consent.ErrPinned, http.StatusForbidden, "the settings file of this server lists its passkeys. Ask its operator to change it there."},
	{consent.ErrNoLink, http.StatusGone, "this link works once and for ten minutes. Run vennio-mcp passkeys again for a new one."},
	{errOtherSite, http.StatusForbidden, "a passkey works only at the address where it was added, and none was added at this one. Open this page at that address. If it no longer exists, remove those passkeys with vennio-mcp passkeys remove ID --lost, and add new ones."},
	{errForwarded, http.StatusForbidden, "the connection reached this server through another address or port, so it cannot check where a passkey is used. Ask its operator to set VENNIO_MCP_PUBLIC_URL to the address that your browser shows."},
	{passkey.ErrNoSite, http.StatusForbidden, "browsers use passkeys only over https with a host name, or on localhost. Open this page under such an address: on this machine, write localhost instead of the number."},
	{passkey.ErrMalformed, http.StatusUnprocessableEntity, "the browser's answer about the passkey was incomplete. Please try again."},
	{passkey.ErrOther, http.StatusForbidden, "the signature is for something else than this page shows, or the page was open for too long. Please look again and decide."},
	{passkey.ErrOrigin, http.StatusForbidden, "the passkey was used at another address than this page. Please open the page at the address that you were given, and try again."},
	{passkey.ErrUnverified, http.StatusForbidden, "your device did not check that it is you. Set up its PIN, fingerprint or face recognition, and try again."},
	{passkey.ErrCounter, http.StatusForbidden, "the passkey's counter did not increase, so somebody may have a copy of it. Use another passkey, and remove this one with vennio-mcp passkeys remove."},
	{passkey.ErrSignature, http.StatusForbidden, "the signature is not that of the passkey on record. Please try again, or use another passkey."},
}

// passkeyProblem returns the status and the explanation of an error about a passkey; ok is false for
// other errors.
func passkeyProblem(err error) (status int, lead string, ok bool) {
	for _, problem := range passkeyProblems {
		if errors.Is(err, problem.err) {
			return problem.status, "Nothing was changed: " + problem.lead, true
		}
	}
	return 0, "", false
}

// passkeyFailed writes the page about an error of the ledger or of a passkey.
func passkeyFailed(w http.ResponseWriter, err error, shown page) {
	status, lead, ok := passkeyProblem(err)
	if !ok {
		failed(w, err)
		return
	}
	shown.Lead, shown.Problem = lead, true
	write(w, status, shown)
}

// changePasskey serves the link with which a passkey is added or removed. Opening it changes nothing.
func (p *Pages) changePasskey(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.URL.Path, PasskeyPath)
	link, err := p.ledger.PasskeyLink(r.Context(), token)
	if err != nil {
		passkeyFailed(w, err, page{Heading: "This link cannot be used"})
		return
	}
	known, err := p.ledger.Passkeys(r.Context(), link.Tenant)
	if err != nil {
		failed(w, err)
		return
	}
	site, err := p.site(r)
	if err != nil {
		passkeyFailed(w, err, page{Heading: "Passkeys do not work at this address"})
		return
	}
	allowed, err := usable(known, site)
	if err != nil {
		passkeyFailed(w, err, page{Heading: "This change cannot be confirmed here"})
		return
	}
	c := passkeyChange{pages: p, r: r, token: token, link: link, site: site, known: allowed}
	for _, k := range known {
		if k.ID == link.Remove {
			c.removed = k.Credential
		}
	}
	if r.Method != http.MethodPost {
		if readOnly(w, r) {
			write(w, http.StatusOK, c.page())
		}
		return
	}
	if !p.readForm(w, r, mostPasskeyForm) {
		shown := c.page()
		shown.Lead, shown.Problem = "Nothing was changed: this answer did not come from this page. Please try again.", true
		write(w, http.StatusForbidden, shown)
		return
	}
	shown, err := c.apply()
	if err != nil {
		passkeyFailed(w, err, c.page())
		return
	}
	write(w, http.StatusOK, shown)
}

type passkeyChange struct {
	pages *Pages
	r     *http.Request
	token string
	link  consent.PasskeyLink
	site  passkey.Site
	known []passkey.Credential // of the tenant, for the site

	removed passkey.Credential // zero if a passkey is added
}

// page returns the page of the link: it makes a passkey, or removes one.
func (c passkeyChange) page() page {
	nonce := c.pages.nonce(c.token)
	shown := page{Sandbox: c.pages.Sandbox, Passkey: newSigning(nonce), PasskeyChange: true, Facts: c.facts(c.link.Name)}
	if c.link.Remove == "" {
		shown.Heading = "Add a passkey"
		shown.Lead = "With it you sign what you approve: your device asks for your fingerprint, face or PIN each time, and nobody can sign without it. Add it on a device that only you use."
		shown.Passkey.Create = passkey.CreationOptions(c.site, c.link.Name, c.creation(nonce), c.known)
		return shown
	}
	shown.Heading = "Remove a passkey"
	shown.Lead = "After that it can no longer sign. Confirm with this passkey or with another one of the same tenant."
	shown.Facts = c.facts(c.removed.Name)
	statement := c.link.Statement(c.removed)
	statement.Nonce = nonce
	shown.Passkey.Confirm = passkey.RequestOptions(c.site, statement.Challenge(), c.known)
	return shown
}

func (c passkeyChange) facts(owner string) []fact {
	all := []fact{{Name: "Owner", Text: sanitize.Name(owner, 100), Small: "the record shows this name for everything that the passkey signs"}}
	if c.link.Tenant != "" {
		all = append(all, fact{Name: "Tenant", Text: sanitize.Line(c.link.Tenant, 100)})
	}
	return append(all, fact{Name: "Works at", Text: c.site.ID})
}

// creation is the challenge with which a passkey is made.
func (c passkeyChange) creation(nonce string) string {
	return passkey.Statement{Verb: "create", Subject: c.token, Nonce: nonce}.Challenge()
}

// apply changes the passkeys as the form says, and returns the page that follows. If the tenant has a
// passkey, that page asks for its signature over the new one.
func (c passkeyChange) apply() (page, error) {
	form := c.r.PostForm
	if c.link.Remove != "" {
		signed, err := c.pages.assertion(c.r, c.token)
		if err == nil {
			err = c.pages.ledger.RemovePasskey(c.r.Context(), c.token, *signed, c.site)
		}
		return page{Heading: "The passkey was removed", Done: true, Lead: "It can no longer sign."}, err
	}
	made, nonce := form.Get("made"), form.Get("made_nonce")
	if err := c.pages.checkNonce(c.token, nonce); err != nil {
		return page{}, err
	}
	added, err := passkey.Enrol(made, c.site, c.link.Name, c.creation(nonce))
	if err != nil {
		return page{}, err
	}
	var confirmed *passkey.Assertion
	if form.Get("passkey") != "" {
		if confirmed, err = c.pages.assertion(c.r, c.token); err != nil {
			return page{}, err
		}
	}
	err = c.pages.ledger.AddPasskey(c.r.Context(), c.token, added, confirmed, c.site)
	if errors.Is(err, consent.ErrUnsigned) && confirmed == nil {
		return c.confirmPage(added, made, nonce), nil
	}
	return page{Heading: "The passkey was added", Done: true, Lead: "You can now sign what you approve with it.", Facts: c.facts(c.link.Name)}, err
}

// confirmPage asks for the signature of an existing passkey over a new one.
func (c passkeyChange) confirmPage(added passkey.Credential, made, madeNonce string) page {
	s := newSigning(c.pages.nonce(c.token))
	statement := c.link.Statement(added)
	statement.Nonce = s.Nonce
	s.Confirm, s.Made, s.MadeNonce = passkey.RequestOptions(c.site, statement.Challenge(), c.known), made, madeNonce
	return page{
		Heading: "Confirm the new passkey", Sandbox: c.pages.Sandbox, Passkey: s, PasskeyChange: true, Facts: c.facts(c.link.Name),
		Lead: "Your device has made it. It counts once a passkey that was added before confirms it.",
	}
}
