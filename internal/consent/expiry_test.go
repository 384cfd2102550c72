package consent_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// stage is a ledger in a folder, with a clock that the test sets forward and back.
type stage struct {
	t   *testing.T
	dir string
	c   *clock
	*consent.Ledger
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: storetest.Folder(t), c: newClock()}
	s.Ledger = ledgerIn(t, s.dir, s.c.now)
	return s
}

// later reads the ledger after everything open has expired, then sets the clock back
// and opens the ledger again, as after a restart.
func (s *stage) later(look func() error, wrong error) {
	s.t.Helper()
	s.c.advance(consent.Lifetime)
	require.ErrorIs(s.t, look(), wrong)
	s.c.advance(-consent.Lifetime)
	s.Ledger = ledgerIn(s.t, s.dir, s.c.now)
}

// unusable asserts that nothing can be sent for an act.
func (s *stage) unusable(g consent.Grant, act consent.Act, why error) {
	s.t.Helper()
	ctx := s.t.Context()
	stands, _, err := s.FindConsent(ctx, act)
	require.NoError(s.t, err)
	assert.Nil(s.t, stands)
	for range 2 {
		_, err = s.Send(ctx, g)
		require.ErrorIs(s.t, err, why)
	}
	_, err = s.Verify(ctx)
	require.NoError(s.t, err)
}

func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 30*time.Second)
}

// field: expired question, clock set back
// req: C6
func TestReq_C6_AQuestionOnceSeenExpiredStaysExpired(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		look  func(s *stage, id string) error
		wrong error
	}{
		"shown":           {func(s *stage, id string) error { _, err := s.Proposal(t.Context(), id); return err }, nil},
		"asked how it is": {func(s *stage, _ string) error { _, _, err := s.FindConsent(t.Context(), call("s1")); return err }, nil},
		"listed":          {func(s *stage, _ string) error { _, err := s.Open(t.Context()); return err }, nil},
		"listed in pages": {func(s *stage, _ string) error { _, _, err := s.OpenPage(t.Context(), "", 1); return err }, nil},
		"agreed to":       {func(s *stage, id string) error { _, err := s.Answer(t.Context(), id, yes); return err }, consent.ErrExpired},
		"declined":        {func(s *stage, id string) error { _, err := s.Answer(t.Context(), id, no); return err }, consent.ErrExpired},
		"withdrawn":       {func(s *stage, id string) error { return s.Withdraw(t.Context(), id, "no answer") }, consent.ErrExpired},
		"proposed again":  {func(s *stage, _ string) error { _, err := s.Propose(t.Context(), call("s1")); return err }, nil},
		"another is revoked": {func(s *stage, _ string) error {
			_, err := s.CloseForHost(t.Context(), "", consent.HostIdentity{ID: "x"}, "revoked")
			return err
		}, nil},
		"waited for": {func(s *stage, id string) error {
			ctx, done := background()
			defer done()
			return s.Wait(ctx, id)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			p, err := s.Propose(t.Context(), call("s1"))
			require.NoError(t, err)
			s.later(func() error { return tc.look(s, p.ID) }, tc.wrong)
			for _, a := range []consent.Answer{yes, no} {
				got, err := s.Answer(t.Context(), p.ID, a)
				require.ErrorIs(t, err, consent.ErrExpired)
				assert.Equal(t, consent.StateExpired, got.State)
			}
			require.ErrorIs(t, s.Withdraw(t.Context(), p.ID, "no answer"), consent.ErrExpired)
			got, err := s.Proposal(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, consent.StateExpired, got.State)
			open, err := s.Open(t.Context())
			require.NoError(t, err)
			for _, o := range open {
				assert.NotEqual(t, p.ID, o.ID)
			}
			s.unusable(consent.Grant{ID: "none"}, call("s1"), consent.ErrNoGrant)
		})
	}
}

// field: expired consent, clock set back
// req: C6. Attested by the agent, or given on the page.
func TestReq_C6_AConsentOnceSeenExpiredStaysExpired(t *testing.T) {
	t.Parallel()
	attested := func(s *stage) consent.Grant {
		g, err := s.Attest(t.Context(), call("s1"), "Ada", "yes")
		require.NoError(s.t, err)
		return g
	}
	approved := func(s *stage) consent.Grant {
		p, err := s.Propose(t.Context(), call("s1"))
		require.NoError(s.t, err)
		_, err = s.Answer(t.Context(), p.ID, yes)
		require.NoError(s.t, err)
		g, _, err := s.FindConsent(t.Context(), call("s1"))
		require.NoError(s.t, err)
		return *g
	}
	for name, tc := range map[string]struct {
		look  func(s *stage, g consent.Grant) error
		wrong error
	}{
		"asked how it is":    {func(s *stage, _ consent.Grant) error { _, _, err := s.FindConsent(t.Context(), call("s1")); return err }, nil},
		"sent":               {func(s *stage, g consent.Grant) error { _, err := s.Send(t.Context(), g); return err }, consent.ErrExpired},
		"sent under a quota": {func(s *stage, g consent.Grant) error { _, err := s.SendWithin(t.Context(), g, today(1)); return err }, consent.ErrExpired},
		"asked again":        {func(s *stage, _ consent.Grant) error { _, err := s.Propose(t.Context(), call("s1")); return err }, nil},
		"another is revoked": {func(s *stage, _ consent.Grant) error {
			_, err := s.CloseForHost(t.Context(), "", consent.HostIdentity{ID: "x"}, "revoked")
			return err
		}, nil},
	} {
		for how, give := range map[string]func(*stage) consent.Grant{"attested": attested, "approved": approved} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				g := give(s)
				s.later(func() error { return tc.look(s, g) }, tc.wrong)
				s.unusable(g, call("s1"), consent.ErrExpired)
			})
		}
	}
}

// field: declined consent, clock set back
// req: C6. A refusal after a consent has expired leaves it expired.
func TestReq_C6_ANoAfterAConsentExpiredLeavesItSo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g, err := s.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	s.c.advance(consent.Lifetime / 2)
	p, err := s.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	s.c.advance(consent.Lifetime / 2)
	_, err = s.Answer(t.Context(), p.ID, no)
	require.NoError(t, err)
	s.c.advance(-consent.Lifetime)
	s.unusable(g, call("s1"), consent.ErrExpired)
}

// field: revoked access, clock set back
// req: W4. A consent that had expired when its host revoked access cannot be sent
// after the clock is set back.
func TestReq_W4_WhatHadExpiredWhenAccessWasRevokedStaysClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	g, err := s.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	s.later(func() error {
		n, err := s.CloseForHost(t.Context(), "", consent.HostIdentity{ID: "principal_1"}, "calendar access was revoked")
		assert.Zero(t, n)
		return err
	}, nil)
	s.unusable(g, call("s1"), consent.ErrExpired)
}

// req: W4
func TestReq_W4_AHostWhoRevokesAccessHasNothingOpen(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	alice := consent.HostIdentity{ID: "PRINCIPAL_1", Name: "Alice Host"}
	asked, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	attested, err := l.Attest(t.Context(), call("s2"), "Ada", "yes")
	require.NoError(t, err)
	sent, err := l.Attest(t.Context(), call("s3"), "Ada", "yes")
	require.NoError(t, err)
	sent, err = l.Send(t.Context(), sent)
	require.NoError(t, err)
	other := call("s4")
	other.Hosts = []consent.Host{{Name: "Alice Host", ID: "principal_2"}}
	spared, err := l.Propose(t.Context(), other)
	require.NoError(t, err)

	n, err := l.CloseForHost(t.Context(), "", alice, "calendar access was revoked")
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	_, err = l.Answer(t.Context(), asked.ID, yes)
	require.ErrorIs(t, err, consent.ErrExpired)
	_, err = l.Send(t.Context(), attested)
	require.ErrorIs(t, err, consent.ErrExpired)
	_, err = l.Answer(t.Context(), spared.ID, yes)
	require.NoError(t, err, "a namesake with another id")
	require.NoError(t, l.Settle(t.Context(), sent, consent.Done, "b-1", "", ""), "what was sent stays")
	n, err = l.CloseForHost(t.Context(), "", alice, "again")
	require.NoError(t, err)
	assert.Zero(t, n)
	entries, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 9, entries, "each closing has its entry")
}

func TestAHostIsIdentifiedByIDAddressOrName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host  consent.Host
		who   consent.HostIdentity
		close bool
	}{
		"id":                       {consent.Host{ID: "p-1"}, consent.HostIdentity{ID: "p-1"}, true},
		"address in the id":        {consent.Host{ID: "user:alice@example.com"}, consent.HostIdentity{ID: "p-1", Email: "Alice@example.com"}, true},
		"id under a prefix":        {consent.Host{ID: "user:p-1"}, consent.HostIdentity{ID: "p-1"}, true},
		"name, without an id":      {consent.Host{ID: "p-1", Name: "Alice"}, consent.HostIdentity{Name: "alice"}, true},
		"name, with another id":    {consent.Host{ID: "p-1", Name: "Alice"}, consent.HostIdentity{ID: "p-2", Name: "Alice"}, false},
		"nothing in common":        {consent.Host{ID: "p-1", Name: "Alice"}, consent.HostIdentity{ID: "p-2", Email: "a@b.c"}, false},
		"nothing said, none known": {consent.Host{}, consent.HostIdentity{}, false},
	} {
		l, _ := newLedger(t)
		act := call("s1")
		act.Hosts = []consent.Host{c.host}
		_, err := l.Propose(t.Context(), act)
		require.NoError(t, err)
		n, err := l.CloseForHost(t.Context(), "", c.who, "revoked")
		require.NoError(t, err)
		assert.Equal(t, c.close, n == 1, name)
	}
}
