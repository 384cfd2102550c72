package cards_test

import (
	"bytes"
	"compress/gzip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

func TestCardsAreSmallAndLoadNothing(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`https?://|\b(?:innerHTML|outerHTML|insertAdjacentHTML|eval|Function|document\.write|fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|localStorage)\b|src=|href=|import\(|100vh|transition|animation|autofocus`)
	require.Len(t, cards.All(), 2)
	for uri, card := range cards.All() {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, err := w.Write([]byte(card.HTML()))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		t.Logf("%s: %d bytes, %d compressed", uri, len(card.HTML()), zipped.Len())
		assert.LessOrEqual(t, len(card.HTML()), 12<<10, uri)
		assert.LessOrEqual(t, zipped.Len(), 5<<10, uri)
		assert.Empty(t, forbidden.FindAllString(card.HTML(), -1), uri)
		assert.True(t, strings.HasPrefix(card.HTML(), "<!doctype html>\n<html lang=\"en\">"), uri)
		for _, tag := range []string{"<script>", "<style>", "</html>"} {
			assert.Equal(t, 1, strings.Count(card.HTML(), tag), "%s: %s", uri, tag)
		}
		assert.NotContains(t, card.HTML(), "/* ", "%s: every part is in place", uri)
		assert.Equal(t, card.HTML(), sanitize.Mask(card.HTML()), "%s: nothing looks like a credential", uri)
	}
}
