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
		report *consent.Attestation
		misfit string
		want   string
	}{
		"yes":             {&consent.Attestation{Granted: true, GivenBy: "Ada", Words: "yes"}, "", ""},
		"a thumbs-up":     {&consent.Attestation{Granted: true, GivenBy: "Ada", Words: "👍"}, "", ""},
		"another script":  {&consent.Attestation{Granted: true, GivenBy: "あだ", Words: "はい"}, "", ""},
		"none":            {nil, "", "consent is required: consent is missing"},
		"malformed":       {nil, "consent.statement is missing", "consent is required: consent.statement is missing"},
		"no":              {&consent.Attestation{GivenBy: "Ada", Words: "no"}, "", "the person did not agree"},
		"nobody":          {&consent.Attestation{Granted: true, GivenBy: " - ", Words: "yes"}, "", "consent is required: consent.given_by names nobody"},
		"no words":        {&consent.Attestation{Granted: true, GivenBy: "Ada", Words: "…"}, "", "consent is required: consent.statement quotes no words"},
		"invisible words": {&consent.Attestation{Granted: true, GivenBy: "Ada", Words: "\u200b"}, "", "consent is required: consent.statement quotes no words"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, err := consent.Check(tc.report, tc.misfit)
			if tc.want != "" {
				require.EqualError(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.report.Words, said.Words)
		})
	}
}
