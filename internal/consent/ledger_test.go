package consent_test

import (
	"hash/fnv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// clock shows the same time until the test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

var morning = time.Date(2026, 5, 11, 9, 0, 0, 0, time.UTC)

func newClock() *clock { return &clock{t: morning} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// tb is the common interface of tests, benchmarks and rapid's checks.
type tb interface {
	require.TestingT
	Helper()
	Cleanup(func())
}

// longWait makes a DB wait for other processes and goroutines however slow the machine is.
var longWait = sqldb.Options{Patience: time.Minute, Stall: 5 * time.Minute}

// ledgerIn returns a ledger with its own DB in dir.
func ledgerIn(t tb, dir string, now func() time.Time) *consent.Ledger {
	t.Helper()
	db := sqldb.OpenWith(dir, longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return consent.New(db, now)
}

// newLedger returns a ledger in memory and its clock.
func newLedger(t tb) (*consent.Ledger, *clock) {
	t.Helper()
	c := newClock()
	return ledgerIn(t, storetest.Memory(t), c.now), c
}

// call is an act that Ada agrees to. Each slot begins at a different instant.
func call(slot string) consent.Act {
	h := fnv.New64a()
	_, _ = h.Write([]byte(slot))
	start := time.Date(2026, 5, 14, 15, 0, 0, 0, time.UTC).Add(time.Duration(h.Sum64()%(1<<42)) * time.Millisecond)
	return consent.Act{
		Tool: "book_slot", SlotID: slot, Start: start, End: start.Add(30 * time.Minute), Zone: "Europe/London",
		Hosts:     []consent.Host{{Name: "Alice Host", ID: "principal_1"}},
		Attendees: []consent.Attendee{{Name: "Ada Lovelace", Email: "ada@example.com", Mailed: true}},
		Title:     "Intro call", Notes: "About the engine",
	}
}

func titled(a consent.Act, title string) consent.Act {
	a.Title = title
	return a
}

var (
	yes = consent.Answer{Agreed: true, By: "Ada Lovelace", Words: "Approve", Method: consent.OnPage}
	no  = consent.Answer{By: "Ada Lovelace", Words: "Decline", Method: consent.OnPage}
)

// kinds lists the kinds of the ledger's entries, the oldest first.
func kinds(t *testing.T, l *consent.Ledger) []string {
	t.Helper()
	entries, err := l.Entries(t.Context(), 0, 1000)
	require.NoError(t, err)
	kinds := make([]string, len(entries))
	for i, e := range entries {
		kinds[i] = e.Kind
	}
	return kinds
}

func TestFromQuestionToBooking(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	grant, asked, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Nil(t, grant)
	assert.Nil(t, asked)

	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Proposal{ID: p.ID, Act: call("s1"), At: morning, Expires: morning.Add(consent.Lifetime), State: consent.StateOpen}, p.Public())
	assert.Regexp(t, `^[A-Z2-7]{26}$`, p.ID)
	c.advance(time.Minute)
	p, err = l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	assert.Equal(t, consent.StateApproved, p.State)

	grant, _, err = l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Grant{
		ID: grant.ID, GivenBy: "Ada Lovelace", Words: "Approve", Method: consent.OnPage,
		At: c.now(), Expires: c.now().Add(consent.Lifetime), ProposalID: p.ID,
	}, grant.Public())
	sent, err := l.Send(t.Context(), *grant)
	require.NoError(t, err)
	assert.Equal(t, consent.Sent, sent.Outcome)
	require.NoError(t, l.Settle(t.Context(), sent, consent.Done, "bk_1", "req_1", "confirmed"))

	grant, _, err = l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Done, grant.Outcome)
	assert.Equal(t, []string{"bk_1", "req_1", "confirmed"}, []string{grant.BookingID, grant.RequestID, grant.Detail})
	p, err = l.Proposal(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, consent.StateUsed, p.State)
	assert.Equal(t, []string{"proposed", "approved", "sent", "settled"}, kinds(t, l))
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 4, n)
}

// req: I1
func TestReq_I1_TheKeyComesFromTheGrantAndIsLegal(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	one, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	two, err := l.Attest(t.Context(), call("s2"), "Ada", "yes")
	require.NoError(t, err)
	assert.Regexp(t, `^vennio-mcp:[A-Z2-7]{26}$`, one.Key())
	assert.NotEqual(t, one.Key(), two.Key(), "each offer has its own key: requirement I6")
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for policy, counting := range map[consent.Policy][]consent.Method{
		consent.PolicyAttested: {consent.InClient, consent.OnPage, consent.InTerminal, consent.Attested},
		consent.PolicyAsk:      {consent.InClient, consent.OnPage, consent.InTerminal, consent.Attested},
		consent.PolicyHuman:    {consent.InClient, consent.OnPage, consent.InTerminal},
		"":                     nil,
	} {
		var counts []consent.Method
		for _, r := range []consent.Method{consent.InClient, consent.OnPage, consent.InTerminal, consent.Attested, "", "invented"} {
			if policy.Counts(r) {
				counts = append(counts, r)
			}
		}
		assert.Equal(t, counting, counts, policy)
	}
}

func TestStoredAnswersAreCleanedAndCut(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	g, err := l.Attest(t.Context(), call("s1"), "Ada\u202e\nLovelace", strings.Repeat("yes ", 1000))
	require.NoError(t, err)
	assert.Equal(t, "Ada Lovelace", g.GivenBy)
	assert.Len(t, []rune(g.Words), 500)
}
