package consent_test

import (
	"cmp"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// sent attests and sends an act.
func sent(t *testing.T, l *consent.Ledger, act consent.Act) consent.Grant {
	t.Helper()
	g, err := l.Attest(t.Context(), act, "Ada", "yes")
	require.NoError(t, err)
	g, err = l.Send(t.Context(), g)
	require.NoError(t, err)
	return g
}

// req: C2
func TestReq_C2_ChangeOneThingAndItIsRefused(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	early, err := l.Attest(t.Context(), titled(call("s1"), "Prepared"), "Ada", "yes")
	require.NoError(t, err, "nothing is sent yet")
	p, err := l.Propose(t.Context(), titled(call("s1"), "Asked"))
	require.NoError(t, err)
	g := sent(t, l, call("s1"))

	for _, o := range []consent.Outcome{consent.Sent, consent.Unknown, consent.Done} {
		if o != consent.Sent {
			require.NoError(t, l.Settle(t.Context(), g, o, "", "", ""))
		}
		other := titled(call("s1"), "Another title")
		_, _, err = l.FindConsent(t.Context(), other)
		require.ErrorIs(t, err, consent.ErrOtherAct, o)
		_, err = l.Attest(t.Context(), other, "Ada", "yes")
		require.ErrorIs(t, err, consent.ErrOtherAct, o)
		_, err = l.Propose(t.Context(), other)
		require.ErrorIs(t, err, consent.ErrOtherAct, o)
		_, err = l.Send(t.Context(), early)
		require.ErrorIs(t, err, consent.ErrOtherAct, o)
		_, err = l.Answer(t.Context(), p.ID, yes)
		require.ErrorIs(t, err, consent.ErrOtherAct, o)
	}
	tenant := call("s1")
	tenant.Tenant = "another tenant"
	_, err = l.Attest(t.Context(), tenant, "Ada", "yes")
	require.NoError(t, err, "tenants share nothing: requirement X5")
}

func TestAnotherActAfterARefusal(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	g := sent(t, l, call("s1"))
	require.NoError(t, l.Settle(t.Context(), g, consent.NotDone, "", "req_1", "the address does not exist"))
	mended := sent(t, l, titled(call("s1"), "Mended"))
	assert.NotEqual(t, g.Key(), mended.Key())
}

func TestActsWithoutASlotIDDoNotShareOne(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	for _, title := range []string{"Cancel this", "Cancel that"} {
		g := sent(t, l, titled(call(""), title))
		require.NoError(t, l.Settle(t.Context(), g, consent.Done, "bk_1", "", ""))
	}
}

func TestAGrantExpiresUnlessItWasSent(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	unsent, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	again, err := l.Attest(t.Context(), call("s1"), "Ada", "yes, please")
	require.NoError(t, err)
	assert.Equal(t, unsent.Public(), again.Public())
	g := sent(t, l, call("s2"))

	c.advance(consent.Lifetime)
	_, err = l.Send(t.Context(), unsent)
	require.ErrorIs(t, err, consent.ErrExpired)
	g, err = l.Send(t.Context(), g)
	require.NoError(t, err)
	assert.Equal(t, 2, g.Attempt)
	anew, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	assert.NotEqual(t, unsent.ID, anew.ID)
	_, err = l.Send(t.Context(), unsent)
	require.ErrorIs(t, err, consent.ErrExpired, "retired")
	_, err = l.Send(t.Context(), consent.Grant{ID: "NOSUCHGRANT"})
	require.ErrorIs(t, err, consent.ErrNoGrant)
}

func TestASettledGrantIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, o := range []consent.Outcome{consent.Done, consent.NotDone} {
		l, _ := newLedger(t)
		g := sent(t, l, call("s1"))
		require.NoError(t, l.Settle(t.Context(), g, o, "bk_1", "req_1", ""))
		require.NoError(t, l.Settle(t.Context(), g, o, "bk_1", "req_1", ""), "repeated")
		require.ErrorIs(t, l.Settle(t.Context(), g, consent.Unknown, "", "", ""), consent.ErrSettled)
		stands, err := l.Send(t.Context(), g)
		require.ErrorIs(t, err, consent.ErrSettled)
		assert.Equal(t, o, stands.Outcome)
		assert.Equal(t, "req_1", stands.RequestID)
		assert.Equal(t, []string{"attested", "sent", "settled"}, kinds(t, l))
		anew, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
		require.NoError(t, err)
		assert.Equal(t, o == consent.Done, anew.ID == g.ID, "not done: a new consent has a new key")
	}
}

func TestInvalidSettlementsAreRefused(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	g, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	require.ErrorIs(t, l.Settle(t.Context(), g, consent.Done, "", "", ""), consent.ErrNotSent)
	require.ErrorIs(t, l.Settle(t.Context(), consent.Grant{ID: "NOSUCHGRANT"}, consent.Done, "", "", ""), consent.ErrNoGrant)
	require.Error(t, l.Settle(t.Context(), sent(t, l, call("s2")), consent.Sent, "", "", ""))
}

// req: I3
func TestReq_I3_OneAttemptInDoubtKeepsTheGrantInDoubt(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	first := sent(t, l, call("s1"))
	require.NoError(t, l.Settle(t.Context(), first, consent.Unknown, "", "", "timed out"))
	c.advance(time.Hour)
	second, err := l.Send(t.Context(), first)
	require.NoError(t, err)
	assert.Equal(t, first.Key(), second.Key())
	require.ErrorIs(t, l.Settle(t.Context(), second, consent.NotDone, "", "req_2", "too many requests"), consent.ErrInDoubt)
	g, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Unknown, g.Outcome, "the first attempt may have booked")
	_, err = l.Attest(t.Context(), titled(call("s1"), "Another"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrOtherAct)

	third, err := l.Send(t.Context(), *g)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), third, consent.Done, "bk_1", "req_3", ""))
	require.ErrorIs(t, l.Settle(t.Context(), first, consent.NotDone, "", "", ""), consent.ErrSettled, "another attempt was done")
	g, _, err = l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Done, g.Outcome)
	assert.Equal(t, "bk_1", g.BookingID)
}

func TestParallelAttemptsAreNotDoneWhenAllAre(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	first := sent(t, l, call("s1"))
	second, err := l.Send(t.Context(), first)
	require.NoError(t, err)
	require.ErrorIs(t, l.Settle(t.Context(), first, consent.NotDone, "", "", ""), consent.ErrInDoubt)
	require.ErrorIs(t, l.Settle(t.Context(), first, consent.NotDone, "", "", ""), consent.ErrInDoubt, "repeated, it counts once")
	require.NoError(t, l.Settle(t.Context(), second, consent.NotDone, "", "", ""))
	g, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Nil(t, g, "a new consent is needed")
}

func today(most int) consent.Quota {
	return consent.Quota{Most: most, From: morning.Truncate(24 * time.Hour), To: morning.Truncate(24*time.Hour).AddDate(0, 0, 1)}
}

// req: X6. Several ledgers with one database send at once and share the quota.
func TestReq_X6_AQuotaIsKeptByAllTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newClock()
	ledgers := []*consent.Ledger{ledgerIn(t, dir, c.now), ledgerIn(t, dir, c.now)}
	var sent, over atomic.Int64
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			l := ledgers[i%2]
			g, err := l.Attest(t.Context(), call(fmt.Sprint("s", i)), "Ada", "Yes")
			if !assert.NoError(t, err) {
				return
			}
			if _, err = l.SendWithin(t.Context(), g, today(5)); err == nil {
				sent.Add(1)
				return
			}
			assert.ErrorIs(t, err, consent.ErrQuota)
			over.Add(1)
		})
	}
	all.Wait()
	assert.Equal(t, int64(5), sent.Load())
	assert.Equal(t, int64(7), over.Load())
}

// counted sends acts within a quota, and counts what was sent.
type counted struct {
	t      *testing.T
	ledger *consent.Ledger
}

func (c counted) send(a consent.Act, most int) (consent.Grant, error) {
	c.t.Helper()
	g, err := c.ledger.Attest(c.t.Context(), a, "Ada", "Yes")
	require.NoError(c.t, err)
	return c.ledger.SendWithin(c.t.Context(), g, today(most))
}

func (c counted) sent(tenant string) int {
	c.t.Helper()
	n, err := c.ledger.SentWithin(c.t.Context(), tenant, today(0))
	require.NoError(c.t, err)
	return n
}

func TestAQuotaCountsSentBookings(t *testing.T) {
	t.Parallel()
	l, clock := newLedger(t)
	q := counted{t, l}
	first, err := q.send(call("s1"), 1)
	require.NoError(t, err)
	_, err = l.SendWithin(t.Context(), first, today(1))
	require.NoError(t, err, "what was sent may be sent again")
	series := call("s2")
	series.Repeat, series.Count = "weekly, 4 times", 4
	_, err = q.send(series, 4)
	require.ErrorIs(t, err, consent.ErrQuota, "a series counts with each of its days")
	_, err = q.send(series, 5)
	require.NoError(t, err)
	assert.Equal(t, 5, q.sent(""))
	elsewhere := call("s3")
	elsewhere.Tenant = "acme"
	_, err = q.send(elsewhere, 1)
	require.NoError(t, err, "req: X5: another tenant's number")
	assert.Equal(t, 1, q.sent("acme"))
	failed, err := q.send(call("s6"), 6)
	require.NoError(t, err)
	assert.Equal(t, 6, q.sent(""))
	require.NoError(t, l.Settle(t.Context(), failed, consent.NotDone, "", "", ""))
	assert.Equal(t, 5, q.sent(""), "what was not done for certain does not count")
	change := call("s4")
	change.Tool, change.BookingID = "reschedule_booking", "bk_1"
	_, err = q.send(change, 1)
	require.NoError(t, err, "a change makes no booking")
	_, _, err = l.Erase(t.Context(), "Ada Lovelace")
	require.NoError(t, err)
	assert.Equal(t, 5, q.sent(""), "what was erased still counts, a series with each of its days")
	clock.advance(24 * time.Hour)
	_, err = q.send(call("s5"), 4)
	require.NoError(t, err, "given on another day")
}

// req: C3. A statement is stored only together with the sending, after all checks were made again.
func TestReq_C3_AStatementIsStoredWhenItIsSent(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	g, err := l.Statement(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	_, err = l.Statement(t.Context(), call("s1"), " ", "yes")
	require.Error(t, err)
	found, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	require.Nil(t, found)
	c.advance(time.Second)
	first, err := l.SendWithin(t.Context(), g, today(5))
	require.NoError(t, err)
	assert.Equal(t, []any{consent.Sent, 1, g.At, g.Key()}, []any{first.Outcome, first.Attempt, first.At, first.Key()})
	again, err := l.SendWithin(t.Context(), g, today(5))
	require.NoError(t, err)
	assert.Equal(t, []any{consent.Sent, 2, first.Key()}, []any{again.Outcome, again.Attempt, again.Key()})
	assert.Equal(t, []string{"attested", "sent", "sent"}, kinds(t, l))
	for _, attempt := range []consent.Grant{first, again} {
		require.ErrorIs(t, cmp.Or(l.Settle(t.Context(), attempt, consent.NotDone, "", "", ""), consent.ErrInDoubt), consent.ErrInDoubt)
	}
	_, err = l.SendWithin(t.Context(), g, today(5))
	require.ErrorIs(t, err, consent.ErrSettled, "a statement is used once")

	p := propose(t, l, "s2")
	declined, err := l.Statement(t.Context(), call("s2"), "Ada", "yes")
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
	_, err = l.Send(t.Context(), declined)
	require.ErrorIs(t, err, consent.ErrDeclined)
	series := call("s3")
	series.Repeat, series.Count = "weekly, twice", 2
	over, err := l.Statement(t.Context(), series, "Ada", "yes")
	require.NoError(t, err)
	_, err = l.SendWithin(t.Context(), over, today(1))
	require.ErrorIs(t, err, consent.ErrQuota)
	c.advance(consent.Lifetime)
	_, err = l.Send(t.Context(), over)
	require.ErrorIs(t, err, consent.ErrExpired)
	assert.Equal(t, []string{"attested", "sent", "sent", "settled", "settled", "proposed", "declined"}, kinds(t, l))
	_, err = l.Verify(t.Context())
	require.NoError(t, err)
}
