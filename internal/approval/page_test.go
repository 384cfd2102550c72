package approval_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// desk is a page over a ledger, with a clock that only the test moves.
type desk struct {
	t      *testing.T
	clock  time.Time
	ledger *consent.Ledger
	pages  *approval.Pages

	listens net.IP // the address at which requests with a Host header arrive
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, clock: time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC), listens: net.IPv4(127, 0, 0, 1)}
	db := sqldb.Open("")
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d.ledger = consent.New(db, func() time.Time { return d.clock })
	d.pages = approval.New(d.ledger)
	return d
}

func (d *desk) propose(change func(*consent.Act)) string {
	d.t.Helper()
	act := consent.Act{
		Tool: "book_slot", SlotID: "s1", Start: d.clock.Add(30 * time.Hour), End: d.clock.Add(31 * time.Hour), Zone: "Europe/London",
		GuestZone: "Asia/Tokyo", Title: "Intro", Notes: "Line one\nline two", Price: "5000 JPY",
		Hosts:     []consent.Host{{Name: "Alice Marlow", ID: "id-1"}, {Name: "Bob Reyes", ID: "id-2"}},
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
	r := httptest.NewRequestWithContext(d.t.Context(), method, approval.Path+id, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.pages.ServeHTTP(w, r)
	return w
}

// decide sends the form of a page, and follows the redirect to the result.
func (d *desk) decide(id string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	w := d.send(http.MethodPost, id, form)
	if w.Code == http.StatusSeeOther {
		require.Equal(d.t, approval.Path+id, w.Header().Get("Location"))
		return d.send(http.MethodGet, id, nil)
	}
	return w
}

func (d *desk) state(id string) consent.State {
	d.t.Helper()
	p, err := d.ledger.Proposal(context.Background(), id)
	require.NoError(d.t, err)
	return p.State
}

// req: C9. Everything that will be written stands on the page.
func TestReq_C9_ThePageShowsEverythingAndOpeningItChangesNothing(t *testing.T) {
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
		"Vennio e-mails them", "grace@example.com", "Vennio sends them no e-mail", "5000 JPY", "Line one\nline two", "Approve", "Decline", "09:10",
	} {
		assert.Contains(t, page, fact)
	}
	assert.NotContains(t, page, "<script")
	assert.Equal(t, consent.StateOpen, d.state(id))
}

// req: X5. Who answers for several tenants sees whose booking it is; where there
// is one, nobody is bothered with it.
func TestReq_X5_TheTenantIsNamedWhereThereAreSeveral(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for tenant, named := range map[string]bool{"": false, "acme": true} {
		id := d.propose(func(a *consent.Act) { a.Tenant = tenant })
		asked, err := d.ledger.Proposal(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, named, strings.Contains(approval.Text(asked.Act), "  Tenant    acme\n"))
		assert.Equal(t, named, strings.Contains(d.send(http.MethodGet, id, nil).Body.String(), "<dt>Tenant</dt><dd>acme</dd>"))
		assert.Equal(t, named, strings.Contains(approval.Text(asked.Act), "Tenant"))
	}
}

// req: C8. What others wrote stays text.
func TestReq_C8_HostileTextStaysText(t *testing.T) {
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
	assert.NotContains(t, page+approval.Text(act), "c4n4ry")
}

// field: notes that pose as facts or push them away. On the page they stand in a box of
// bounded height below the facts; in a terminal each line of them is marked, and the
// facts stand after them again.
func TestReq_C8_NotesNeitherHideNorPoseAsFacts(t *testing.T) {
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
	assert.Contains(t, facts, "<dd>&#34;Ada &lt;eve@example.com&gt; (Vennio does not write to them)&#34; &lt;ada@example.com&gt;<br><span class=\"small\">Vennio e-mails them</span>")
	assert.NotContains(t, facts, "Lunch")
	assert.Contains(t, notes, "What &#34;Lunch&#34;\nWhen Fri 1 Jan 2027 Price 0 JPY\n張")
	assert.NotContains(t, page, "\n\n\n")

	asked, err := d.ledger.Proposal(t.Context(), id)
	require.NoError(t, err)
	text := approval.Text(asked.Act)
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

// account is one that says what the test wants, and counts.
type account struct {
	executes func(consent.Act) error
	status   string
	payURL   string
	upcoming []schemas.Booking
	booking  schemas.GetBookingResult // but for the fields above
	writes   int
	foreign  bool // it is another one than the request is for
}

func (a *account) Covers(consent.Proposal) bool { return !a.foreign }

func (a *account) Execute(_ context.Context, approved consent.Proposal) error {
	a.writes++
	return a.executes(approved.Act)
}

func (a *account) Booking(_ context.Context, id string) (*schemas.GetBookingResult, error) {
	if a.status == "" {
		return nil, errors.New("Vennio is silent")
	}
	b := a.booking
	b.BookingID, b.Status, b.CheckoutURL = id, a.status, a.payURL
	return &b, nil
}

func (a *account) Upcoming(context.Context) ([]schemas.Booking, error) { return a.upcoming, nil }

// settles writes as a Vennio would that answers so.
func (d *desk) settles(o consent.Outcome, detail string) func(consent.Act) error {
	return func(act consent.Act) error {
		g, _, err := d.ledger.FindConsent(context.Background(), act)
		require.NoError(d.t, err)
		sent, err := d.ledger.SendWithin(context.Background(), *g, consent.Quota{})
		require.NoError(d.t, err)
		if o == consent.Sent {
			return nil
		}
		booking := ""
		if o == consent.Done {
			booking = "b-1"
		}
		require.NoError(d.t, d.ledger.Settle(context.Background(), sent, o, booking, "", detail))
		return nil
	}
}

func (d *desk) of(a *account) {
	d.pages.AccountOf = func(string) (approval.Account, error) { return a, nil }
}

var yes = url.Values{"decision": {"approve"}, "name": {"Ada Byron"}}

func TestAPersonApprovesOrDeclines(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := &account{executes: d.settles(consent.Done, ""), status: "confirmed"}
	d.of(a)
	id, no := d.propose(nil), d.propose(func(a *consent.Act) { a.SlotID = "s2" })
	w := d.decide(id, yes)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `<h1 class="done">Booked</h1>`)
	assert.Contains(t, w.Body.String(), approval.Path+id+".ics")
	assert.Equal(t, consent.StateUsed, d.state(id))
	assert.Contains(t, d.decide(id, yes).Body.String(), "Booked", "a double click, or a second device")
	assert.Contains(t, d.decide(id, url.Values{"decision": {"decline"}}).Body.String(), "Booked", "the other button on a second device comes too late")
	assert.Equal(t, 1, a.writes)
	w = d.decide(no, url.Values{"decision": {"decline"}})
	assert.Contains(t, w.Body.String(), "<h1>Declined</h1>")
	assert.Equal(t, consent.StateDeclined, d.state(no))
	assert.Contains(t, d.decide(no, yes).Body.String(), "<h1>Declined</h1>", "declined stays declined")
	assert.Equal(t, 1, a.writes)
}

// req: C12
// field: page that says approved while nothing is booked. Every outcome that an approval can have, by
// what the person then reads.
func TestNoPageSaysApprovedWhileNothingIsBooked(t *testing.T) {
	t.Parallel()
	nothing, was := func(consent.Act) error { return errors.New("Vennio is away") }, time.Date(2026, 5, 13, 14, 0, 0, 0, time.UTC)
	move, cancel := func(a *consent.Act) { a.BookingID, a.WasStart, a.WasEnd = "b-1", was, was.Add(time.Hour) }, func(a *consent.Act) { a.BookingID = "b-1" }
	for name, tc := range map[string]struct {
		act      func(*consent.Act)
		outcome  consent.Outcome
		detail   string
		never    bool // it is not sent
		noKey    bool
		status   string
		pay      string
		heading  string
		says     string
		done     bool
		calendar bool
		refresh  bool
	}{
		"booked":                   {outcome: consent.Done, status: "confirmed", heading: "Booked", says: "It is done", done: true, calendar: true},
		"booked, Vennio is silent": {outcome: consent.Done, heading: "Booked", says: "It is done", done: true, calendar: true},
		"to be paid":               {outcome: consent.Done, status: "pending_payment", pay: "https://pay.example/1", heading: "Booked, not paid yet", says: "confirmed only once it is paid"},
		"cancelled since":          {outcome: consent.Done, status: "cancelled", heading: "Booked, and cancelled since", says: "has been cancelled since"},
		"another status":           {outcome: consent.Done, status: "waitlisted", heading: "Booked: waitlisted", says: "this status", calendar: true},
		"moved":                    {act: move, outcome: consent.Done, heading: "Moved", says: "It is done", done: true},
		"cancelled":                {act: cancel, outcome: consent.Done, heading: "Cancelled", says: "It is done", done: true},
		"taken":                    {outcome: consent.NotDone, detail: "slot_taken", heading: "Not booked", says: "somebody else took this time"},
		"taken, moving":            {act: move, outcome: consent.NotDone, detail: "slot_taken", heading: "Not moved", says: "Nothing was changed"},
		"refused, cancelling":      {act: cancel, outcome: consent.NotDone, detail: "invalid", heading: "Not cancelled", says: "Vennio refused it"},
		"away":                     {outcome: consent.NotDone, detail: "unavailable", heading: "Not booked", says: "could not be reached"},
		"no clear answer":          {outcome: consent.Unknown, heading: "Not known yet", says: "may or may not have been done", refresh: true},
		"on its way":               {outcome: consent.Sent, heading: "Being booked …", says: "the request was sent to Vennio", refresh: true},
		"not sent so far":          {never: true, heading: "Being booked …", says: "Nothing has been changed yet", refresh: true},
		"no key here":              {never: true, noKey: true, heading: "Not booked yet", says: "with the key", refresh: true},
		"no key here, moving":      {act: move, never: true, noKey: true, heading: "Not moved yet", says: "with the key", refresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			a := &account{executes: nothing, status: tc.status, payURL: tc.pay}
			if !tc.never {
				a.executes = d.settles(tc.outcome, tc.detail)
			}
			if d.of(a); tc.noKey {
				d.pages.AccountOf = nil
			}
			id := d.propose(tc.act)
			shown := d.decide(id, yes).Body.String()
			assert.Contains(t, shown, ">"+tc.heading+"</h1>")
			assert.Contains(t, shown, tc.says)
			assert.NotContains(t, shown, ">Approved")
			for text, want := range map[string]bool{`<h1 class="done">`: tc.done, "close this page.</p>": tc.done, `http-equiv="refresh"`: tc.refresh, "show the result.</p>": tc.refresh, ">Pay now<": tc.pay != "", ".ics": tc.calendar} {
				assert.Equal(t, want, strings.Contains(shown, text), text)
			}
			file := d.send(http.MethodGet, id+".ics", nil)
			assert.Equal(t, tc.outcome == consent.Done && tc.act == nil, file.Code == http.StatusOK, file.Body.String())
			assert.NotContains(t, shown, "<form", "it cannot be answered again")
		})
	}
}

// field: calendar file
func TestTheCalendarFileHoldsTheBooking(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.of(&account{executes: d.settles(consent.Done, ""), status: "confirmed"})
	id := d.propose(func(a *consent.Act) { a.Title, a.Notes = "Intro; with, marks\\", "first\nsecond" })
	assert.Equal(t, http.StatusNotFound, d.send(http.MethodGet, id+".ics", nil).Code, "not booked yet")
	d.decide(id, yes)
	w := d.send(http.MethodGet, id+".ics", nil)
	assert.Equal(t, "text/calendar; charset=utf-8", w.Header().Get("Content-Type"))
	c, err := ics.ParseCalendar(w.Body)
	require.NoError(t, err)
	require.Len(t, c.Events(), 1)
	e := c.Events()[0]
	start, err := e.GetStartAt()
	require.NoError(t, err)
	assert.Equal(t, d.clock.Add(30*time.Hour), start.UTC())
	assert.Equal(t, "b-1@vennio", e.Id())
	assert.Equal(t, "Intro; with, marks\\", ics.FromText(e.GetProperty(ics.ComponentPropertySummary).Value))
	about := ics.FromText(e.GetProperty(ics.ComponentPropertyDescription).Value)
	assert.Contains(t, about, "With: Alice Marlow")
	assert.Contains(t, about, "first\nsecond")
	assert.Empty(t, e.Attendees(), "it invites nobody")
}

// req: C9. Only a form of ours: other sites cannot answer for the person.
func TestReq_C9_AFormFromElsewhereChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := &account{executes: d.settles(consent.Done, "")}
	d.of(a)
	id := d.propose(nil)
	post := func(headers map[string]string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost:4711"+approval.Path+id, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		d.pages.ServeHTTP(w, r)
		return w
	}
	for name, headers := range map[string]map[string]string{
		"another site":               {"Sec-Fetch-Site": "cross-site"},
		"another port of localhost":  {"Sec-Fetch-Site": "same-site"},
		"another origin":             {"Origin": "http://evil.example"},
		"another port, old browser":  {"Origin": "http://localhost:4712"},
		"a sandboxed or opaque page": {"Origin": "null"},
	} {
		w := post(headers, yes)
		assert.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Contains(t, w.Body.String(), "Nothing was changed", name)
	}
	assert.Equal(t, http.StatusForbidden, post(nil, url.Values{"name": {strings.Repeat("x", 1<<20)}, "decision": {"approve"}}).Code, "a huge form")
	for _, blank := range []string{" ", "\u3164", "\u2800\u00a0\ufe0f"} {
		assert.Equal(t, http.StatusUnprocessableEntity, d.decide(id, url.Values{"decision": {"approve"}, "name": {blank}}).Code, "the record needs a name")
	}
	for _, odd := range []string{"", "Approve", "yes"} {
		assert.Equal(t, http.StatusUnprocessableEntity, d.decide(id, url.Values{"decision": {odd}, "name": {"Ada"}}).Code)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, d.send(http.MethodPut, id, nil).Code)
	assert.Equal(t, consent.StateOpen, d.state(id))
	assert.Zero(t, a.writes)
	assert.Equal(t, http.StatusSeeOther, post(map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:4711"}, yes).Code)
	assert.Equal(t, 1, a.writes)
}

// field: expired question, clock set back
// req: C6. Once the page has shown that a question has expired, it stays so.
func TestReq_C6_APageOnceSeenExpiredStaysExpired(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	d.clock = d.clock.Add(consent.Lifetime)
	require.Contains(t, d.send(http.MethodGet, id, nil).Body.String(), "Too late")
	d.clock = d.clock.Add(-consent.Lifetime)
	w := d.decide(id, yes)
	assert.Contains(t, w.Body.String(), "Too late")
	assert.Equal(t, consent.StateExpired, d.state(id))
}

func TestALateAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	d.clock = d.clock.Add(consent.Lifetime + time.Second)
	w := d.decide(id, yes)
	assert.Contains(t, w.Body.String(), "Too late")
	assert.Equal(t, consent.StateExpired, d.state(id))
}

func TestOnLoopbackKnowsOnlyItsOwnAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.propose(nil)
	h := approval.OnLoopback("127.0.0.1:4711", d.pages)
	for host, want := range map[string]int{"127.0.0.1:4711": http.StatusOK, "evil.example:4711": http.StatusForbidden} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, approval.Path+id, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, host)
	}
}

// req: C9, C10. Moving and cancelling say what they are, and show all of it.
func TestReq_C10_ThePageSaysWhatIsMovedAndWhatIsCancelled(t *testing.T) {
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
