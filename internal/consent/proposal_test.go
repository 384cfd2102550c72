package consent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

func ids(proposals []consent.Proposal) (all []string) {
	for _, p := range proposals {
		all = append(all, p.ID)
	}
	return all
}

func TestAnActHasOneOpenProposal(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	c.advance(consent.Lifetime - time.Millisecond)
	again, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, p.Public(), again.Public())
	other, err := l.Propose(t.Context(), call("s2"))
	require.NoError(t, err)
	open, err := l.Open(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{p.ID, other.ID}, ids(open), "the oldest first")

	c.advance(time.Millisecond)
	open, err = l.Open(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{other.ID}, ids(open))
	late, err := l.Answer(t.Context(), p.ID, yes)
	require.ErrorIs(t, err, consent.ErrExpired)
	assert.Equal(t, consent.StateExpired, late.State)
	anew, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.NotEqual(t, p.ID, anew.ID)
	assert.Equal(t, []string{"proposed", "proposed", "expired", "proposed"}, kinds(t, l))
}

// req: C6
func TestReq_C6_AnAnswerIsTakenOnce(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]consent.Answer{"yes": yes, "no": no} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLedger(t)
			p, err := l.Propose(t.Context(), call("s1"))
			require.NoError(t, err)
			stands, err := l.Answer(t.Context(), p.ID, first)
			require.NoError(t, err)
			for _, second := range []consent.Answer{yes, no} {
				got, err := l.Answer(t.Context(), p.ID, second)
				require.ErrorIs(t, err, consent.ErrAnswered)
				assert.Equal(t, stands.Public(), got.Public())
			}
			require.ErrorIs(t, l.Withdraw(t.Context(), p.ID, "late"), consent.ErrAnswered)
			g, _, err := l.FindConsent(t.Context(), call("s1"))
			require.NoError(t, err)
			assert.Equal(t, first.Agreed, g != nil)
		})
	}
}

func TestOnlyAPersonAnswers(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	for _, method := range []consent.Method{consent.Attested, "", "invented"} {
		_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: "Ada", Words: "yes", Method: method})
		require.ErrorIs(t, err, consent.ErrNotHuman)
	}
	_, err = l.Answer(t.Context(), "NOSUCHPROPOSAL", yes)
	require.ErrorIs(t, err, consent.ErrNoProposal)
	require.ErrorIs(t, l.Withdraw(t.Context(), "NOSUCHPROPOSAL", ""), consent.ErrNoProposal)
	p, err = l.Proposal(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, consent.StateOpen, p.State)
}

func TestAWithdrawnProposalCanBeAnsweredElsewhere(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	require.NoError(t, l.Withdraw(t.Context(), p.ID, "cancelled in the client"))
	again, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, p.ID, again.ID)
	assert.Equal(t, consent.StateOpen, again.State)
	assert.Equal(t, "cancelled in the client", again.Unanswered)
	_, asked, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, &again, asked)
	_, err = l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	c.advance(consent.Lifetime)
	p, err = l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Empty(t, p.Unanswered, "a new question may be asked in any form")
	c.advance(consent.Lifetime)
	require.ErrorIs(t, l.Withdraw(t.Context(), p.ID, "late"), consent.ErrExpired)
}

func TestARefusalOverrulesTheAgentsStatement(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	attested, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
	_, err = l.Send(t.Context(), attested)
	require.ErrorIs(t, err, consent.ErrDeclined)
	_, err = l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrDeclined)
	g, asked, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Nil(t, g)
	assert.Equal(t, consent.StateDeclined, asked.State)

	c.advance(10 * time.Minute)
	p, err = l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	_, err = l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err, "the person may think again")
	g, _, err = l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.NotEqual(t, attested.ID, g.ID)
}

func TestAnApprovalUpgradesAnAttestedGrant(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	attested, err := l.Attest(t.Context(), call("s1"), "the agent", "Ada said yes")
	require.NoError(t, err)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	c.advance(time.Minute)
	_, err = l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	g, err := l.Attest(t.Context(), call("s1"), "the agent", "Ada said yes")
	require.NoError(t, err)
	assert.Equal(t, attested.Key(), g.Key(), "one act, one grant, one key")
	assert.Equal(t, consent.OnPage, g.Method)
	assert.Equal(t, "Ada Lovelace", g.GivenBy)
	assert.Equal(t, morning.Add(time.Minute+consent.Lifetime), g.Expires)
	same, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, p.ID, same.ID, "nothing is left to ask")
}

func TestAnApprovalAfterSendingChangesNothing(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	p, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	attested, err := l.Attest(t.Context(), call("s1"), "the agent", "Ada said yes")
	require.NoError(t, err)
	_, err = l.Send(t.Context(), attested)
	require.NoError(t, err)
	p, err = l.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	assert.Equal(t, consent.StateUsed, p.State)
	g, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Attested, g.Method, "it was sent on the agent's statement, and the record says so")
	_, err = l.Propose(t.Context(), call("s1"))
	require.ErrorIs(t, err, consent.ErrSettled)
}

// req: C3. An answer given elsewhere, on another replica's page or in the
// terminal, ends the wait.
func TestWaitNoticesAnAnswerGivenElsewhere(t *testing.T) {
	t.Parallel()
	where, c := storetest.Folder(t), newClock()
	here, elsewhere := ledgerIn(t, where, c.now), ledgerIn(t, where, c.now)
	p, err := here.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- here.Wait(t.Context(), p.ID) }()
	_, err = elsewhere.Answer(t.Context(), p.ID, yes)
	require.NoError(t, err)
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		assert.Fail(t, "the answer was not noticed")
	}
}
