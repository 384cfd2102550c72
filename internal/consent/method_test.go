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
