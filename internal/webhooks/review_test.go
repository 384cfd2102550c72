package webhooks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// newRigWithEvents returns a rig with three stored events, received at now, one hour later and two
// hours after that. It advances now. No follow-up has run.
func newRigWithEvents(t *testing.T, now *time.Time, sinks ...webhooks.Sink) *rig {
	t.Helper()
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks = sinks
		o.Now = func() time.Time { return *now }
	})
	for i, body := range []string{
		booking("evt_0", "booking.created", "b-0"), booking("evt_1", "booking_series.cancelled", "b-1"), booking("evt_2", "booking.cancelled", "b-0"),
	} {
		*now = now.Add(time.Duration(i) * time.Hour) // not read concurrently, because no follow-up runs yet
		r.send(body)
	}
	return r
}

// req: W2
func TestReq_W2_ReplayByIDTypeAndTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 18, 9, 0, 0, 0, time.UTC)
	crm, archive := newListener(t, nil), newListener(t, nil)
	r := newRigWithEvents(t, &now, crm.sink("crm", "booking.*"), archive.sink("archive"))
	for name, c := range map[string]struct {
		filter        webhooks.EventFilter
		sink          string
		events, tasks int
	}{
		"all":          {webhooks.EventFilter{}, "", 3, 5},
		"a type":       {webhooks.EventFilter{Type: "booking.created"}, "", 1, 2},
		"a family":     {webhooks.EventFilter{Type: "booking.*"}, "", 2, 4},
		"no wildcards": {webhooks.EventFilter{Type: "booking_%"}, "", 0, 0},
		"since":        {webhooks.EventFilter{Since: now.Add(-2 * time.Hour)}, "", 2, 3},
		"until":        {webhooks.EventFilter{Until: now}, "", 2, 3},
		"one sink":     {webhooks.EventFilter{}, "crm", 3, 2},
	} {
		n, tasks, err := r.inbox.Replay(t.Context(), c.filter, c.sink)
		require.NoError(t, err, name)
		assert.Equal(t, []int{c.events, c.tasks}, []int{n, tasks}, name)
	}
	tasks, err := r.inbox.ReplayOne(t.Context(), "evt_0", "archive")
	require.NoError(t, err)
	assert.Equal(t, 1, tasks)
	_, err = r.inbox.ReplayOne(t.Context(), "evt_9", "")
	require.ErrorIs(t, err, webhooks.ErrNoEvent)
	_, _, err = r.inbox.Replay(t.Context(), webhooks.EventFilter{}, "mars")
	require.ErrorIs(t, err, webhooks.ErrNoSink)

	r.run()
	assert.Len(t, crm.wait(t, 2+2+1+2+1+1+2), 11, "once for each replay")
	archive.wait(t, 3+3+1+2+2+2+1)
}

// req: W2, W3
func TestReq_W2_OldEventsAreDeletedUnlessADeadLetterNeedsThem(t *testing.T) {
	t.Parallel()
	crm := newListener(t, func(int, received) (int, string) { return http.StatusForbidden, "" })
	long := time.Now().Add(-webhooks.MinKeep - time.Hour)
	r := newRigWith(t, func(o *webhooks.Options) {
		o.Sinks, o.Now = []webhooks.Sink{crm.sink("crm", "booking.created")}, func() time.Time { return long }
	})
	stop := r.run()
	r.send(booking("evt_dead", "booking.created", "b-1"))
	r.send(booking("evt_old", "booking.cancelled", "b-1"))
	assert.Equal(t, 1, r.dead(1)[0].Tries, "403: no second attempt")
	stop()
	later, err := webhooks.Open(r.db, webhooks.Options{Poll: 5 * time.Millisecond})
	require.NoError(t, err)
	r.service, r.inbox = later, later.Of("")
	r.run()
	require.Eventually(t, func() bool { return len(r.stored()) == 1 }, waitLimit, tick)
	assert.Equal(t, "evt_dead", r.stored()[0].ID)
}

func TestWatchersAreCalledOncePerEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var d eventLog
	r.inbox.Watch(d.watch)
	for range 2 {
		r.send(booking("evt_1", "booking.updated", "b-7"))
	}
	assert.Equal(t, []string{"booking.updated b-7"}, d.all())
}
