package approval_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
)

const host = "localhost:4311"

// signedDesk is a desk under the policy signed.
func signedDesk(t *testing.T) (*desk, *account) {
	t.Helper()
	d, a := guarded(t)
	d.pages.PolicyOf = func(string) consent.Policy { return consent.PolicySigned }
	return d, a
}

// device is a browser with an authenticator, as one person uses it.
type device struct {
	desk  *desk
	rp    virtualwebauthn.RelyingParty
	auth  virtualwebauthn.Authenticator
	key   virtualwebauthn.Credential
	other *device // confirms what this device changes
}

// newKey returns a key of the virtual authenticator, which drops leading zero bytes of coordinates
// (docs/library-notes.md): such keys are not used.
func newKey() virtualwebauthn.Credential {
	const length = 77 // of a COSE key with two coordinates of 32 bytes
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == length {
			return key
		}
	}
}

func (d *desk) device() *device {
	return &device{
		desk: d, rp: virtualwebauthn.RelyingParty{ID: "localhost", Name: "vennio-mcp", Origin: "http://" + host},
		auth: virtualwebauthn.NewAuthenticator(), key: newKey(),
	}
}

// request sends a request to a path at the address of the pages.
func (d *desk) request(method, path string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	return d.requestAt(host, method, path, form, cookies...)
}

// requestAt sends a request with this Host header to a server that listens at the address of the pages.
func (d *desk) requestAt(sentHost, method, path string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	at := context.WithValue(d.t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: d.listens, Port: 4311})
	r := httptest.NewRequestWithContext(at, method, "http://"+sentHost+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return w
}

// attribute returns the unescaped value of the first attribute whose text begins with before.
func attribute(t *testing.T, page, before string) string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(before) + `"([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, found, "%s in %s", before, page)
	return html.UnescapeString(found[1])
}

// sign answers the options of a page.
func (v *device) sign(options string) string {
	v.desk.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	require.NoError(v.desk.t, err)
	return virtualwebauthn.CreateAssertionResponse(v.rp, v.auth, v.key, *o)
}

// form is the signed form of a page that asks for an approval or a refusal.
func (v *device) form(page, decision string) url.Values {
	v.desk.t.Helper()
	button := `value="` + decision + `"`
	if decision == "decline" {
		button += " formnovalidate"
	}
	options := attribute(v.desk.t, page, button+` data-into="passkey" data-sign=`)
	return url.Values{"decision": {decision}, "nonce": {attribute(v.desk.t, page, `name="nonce" value=`)}, "passkey": {v.sign(options)}}
}

// answer opens the page of a request and answers it with the passkey.
func (v *device) answer(id, decision string) *httptest.ResponseRecorder {
	v.desk.t.Helper()
	page := v.desk.request(http.MethodGet, approval.Path+id, nil).Body.String()
	return v.desk.request(http.MethodPost, approval.Path+id, v.form(page, decision))
}

func (d *desk) passkeyLink(link consent.PasskeyLink) string {
	d.t.Helper()
	token, err := d.ledger.NewPasskeyLink(d.t.Context(), link)
	require.NoError(d.t, err)
	return approval.PasskeyPath + token
}

// enrol opens a link, makes a passkey, and confirms it with another device if the page asks for that.
func (v *device) enrol(link string) *httptest.ResponseRecorder {
	t := v.desk.t
	t.Helper()
	page := v.desk.request(http.MethodGet, link, nil).Body.String()
	o, err := virtualwebauthn.ParseAttestationOptions(attribute(t, page, `data-create=`))
	require.NoError(t, err)
	made := virtualwebauthn.CreateAttestationResponse(v.rp, v.auth, v.key, *o)
	w := v.desk.request(http.MethodPost, link, url.Values{"made": {made}, "made_nonce": {attribute(t, page, `name="made_nonce" value=`)}})
	if v.other == nil || w.Code != http.StatusOK {
		return w
	}
	page = w.Body.String()
	return v.desk.request(http.MethodPost, link, url.Values{
		"made": {attribute(t, page, `name="made" value=`)}, "made_nonce": {attribute(t, page, `name="made_nonce" value=`)},
		"nonce": {attribute(t, page, `name="nonce" value=`)}, "passkey": {v.other.sign(attribute(t, page, `data-sign=`))},
	})
}

// enrolled is a device whose passkey was added.
func (d *desk) enrolled(tenant, name string, other *device) *device {
	d.t.Helper()
	v := d.device()
	v.other = other
	w := v.enrol(d.passkeyLink(consent.PasskeyLink{Tenant: tenant, Name: name}))
	require.Equal(d.t, http.StatusOK, w.Code, w.Body.String())
	require.Contains(d.t, w.Body.String(), "The passkey was added")
	return v
}

// id is the id of the device's passkey.
func (v *device) id() string { return base64.RawURLEncoding.EncodeToString(v.key.ID) }

// holds verifies the ledger.
func (d *desk) holds() consent.Report {
	d.t.Helper()
	report, err := d.ledger.Inspect(d.t.Context())
	require.NoError(d.t, err)
	return report
}

// req: C4, C9. Under signed a person approves and declines with a passkey, in any browser. Without one the
// page says what to do.
func TestReq_C4_UnderSignedOnlyAPasskeyApproves(t *testing.T) {
	t.Parallel()
	d, _ := signedDesk(t)
	id := d.propose(nil)
	w := d.request(http.MethodGet, approval.Path+id, nil)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Contains(t, w.Body.String(), "vennio-mcp passkeys add")
	assert.NotContains(t, w.Body.String(), "Intro", "nothing of the request is shown")

	ada := d.enrolled("", "Ada Byron", nil)
	w = d.request(http.MethodGet, approval.Path+id, nil)
	assert.Equal(t, http.StatusOK, w.Code)
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(w.Body.String())
	require.NotNil(t, script)
	hash := sha256.Sum256([]byte(script[1]))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'")
	assert.Contains(t, w.Body.String(), "Passkeys need JavaScript")
	assert.NotContains(t, w.Body.String(), "Your name")
	paired := d.pair("")
	for name, answer := range map[string]*httptest.ResponseRecorder{
		"without a signature":                     d.request(http.MethodPost, approval.Path+id, url.Values{"decision": {"approve"}, "name": {"Eve"}}),
		"without a signature in a paired browser": d.request(http.MethodPost, approval.Path+id, url.Values{"decision": {"approve"}, "name": {"Eve"}}, paired...),
		"a refusal in a browser not paired":       d.request(http.MethodPost, approval.Path+id, url.Values{"decision": {"decline"}, "name": {"Eve"}}),
	} {
		assert.Equal(t, http.StatusForbidden, answer.Code, name)
		assert.Contains(t, answer.Body.String(), "Nothing was changed: this must be signed with a passkey", name)
		assert.Equal(t, consent.StateOpen, d.state(id), name)
	}
	for _, m := range []consent.Method{consent.InClient, consent.InTerminal, consent.OnPage} {
		_, err := d.ledger.Answer(t.Context(), id, consent.Answer{Agreed: true, By: "Eve", Method: m, Policy: consent.PolicySigned})
		require.ErrorIs(t, err, consent.ErrUnsigned, m)
	}

	require.Equal(t, http.StatusSeeOther, ada.answer(id, "approve").Code)
	_, grant, err := d.ledger.Result(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, consent.Signed, grant.Method)
	assert.Equal(t, "Ada Byron", grant.GivenBy, "the owner of the passkey, whatever the form says")
	assert.Equal(t, consent.Done, grant.Outcome)

	declined := d.propose(func(a *consent.Act) { a.SlotID = "s2" })
	require.Equal(t, http.StatusSeeOther, ada.answer(declined, "decline").Code)
	assert.Equal(t, consent.StateDeclined, d.state(declined))
	inPaired := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "s3", a.Start.AddDate(0, 0, 1) })
	require.Equal(t, http.StatusSeeOther, d.request(http.MethodPost, approval.Path+inPaired, url.Values{"decision": {"decline"}}, paired...).Code)
	assert.Equal(t, consent.StateDeclined, d.state(inPaired))
	assert.Equal(t, 2, d.holds().Signatures)
}

// req: C4. Under human the page asks for the passkey if the tenant has one.
func TestReq_C4_UnderHumanThePageAsksForAnExistingPasskey(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	paired := d.pair("")
	ada := d.enrolled("", "Ada Byron", nil)
	id := d.propose(nil)
	w := d.request(http.MethodPost, approval.Path+id, url.Values{"decision": {"approve"}, "name": {"Eve"}}, paired...)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Equal(t, consent.StateOpen, d.state(id))
	require.Equal(t, http.StatusSeeOther, ada.answer(id, "approve").Code)
	assert.Equal(t, consent.StateUsed, d.state(id))

	other := d.propose(func(a *consent.Act) { a.Tenant = "acme" })
	assert.Equal(t, http.StatusForbidden, d.request(http.MethodGet, approval.Path+other, nil).Code, "a tenant without passkeys wants a paired browser")
}

// wrongAnswers are answers that must change nothing. Each gets a request, a device with a passkey of the
// tenant, and the page of the request, and returns the form that is sent.
var wrongAnswers = map[string]struct {
	status int
	says   string
	form   func(d *desk, ada *device, page string) url.Values
}{
	"approve signed as decline": {http.StatusForbidden, "something else", func(_ *desk, ada *device, page string) url.Values {
		f := ada.form(page, "decline")
		f.Set("decision", "approve")
		return f
	}},
	"decline signed as approve": {http.StatusForbidden, "something else", func(_ *desk, ada *device, page string) url.Values {
		f := ada.form(page, "approve")
		f.Set("decision", "decline")
		return f
	}},
	"signed for another request": {http.StatusForbidden, "something else", func(d *desk, ada *device, _ string) url.Values {
		other := d.propose(func(a *consent.Act) { a.SlotID, a.Title = "other", "Something else" })
		return ada.form(d.request(http.MethodGet, approval.Path+other, nil).Body.String(), "approve")
	}},
	"signed over another act with the nonce of this page": {http.StatusForbidden, "something else", func(d *desk, ada *device, page string) url.Values {
		other := d.propose(func(a *consent.Act) { a.SlotID, a.Title = "other", "Something else" })
		f := ada.form(d.request(http.MethodGet, approval.Path+other, nil).Body.String(), "approve")
		f.Set("nonce", attribute(d.t, page, `name="nonce" value=`))
		return f
	}},
	"a nonce that the server did not make": {http.StatusForbidden, "something else", func(_ *desk, ada *device, page string) url.Values {
		f := ada.form(page, "approve")
		f.Set("nonce", base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)))
		return f
	}},
	"truncated": {http.StatusUnprocessableEntity, "incomplete", func(_ *desk, ada *device, page string) url.Values {
		f := ada.form(page, "approve")
		f.Set("passkey", f.Get("passkey")[:len(f.Get("passkey"))-20])
		return f
	}},
	"truncated signature": {http.StatusForbidden, "the signature is not that of the passkey", func(_ *desk, ada *device, page string) url.Values {
		return changed(ada.form(page, "approve"), func(r map[string]string) { r["signature"] = r["signature"][:40] })
	}},
	"truncated authenticator data": {http.StatusUnprocessableEntity, "incomplete", func(_ *desk, ada *device, page string) url.Values {
		return changed(ada.form(page, "approve"), func(r map[string]string) { r["authenticatorData"] = r["authenticatorData"][:40] })
	}},
	"not JSON": {http.StatusUnprocessableEntity, "incomplete", func(_ *desk, ada *device, page string) url.Values {
		f := ada.form(page, "approve")
		f.Set("passkey", "yes")
		return f
	}},
	"another origin": {http.StatusForbidden, "another address", func(_ *desk, ada *device, page string) url.Values {
		ada.rp.Origin = "http://localhost:9999"
		return ada.form(page, "approve")
	}},
	"another relying party": {http.StatusForbidden, "another address", func(_ *desk, ada *device, page string) url.Values {
		ada.rp.ID = "evil.example"
		return ada.form(page, "approve")
	}},
	"without user verification": {http.StatusForbidden, "did not check that it is you", func(_ *desk, ada *device, page string) url.Values {
		ada.auth.Options.UserNotVerified = true
		return ada.form(page, "approve")
	}},
	"without user presence": {http.StatusForbidden, "did not check that it is you", func(_ *desk, ada *device, page string) url.Values {
		ada.auth.Options.UserNotPresent = true
		return ada.form(page, "approve")
	}},
	"an unknown passkey": {http.StatusForbidden, "not one of those", func(d *desk, _ *device, page string) url.Values {
		return d.device().form(page, "approve")
	}},
	"a passkey of another tenant": {http.StatusForbidden, "not one of those", func(d *desk, _ *device, page string) url.Values {
		return d.enrolled("acme", "Grace", nil).form(page, "approve")
	}},
	"the id of the passkey with another key": {http.StatusForbidden, "the signature is not that of the passkey", func(d *desk, ada *device, page string) url.Values {
		eve := d.device()
		eve.key.ID = ada.key.ID
		return eve.form(page, "approve")
	}},
	"a passkey that was removed while its page was open": {http.StatusForbidden, "not one of those", func(d *desk, ada *device, page string) url.Values {
		d.enrolled("", "Ada Byron", ada)
		f := ada.form(page, "approve")
		require.NoError(d.t, d.ledger.RemoveLostPasskey(d.t.Context(), "", ada.id()))
		return f
	}},
	"a counter that was used before": {http.StatusForbidden, "counter did not increase", func(d *desk, ada *device, page string) url.Values {
		ada.key.Counter = 7
		other := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "other", a.Start.AddDate(0, 0, 2) })
		require.Equal(d.t, http.StatusSeeOther, ada.answer(other, "approve").Code)
		return ada.form(page, "approve")
	}},
	"a decreased counter": {http.StatusForbidden, "counter did not increase", func(d *desk, ada *device, page string) url.Values {
		ada.key.Counter = 7
		other := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "other", a.Start.AddDate(0, 0, 2) })
		require.Equal(d.t, http.StatusSeeOther, ada.answer(other, "approve").Code)
		ada.key.Counter = 3
		return ada.form(page, "approve")
	}},
	"a counter that fell to zero": {http.StatusForbidden, "counter did not increase", func(d *desk, ada *device, page string) url.Values {
		ada.key.Counter = 7
		other := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "other", a.Start.AddDate(0, 0, 2) })
		require.Equal(d.t, http.StatusSeeOther, ada.answer(other, "approve").Code)
		ada.key.Counter = 0
		return ada.form(page, "approve")
	}},
}

// changed changes the fields of the browser's answer.
func changed(form url.Values, change func(map[string]string)) url.Values {
	var answer map[string]json.RawMessage
	_ = json.Unmarshal([]byte(form.Get("passkey")), &answer)
	var response map[string]string
	_ = json.Unmarshal(answer["response"], &response)
	change(response)
	answer["response"], _ = json.Marshal(response)
	text, _ := json.Marshal(answer)
	form.Set("passkey", string(text))
	return form
}

// req: C5. No wrong or replayed assertion approves; the same device then approves with a right one, except
// where it no longer counts.
func TestReq_C5_WrongAssertionsChangeNothing(t *testing.T) {
	t.Parallel()
	for name, wrong := range wrongAnswers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, a := signedDesk(t)
			ada := d.enrolled("", "Ada Byron", nil)
			id := d.propose(nil)
			page := d.request(http.MethodGet, approval.Path+id, nil).Body.String()
			form := wrong.form(d, ada, page)
			before := a.writes
			w := d.request(http.MethodPost, approval.Path+id, form)
			assert.Equal(t, wrong.status, w.Code, w.Body.String())
			assert.Contains(t, w.Body.String(), "Nothing was changed")
			assert.Contains(t, w.Body.String(), wrong.says)
			assert.Equal(t, consent.StateOpen, d.state(id))
			assert.Equal(t, before, a.writes)
			d.holds()
		})
	}
}

// field: an assertion that is used twice, or too late
func TestAnAssertionCountsOnceAndInTime(t *testing.T) {
	t.Parallel()
	d, a := signedDesk(t)
	ada := d.enrolled("", "Ada Byron", nil)
	id := d.propose(nil)
	page := d.request(http.MethodGet, approval.Path+id, nil).Body.String()
	form := ada.form(page, "approve")
	for range 3 {
		assert.Equal(t, http.StatusSeeOther, d.request(http.MethodPost, approval.Path+id, form).Code, "the page then shows the result")
	}
	assert.Equal(t, 1, a.writes)
	assert.Equal(t, 1, d.holds().Signatures)

	late := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "late", a.Start.AddDate(0, 0, 2) })
	form = ada.form(d.request(http.MethodGet, approval.Path+late, nil).Body.String(), "approve")
	d.clock = d.clock.Add(consent.Lifetime)
	assert.Equal(t, http.StatusSeeOther, d.request(http.MethodPost, approval.Path+late, form).Code)
	assert.Equal(t, consent.StateExpired, d.state(late))
	assert.Equal(t, 1, a.writes)

	again := d.propose(func(a *consent.Act) { a.SlotID, a.Start = "late", a.Start.AddDate(0, 0, 2) })
	require.NotEqual(t, late, again)
	assert.Equal(t, http.StatusForbidden, d.request(http.MethodPost, approval.Path+again, form).Code, "the same act, asked again")
	assert.Equal(t, consent.StateOpen, d.state(again))
}

// field: two browsers answering at once
func TestOfTwoSignedAnswersAtOnceOneCounts(t *testing.T) {
	t.Parallel()
	d, a := signedDesk(t)
	ada := d.enrolled("", "Ada Byron", nil)
	grace := d.enrolled("", "Grace Hopper", ada)
	id := d.propose(nil)
	page := d.request(http.MethodGet, approval.Path+id, nil).Body.String()
	forms := []url.Values{ada.form(page, "approve"), grace.form(page, "decline")}
	var both sync.WaitGroup
	for _, form := range forms {
		both.Go(func() { assert.Equal(t, http.StatusSeeOther, d.request(http.MethodPost, approval.Path+id, form).Code) })
	}
	both.Wait()
	assert.Equal(t, map[bool]int{true: 1, false: 0}[d.state(id) == consent.StateUsed], a.writes)
	assert.Equal(t, 2, d.holds().Signatures, "one of them confirmed the second passkey")
}

// req: C13. The first passkey of a tenant is trusted; others are added and removed only with the signature
// of an existing one, over exactly that change.
func TestReq_C13_PasskeysAreChangedOnlyWithASignature(t *testing.T) {
	t.Parallel()
	d, _ := signedDesk(t)
	ada := d.enrolled("", "Ada Byron", nil)
	eve := d.device()
	link := d.passkeyLink(consent.PasskeyLink{Name: "Eve"})
	assert.Contains(t, eve.enrol(link).Body.String(), "Confirm the new passkey")
	for name, by := range map[string]*device{"itself": eve, "an unknown one": d.device()} {
		eve.other = by
		assert.Equal(t, http.StatusForbidden, eve.enrol(link).Code, name)
	}
	second := d.enrolled("", "Ada Byron", ada)
	all, err := d.ledger.Passkeys(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, []consent.Trust{consent.FirstUse, consent.BySignature}, []consent.Trust{all[0].How, all[1].How})
	assert.Equal(t, second.id(), all[1].ID)

	remove := d.passkeyLink(consent.PasskeyLink{Remove: ada.id()})
	page := d.request(http.MethodGet, remove, nil).Body.String()
	form := func(by *device) url.Values {
		return url.Values{"nonce": {attribute(t, page, `name="nonce" value=`)}, "passkey": {by.sign(attribute(t, page, `data-sign=`))}}
	}
	assert.Equal(t, http.StatusForbidden, d.request(http.MethodPost, remove, form(eve)).Code)
	assert.Equal(t, http.StatusForbidden, d.request(http.MethodPost, d.passkeyLink(consent.PasskeyLink{Remove: second.id()}), form(second)).Code, "signed for another removal")
	require.Equal(t, http.StatusOK, d.request(http.MethodPost, remove, form(second)).Code)
	assert.Equal(t, http.StatusGone, d.request(http.MethodPost, remove, form(second)).Code, "a link works once")
	all, err = d.ledger.Passkeys(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 1)
	report := d.holds()
	assert.Empty(t, report.Unsigned)
	assert.Equal(t, 2, report.Signatures)

	// The last device is lost.
	require.NoError(t, d.ledger.RemoveLostPasskey(t.Context(), "", second.id()))
	d.enrolled("", "Ada Byron", nil)
	report = d.holds()
	require.Len(t, report.Unsigned, 2)
	assert.Equal(t, []bool{false, true}, []bool{report.Unsigned[0].Added, report.Unsigned[1].Added})

	d.clock = d.clock.Add(consent.PasskeyLinkLife)
	assert.Equal(t, http.StatusGone, d.request(http.MethodGet, link, nil).Code, "a link expires")
}

// field: a page on which browsers offer no passkeys
func TestPasskeysNeedAHostName(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]passkey.Site{
		"https://book.example.com": {ID: "book.example.com", Origin: "https://book.example.com"}, "https://Book.example.com:8443/x": {ID: "book.example.com", Origin: "https://book.example.com:8443"},
		"https://book.example.com:443": {ID: "book.example.com", Origin: "https://book.example.com"}, "http://localhost:4311": {ID: "localhost", Origin: "http://localhost:4311"},
		"http://localhost:80": {ID: "localhost", Origin: "http://localhost"},
		"http://127.0.0.1:80": {}, "https://192.0.2.1": {}, "https://[::1]:8080": {}, "http://book.example.com": {}, "localhost:80": {}, "": {}, "%": {},
	} {
		got, err := passkey.SiteOf(base)
		assert.Equal(t, want, got, base)
		assert.Equal(t, want == passkey.Site{}, err != nil, base)
	}
}

// field: server whose address has changed since the passkeys were added
func TestAPasskeyWorksOnlyWhereItWasAdded(t *testing.T) {
	t.Parallel()
	d, _ := signedDesk(t)
	ada := d.enrolled("", "Ada Byron", nil)
	id := d.propose(nil)
	d.pages.PublicURL = "https://book.example.com"
	w := d.request(http.MethodGet, approval.Path+id, nil)
	assert.Contains(t, w.Body.String(), "none was added at this one")
	assert.NotContains(t, w.Body.String(), "Approve with a passkey")
	w = d.request(http.MethodGet, d.passkeyLink(consent.PasskeyLink{Name: "Grace"}), nil)
	assert.Contains(t, w.Body.String(), "passkeys remove ID --lost")
	d.pages.PublicURL = ""
	require.Equal(t, http.StatusSeeOther, ada.answer(id, "approve").Code)
}

// field: a page of another program on localhost, for which browsers use the same passkeys: it shows something
// harmless, has a request signed under its own origin, and sends the signature with its own Host header
func TestASignatureForAnotherPortCountsNowhere(t *testing.T) {
	t.Parallel()
	d, a := signedDesk(t)
	ada := d.enrolled("", "Ada Byron", nil)
	id := d.propose(nil)
	page := d.request(http.MethodGet, approval.Path+id, nil).Body.String()
	for _, elsewhere := range []string{"localhost:9999", "localhost:80", "localhost", "LOCALHOST:9999", "localhost.:9999", "localhost:04312"} {
		ada.rp.Origin = "http://" + strings.ToLower(elsewhere)
		form := ada.form(page, "approve")
		assert.Equal(t, http.StatusForbidden, d.requestAt(elsewhere, http.MethodPost, approval.Path+id, form).Code, elsewhere)
		assert.Equal(t, http.StatusForbidden, d.request(http.MethodPost, approval.Path+id, form).Code, elsewhere)
		assert.Equal(t, consent.StateOpen, d.state(id), elsewhere)
	}
	w := d.requestAt("localhost:9999", http.MethodGet, approval.Path+id, nil)
	assert.NotContains(t, w.Body.String(), "data-sign")
	assert.Contains(t, w.Body.String(), "VENNIO_MCP_PUBLIC_URL")

	ada.rp.Origin = "http://" + host
	d.listens = net.IPv4(192, 0, 2, 1) // another program may listen on the same port of localhost
	assert.Equal(t, http.StatusForbidden, d.request(http.MethodPost, approval.Path+id, ada.form(page, "approve")).Code)
	assert.Zero(t, a.writes)
	d.listens = net.IPv6loopback
	require.Equal(t, http.StatusSeeOther, ada.answer(id, "approve").Code)
}

// field: a server behind a forwarded port, which knows its address from the settings
func TestAForwardedServerNeedsItsPublicURL(t *testing.T) {
	t.Parallel()
	d, _ := signedDesk(t)
	d.pages.PublicURL, d.listens = "http://"+host, net.IPv4(172, 17, 0, 2)
	ada := d.enrolled("", "Ada Byron", nil)
	id := d.propose(nil)
	require.Equal(t, http.StatusSeeOther, ada.answer(id, "approve").Code)
}
