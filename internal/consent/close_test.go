package consent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// req: W4
func TestReq_W4_AHostWhoRevokesAccessHasNothingOpen(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	alice := consent.Who{ID: "PRINCIPAL_1", Name: "Alice Host"}
	asked, err := l.Propose(t.Context(), call("s1"))
	require.NoError(t, err)
	attested, err := l.Attest(t.Context(), call("s2"), "Ada", "yes")
	require.NoError(t, err)
	sent, err := l.Attest(t.Context(), call("s3"), "Ada", "yes")
	require.NoError(t, err)
	sent, err = l.Send(t.Context(), sent)
	require.NoError(t, err)
	other := call("s4")
	other.Hosts = []consent.Party{{Name: "Alice Host", ID: "principal_2"}}
	spared, err := l.Propose(t.Context(), other)
	require.NoError(t, err)

	n, err := l.CloseHost(t.Context(), "", alice, "calendar access was revoked")
	require.NoError(t, err)
	assert.Equal(t, 2, n)
	_, err = l.Answer(t.Context(), asked.ID, yes)
	require.ErrorIs(t, err, consent.ErrExpired)
	_, err = l.Send(t.Context(), attested)
	require.ErrorIs(t, err, consent.ErrExpired)
	_, err = l.Answer(t.Context(), spared.ID, yes)
	require.NoError(t, err, "a namesake with another id")
	require.NoError(t, l.Settle(t.Context(), sent, consent.Done, "b-1", "", ""), "what was sent stays")
	n, err = l.CloseHost(t.Context(), "", alice, "again")
	require.NoError(t, err)
	assert.Zero(t, n)
	entries, err := l.Verify(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 9, entries, "each closing has its entry")
}

func TestByWhatAHostIsKnown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host  consent.Party
		who   consent.Who
		close bool
	}{
		"id":                       {consent.Party{ID: "p-1"}, consent.Who{ID: "p-1"}, true},
		"address in the id":        {consent.Party{ID: "user:alice@example.com"}, consent.Who{ID: "p-1", Email: "Alice@example.com"}, true},
		"id under a prefix":        {consent.Party{ID: "user:p-1"}, consent.Who{ID: "p-1"}, true},
		"name, without an id":      {consent.Party{ID: "p-1", Name: "Alice"}, consent.Who{Name: "alice"}, true},
		"name, with another id":    {consent.Party{ID: "p-1", Name: "Alice"}, consent.Who{ID: "p-2", Name: "Alice"}, false},
		"nothing in common":        {consent.Party{ID: "p-1", Name: "Alice"}, consent.Who{ID: "p-2", Email: "a@b.c"}, false},
		"nothing said, none known": {consent.Party{}, consent.Who{}, false},
	} {
		l, _ := newLedger(t)
		act := call("s1")
		act.Hosts = []consent.Party{c.host}
		_, err := l.Propose(t.Context(), act)
		require.NoError(t, err)
		n, err := l.CloseHost(t.Context(), "", c.who, "revoked")
		require.NoError(t, err)
		assert.Equal(t, c.close, n == 1, name)
	}
}
