package tools_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

func TestARolloutWritesForAStableShareOfHosts(t *testing.T) {
	t.Parallel()
	included := map[string]map[string]bool{}
	for _, share := range []string{"0%", "5%", "60%", "100%"} {
		included[share] = map[string]bool{}
		rollout, err := scheduling.ParseRollout(share)
		require.NoError(t, err)
		assert.Equal(t, share, rollout.String())
		for i := range 60 {
			host := fmt.Sprintf("7b0c1a2e-0000-4000-8000-%012d", i)
			included[share][host] = rollout.Includes(consent.Act{Tenant: host})
		}
	}
	for host := range included["100%"] {
		assert.False(t, included["0%"][host])
		assert.True(t, included["100%"][host])
		assert.True(t, included["60%"][host] || !included["5%"][host], "a host that is included stays included when the share grows")
	}
	n := 0
	for _, is := range included["60%"] {
		if is {
			n++
		}
	}
	assert.InDelta(t, 36, n, 12)
}

// Nothing is written, and the result says so unmistakably.
func TestAPreviewSaysPlainlyThatNothingWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.booked()
	rollout, err := scheduling.ParseRollout("0%")
	require.NoError(t, err)
	w.deps.Rollout = rollout
	w.connect()
	before := w.vennio.Writes()
	got := w.book(agreed(w.slot().SlotID))
	assert.Equal(t, schemas.CodePreview, got.Code, got.Text)
	assert.Contains(t, got.Text, "This call changed nothing")
	assert.Contains(t, got.Text, "0%")
	require.NotNil(t, got.Data.Proposal)
	for tool, arguments := range changes {
		changed := w.change(tool, arguments(w, made.BookingID))
		assert.Equal(t, schemas.CodePreview, changed.Code, changed.Text)
	}
	assert.Equal(t, before, w.vennio.Writes())
	for _, bad := range []string{"5", "-1%", "101%", "x%", "NaN%", ""} {
		_, err := scheduling.ParseRollout(bad)
		assert.ErrorContains(t, err, "such as 5%", bad)
	}
}
