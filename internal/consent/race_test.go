package consent_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

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
	got, l := crowd(t, func(l *consent.Ledger, _ int) result {
		g, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
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
