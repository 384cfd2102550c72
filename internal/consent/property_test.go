package consent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// req: C2, C6
func TestTheLedgerBehavesLikeItsModel(t *testing.T) {
	t.Parallel()
	l, c := newLedger(t)
	world := 0
	rapid.Check(t, func(t *rapid.T) {
		world++
		c.advance(consent.Lifetime) // what waits from before no longer does
		p := &pair{l: l, c: c, m: &model{now: c.now()}, slots: []string{fmt.Sprintf("%d.1", world), fmt.Sprintf("%d.2", world)}}
		t.Repeat(map[string]func(*rapid.T){
			"propose": p.propose, "answer": p.answer, "withdraw": p.withdraw, "attest": p.attest,
			"send": p.send, "settle": p.settle, "wait": p.wait, "": p.compare,
		})
	})
	_, err := l.Verify(t.Context())
	require.NoError(t, err)
}

// pair does everything with the ledger and with the model.
type pair struct {
	l     *consent.Ledger
	c     *clock
	m     *model
	slots []string
}

func (p *pair) act(t *rapid.T) (string, string) {
	return rapid.SampledFrom(p.slots).Draw(t, "slot"), rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "title")
}

func (p *pair) propose(t *rapid.T) {
	slot, title := p.act(t)
	want, wrong := p.m.propose(slot, title)
	got, err := p.l.Propose(t.Context(), titled(call(slot), title))
	require.ErrorIs(t, err, wrong)
	if wrong != nil {
		return
	}
	if want.id == "" {
		want.id = got.ID
	}
	p.same(t, want, got)
}

func (p *pair) same(t *rapid.T, want *asked, got consent.Proposal) {
	assert.Equal(t, consent.Proposal{
		ID: want.id, Act: titled(call(want.slot), want.title), At: want.expires.Add(-consent.Lifetime), Expires: want.expires,
		State: p.m.state(want), Unanswered: want.unanswered,
	}, got.Public())
}

func (p *pair) proposal(t *rapid.T) *asked {
	chosen, err := pick(p.m.proposals, rapid.IntRange(0, 99).Draw(t, "proposal"))
	if err != nil {
		t.Skip(err) // rapid: drops this one step, there is nothing to choose from yet; the test goes on
	}
	return chosen
}

func (p *pair) answer(t *rapid.T) {
	on := p.proposal(t)
	a := yes
	a.Agreed = rapid.Bool().Draw(t, "agreed")
	a.Method = rapid.SampledFrom([]consent.Method{consent.InClient, consent.OnPage, consent.InTerminal}).Draw(t, "method")
	wrong := p.m.answer(on, a.Agreed, a.Method)
	got, err := p.l.Answer(t.Context(), on.id, a)
	require.ErrorIs(t, err, wrong)
	p.same(t, on, got)
	if live := p.m.live(on.slot, on.title); live != nil && live.id == "" { // a new grant
		g, _, err := p.l.FindConsent(t.Context(), got.Act)
		require.NoError(t, err)
		live.id = g.ID
	}
}

func (p *pair) withdraw(t *rapid.T) {
	from := p.proposal(t)
	wrong := p.m.answerable(from)
	if wrong == nil {
		from.unanswered = "no answer"
	}
	require.ErrorIs(t, p.l.Withdraw(t.Context(), from.id, "no answer"), wrong)
}

func (p *pair) attest(t *rapid.T) {
	slot, title := p.act(t)
	want, wrong := p.m.attest(slot, title)
	got, err := p.l.Attest(t.Context(), titled(call(slot), title), "Ada", "yes")
	require.ErrorIs(t, err, wrong)
	if wrong != nil {
		return
	}
	if want.id == "" {
		want.id = got.ID
	}
	assert.Equal(t, want.id, got.ID)
}

func (p *pair) grant(t *rapid.T) *given {
	chosen, err := pick(p.m.grants, rapid.IntRange(0, 99).Draw(t, "grant"))
	if err != nil {
		t.Skip(err) // rapid: drops this one step, there is nothing to choose from yet; the test goes on
	}
	return chosen
}

func (p *pair) send(t *rapid.T) {
	g := p.grant(t)
	wrong := p.m.send(g)
	got, err := p.l.Send(t.Context(), consent.Grant{ID: g.id})
	require.ErrorIs(t, err, wrong)
	assert.Equal(t, "vennio-mcp:"+g.id, got.Key())
	assert.Equal(t, len(g.sends), got.Attempt)
	assert.Equal(t, g.outcome(), got.Outcome)
}

func (p *pair) settle(t *rapid.T) {
	g := p.grant(t)
	attempt := rapid.IntRange(0, len(g.sends)+1).Draw(t, "attempt")
	o := rapid.SampledFrom([]consent.Outcome{consent.Done, consent.NotDone, consent.Unknown}).Draw(t, "outcome")
	wrong := p.m.settle(g, attempt, o)
	require.ErrorIs(t, p.l.Settle(t.Context(), consent.Grant{ID: g.id, Attempt: attempt}, o, "bk", "req", ""), wrong)
}

func (p *pair) wait(t *rapid.T) {
	p.c.advance(time.Duration(rapid.IntRange(1, 11).Draw(t, "minutes")) * time.Minute)
	p.m.now = p.c.now()
}

// compare runs after every step.
func (p *pair) compare(t *rapid.T) {
	slot, title := p.act(t)
	p.compareStanding(t, slot, title)
	open, err := p.l.Open(t.Context())
	require.NoError(t, err)
	var want []string
	for _, q := range p.m.proposals {
		if p.m.state(q) == consent.StateOpen {
			want = append(want, q.id)
		}
	}
	var got []string
	for _, q := range open {
		got = append(got, q.ID)
	}
	assert.Equal(t, want, got)
}

func (p *pair) compareStanding(t *rapid.T, slot, title string) {
	g, q, err := p.l.FindConsent(t.Context(), titled(call(slot), title))
	if p.m.otherAct(slot, title) {
		require.ErrorIs(t, err, consent.ErrOtherAct)
		return
	}
	require.NoError(t, err)
	live, latest := p.m.live(slot, title), p.m.latest(slot, title)
	if until, _ := p.m.closed(slot); latest != nil && latest.state == consent.StateDeclined && !until.After(p.m.now) {
		latest = nil // the refusal has lapsed
	}
	switch {
	case live != nil:
		require.NotNil(t, g)
		assert.Nil(t, q)
		assert.Equal(t, []any{live.id, live.method, live.expires, live.outcome(), len(live.sends)},
			[]any{g.ID, g.Method, g.Expires, g.Outcome, g.Attempt})
	case latest != nil:
		assert.Nil(t, g)
		require.NotNil(t, q)
		p.same(t, latest, *q)
	default:
		assert.Nil(t, g)
		assert.Nil(t, q)
	}
}
