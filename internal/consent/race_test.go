package consent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// crowd runs do for many callers at once, half of them on each of two ledgers with
// separate DBs on one file, and returns the result of each.
func crowd[T any](t *testing.T, do func(l *consent.Ledger, i int) T) ([]T, *consent.Ledger) {
	t.Helper()
	const callers = 16
	dir, c := storetest.Folder(t), newClock()
	ledgers := []*consent.Ledger{ledgerIn(t, dir, c.now), ledgerIn(t, dir, c.now)}
	var wg sync.WaitGroup
	got := make([]T, callers)
	for i := range callers {
		wg.Go(func() { got[i] = do(ledgers[i%2], i) })
	}
	wg.Wait()
	n, err := ledgers[0].Verify(t.Context())
	require.NoError(t, err, "req: O4")
	again, err := ledgers[1].Verify(t.Context())
	require.NoError(t, err)
	assert.Equal(t, n, again)
	return got, ledgers[0]
}

func distinct[T comparable](all []T) int {
	set := map[T]bool{}
	for _, v := range all {
		set[v] = true
	}
	return len(set)
}

// req: C6
func TestReq_C6_ManyProposeAndAnswerAtOnce(t *testing.T) {
	t.Parallel()
	type result struct {
		id      string
		outcome error
	}
	got, l := crowd(t, func(l *consent.Ledger, i int) result {
		p, err := l.Propose(t.Context(), call("s1"))
		if errors.Is(err, consent.ErrDeclined) { // by somebody, in the meantime
			return result{"", consent.ErrDeclined}
		}
		assert.NoError(t, err)
		a := yes
		a.Agreed = i%4 < 2 // on either ledger some say yes and some say no
		_, err = l.Answer(t.Context(), p.ID, a)
		if errors.Is(err, consent.ErrAnswered) {
			err = consent.ErrAnswered
		}
		return result{p.ID, err}
	})
	taken := map[string]int{}
	got = slices.DeleteFunc(got, func(r result) bool { return r.id == "" })
	for _, r := range got {
		if r.outcome == nil {
			taken[r.id]++
		} else {
			assert.Equal(t, consent.ErrAnswered, r.outcome)
		}
	}
	for id, times := range taken {
		assert.Equal(t, 1, times, "every proposal is answered once: %s", id)
	}
	for _, r := range got {
		assert.Contains(t, taken, r.id)
	}
	approved := 0
	for _, kind := range kinds(t, l) {
		if kind == "approved" {
			approved++
		}
	}
	assert.LessOrEqual(t, approved, 1, "one grant, whatever was answered before")
}

// req: C6, I1
func TestReq_C6_ManyAttestSendAndSettleAtOnce(t *testing.T) {
	t.Parallel()
	type result struct {
		key     string
		attempt int
	}
	got, l := crowd(t, func(l *consent.Ledger, i int) result {
		attest := map[bool]func(context.Context, consent.Act, string, string) (consent.Grant, error){true: l.Attest, false: l.Statement}
		g, err := attest[i%4 < 2](t.Context(), call("s1"), "Ada", "yes")
		assert.NoError(t, err)
		g, err = l.Send(t.Context(), g)
		if errors.Is(err, consent.ErrSettled) {
			assert.Equal(t, "bk_1", g.BookingID, "later attempts get the same booking")
			return result{key: g.Key()}
		}
		assert.NoError(t, err)
		assert.NoError(t, l.Settle(t.Context(), g, consent.Done, "bk_1", "req_1", ""))
		return result{g.Key(), g.Attempt}
	})
	keys, attempts := map[string]bool{}, []int{}
	for _, r := range got {
		keys[r.key] = true
		if r.attempt > 0 {
			attempts = append(attempts, r.attempt)
		}
	}
	assert.Len(t, keys, 1)
	assert.Equal(t, len(attempts), distinct(attempts), "every attempt has its own number")
	g, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Done, g.Outcome)
	assert.Equal(t, len(attempts), g.Attempt)
}

// req: C2
func TestReq_C2_ManyActsForOneSlotAtOnce(t *testing.T) {
	t.Parallel()
	got, _ := crowd(t, func(l *consent.Ledger, i int) error {
		g, err := l.Attest(t.Context(), titled(call("s1"), fmt.Sprint("Title ", i)), "Ada", "yes")
		if err == nil {
			_, err = l.Send(t.Context(), g)
		}
		return err
	})
	sent := 0
	for _, err := range got {
		if err == nil {
			sent++
		} else {
			require.ErrorIs(t, err, consent.ErrOtherAct)
		}
	}
	assert.Equal(t, 1, sent)
}

// counts returns how many callers got each error; nil is a success.
func counts(t *testing.T, got []error, refusals ...error) map[error]int {
	t.Helper()
	n := map[error]int{}
	for _, err := range got {
		at := slices.IndexFunc(refusals, func(refusal error) bool { return errors.Is(err, refusal) })
		switch {
		case err == nil:
			n[nil]++
		case at >= 0:
			n[refusals[at]]++
		default:
			assert.NoError(t, err)
		}
	}
	return n
}

// field: quota used up by several processes at once
// req: C3
func TestReq_C3_ManySendWithinAQuotaAtOnce(t *testing.T) {
	t.Parallel()
	got, l := crowd(t, func(l *consent.Ledger, i int) error {
		g, err := l.Attest(t.Context(), call(fmt.Sprint("s", i)), "Ada", "yes")
		if err == nil {
			_, err = l.SendWithin(t.Context(), g, today(5))
		}
		return err
	})
	assert.Equal(t, map[error]int{nil: 5, consent.ErrQuota: 11}, counts(t, got, consent.ErrQuota))
	n, err := l.SentWithin(t.Context(), "", today(0))
	require.NoError(t, err)
	assert.Equal(t, 5, n)
}

// field: limits on asking reached by several processes at once
// req: C14
func TestReq_C14_ManyAskAtOnceWithinTheLimits(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]consent.AskLimits{
		"open": {Open: 3}, "hourly": {Hourly: 3}, "tenant open": {TenantOpen: 3}, "tenant hourly": {TenantHourly: 3}, "all": {Open: 3, Hourly: 4, TenantOpen: 5, TenantHourly: 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tooMany := errors.New("too many")
			got, _ := crowd(t, func(l *consent.Ledger, i int) error {
				from := consent.Asker{Caller: "one", Limits: limits}
				if limits.Open+limits.Hourly == 0 {
					from.Caller = fmt.Sprint("caller ", i)
				}
				_, err := l.Ask(t.Context(), call(fmt.Sprint("s", i)), from)
				if _, ok := errors.AsType[*consent.TooManyError](err); ok {
					err = tooMany
				}
				return err
			})
			assert.Equal(t, map[error]int{nil: 3, tooMany: 13}, counts(t, got, tooMany))
		})
	}
}

// field: refusal while other acts for the same slot are sent
// req: C3. What was attested is not sent after a person has declined another act for the slot.
func TestReq_C3_NoSendOvertakesARefusal(t *testing.T) {
	t.Parallel()
	sameTime := func(i int) consent.Act {
		act := titled(call("s"), fmt.Sprint("Title ", i))
		act.SlotID = fmt.Sprint("s", i) // each search signs another id
		return act
	}
	var asked sync.Once
	var p consent.Proposal
	attested := make(chan struct{}, 15)
	got, l := crowd(t, func(l *consent.Ledger, i int) error {
		asked.Do(func() {
			var err error
			p, err = l.Propose(t.Context(), sameTime(99))
			assert.NoError(t, err)
		})
		attest := map[bool]func(context.Context, consent.Act, string, string) (consent.Grant, error){true: l.Attest, false: l.Statement}[i%4 < 2]
		if i == 0 {
			for range cap(attested) {
				<-attested
			}
			_, err := l.Answer(t.Context(), p.ID, no)
			return err
		}
		g, err := attest(t.Context(), sameTime(i), "Ada", "yes")
		attested <- struct{}{}
		if err == nil {
			_, err = l.Send(t.Context(), g)
		}
		return err
	})
	n := counts(t, got, consent.ErrDeclined)
	assert.Equal(t, 16, n[nil]+n[consent.ErrDeclined])
	all := kinds(t, l)
	declined := slices.Index(all, "declined")
	assert.Equal(t, n[nil]-1, count(all[:declined], "sent"), "each before the refusal")
	assert.NotContains(t, all[declined:], "sent")
}

func count(all []string, one string) (n int) {
	for _, other := range all {
		if other == one {
			n++
		}
	}
	return n
}

// field: several changed requests at once after a refusal
// req: C14. A person who has declined is asked about the slot once more at most.
func TestReq_C14_ManyAskAgainAtOnceAfterARefusal(t *testing.T) {
	t.Parallel()
	var declined sync.Once
	got, _ := crowd(t, func(l *consent.Ledger, i int) error {
		declined.Do(func() {
			p, err := l.Propose(t.Context(), call("s1"))
			assert.NoError(t, err)
			_, err = l.Answer(t.Context(), p.ID, no)
			assert.NoError(t, err)
		})
		_, err := l.Propose(t.Context(), titled(call("s1"), fmt.Sprint("Title ", i)))
		return err
	})
	assert.Equal(t, map[error]int{nil: 1, consent.ErrDeclined: 15}, counts(t, got, consent.ErrDeclined))
}

// field: several refusals of one slot at once
// req: C14. Each counts: the slot is closed for as long as after refusals one after another.
func TestReq_C14_ManyDeclineAtOnce(t *testing.T) {
	t.Parallel()
	var ask sync.Once
	var asked []consent.Proposal
	got, l := crowd(t, func(l *consent.Ledger, i int) error {
		ask.Do(func() {
			for i := range 3 {
				act := call("s1")
				act.SlotID, act.Notes = fmt.Sprint("s", i), fmt.Sprint("Notes ", i)
				p, err := l.Propose(t.Context(), act)
				assert.NoError(t, err)
				asked = append(asked, p)
			}
		})
		if i >= len(asked) {
			return nil
		}
		_, err := l.Answer(t.Context(), asked[i].ID, no)
		return err
	})
	assert.Equal(t, map[error]int{nil: 16}, counts(t, got))
	refused, ok := errors.AsType[*consent.RefusedError](l.Refused(t.Context(), call("s1")))
	require.True(t, ok)
	assert.Equal(t, 40*time.Minute, refused.Wait)
}

// field: bookings, an erasure and seals of several processes at once
// req: O4
func TestReq_O4_ManyBookWhileEntriesAreErasedAndSealed(t *testing.T) {
	t.Parallel()
	got, l := crowd(t, func(l *consent.Ledger, i int) error {
		switch i % 4 {
		case 0:
			return l.Seal(t.Context())
		case 1:
			_, _, err := l.Erase(t.Context(), "Ada Lovelace")
			return err
		}
		act := call(fmt.Sprint("s", i/4))
		act.Tenant = fmt.Sprint("tenant ", i%3)
		g, err := l.Attest(t.Context(), act, "Ada", "yes")
		if err == nil {
			g, err = l.Send(t.Context(), g)
		}
		if err == nil {
			err = l.Settle(t.Context(), g, consent.Done, fmt.Sprint("bk_", i), "", "")
		}
		return err
	})
	counts(t, got, consent.ErrNoGrant, consent.ErrExpired, consent.ErrOtherAct, consent.ErrSettled)
	require.NoError(t, l.Seal(t.Context()))
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	assert.Zero(t, report.Unsealed)
	assert.Positive(t, report.Seals)
	entries, err := l.Entries(t.Context(), 0, 1000)
	require.NoError(t, err)
	for _, e := range entries {
		assert.Positive(t, e.Seal)
	}
}
