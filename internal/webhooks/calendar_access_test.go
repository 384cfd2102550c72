package webhooks_test

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

// eventLog records the events that a watcher receives.
type eventLog struct {
	mu    sync.Mutex
	notes []string
}

func (d *eventLog) watch(_ context.Context, e webhook.Event) {
	b, _ := e.Booking()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, string(e.Type)+" "+b.ID)
}

func (d *eventLog) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notes)
}

func propose(t *testing.T, r *rig, host string) consent.Proposal {
	t.Helper()
	start := time.Now().Add(24 * time.Hour)
	p, err := r.ledger.Propose(t.Context(), consent.Act{
		Tool: "book_slot", SlotID: "slot-" + host, Start: start, End: start.Add(time.Hour), Hosts: []consent.Host{{ID: host}}, Title: "Call",
	})
	require.NoError(t, err)
	return p
}

// req: W4
func TestReq_W4_RevokedAccessClosesOpenRequestsAfterACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want, requests := map[string]consent.State{}, map[string]string{}
	for host, c := range map[string]struct {
		event string
		state consent.State
	}{
		"p-1": {`{"id":"p-1","type":"consent.revoked","data":{"consent":{"id":"c-1","grantor":{"id":"p-1"}}}}`, consent.StateExpired},
		"p-2": {`{"id":"p-2","type":"consent.changed","data":{"id":"c-1","grantor":{"id":"p-2"},"status":"revoked"}}`, consent.StateExpired},
		"p-3": {`{"id":"p-3","type":"consent.changed","data":{"id":"c-1","grantor":{"id":"p-3"},"status":"active"}}`, consent.StateOpen},
		"p-4": {`{"id":"p-4","type":"consent.granted","data":{"id":"c-1","grantor":{"id":"p-4"},"status":"active"}}`, consent.StateOpen},
		"p-5": {`{"id":"p-5","type":"consent.revoked","data":{"id":"c-1","grantor":{"id":"p-6"}}}`, consent.StateOpen},
	} {
		want[host], requests[host] = c.state, propose(t, r, host).ID
		r.send(c.event) // no follow-up runs yet, as after a crash
	}
	r.run()
	for host, state := range want {
		require.Eventually(t, func() bool { return r.finished(host) }, waitLimit, tick)
		now, err := r.ledger.Proposal(t.Context(), requests[host])
		require.NoError(t, err)
		assert.Equal(t, state, now.State, host)
	}
}

// finished reports whether an event has no waiting or running task.
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

// req: W4
func TestReq_W4_ARevocationWithoutAHostBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	r.send(`{"id":"e","type":"consent.revoked"}`)
	assert.Contains(t, r.dead(1)[0].Why, "does not say whose")
}
