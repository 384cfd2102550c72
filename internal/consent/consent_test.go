package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// watched returns a ledger and a function that returns the events since its last call.
func watched(t *testing.T) (l *consent.Ledger, c *clock, told func() []consent.Event) {
	t.Helper()
	c = newClock()
	db := sqldb.OpenWith(storetest.Memory(t), longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	var events []consent.Event
	l = consent.New(db, c.now, func(_ context.Context, e consent.Event) { events = append(events, e) })
	return l, c, func() []consent.Event {
		seen := events
		events = nil
		return seen
	}
}

func propose(t *testing.T, l *consent.Ledger, slot string) consent.Proposal {
	t.Helper()
	p, err := l.Propose(t.Context(), call(slot))
	require.NoError(t, err)
	return p
}

func TestAWatcherReceivesTheEventsOfABooking(t *testing.T) {
	t.Parallel()
	l, _, told := watched(t)
	p := propose(t, l, "s1")
	_, err := l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	assert.Equal(t, []consent.Event{{Kind: consent.EventAsked}, {Kind: consent.EventAgreed, Method: consent.OnPage}}, told())
	grant, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	sent, err := l.Send(t.Context(), *grant)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), sent, consent.Done, "bk_1", "", ""))
	_, err = l.Send(t.Context(), *grant)
	require.ErrorIs(t, err, consent.ErrSettled)
	assert.Equal(t, []consent.Event{
		{Kind: consent.EventSent, Method: consent.OnPage},
		{Kind: consent.EventWritten, Method: consent.OnPage},
		{Kind: consent.EventRepeated, Method: consent.OnPage},
	}, told())
}

func TestAWatcherReceivesEveryKindOfRefusal(t *testing.T) {
	t.Parallel()
	l, c, told := watched(t)
	require.NoError(t, l.Withdraw(t.Context(), propose(t, l, "s1").ID, "cancelled in the client"))
	require.NoError(t, l.Withdraw(t.Context(), propose(t, l, "s2").ID, "no answer"))
	_, err := l.Attest(t.Context(), call("s3"), "Ada", "yes")
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), propose(t, l, "s3").ID, no)
	require.NoError(t, err)
	propose(t, l, "s4")
	c.advance(consent.Lifetime + time.Second)
	propose(t, l, "s4")
	asked := consent.Event{Kind: consent.EventAsked}
	assert.Equal(t, []consent.Event{
		asked,
		{Kind: consent.EventCancelled, Method: consent.InClient},
		asked,
		{Kind: consent.EventUnanswered, Method: consent.InClient},
		{Kind: consent.EventAgreed, Method: consent.Attested},
		asked,
		{Kind: consent.EventDeclined, Method: consent.OnPage},
		{Kind: consent.EventDismissed, Method: consent.Attested},
		asked,
		{Kind: consent.EventExpired},
		asked,
	}, told())
}

// Without a committed entry there is no event.
func TestAWatcherReceivesNoEventOfARollback(t *testing.T) {
	t.Parallel()
	l, _, told := watched(t)
	grant, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	_, err = l.Send(t.Context(), grant)
	require.NoError(t, err)
	told()
	_, err = l.Attest(t.Context(), titled(call("s1"), "Another"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrOtherAct)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.Attest(ended, call("s2"), "Ada", "yes")
	require.Error(t, err)
	_, _, err = l.Erase(t.Context(), "Ada Lovelace")
	require.NoError(t, err)
	assert.Empty(t, told())
}
