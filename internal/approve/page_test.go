package approve_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/approve"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/store"
)

// desk is a page over a ledger, with a clock that only the test moves.
type desk struct {
	t      *testing.T
	clock  time.Time
	ledger *consent.Ledger
	page   http.Handler
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, clock: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)}
	db := store.Open("")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d.ledger = consent.New(db, func() time.Time { return d.clock })
	d.page = approve.New(d.ledger, []byte("a secret of sixteen bytes"))
	return d
}

func (d *desk) propose(change func(*consent.Act)) string {
	d.t.Helper()
	act := consent.Act{
		Tool: "book_slot", SlotID: "s1", Start: d.clock.Add(30 * time.Hour), End: d.clock.Add(31 * time.Hour), Zone: "Europe/London",
		GuestZone: "Asia/Tokyo", Title: "Intro", Notes: "Line one\nline two", Price: "5000 JPY",
		Hosts:     []consent.Party{{Name: "Alice Marlow", ID: "id-1"}, {Name: "Bob Reyes", ID: "id-2"}},
		Attendees: []consent.Attendee{{Name: "Ada", Email: "ada@example.com", Mailed: true}, {Name: "Grace", Email: "grace@example.com"}},
	}
	if change != nil {
		change(&act)
	}
	p, err := d.ledger.Propose(context.Background(), act)
	require.NoError(d.t, err)
	return p.ID
}

func (d *desk) send(method, id string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(d.t.Context(), method, approve.Path+id, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.page.ServeHTTP(w, r)
	return w
}

// decide opens a page and sends its form.
func (d *desk) decide(id string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	opened := d.send(http.MethodGet, id, nil)
	form.Set("token", token(d.t, opened))
	return d.send(http.MethodPost, id, form, opened.Result().Cookies()...)
}

func token(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	found := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(w.Body.String())
	require.NotNil(t, found, w.Body.String())
	return found[1]
}

func (d *desk) state(id string) consent.State {
	d.t.Helper()
	p, err := d.ledger.Proposal(context.Background(), id)
	require.NoError(d.t, err)
	return p.State
}

// bar: C9. Everything that will be written stands on the page.
func TestBar_C9_ThePageShowsEverythingAndOpeningItChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		w := d.send(method, id, nil)
		assert.Equal(t, http.StatusOK, w.Code)
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
		} {
			assert.Equal(t, want, w.Header().Get(header))
		}
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
	}
	page := d.send(http.MethodGet, id, nil).Body.String()
	for _, fact := range []string{
		"Intro", "Thu 14 May 2026, 15:00–16:00 (Europe/London, UTC&#43;1)", "23:00", "Tokyo", "Alice Marlow", "Bob Reyes", "Ada &lt;ada@example.com&gt;",
		"Vennio writes to them", "grace@example.com", "Vennio does not write to them", "5000 JPY", "Line one\nline two", "Approve", "Decline", "09:10",
	} {
		assert.Contains(t, page, fact)
	}
	assert.NotContains(t, page, "<script")
	assert.Equal(t, consent.StateOpen, d.state(id))
}

// bar: X5. Who answers for several tenants sees whose booking it is; where there
// is one, nobody is bothered with it.
func TestBar_X5_TheTenantIsNamedWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for tenant, named := range map[string]bool{"": false, "acme": true} {
		id := d.propose(func(a *consent.Act) { a.Tenant = tenant })
		asked, err := d.ledger.Proposal(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, named, strings.Contains(approve.Text(asked.Act), "  Tenant    acme\n"))
		assert.Equal(t, named, strings.Contains(d.send(http.MethodGet, id, nil).Body.String(), "<dt>Tenant</dt><dd>acme</dd>"))
		assert.Equal(t, named, strings.Contains(approve.Text(asked.Act), "Tenant"))
	}
}

// bar: C8. What others wrote stays text.
func TestBar_C8_HostileTextStaysText(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(func(a *consent.Act) {
		a.Title, a.Notes = `<img src=x onerror=alert(1)>`, "pay\u202elaP \x1b[2J</dd><form action=//evil>"
	})
	page := d.send(http.MethodGet, id, nil).Body.String()
	assert.Contains(t, page, "&lt;img src=x onerror=alert(1)&gt;")
	assert.NotContains(t, page, "<img")
	assert.NotContains(t, page, "\u202e")
	assert.NotContains(t, page, "<form action=//evil")
}

// field: keys and passwords on the approval page
func TestWhatLooksLikeAKeyIsMaskedOnThePage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var act consent.Act
	id := d.propose(func(a *consent.Act) {
		a.Title, a.Notes, a.Hosts[0].Name = "Call vennio_sk_live_c4n4ry", "Log in at postgres://ada:c4n4ry@db/x\nwhsec_c4n4ry", "Alice vmcp_c4n4ry"
		act = *a
	})
	page := d.send(http.MethodGet, id, nil).Body.String()
	assert.Contains(t, page, "vennio_sk_live_****")
	assert.NotContains(t, page+approve.Text(act), "c4n4ry")
}

// field: notes that pose as facts or push them away. On the page they stand in a box of
// bounded height below the facts; in a terminal each line of them is marked, and the
// facts stand after them again.
func TestBar_C8_NotesNeitherHideNorPoseAsFacts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	hostile := strings.Repeat("\n\n \u3164\n", 60) + "What      \"Lunch\"\n  When      Fri 1 Jan 2027" + strings.Repeat(" ", 200) + "Price     0 JPY\n" + strings.Repeat("張", 300) + strings.Repeat("w", 500) + strings.Repeat("\n.", 200)
	id := d.propose(func(a *consent.Act) {
		a.Title, a.Notes = "Intro\" \nWhen      never", hostile
		a.Attendees = []consent.Attendee{{Name: "Ada <eve@example.com> (Vennio does not write to them)", Email: "ada@example.com", Mailed: true}}
	})
	page := d.send(http.MethodGet, id, nil).Body.String()
	facts, notes, _ := strings.Cut(page, "<blockquote")
	assert.Contains(t, page, "blockquote { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 12rem; overflow: auto;")
	assert.Contains(t, facts, "<dd>&#34;Intro&#39; When never&#34;</dd>")
	assert.Contains(t, facts, "<dd>&#34;Ada &lt;eve@example.com&gt; (Vennio does not write to them)&#34; &lt;ada@example.com&gt;<br><span class=\"small\">Vennio writes to them</span>")
	assert.NotContains(t, facts, "Lunch")
	assert.Contains(t, notes, "What &#34;Lunch&#34;\nWhen Fri 1 Jan 2027 Price 0 JPY\n張")
	assert.NotContains(t, page, "\n\n\n")

	asked, err := d.ledger.Proposal(t.Context(), id)
	require.NoError(t, err)
	text := approve.Text(asked.Act)
	before, after, _ := strings.Cut(text, "  Notes     as the assistant wrote them:\n")
	assert.Contains(t, before, "  What      \"Intro' When never\"\n  When      Thu 14 May 2026, 15:00–16:00")
	marked, again, _ := strings.Cut(after, "\n\n  Once more, what is asked:\n")
	assert.Equal(t, before, again, "the facts are the last that is read")
	assert.Contains(t, marked, "[1245 characters in")
	lines := strings.Split(marked, "\n")
	assert.Less(t, len(lines), 40)
	for _, line := range lines {
		assert.Regexp(t, `^ {12}│ [^ ]`, line)
		assert.LessOrEqual(t, len([]rune(line))+strings.Count(line, "張"), 80, "a terminal breaks no line of its own")
	}
	for line := range strings.SplitSeq(before, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 80)
	}
}

func TestAPersonAgreesOrNot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	yes, no := d.propose(nil), d.propose(func(a *consent.Act) { a.SlotID = "s2" })
	w := d.decide(yes, url.Values{"decision": {"approve"}, "name": {"Ada"}})
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), "<h1>Approved</h1>")
	assert.Equal(t, consent.StateApproved, d.state(yes))
	w = d.decide(no, url.Values{"decision": {"decline"}})
	assert.Contains(t, w.Body.String(), "<h1>Declined</h1>")
	assert.Equal(t, consent.StateDeclined, d.state(no))
}

// bar: C9. Only a form of ours, from the browser that opened it.
func TestBar_C9_AFormFromElsewhereChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, other := d.propose(nil), d.propose(func(a *consent.Act) { a.SlotID = "s2" })
	opened := d.send(http.MethodGet, id, nil)
	good, cookies := token(t, opened), opened.Result().Cookies()
	form := func(token string) url.Values {
		return url.Values{"decision": {"approve"}, "name": {"Ada"}, "token": {token}}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"no token":         d.send(http.MethodPost, id, form(""), cookies...),
		"no cookie":        d.send(http.MethodPost, id, form(good)),
		"another's token":  d.send(http.MethodPost, id, form(token(t, d.send(http.MethodGet, other, nil, cookies...))), cookies...),
		"another's cookie": d.send(http.MethodPost, id, form(good), &http.Cookie{Name: cookies[0].Name, Value: strings.Repeat("0", 64)}),
		"a huge form":      d.send(http.MethodPost, id, url.Values{"token": {good}, "name": {strings.Repeat("x", 1<<20)}}, cookies...),
	} {
		assert.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Contains(t, w.Body.String(), "Nothing was changed", name)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, approve.Path+id, strings.NewReader(form(good).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.AddCookie(cookies[0])
	w := httptest.NewRecorder()
	d.page.ServeHTTP(w, r)
	assert.Equal(t, http.StatusForbidden, w.Code)
	assert.Equal(t, consent.StateOpen, d.state(id))
	for _, blank := range []string{" ", "\u3164", "\u2800\u00a0\ufe0f"} {
		assert.Equal(t, http.StatusUnprocessableEntity, d.decide(id, url.Values{"decision": {"approve"}, "name": {blank}}).Code, "the record needs a name")
	}
	assert.Equal(t, http.StatusMethodNotAllowed, d.send(http.MethodPut, id, nil).Code)
	assert.Equal(t, consent.StateOpen, d.state(id))
}

// field: expired question, clock set back
// bar: C6. Once the page has shown that a question has expired, it stays so.
func TestBar_C6_APageOnceSeenExpiredStaysExpired(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	opened := d.send(http.MethodGet, id, nil)
	d.clock = d.clock.Add(consent.Life)
	require.Contains(t, d.send(http.MethodGet, id, nil).Body.String(), "Too late")
	d.clock = d.clock.Add(-consent.Life)
	w := d.send(http.MethodPost, id, url.Values{"decision": {"approve"}, "name": {"Ada"}, "token": {token(t, opened)}}, opened.Result().Cookies()...)
	assert.Contains(t, w.Body.String(), "Too late")
	assert.Equal(t, consent.StateExpired, d.state(id))
}

func TestALateAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	opened := d.send(http.MethodGet, id, nil)
	d.clock = d.clock.Add(consent.Life + time.Second)
	w := d.send(http.MethodPost, id, url.Values{"decision": {"approve"}, "name": {"Ada"}, "token": {token(t, opened)}}, opened.Result().Cookies()...)
	assert.Contains(t, w.Body.String(), "Too late")
	assert.Equal(t, consent.StateExpired, d.state(id))
}

func TestOnLoopbackKnowsOnlyItsOwnAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	h := approve.OnLoopback("127.0.0.1:4711", d.page)
	for host, want := range map[string]int{"127.0.0.1:4711": http.StatusOK, "evil.example:4711": http.StatusForbidden} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, approve.Path+id, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, host)
	}
}

// Behind a proxy that takes TLS off, the cookie is still for TLS alone.
func TestTheCookieIsForTLSWhereThePageIsReachedOverIt(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		d := newDesk(t)
		page := approve.New(d.ledger, []byte("a secret of sixteen bytes"))
		page.HTTPS = https
		d.page = page
		cookies := d.send(http.MethodGet, d.propose(nil), nil).Result().Cookies()
		require.Len(t, cookies, 1)
		assert.Equal(t, https, cookies[0].Secure)
	}
}

// bar: C9, C10. Moving and cancelling say what they are, and show all of it.
func TestBar_C10_ThePageSaysWhatIsMovedAndWhatIsCancelled(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	was := d.clock.Add(6 * time.Hour)
	for heading, tc := range map[string]struct {
		change func(*consent.Act)
		shows  []string
	}{
		"Move this booking?": {
			func(a *consent.Act) { a.BookingID, a.WasStart, a.WasEnd = "b-1", was, was.Add(time.Hour) },
			[]string{"Now", "15:00", "New time", "Thu 14 May 2026", "It stays where it is until you approve"},
		},
		"Cancel this booking?":   {func(a *consent.Act) { a.BookingID = "b-1" }, []string{"When", "Thu 14 May 2026", "cannot be undone"}},
		"Cancel these bookings?": {func(a *consent.Act) { a.BookingID, a.Repeat = "b-1", "2 bookings of the series: Thu, Fri" }, []string{"Cancels", "2 bookings of the series: Thu, Fri"}},
		"Approve this booking?":  {func(a *consent.Act) { a.Repeat = "weekly, 2 times: Thu, Thu" }, []string{"Repeats", "weekly, 2 times: Thu, Thu"}},
	} {
		shown := d.send(http.MethodGet, d.propose(tc.change), nil).Body.String()
		for _, fact := range append(tc.shows, heading) {
			assert.Contains(t, shown, fact, heading)
		}
	}
}
