package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/app"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// troubled is a server under human whose Vennio, people and processes fail.
type troubled struct {
	t      *testing.T
	env    []string
	vennio string // the address of the sandbox
	server *process
	base   string // of the pages
	agent  *client.Client
	free   []string // ids of slots
}

func newTroubled(t *testing.T, more ...string) *troubled {
	t.Helper()
	s := &troubled{t: t}
	s.env, s.vennio = humanEnv(t, append(more, "VENNIO_CONSENT=human")...)
	s.serve()
	s.free = freeSlots(t, s.agent)
	return s
}

func (s *troubled) serve() {
	s.t.Helper()
	s.server = start(s.t, s.env, "serve", "--addr", "127.0.0.1:0")
	s.base = strings.Replace(s.server.address(), "127.0.0.1", "localhost", 1)
	s.agent = agentAt(s.t, s.server.address())
}

// asks makes the agent ask for the next slot, and returns its call and the path of the page.
func (s *troubled) asks() (booking map[string]any, path string) {
	s.t.Helper()
	booking, s.free = wanted(s.free[0]), s.free[1:]
	text, got, _ := outcomeOf(s.t, s.agent, "book_slot", booking)
	require.Equal(s.t, schemas.CodeApprovalNeeded, got.Reason, text)
	return booking, regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(got.ApprovalURL)
}

// shows waits until a page has a heading, and returns the page.
func (b browser) shows(address, heading string) (page string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		_, page = b.open(address)
		return strings.Contains(page, ">"+heading+"</h1>")
	}, patience, 50*time.Millisecond, "%s: %s", heading, &page)
	return page
}

// headingOf is the heading of a page.
func headingOf(page string) string {
	found := regexp.MustCompile(`<h1[^>]*>(.*)</h1>`).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return found[1]
}

// holds: the ledger verifies, and the sandbox was written to so often.
func (s *troubled) holds(writes int) {
	s.t.Helper()
	assert.Equal(s.t, fmt.Sprint(writes), writesAt(s.t, s.vennio))
	_, out, errs := run(s.t, s.env, "ledger", "verify")
	assert.Contains(s.t, out, "The ledger holds: ", errs)
}

// field: two people answer at once
// On two devices, through the pages of two processes: one answer counts, both people see what came of it, and one booking is
// made or none.
func TestTwoPeopleAnswerAtOnce(t *testing.T) {
	t.Parallel()
	s := newTroubled(t)
	other := strings.Replace(start(t, s.env, "serve", "--addr", "127.0.0.1:0").address(), "127.0.0.1", "localhost", 1)
	ada, grace := pairedBrowser(t, s.env), pairedBrowser(t, s.env)
	booked, declined := 0, 0
	for round := range 4 {
		_, path := s.asks()
		second := []string{"approve", "decline"}[round%2]
		var pages [2]string
		var both sync.WaitGroup
		both.Go(func() { _, pages[0] = ada.answer(s.base+path, "approve") })
		both.Go(func() { _, pages[1] = grace.answer(other+path, second) })
		both.Wait()
		_, page := ada.open(s.base + path)
		if strings.Contains(page, ">Declined</h1>") {
			require.Equal(t, "decline", second)
			declined++
			assert.Equal(t, []string{"Declined", "Declined"}, []string{headingOf(pages[0]), headingOf(pages[1])})
		} else {
			booked++
			page = ada.shows(s.base+path, "Booked")
			grace.shows(other+path, "Booked")
			for _, shown := range pages {
				assert.Contains(t, []string{"Booked", "Being booked …"}, headingOf(shown))
			}
		}
		for _, late := range []string{"approve", "decline"} { // the page that was left open on the other device
			_, again := grace.answer(other+path, late)
			assert.Equal(t, headingOf(page), headingOf(again))
		}
	}
	assert.Equal(t, 4, booked+declined)
	assert.GreaterOrEqual(t, booked, 2)
	s.holds(booked)
}

// field: killed between approval and write
// The process that took the approval ends before it has sent anything: another one that has the key carries it out, and the page
// says what is so at every moment.
func TestKilledBetweenApprovalAndWrite(t *testing.T) {
	t.Parallel()
	s := newTroubled(t)
	booking, path := s.asks()
	person := pairedBrowser(t, s.env)
	require.NoError(t, s.server.cmd.Process.Kill())
	s.server.end()
	var dir string
	require.NoError(t, filepath.WalkDir(strings.TrimPrefix(s.env[slices.IndexFunc(s.env, func(v string) bool { return strings.HasPrefix(v, "HOME=") })], "HOME="),
		func(p string, _ os.DirEntry, err error) error {
			if filepath.Base(p) == "vennio-mcp.db" {
				dir = filepath.Dir(p)
			}
			return err
		}))
	db := sqldb.OpenWith(dir, longWait)
	_, err := consent.New(db, nil).Answer(t.Context(), strings.TrimPrefix(path, "/approvals/"), consent.Answer{Agreed: true, By: "Ada Byron", Words: "Approve", Method: consent.OnPage, Trusted: true})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.Equal(t, "0", writesAt(t, s.vennio))
	s.serve()
	_, page := person.open(s.base + path)
	assert.Contains(t, []string{"Being booked …", "Booked"}, headingOf(page))
	person.shows(s.base+path, "Booked")
	text, got, _ := outcomeOf(t, s.agent, "book_slot", booking)
	assert.Equal(t, "confirmed", got.Status, text)
	s.holds(1)
}

// field: approved in a terminal without a key
func TestAnApprovalInATerminalWithoutAKeyIsCarriedOutByTheServer_Slow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serveInside(t, dir, insideOptions{env: []string{"VENNIO_CONSENT=human"}, settlement: app.Intervals{Sweep: 100 * time.Millisecond}})
	c := agentAt(t, s.url)
	_, got, _ := outcomeOf(t, c, "book_slot", wanted(freeSlots(t, c)[0]))
	id := regexp.MustCompile(`[A-Z2-7]{26}$`).FindString(got.ApprovalURL)
	require.NotEmpty(t, id)
	code, shown := inTerminal(t, clean(t, "VENNIO_STATE_DIR="+dir, "VENNIO_CONSENT=human", "USER=ada"), "approvals", "approve", id)
	assert.Zero(t, code, shown)
	assert.Contains(t, shown, "Booked. It is done.")
	assert.Equal(t, 1, s.vennio.Writes())
	_, err := s.Ledger.Verify(t.Context())
	require.NoError(t, err)
}

// field: killed between write and record
// The process is killed while Vennio has its request: the page says so, and once it is known that it is booked.
func TestKilledBetweenWriteAndRecord(t *testing.T) {
	t.Parallel()
	s := newTroubled(t)
	booking, path := s.asks()
	person := pairedBrowser(t, s.env)
	control(t, s.vennio+"/_sandbox/hold", "{}")
	calls := callsAt(t, s.vennio)
	form := strings.NewReader(url.Values{"decision": {"approve"}, "name": {"Ada Byron"}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+path, form)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	go func() { // the connection ends with the process
		if resp, err := person.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	require.Eventually(t, func() bool { return callsAt(t, s.vennio) != calls }, patience, tick)
	require.NoError(t, s.server.cmd.Process.Kill())
	s.server.end()
	control(t, s.vennio+"/_sandbox/release", "{}")
	require.Eventually(t, func() bool { return writesAt(t, s.vennio) == "1" }, patience, tick)
	s.serve()
	_, page := person.open(s.base + path)
	assert.Contains(t, page, ">Being booked …</h1>")
	assert.Contains(t, page, "the request was sent to Vennio")
	text, got, _ := outcomeOf(t, s.agent, "book_slot", booking)
	assert.Equal(t, "confirmed", got.Status, text)
	person.shows(s.base+path, "Booked")
	s.holds(1)
}

func callsAt(t *testing.T, vennio string) string {
	t.Helper()
	_, state := newBrowser(t).open(vennio + "/_sandbox/state")
	return regexp.MustCompile(`"calls": ?(\d+)`).FindStringSubmatch(state)[1]
}

// field: Vennio slower than the page waits
func TestVennioIsSlowerThanThePageWaits_Slow(t *testing.T) {
	t.Parallel()
	s := newTroubled(t, "VENNIO_TIMEOUT=30s")
	_, path := s.asks()
	person := pairedBrowser(t, s.env)
	control(t, s.vennio+"/_sandbox/hold", "{}")
	_, page := person.answer(s.base+path, "approve")
	assert.Contains(t, page, ">Being booked …</h1>")
	assert.Contains(t, page, `http-equiv="refresh"`)
	assert.Equal(t, "0", writesAt(t, s.vennio))
	control(t, s.vennio+"/_sandbox/release", "{}")
	person.shows(s.base+path, "Booked")
	s.holds(1)
}

// field: Vennio down, answers lost, slot taken
func TestVennioFailsAtTheApproval(t *testing.T) {
	t.Parallel()
	s := newTroubled(t)
	person := pairedBrowser(t, s.env)
	writes := 0
	for _, tc := range []struct {
		name, fault, order, heading, says string
		written                           bool
	}{
		{"503", "fail", `{"n":9,"status":503}`, "Not known yet", "cannot be done twice", false},
		{"hangs up", "drop", `{"n":9}`, "Not known yet", "cannot be done twice", false},
		{"answers lost", "lose", `{"n":9}`, "Not known yet", "cannot be done twice", true},
		{"one answer lost", "lose", `{"n":1}`, "Booked", "It is done", true},
		{"one slow answer", "slow", `{"n":1,"milliseconds":300}`, "Booked", "It is done", true},
	} {
		booking, path := s.asks()
		control(t, s.vennio+"/_sandbox/"+tc.fault, tc.order)
		_, page := person.answer(s.base+path, "approve")
		assert.Equal(t, tc.heading, headingOf(page), tc.name)
		assert.Contains(t, page, tc.says, tc.name)
		control(t, s.vennio+"/_sandbox/calm", "{}")
		if tc.written {
			writes++
		}
		assert.Equal(t, fmt.Sprint(writes), writesAt(t, s.vennio), tc.name)
		text, got, _ := outcomeOf(t, s.agent, "book_slot", booking) // which settles it
		assert.Equal(t, "confirmed", got.Status, "%s: %s", tc.name, text)
		if !tc.written {
			writes++
		}
		_, page = person.open(s.base + path)
		assert.Equal(t, "Booked", headingOf(page), tc.name)
	}
	_, got, _ := outcomeOf(t, s.agent, "book_slot", wanted(s.free[0]))
	control(t, s.vennio+"/_sandbox/take", fmt.Sprintf(`{"host":"alice@example.com","start":%q,"end":%q}`, got.Proposal.Start, got.Proposal.End))
	_, path := s.asks()
	_, page := person.answer(s.base+path, "approve")
	assert.Equal(t, "Not booked", headingOf(page))
	assert.Contains(t, page, "somebody else took this time a moment ago")
	s.holds(writes)
}

// field: cookies disabled
func TestABrowserWithoutCookiesIsToldSo(t *testing.T) {
	t.Parallel()
	s := newTroubled(t)
	_, path := s.asks()
	pages, b, _ := pairing(t, s.env)
	overview := pages + "/approvals"
	_, page := b.open(overview)
	require.Contains(t, page, ">Approvals</h1>")
	b.Jar = nil
	for _, address := range []string{overview, overview + strings.TrimPrefix(path, "/approvals"), s.base + path} {
		status, page := b.open(address)
		assert.Equal(t, http.StatusForbidden, status)
		assert.Contains(t, page, "This browser is not paired")
		assert.Contains(t, page, "allow cookies for this address")
		_, page = b.answer(s.base+path, "approve")
		assert.Contains(t, page, "Nothing was changed")
	}
	s.holds(0)
}

// field: client that ends seconds after asking
// The request of a program that has ended is approved on the pages of another process of the user, or in a terminal, and booked.
func TestARequestOutlivesItsClient(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=human")
	var asked []string
	for range 2 {
		c := converse(t, env)
		booking := c.booking()
		if len(asked) > 0 { // another slot than before
			booking["slot_id"] = regexp.MustCompile(`s[0-9a-z]{32}`).FindString(c.call("find_slots", map[string]any{"when": "next week"}).Text)
		}
		asked = append(asked, regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(c.call("book_slot", booking).Data.ApprovalURL))
		require.NoError(t, c.stdin.Close())
		require.Zero(t, c.wait())
	}
	pages, person, _ := pairing(t, env)
	_, inbox := person.open(pages + "/approvals")
	assert.Contains(t, inbox, asked[0])
	assert.Contains(t, inbox, asked[1])
	_, page := person.answer(pages+asked[0], "approve")
	assert.Equal(t, "Booked", headingOf(page))
	code, shown := inTerminal(t, env, "approvals", "approve", strings.TrimPrefix(asked[1], "/approvals/"))
	assert.Zero(t, code, shown)
	assert.Contains(t, shown, "Booked. It is done.")
	assert.Equal(t, "2", writesAt(t, vennio))
}

// field: pages of a terminal with laxer settings
// req: C9. The environment of a terminal knows nothing of the policy that the client's settings give the server: the pages that
// vennio-mcp approvals link serves there still want a paired browser.
func TestReq_C9_ThePagesOfATerminalWantAPairedBrowser(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t)
	c := converse(t, append(slices.Clone(env), "VENNIO_CONSENT=human"))
	path := regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(c.call("book_slot", c.booking()).Data.ApprovalURL)
	pages, person, _ := pairing(t, env)
	lax := strings.Replace(start(t, env, "serve", "--addr", "127.0.0.1:0").address(), "127.0.0.1", "localhost", 1)
	for _, base := range []string{pages, lax} {
		for _, spelled := range []string{path, path + "/", "/" + path, "/approvals/./" + path[len("/approvals/"):], strings.Replace(path, "/approvals", "/%61pprovals", 1)} {
			status, page := newBrowser(t).open(base + spelled)
			assert.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, status, spelled)
			assert.NotContains(t, page, "Intro")
			_, page = newBrowser(t).answer(base+spelled, "approve")
			assert.NotContains(t, page, ">Booked")
		}
	}
	assert.Equal(t, "0", writesAt(t, vennio))
	_, page := person.answer(lax+path, "approve")
	assert.Equal(t, "Booked", headingOf(page), "the paired browser may, on whichever page")
}

// field: clock one hour off
// Two processes of one store whose clocks differ by an hour: a page says that it is too late, or what was booked; nothing is
// booked twice, and the ledger holds.
func TestClocksOneHourApart(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		dir := t.TempDir()
		one := serveInside(t, dir, insideOptions{env: []string{"VENNIO_CONSENT=human"}})
		two := serveInside(t, dir, insideOptions{
			vennio: one.vennio, env: []string{"VENNIO_CONSENT=human", "VENNIO_API_URL=" + one.api}, settlement: app.Intervals{Sweep: 10 * time.Millisecond},
			now: func() time.Time { return time.Now().Add(off) },
		})
		c := agentAt(t, one.url)
		booking := aBooking(t, c)
		booking["consent"] = map[string]any{"granted": false}
		_, got, _ := outcomeOf(t, c, "book_slot", booking)
		path := regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(got.ApprovalURL)
		require.NotEmpty(t, path)
		link, err := one.Pages.Pairings.NewLink(t.Context(), "", "")
		require.NoError(t, err)
		person := newBrowser(t)
		base := strings.Replace(one.url, "127.0.0.1", "localhost", 1)
		_, page := person.answer(base+link, "")
		require.Contains(t, page, ">Approvals</h1>")

		want := map[bool]string{true: "Too late", false: "Not booked"}[off > 0] // the offer is from the future
		_, page = person.answer(strings.Replace(two.url, "127.0.0.1", "localhost", 1)+path, "approve")
		assert.Equal(t, want, headingOf(page))
		_, page = person.open(base + path)
		assert.Equal(t, want, headingOf(page))
		assert.Contains(t, page, "Nothing was changed")
		assert.Zero(t, one.vennio.Writes())
		text, got, _ := outcomeOf(t, c, "book_slot", booking)
		assert.Equal(t, schemas.CodeApprovalNeeded, got.Reason, "the person is asked anew: %s", text)
		_, page = person.answer(base+regexp.MustCompile(`/approvals/[A-Z2-7]{26}`).FindString(got.ApprovalURL), "approve")
		assert.Equal(t, "Booked", headingOf(page))
		assert.Equal(t, 1, one.vennio.Writes())
		_, err = one.Ledger.Verify(t.Context())
		require.NoError(t, err)
	}
}
