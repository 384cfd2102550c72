package events_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// diary notes events.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (d *diary) watch(_ context.Context, e webhook.Event) {
	b, _ := e.Booking()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, string(e.Type)+" "+b.ID)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notes)
}

func askFor(t *testing.T, r *rig, host string) consent.Proposal {
	t.Helper()
	start := time.Now().Add(24 * time.Hour)
	p, err := r.ledger.Propose(t.Context(), consent.Act{
		Tool: "book_slot", SlotID: "slot-" + host, Start: start, End: start.Add(time.Hour), Hosts: []consent.Party{{ID: host}}, Title: "Call",
	})
	require.NoError(t, err)
	return p
}

// bar: W4
func TestBar_W4_RevokedAccessClosesWhatIsOpenEvenAfterACrash(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event  string
		closes bool
	}{
		"revoked":          {`{"id":"e","type":"consent.revoked","data":{"consent":{"id":"c-1","grantor":{"id":"p-1"}}}}`, true},
		"changed, over":    {`{"id":"e","type":"consent.changed","data":{"id":"c-1","grantor":{"id":"p-1"},"status":"revoked"}}`, true},
		"changed, active":  {`{"id":"e","type":"consent.changed","data":{"id":"c-1","grantor":{"id":"p-1"},"status":"active"}}`, false},
		"granted":          {`{"id":"e","type":"consent.granted","data":{"id":"c-1","grantor":{"id":"p-1"},"status":"active"}}`, false},
		"revoked, another": {`{"id":"e","type":"consent.revoked","data":{"id":"c-1","grantor":{"id":"p-2"}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := askFor(t, r, "p-1")
			r.tell(c.event) // nothing runs yet, as if the process had died
			r.run()
			if c.closes {
				require.Eventually(t, func() bool {
					now, err := r.ledger.Proposal(t.Context(), p.ID)
					require.NoError(t, err)
					return now.State == consent.StateExpired
				}, patience, tick)
				return
			}
			require.Eventually(t, func() bool { return r.finished("e") }, patience, tick)
			now, err := r.ledger.Proposal(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, consent.StateOpen, now.State)
		})
	}
}

// finished: nothing is waiting or running for an event.
func (r *rig) finished(event string) bool {
	r.t.Helper()
	_, tasks, err := r.inbox.Show(r.t.Context(), event)
	require.NoError(r.t, err)
	for _, task := range tasks {
		if task.Ended.IsZero() {
			return false
		}
	}
	return true
}

// bar: W4
func TestBar_W4_ARevocationThatNamesNobodyWaitsForTheOperator(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	r.tell(`{"id":"e","type":"consent.revoked"}`)
	require.Eventually(t, func() bool {
		dead, err := r.inbox.DeadLetters(t.Context())
		require.NoError(t, err)
		return len(dead) == 1
	}, patience, tick)
	dead, err := r.inbox.DeadLetters(t.Context())
	require.NoError(t, err)
	assert.Contains(t, dead[0].Why, "the event names nobody")
}
