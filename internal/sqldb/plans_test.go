package sqldb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// program is the tools and the inbox with a database that records statements, with the
// sandbox as Vennio and a clock that only the test moves.
type program struct {
	t      *testing.T
	db     *sqldb.DB
	rec    *sqldb.Recorder
	clock  time.Time
	deps   tools.Deps
	ledger *consent.Ledger
}

var monday = time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC)

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{t: t, clock: monday}
	p.db, p.rec = sqldb.Recorded(storetest.Folder(t))
	t.Cleanup(func() { require.NoError(t, p.db.Close()) })
	now := func() time.Time { return p.clock }
	vennio := httptest.NewServer(sandbox.New(sandbox.Options{Now: now, Seed: 1, RateLimitPerHour: -1}))
	t.Cleanup(vennio.Close)
	client, err := vennioclient.New("vennio_sk_test_plans", vennioclient.WithBaseURL(vennio.URL))
	require.NoError(t, err)
	zone, err := times.Zone("Europe/London")
	require.NoError(t, err)
	p.ledger = consent.New(p.db, now)
	p.deps = tools.Deps{
		Service: scheduling.Service{
			Vennio: client, Zone: zone, Now: now, Ledger: p.ledger, Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", now),
			Limits: scheduling.Limits{Daily: 1_000_000, Asking: consent.AskLimits{Open: 20, Hourly: 30, TenantOpen: 100, TenantHourly: 300}},
		},
		Conversation: tools.Conversation{Policy: consent.PolicyAttested, Keys: tenant.NewKeyring([]byte("secret"))},
	}
	for _, h := range sandbox.Hosts() {
		p.deps.Hosts = append(p.deps.Hosts, scheduling.Host{Name: h.Name, ID: h.ID, Price: h.Price})
	}
	return p
}

// call calls a tool and returns its structured content and the code of its
// error, empty where it did its work.
func (p *program) call(tool string, arguments map[string]any) (out map[string]any, code string) {
	p.t.Helper()
	for _, one := range tools.Catalog(p.deps) {
		bound := one.Bind()
		if bound.Tool.Name != tool {
			continue
		}
		got, err := bound.Handler(p.t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
		require.NoError(p.t, err)
		raw, err := json.Marshal(got.StructuredContent)
		require.NoError(p.t, err)
		require.NoError(p.t, json.Unmarshal(raw, &out))
		if failed, ok := out["error"].(map[string]any); ok {
			code, _ = failed["code"].(string)
		} else if reason, ok := out["reason"].(string); ok {
			code = reason // nothing was written: a person is awaited
		}
		return out, code
	}
	require.Fail(p.t, "no such tool", tool)
	return nil, ""
}

// slot finds a time and returns its id.
func (p *program) slot(arguments map[string]any) string {
	p.t.Helper()
	arguments["timezone"] = "Europe/London"
	found, code := p.call("find_slots", arguments)
	require.Empty(p.t, code, found)
	return found["slots"].([]any)[0].(map[string]any)["slot_id"].(string)
}

var agreed = map[string]any{"granted": true, "given_by": "Ada Byron", "statement": "Yes"}

func (p *program) booking(more map[string]any) map[string]any {
	p.t.Helper()
	arguments := map[string]any{
		"slot_id": p.slot(map[string]any{}), "title": "Intro", "consent": agreed,
		"attendees": []any{map[string]any{"name": "Ada Byron", "email": "ada@example.com"}},
	}
	maps.Copy(arguments, more)
	return arguments
}

// book books and returns the booking's id.
func (p *program) book(more map[string]any) string {
	p.t.Helper()
	made, code := p.call("book_slot", p.booking(more))
	require.Empty(p.t, code, made)
	return made["booking_id"].(string)
}

// journey takes each path of people and agents with bookings once.
func (p *program) journey() {
	p.t.Helper()
	ctx, t := p.t.Context(), p.t
	booking := p.booking(nil)
	made, code := p.call("book_slot", booking)
	require.Empty(t, code, made)
	_, code = p.call("book_slot", booking)
	require.Empty(t, code, "repeated")
	id := made["booking_id"].(string)
	move := map[string]any{"booking_id": id, "slot_id": p.slot(map[string]any{"reschedule_of": id}), "consent": agreed}
	for range 2 {
		_, code = p.call("reschedule_booking", move)
		require.Empty(t, code)
	}
	for range 2 {
		_, code = p.call("cancel_booking", map[string]any{"booking_id": id, "consent": agreed})
		require.Empty(t, code)
	}
	series := p.book(map[string]any{"repeat": "weekly x3"})
	_, code = p.call("cancel_booking", map[string]any{"booking_id": series, "scope": "series", "consent": agreed})
	require.Empty(t, code)
	p.approvals()
	p.doubts()
	p.revocation(ctx)
}

// approvals ask a person who agrees, declines, does not answer, or answers too late.
func (p *program) approvals() {
	p.t.Helper()
	ctx, t := p.t.Context(), p.t
	p.deps.Policy = consent.PolicyHuman
	defer func() { p.deps.Policy = consent.PolicyAttested }()
	for _, how := range []string{"agreed", "declined", "unanswered", "late", "used late"} {
		booking := p.booking(map[string]any{"title": how})
		_, code := p.call("book_slot", booking)
		require.Equal(t, "approval_needed", code)
		open, err := p.ledger.Open(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, open)
		id := open[len(open)-1].ID
		switch how {
		case "unanswered":
			require.NoError(t, p.ledger.Withdraw(ctx, id, "cancelled in the client"))
			continue
		case "late":
			p.clock = p.clock.Add(consent.Lifetime)
		}
		_, err = p.ledger.Answer(ctx, id, consent.Answer{Agreed: how != "declined", By: "Ada", Words: how, Method: consent.OnPage, Trusted: true})
		require.Equal(t, how == "late", err != nil, err)
		if how == "used late" {
			p.clock = p.clock.Add(consent.Lifetime)
		}
		_, code = p.call("book_slot", booking)
		require.Equal(t, map[string]string{"agreed": "", "declined": "consent_declined"}[how] == code, how == "agreed" || how == "declined", code)
		_, err = p.ledger.Proposal(ctx, id)
		require.NoError(t, err)
		if how == "declined" {
			p.refused(booking)
		}
	}
}

// refused repeats a booking that was declined, once as another act and once as an agent's
// statement, has a cancellation declined too, lists what waits, and lets the refusals lapse.
func (p *program) refused(booking map[string]any) {
	p.t.Helper()
	ctx, t := p.t.Context(), p.t
	other := maps.Clone(booking)
	other["title"] = "declined."
	_, code := p.call("book_slot", other)
	require.Equal(t, "consent_declined", code, "the same request in another spelling")
	p.deps.Policy = consent.PolicyAttested
	other["title"] = "something else"
	_, code = p.call("book_slot", other)
	require.Equal(t, "approval_needed", code, "a changed request is put to the person")
	start := p.clock.Add(72 * time.Hour)
	act := consent.Act{Tool: "reschedule_booking", BookingID: "bk_kept", SlotID: "s9", Start: start, End: start.Add(time.Hour), WasStart: p.clock, WasEnd: p.clock, Zone: "UTC"}
	asked, err := p.ledger.Ask(ctx, act, consent.Asker{Limits: p.deps.Limits.Asking})
	require.NoError(t, err)
	_, err = p.ledger.Answer(ctx, asked.ID, consent.Answer{By: "Ada", Method: consent.OnPage})
	require.NoError(t, err)
	act.Tool, act.SlotID, act.WasStart = "cancel_booking", "", time.Time{}
	_, err = p.ledger.Statement(ctx, act, "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
	page, _, err := p.ledger.OpenPage(ctx, "", 1)
	require.NoError(t, err)
	_, _, err = p.ledger.OpenPage(ctx, page[0].ID, 1)
	require.NoError(t, err)
	p.deps.Policy = consent.PolicyHuman
	p.clock = p.clock.Add(10 * time.Minute)
}

// doubts are writes with unknown outcomes, and unused grants.
func (p *program) doubts() {
	p.t.Helper()
	ctx, t := p.t.Context(), p.t
	act := consent.Act{Tool: "cancel_booking", BookingID: "bk_lost", Title: "Lost", Start: p.clock, End: p.clock.Add(time.Hour), Zone: "UTC"}
	lost, err := p.ledger.Statement(ctx, act, "Ada", "yes")
	require.NoError(t, err)
	lost, err = p.ledger.SendWithin(ctx, lost, consent.Quota{})
	require.NoError(t, err)
	require.NoError(t, p.ledger.Settle(ctx, lost, consent.Unknown, "", "", ""))
	require.NoError(t, p.ledger.GiveUp(ctx, lost, "a later read shows that it was not done"))
	act.SlotID, act.BookingID = "s1", ""
	unused := p.approved(act)
	p.clock = p.clock.Add(consent.Lifetime)
	_, err = p.ledger.SendWithin(ctx, unused, consent.Quota{})
	require.ErrorIs(t, err, consent.ErrExpired)
	again, err := p.ledger.Statement(ctx, act, "Ada", "yes")
	require.NoError(t, err)
	_, err = p.ledger.SendWithin(ctx, again, consent.Quota{})
	require.NoError(t, err)
}

// approved returns the grant of an act that a person approves.
func (p *program) approved(act consent.Act) consent.Grant {
	p.t.Helper()
	asked, err := p.ledger.Propose(p.t.Context(), act)
	require.NoError(p.t, err)
	_, err = p.ledger.Answer(p.t.Context(), asked.ID, consent.Answer{Agreed: true, By: "Ada", Method: consent.OnPage})
	require.NoError(p.t, err)
	g, _, err := p.ledger.FindConsent(p.t.Context(), act)
	require.NoError(p.t, err)
	return *g
}

// revocation closes everything open about a host who revoked calendar access, and
// lists the event.
func (p *program) revocation(ctx context.Context) {
	p.t.Helper()
	t := p.t
	for i, ask := range []bool{true, false} {
		act := consent.Act{Tool: "book_slot", SlotID: fmt.Sprint("revoked", i), Title: "Call", Hosts: []consent.Host{{ID: "p-1"}}, Start: p.clock, End: p.clock.Add(time.Hour)}
		if ask {
			_, err := p.ledger.Propose(ctx, act)
			require.NoError(t, err)
		} else {
			p.approved(act)
		}
	}
	service, err := webhooks.Open(p.db, webhooks.Options{Ledger: p.ledger, Now: p.deps.Now, Poll: 5 * time.Millisecond})
	require.NoError(t, err)
	body := []byte(`{"id":"evt_1","type":"consent.revoked","data":{"id":"c-1","grantor":{"id":"p-1"}}}`)
	e, err := webhook.Decode(body)
	require.NoError(t, err)
	added, err := service.Of("").Receive(ctx, e, body)
	require.NoError(t, err)
	require.True(t, added)
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- service.Run(running) }()
	require.Eventually(t, func() bool {
		_, tasks, err := service.Of("").Show(ctx, "evt_1")
		return err == nil && len(tasks) == 1 && string(tasks[0].State) == "done"
	}, 3*time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
	_, err = service.HasEvents(ctx, "acme")
	require.NoError(t, err)
	p.lists(ctx, service)
}

// lists are read by operators, and repeatedly by the metrics and the sweep.
func (p *program) lists(ctx context.Context, service *webhooks.Service) {
	p.t.Helper()
	for name, read := range map[string]func() error{
		"sweep of what is sent":    func() error { _, err := p.ledger.UnsettledSent(ctx, 0); return err },
		"sweep of what is unknown": func() error { _, err := p.ledger.UnsettledUnknown(ctx, time.Hour, 0); return err },
		"settlement":               func() error { _, err := p.ledger.HasBooking(ctx, "", "bk_1", ""); return err },
		"a page of the ledger":     func() error { _, err := p.ledger.Entries(ctx, 1, 2); return err },
		"events of a tenant": func() error {
			_, err := service.Of("").List(ctx, webhooks.EventFilter{Limit: 1})
			return err
		},
		"metrics": func() error { _, err := service.DeadLetters(ctx); return err },
	} {
		require.NoError(p.t, read(), name)
	}
}

// small are the tables that do not grow with history, and need no index.
var small = map[string]string{
	"head": "one row", "recorded": "empty between decisions", "found": "a subquery with a limit", "subscriptions": "one row for each subscription at Vennio",
	"river_leader": "one row", "river_queue": "one row for each queue", "river_migration": "one row for each version",
}

// scanned finds in a plan the tables that are read completely, and those of which all
// rows of a tenant are read.
var scanned = map[bool]*regexp.Regexp{
	false: regexp.MustCompile(`^SCAN (\w+)|^SEARCH (\w+) .*\((?:tenant|kind|state|queue)=\?\)$`),
	true:  regexp.MustCompile(`Seq Scan on (\w+)`),
}

// aliases are the names of the tables in our statements.
var aliases = map[string]string{"a": "acts", "e": "entries", "d": "details", "p": "proposals", "g": "grants", "s": "sends"}

// scans returns the steps of a statement's plan that read a table that grows.
func scans(t *testing.T, db *sqldb.DB, s sqldb.Statement) (found []string) {
	t.Helper()
	plan, err := db.Plan(t.Context(), s)
	require.NoError(t, err)
	for _, line := range plan {
		for _, m := range scanned[db.Shared()].FindAllStringSubmatch(line, -1) {
			table := m[1] + strings.Join(m[2:], "")
			if full, ok := aliases[table]; ok {
				table = full
			}
			one := strings.HasSuffix(line, "(tenant=?)") && strings.HasSuffix(s.SQL, "LIMIT 1") // the first that there is
			if small[table] == "" && table != "CONSTANT" && table != "json_each" && !one {
				found = append(found, line)
			}
		}
	}
	return found
}

// ours tells the statements of the program's paths from those that control
// transactions, and from River's work in the background. River has no index of the arguments of jobs
// on SQLite, so the tasks of an event are found by one on PostgreSQL only.
func ours(s sqldb.Statement) bool {
	text := strings.ToUpper(strings.TrimSpace(s.SQL))
	planned := false
	for _, verb := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		planned = planned || strings.HasPrefix(text, verb) || strings.HasPrefix(text, "--") && strings.Contains(text, "\n"+verb)
	}
	if !planned || strings.Contains(text, "PG_ADVISORY") || strings.Contains(text, "PG_STAT_") || strings.Contains(text, "SQLITE_MASTER") {
		return false
	}
	return !strings.Contains(text, "RIVER_") || strings.Contains(text, "ARGS @> JSONB_BUILD_OBJECT('EVENT'") || strings.HasPrefix(text, "INSERT INTO RIVER_JOB")
}

// field: statements without an index
// req: O6
func TestReq_O6_EveryStatementOfABookingUsesAnIndex(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	require.NoError(t, p.db.Read(t.Context(), func(*sqldb.Tx) error { return nil }))
	if p.db.Shared() { // without rows PostgreSQL reads tables as a whole
		p.fill(0, 20_000)
	}
	p.rec.Taken()
	p.journey()
	statements, grants := p.rec.Taken(), 0
	if p.db.Shared() {
		require.NoError(t, p.db.Raw(t.Context(), `INSERT INTO river_job (args, kind, queue, max_attempts)
			SELECT jsonb_build_object('event', 'past-' || i, 'to', 'crm'), 'follow_up', 'lane_crm', 5 FROM generate_series(1, 20000) AS i`))
		require.NoError(t, p.db.Raw(t.Context(), `ANALYZE`))
	}
	for _, s := range statements {
		if !ours(s) {
			continue
		}
		if strings.Contains(s.SQL, "grants") {
			grants++
		}
		assert.Empty(t, scans(t, p.db, s), s.SQL)
	}
	assert.GreaterOrEqual(t, grants, 7, "the paths were recorded: %d statements", len(statements))
}

// A statement that reads a whole table is found: the test above can fail.
func TestAStatementWithoutAnIndexIsFound(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	require.NoError(t, p.db.Read(t.Context(), func(*sqldb.Tx) error { return nil }))
	for _, query := range []string{
		`SELECT id FROM grants WHERE given_by = 'Ada'`,
		`SELECT g.id FROM grants g WHERE g.detail = ''`,
		`UPDATE proposals SET state = 'used' WHERE unanswered = 'x'`,
		`SELECT count(*) FROM entries e WHERE e.kind = 'sent'`,
	} {
		assert.NotEmpty(t, scans(t, p.db, sqldb.Statement{SQL: query}), query)
	}
}

// series returns n numbered rows, on both databases.
const series = `WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 20000) `

// The newest event of a tenant, for doctor and events list, is found without reading those of other tenants.
//
// req: O6
// field: events of one tenant among many
func TestReq_O6_TheEventsOfATenantAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	ctx := t.Context()
	require.NoError(t, p.db.Read(ctx, func(*sqldb.Tx) error { return nil }))
	require.NoError(t, p.db.Raw(ctx, `INSERT INTO events (tenant, id, type, at, received, booking, body) `+series+
		`SELECT 'other', 'evt_' || n, 'booking.created', '', '2026-05-11T09:00:00.000Z', '', '' FROM i`))
	require.NoError(t, p.db.Raw(ctx, `ANALYZE`))
	service, err := webhooks.Open(p.db, webhooks.Options{Ledger: p.ledger, Now: p.deps.Now})
	require.NoError(t, err)
	p.rec.Taken()
	found, err := service.Of("").List(ctx, webhooks.EventFilter{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, found)
	asked := 0
	for _, s := range p.rec.Taken() {
		if strings.Contains(s.SQL, "FROM events") {
			asked++
			plan, err := p.db.Plan(ctx, s)
			require.NoError(t, err)
			assert.Contains(t, strings.Join(plan, "\n"), "events_of_tenant")
		}
	}
	assert.Equal(t, 1, asked)
}

// The metrics count all dead letters, although River lists at most 10,000 jobs at once.
//
// req: O6
// field: many dead letters
func TestReq_O6_DeadLettersAreCountedHoweverMany(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	ctx := t.Context()
	service, err := webhooks.Open(p.db, webhooks.Options{Ledger: p.ledger, Now: p.deps.Now})
	require.NoError(t, err)
	dead, err := service.DeadLetters(ctx)
	require.NoError(t, err)
	require.Empty(t, dead)
	for state, ended := range map[string]string{"discarded": "CURRENT_TIMESTAMP", "completed": "CURRENT_TIMESTAMP", "available": "NULL"} {
		require.NoError(t, p.db.Raw(ctx, `INSERT INTO river_job (args, kind, queue, max_attempts, state, finalized_at) `+series+
			`SELECT '{}', 'follow_up', 'default', 5, '`+state+`', `+ended+` FROM i`))
	}
	dead, err = service.DeadLetters(ctx)
	require.NoError(t, err)
	assert.Equal(t, 20_000, len(dead))
}
