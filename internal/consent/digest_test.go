package consent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// recordedDigest is an act and the digest that the program computed for it on 30 November 2026.
type recordedDigest struct {
	Name   string
	Act    consent.Act
	Digest string
}

// A stored consent is found by the digest of its act, so a digest must never change.
//
// field: digest of a stored act
func TestDigestsOfRecordedActsAreUnchanged(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/digests.json")
	require.NoError(t, err)
	var recorded []recordedDigest
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&recorded))
	require.GreaterOrEqual(t, len(recorded), 8)
	seen := map[string]string{}
	for _, r := range recorded {
		assert.Equal(t, r.Digest, r.Act.Digest(), r.Name)
		assert.Empty(t, seen[r.Digest], "%s has the digest of another act", r.Name)
		seen[r.Digest] = r.Name
	}
}
