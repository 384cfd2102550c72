package consent_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

func today(most int) consent.Quota {
	return consent.Quota{Most: most, From: morning.Truncate(24 * time.Hour), To: morning.Truncate(24*time.Hour).AddDate(0, 0, 1)}
}

// req: X6. Counted where it is sent: at once, by several ledgers over one store.
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

func TestWhatAQuotaCounts(t *testing.T) {
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
	_, err = l.Erase(t.Context(), "Ada Lovelace")
	require.NoError(t, err)
	assert.Equal(t, 5, q.sent(""), "what was erased still counts, a series with each of its days")
	clock.advance(24 * time.Hour)
	_, err = q.send(call("s5"), 4)
	require.NoError(t, err, "given on another day")
}
