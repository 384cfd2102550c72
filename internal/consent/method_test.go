package consent_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		report consent.Attestation
		want   string
	}{
		"yes":             {consent.Attestation{Granted: true, GivenBy: "Ada", Words: "yes"}, ""},
		"a thumbs-up":     {consent.Attestation{Granted: true, GivenBy: "Ada", Words: "👍"}, ""},
		"another script":  {consent.Attestation{Granted: true, GivenBy: "あだ", Words: "はい"}, ""},
		"not granted":     {consent.Attestation{GivenBy: "Ada", Words: "no"}, ""},
		"nothing":         {consent.Attestation{}, ""},
		"nobody":          {consent.Attestation{Granted: true, GivenBy: " - ", Words: "yes"}, "consent is required: consent.given_by must name the person who agreed"},
		"no words":        {consent.Attestation{Granted: true, GivenBy: "Ada", Words: "…"}, "consent is required: consent.statement must quote the person's words"},
		"invisible words": {consent.Attestation{Granted: true, GivenBy: "Ada", Words: "\u200b"}, "consent is required: consent.statement must quote the person's words"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, err := consent.CheckAttestation(tc.report)
			if tc.want != "" {
				require.EqualError(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.report, said)
		})
	}
}

// req: C4. Whatever the method, an answer over a channel that is not trusted never satisfies human, nor
// does one whose entry does not say; a signature always does. The person is asked again.
func TestReq_C4_OnlyTrustedAnswersSatisfyHuman(t *testing.T) {
	t.Parallel()
	for _, method := range []consent.Method{consent.InClient, consent.OnPage, consent.InTerminal} {
		for _, trusted := range []bool{false, true} {
			l, _ := newLedger(t)
			p, err := l.Ask(t.Context(), call("s1"), consent.Asker{Policy: consent.PolicyAsk})
			require.NoError(t, err)
			_, err = l.Answer(t.Context(), p.ID, consent.Answer{Agreed: true, By: "Ada", Words: "yes", Method: method, Trusted: trusted})
			require.NoError(t, err)
			g, _, err := l.FindConsent(t.Context(), call("s1"))
			require.NoError(t, err)
			assert.True(t, consent.PolicyAsk.Accepts(*g))
			assert.Equal(t, trusted, consent.PolicyHuman.Accepts(*g), method)
			assert.False(t, consent.PolicySigned.Accepts(*g))

			same, err := l.Ask(t.Context(), call("s1"), consent.Asker{Policy: consent.PolicyAsk})
			require.NoError(t, err)
			assert.Equal(t, p.ID, same.ID)
			again, err := l.Ask(t.Context(), call("s1"), consent.Asker{Policy: consent.PolicyHuman})
			require.NoError(t, err)
			assert.Equal(t, trusted, again.ID == p.ID, method)
			if !trusted {
				assert.Equal(t, []string{"proposed", "approved", "retired", "proposed"}, kinds(t, l))
				_, err = l.Send(t.Context(), *g)
				require.ErrorIs(t, err, consent.ErrExpired, "the retired approval is worth nothing elsewhere either")
			}
			_, err = l.Verify(t.Context())
			require.NoError(t, err)
		}
	}
	assert.True(t, consent.PolicyHuman.Accepts(consent.Grant{Method: consent.Signed}))
	assert.False(t, consent.PolicyHuman.Accepts(consent.Grant{Method: consent.Attested, Trusted: true}))
}
