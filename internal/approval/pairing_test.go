package approval_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// guarded is a desk under the policy human, and its pairings.
func guarded(t *testing.T) (*desk, *account) {
	t.Helper()
	d := newDesk(t)
	db := sqldb.Open("")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d.pages.Pairings = approval.NewPairings(db, func() time.Time { return d.clock })
	d.pages.PolicyOf = func(string) consent.Policy { return consent.PolicyHuman }
	a := &account{executes: d.settles(consent.Done, ""), status: "confirmed"}
	d.of(a)
	return d, a
}

// visit sends a request to a path, with headers in pairs.
func (d *desk) visit(method, path string, form url.Values, cookies []*http.Cookie, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(d.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return w
}

// pair makes a link and uses it, as a person does.
func (d *desk) pair(tenant string, cookies ...*http.Cookie) []*http.Cookie {
	d.t.Helper()
	link, err := d.pages.Pairings.NewLink(d.t.Context(), tenant, "")
	require.NoError(d.t, err)
	w := d.visit(http.MethodPost, link, url.Values{"name": {"Ada Byron"}}, cookies)
	require.Equal(d.t, http.StatusSeeOther, w.Code, w.Body.String())
	return w.Result().Cookies()
}

// field: pairing link that is previewed, used twice, or too late
func TestAPairingLinkWorksOnceAndForTenMinutes(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	id := d.propose(nil)
	link, err := d.pages.Pairings.NewLink(t.Context(), "", id)
	require.NoError(t, err)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} { // a preview, and the person
		w := d.visit(method, link, nil, nil)
		assert.Equal(t, http.StatusOK, w.Code)
		for _, cookie := range w.Result().Cookies() { // it identifies the browser, and opens nothing
			assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path, nil, []*http.Cookie{cookie}).Code)
			assert.Equal(t, 600, cookie.MaxAge)
		}
	}
	assert.Equal(t, http.StatusUnprocessableEntity, d.visit(http.MethodPost, link, url.Values{"name": {" "}}, nil).Code, "a name is needed")
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodPost, link, url.Values{"name": {"Eve"}}, nil, "Sec-Fetch-Site", "cross-site").Code)
	w := d.visit(http.MethodPost, link, url.Values{"name": {"Ada Byron"}}, nil, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, http.StatusSeeOther, w.Code)
	assert.Equal(t, approval.Path+id, w.Header().Get("Location"), "it leads to the request")
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.Equal(t, "vennio-paired-sandbox", cookies[0].Name, "in memory; of a store that lasts it is vennio-paired")
	assert.True(t, cookies[0].HttpOnly)
	assert.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
	assert.Empty(t, cookies[0].Domain, "host-only")
	assert.Equal(t, 90*24*3600, cookies[0].MaxAge)
	assert.False(t, cookies[0].Secure, "on loopback there is no TLS")

	for _, again := range []*httptest.ResponseRecorder{d.visit(http.MethodGet, link, nil, nil), d.visit(http.MethodPost, link, url.Values{"name": {"Eve"}}, nil)} {
		assert.Equal(t, http.StatusGone, again.Code)
		assert.Contains(t, again.Body.String(), "This link cannot be used")
		assert.Empty(t, again.Result().Cookies())
	}
	assert.Equal(t, approval.Path+id, d.visit(http.MethodGet, link, nil, cookies).Header().Get("Location"), "the browser that used it goes on")

	late, err := d.pages.Pairings.NewLink(t.Context(), "", "")
	require.NoError(t, err)
	d.clock = d.clock.Add(approval.LinkLife)
	assert.Equal(t, http.StatusGone, d.visit(http.MethodPost, late, url.Values{"name": {"Ada"}}, nil).Code)
	assert.Equal(t, http.StatusGone, d.visit(http.MethodGet, approval.Path+"pair/", nil, nil).Code)
}

// field: cookies disabled or forged
// req: C9. Under human an address authenticates nobody, and shows nothing.
func TestReq_C9_OnlyAPairedBrowserSeesAndAnswers(t *testing.T) {
	t.Parallel()
	d, a := guarded(t)
	id := d.propose(nil)
	forged := &http.Cookie{Name: "vennio-paired-sandbox", Value: strings.Repeat("A", 26)}
	for name, cookies := range map[string][]*http.Cookie{"none": nil, "forged": {forged}, "empty": {{Name: "vennio-paired-sandbox"}}, "of another tenant": d.pair("acme")} {
		for _, w := range []*httptest.ResponseRecorder{
			d.visit(http.MethodGet, approval.Path+id, nil, cookies), d.visit(http.MethodPost, approval.Path+id, yes, cookies), d.visit(http.MethodGet, approval.Path+id+".ics", nil, cookies),
		} {
			assert.Equal(t, http.StatusForbidden, w.Code, name)
			assert.Contains(t, w.Body.String(), "This browser is not paired", name)
			assert.NotContains(t, w.Body.String(), "Intro", name)
			assert.NotContains(t, w.Body.String(), "ada@example.com", name)
		}
	}
	assert.Equal(t, consent.StateOpen, d.state(id))
	assert.Zero(t, a.writes)

	cookies := d.pair("")
	w := d.visit(http.MethodGet, approval.Path+id, nil, cookies)
	assert.Contains(t, w.Body.String(), `value="Ada Byron"`, "the name is that of the pairing")
	assert.Equal(t, http.StatusSeeOther, d.visit(http.MethodPost, approval.Path+id, url.Values{"decision": {"approve"}, "name": {""}}, cookies).Code)
	assert.Equal(t, 1, a.writes)
	_, g, err := d.ledger.Result(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "Ada Byron", g.GivenBy)

	paired, err := d.pages.Pairings.Browsers(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, paired, 1)
	require.ErrorIs(t, d.pages.Pairings.Revoke(t.Context(), "acme", paired[0].ID), approval.ErrNoPairing, "another tenant's")
	require.NoError(t, d.pages.Pairings.Revoke(t.Context(), "", paired[0].ID))
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path+id, nil, cookies).Code, "revoked")

	cookies = d.pair("")
	d.clock = d.clock.Add(90 * 24 * time.Hour)
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path, nil, cookies).Code, "a pairing ends after 90 days")
}

// field: sign-in that takes too long
func TestAnAttemptToSignInLastsTenMinutes(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	assert.Equal(t, http.StatusNotFound, d.visit(http.MethodGet, approval.Path+"sign-in", nil, nil).Code, "nobody can sign in where there is no issuer")
	assert.NotContains(t, d.visit(http.MethodGet, approval.Path, nil, nil).Body.String(), "Sign in")
	var site *httptest.Server
	redeemed := 0
	site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			redeemed++
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%[1]q,"token_endpoint":"%[1]s/token","jwks_uri":%[1]q}`, site.URL)
	}))
	t.Cleanup(site.Close)
	old, current := []byte("an older secret"), []byte("the secret in use")
	now := func() time.Time { return d.clock }
	issuer := auth.NewSignIn(auth.SignInOptions{Issuer: site.URL, ClientID: "vennio", RedirectURL: "https://mcp.example.com" + approval.SignedInPath, Now: now})
	d.pages.HTTPS = true
	d.pages.SignIn = &approval.SignIn{Issuer: issuer, Keys: tenant.NewKeyring(old)}
	w := d.visit(http.MethodGet, approval.Path+"sign-in", nil, nil)
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body.String())
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	assert.True(t, cookies[0].Secure)
	to, err := url.Parse(w.Header().Get("Location"))
	require.NoError(t, err)
	back := approval.SignedInPath + "?" + url.Values{"code": {"c"}, "state": {to.Query().Get("state")}}.Encode()
	assert.Equal(t, "https://mcp.example.com"+approval.SignedInPath, to.Query().Get("redirect_uri"))

	d.pages.SignIn = &approval.SignIn{Issuer: issuer, Keys: tenant.NewKeyring(current, old)} // rotated meanwhile
	d.clock = d.clock.Add(10*time.Minute - time.Second)
	d.visit(http.MethodGet, back, nil, cookies)
	assert.Equal(t, 1, redeemed, "in time")
	d.clock = d.clock.Add(time.Second)
	w = d.visit(http.MethodGet, back, nil, cookies)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "it took more than ten minutes")
	d.pages.SignIn = &approval.SignIn{Issuer: issuer, Keys: tenant.NewKeyring(current)}
	d.clock = d.clock.Add(-time.Minute)
	assert.Equal(t, http.StatusBadRequest, d.visit(http.MethodGet, back, nil, cookies).Code, "signed by a secret that is no longer accepted")
	assert.Equal(t, 1, redeemed)
}

// field: page opened from another site
// With a link of another site a browser sends no cookie of SameSite=Strict; the page then loads
// itself, which is of the same site.
func TestALinkFromAnotherSiteLeadsToThePage(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	id := d.propose(nil)
	cookies := d.pair("")
	for _, path := range []string{approval.Path + id, approval.Path} {
		w := d.visit(http.MethodGet, path, nil, nil, "Sec-Fetch-Site", "cross-site")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Contains(t, w.Body.String(), `<meta http-equiv="refresh" content="0">`)
		assert.NotContains(t, w.Body.String(), "Intro")
		assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, path, nil, nil, "Sec-Fetch-Site", "same-origin").Code, "once")
		assert.Equal(t, http.StatusOK, d.visit(http.MethodGet, path, nil, cookies, "Sec-Fetch-Site", "same-origin").Code)
	}
}

// field: inbox
// req: X5. The inbox shows what waits, what was decided and what is booked, of the tenants that the
// browser is paired with and no others.
func TestTheInboxShowsTheTenantsOfTheBrowser(t *testing.T) {
	t.Parallel()
	d, a := guarded(t)
	a.upcoming = []schemas.Booking{{BookingID: "b-7", Status: "confirmed", Title: "Standup", Description: "Fri 15 May 2026, 09:00–09:15", Start: "2026-05-15T08:00:00Z", Hosts: []string{"Alice Marlow"}}}
	of := func(tenant, slot, title string) string {
		return d.propose(func(act *consent.Act) { act.Tenant, act.SlotID, act.Title = tenant, slot, title })
	}
	waits, booked, foreign := of("", "s1", "Waiting one"), of("", "s2", "Booked one"), of("acme", "s3", "Foreign one")
	cookies := d.pair("")
	d.visit(http.MethodPost, approval.Path+booked, yes, cookies)
	for _, path := range []string{approval.Path, strings.TrimSuffix(approval.Path, "/")} {
		shown := d.visit(http.MethodGet, path, nil, cookies).Body.String()
		waiting, rest, _ := strings.Cut(shown, "<h2>Decided</h2>")
		assert.Contains(t, waiting, `<a href="`+approval.Path+waits+`">`)
		assert.Contains(t, rest, `<a href="`+approval.Path+booked+`">`)
		assert.Contains(t, rest, "Booked · asked Wed 13 May 2026")
		assert.Contains(t, rest, "Standup")
		assert.Contains(t, rest, approval.Path+"bookings/b-7.ics")
		assert.NotContains(t, shown, foreign)
		assert.NotContains(t, shown, "Foreign one")
	}
	old := cookies
	cookies = d.pair("acme", cookies...)
	shown := d.visit(http.MethodGet, approval.Path, nil, cookies).Body.String()
	assert.Contains(t, shown, foreign)
	assert.Contains(t, shown, waits, "one browser, two tenants")
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path, nil, old).Code, "whoever gave the browser its cookie does not share the new pairing")
	assert.Equal(t, http.StatusMethodNotAllowed, d.visit(http.MethodPost, approval.Path, yes, cookies).Code, "the inbox answers nothing")

	d.pages.AccountOf = func(string) (approval.Account, error) { return nil, errors.New("no key") }
	d.clock = d.clock.Add(time.Minute)
	assert.Contains(t, d.visit(http.MethodGet, approval.Path, nil, cookies).Body.String(), "Vennio did not answer")
}

// Under the other policies whoever has the address answers, as before; a paired browser's name is used.
func TestUnderAskTheAddressIsEnough(t *testing.T) {
	t.Parallel()
	d, a := guarded(t)
	d.pages.PolicyOf = func(string) consent.Policy { return consent.PolicyAsk }
	id := d.propose(nil)
	assert.Equal(t, http.StatusOK, d.visit(http.MethodGet, approval.Path+id, nil, nil).Code)
	assert.Equal(t, http.StatusSeeOther, d.visit(http.MethodPost, approval.Path+id, yes, nil).Code)
	assert.Equal(t, 1, a.writes)
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path, nil, nil).Code, "the inbox shows everything, so it is for paired browsers")
}

// Behind a proxy that takes TLS off, the cookie is still for TLS alone.
func TestTheCookieIsForTLSWhereThePageIsReachedOverIt(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	d.pages.HTTPS = true
	cookies := d.pair("")
	require.Len(t, cookies, 1)
	assert.True(t, cookies[0].Secure)
}

// field: page of a process with a laxer policy
// req: C9. A request that was made under human is answered only in a paired browser, whatever the policy of the process that
// shows the page: processes of several policies may share a store.
func TestReq_C9_TheStricterOfTwoPoliciesHolds(t *testing.T) {
	t.Parallel()
	for _, asked := range []consent.Policy{consent.PolicyHuman, consent.PolicyAsk} {
		d, a := guarded(t)
		d.pages.PolicyOf = func(string) consent.Policy { return consent.PolicyAsk }
		p, err := d.ledger.Ask(t.Context(), consent.Act{Tool: "book_slot", SlotID: "s1", Title: "Intro", Zone: "Europe/London"}, consent.Asker{Policy: asked})
		require.NoError(t, err)
		strict := asked == consent.PolicyHuman
		shown := d.visit(http.MethodGet, approval.Path+p.ID, nil, nil)
		assert.Equal(t, strict, shown.Code == http.StatusForbidden, asked)
		assert.Equal(t, strict, !strings.Contains(shown.Body.String(), "Intro"), asked)
		assert.Equal(t, strict, d.visit(http.MethodPost, approval.Path+p.ID, yes, nil).Code == http.StatusForbidden, asked)
		assert.Equal(t, strict, a.writes == 0, asked)
		_, err = d.ledger.Verify(t.Context())
		require.NoError(t, err)
	}
}

// field: approval for another account
// What was asked for another account than that of the process that shows the page is not written with the latter.
func TestAnApprovalForAnotherAccountIsLeftAlone(t *testing.T) {
	t.Parallel()
	d, a := guarded(t)
	a.foreign = true
	id := d.propose(nil)
	cookies := d.pair("")
	assert.Equal(t, http.StatusSeeOther, d.visit(http.MethodPost, approval.Path+id, yes, cookies).Code)
	assert.Zero(t, a.writes)
	shown := d.visit(http.MethodGet, approval.Path+id, nil, cookies).Body.String()
	assert.Contains(t, shown, "<h1>Not booked yet</h1>")
	d.clock = d.clock.Add(consent.Lifetime)
	for range 2 {
		shown = d.visit(http.MethodGet, approval.Path+id, nil, cookies).Body.String()
		assert.Contains(t, shown, "<h1>Not booked</h1>", "nobody did it in time")
		assert.Contains(t, shown, "your approval was not used in time")
		assert.NotContains(t, shown, `http-equiv="refresh"`)
		assert.Contains(t, d.visit(http.MethodGet, approval.Path, nil, cookies).Body.String(), "Not booked ·")
		d.clock = d.clock.Add(-time.Minute) // a clock that is set back revives nothing
	}
	_, err := d.ledger.Verify(t.Context())
	require.NoError(t, err)
}

// field: inbox beside a busy tenant
// req: X5. The requests of another tenant, however many, push none of ours out of view.
func TestReq_X5_ABusyTenantHidesNothingInTheInboxOfAnother(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	of := func(tenant string, n int) string {
		return d.propose(func(act *consent.Act) {
			act.Tenant, act.SlotID, act.Title = tenant, fmt.Sprint(tenant, n), fmt.Sprint("Meeting ", n)
		})
	}
	waits, decided := of("", 1), of("", 2)
	cookies := d.pair("")
	d.visit(http.MethodPost, approval.Path+decided, url.Values{"decision": {"decline"}}, cookies)
	for n := range 310 {
		of("acme", n)
	}
	shown := d.visit(http.MethodGet, approval.Path, nil, cookies).Body.String()
	assert.Contains(t, shown, waits)
	assert.Contains(t, shown, decided)
}

// field: person who is erased and had paired a browser
func TestErasingAPersonEndsThePairingsInTheirName(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	id := d.propose(nil)
	cookies := d.pair("")
	for person, want := range map[string]int{"grace hopper": 0, "Ada BYRON": 1} {
		n, err := d.pages.Pairings.Erase(t.Context(), consent.Mentions(person))
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
	assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path+id, nil, cookies).Code)
}

// field: calendar file of a booking with hostile text
func TestACalendarFileHoldsOneEventWhateverVennioSays(t *testing.T) {
	t.Parallel()
	d, a := guarded(t)
	a.booking = schemas.GetBookingResult{Booking: schemas.Booking{
		Title: "Intro\r\nEND:VEVENT\rBEGIN:VEVENT", Start: "2026-05-15T08:00:00Z", End: "2026-05-15T09:00:00Z", Hosts: []string{"Alice\rATTENDEE:mailto:eve@example.com"},
	}, Notes: "a\r\nEND:VEVENT\rBEGIN:VALARM\u2028TRIGGER:-PT1M"}
	w := d.visit(http.MethodGet, approval.Path+"bookings/b-7.ics", nil, d.pair(""))
	require.Equal(t, http.StatusOK, w.Code)
	assert.NotRegexp(t, `\r[^\n]`, w.Body.String())
	c, err := ics.ParseCalendar(w.Body)
	require.NoError(t, err)
	require.Len(t, c.Events(), 1)
	assert.Empty(t, c.Events()[0].Attendees())
	assert.Empty(t, c.Events()[0].Alarms())
}

// A double click sends the form twice, and a browser ignores the response to the first request.
//
// field: double click on the button that pairs a browser
func TestADoubleClickPairsTheBrowser(t *testing.T) {
	t.Parallel()
	d, _ := guarded(t)
	id := d.propose(nil)
	for _, earlier := range [][]*http.Cookie{nil, d.pair("acme")} {
		link, err := d.pages.Pairings.NewLink(t.Context(), "", id)
		require.NoError(t, err)
		jar := append(d.visit(http.MethodGet, link, nil, earlier).Result().Cookies(), earlier...)
		require.Len(t, jar, 1)
		form := url.Values{"name": {"Ada Byron"}}
		responses := make([]*httptest.ResponseRecorder, 2)
		var clicks sync.WaitGroup
		for i := range responses {
			clicks.Go(func() { responses[i] = d.visit(http.MethodPost, link, form, jar, "Sec-Fetch-Site", "same-origin") })
		}
		clicks.Wait()
		for _, w := range responses {
			require.Equal(t, http.StatusSeeOther, w.Code, w.Body.String())
			assert.Equal(t, approval.Path+id, w.Header().Get("Location"))
			assert.Equal(t, http.StatusOK, d.visit(http.MethodGet, approval.Path+id, nil, w.Result().Cookies()).Code)
		}
		paired, err := d.pages.Pairings.Browsers(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, paired, 1)
		require.NoError(t, d.pages.Pairings.Revoke(t.Context(), "", paired[0].ID))
		for name, cookies := range map[string][]*http.Cookie{"another browser": nil, "another cookie": {{Name: jar[0].Name, Value: "A"}}} {
			assert.Equal(t, http.StatusGone, d.visit(http.MethodPost, link, form, cookies).Code, name)
		}
		assert.Equal(t, http.StatusForbidden, d.visit(http.MethodGet, approval.Path+id, nil, jar).Code, "the cookie before opens nothing")
	}
}
