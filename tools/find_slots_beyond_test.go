package tools_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: S9, S11. What is free and does not suit is not told as nothing free, nor
// a failed look beyond it as nothing there.
func TestReq_S9_AFailedLookBeyondTheWindowIsSaidWithWishesToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var asked atomic.Int64
	twist(t, w, func(path, _, body string) (int, string) {
		if strings.HasSuffix(path, "/slots") && asked.Add(1) > 1 {
			return http.StatusInternalServerError, "<html>"
		}
		return 0, body
	})
	got := w.find(args{"when": "today", "prefer": args{"avoid_days": []string{"wed"}}})
	require.False(t, got.IsError, got.Text)
	assert.Nil(t, got.Data.NextOpening)
	assert.Contains(t, got.Data.Note, "What is free in this window falls on days to avoid or in the guest's own appointments, and looking further failed: search a later window.")
	assert.NotContains(t, got.Data.Note, "15 minutes old", "no time was told")
}

// req: S9. Weeks of common times that all do not suit may be more than can be read.
func TestReq_S9_ALookBeyondTheWindowSaysHowFarItCame(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{
		"when": "today", "hosts": []string{"Alice", "Bob"}, "duration_minutes": 5,
		"busy": []any{args{"start": "2026-05-13T00:00:00Z", "end": "2026-12-24T00:00:00Z"}},
	})
	require.False(t, got.IsError, got.Text)
	assert.Nil(t, got.Data.NextOpening)
	assert.Contains(t, got.Data.Note, "Nothing was found after it up to ")
	assert.Contains(t, got.Data.Note, "2026, ")
	assert.NotContains(t, got.Data.Note, "60 days", "it did not look so far")
}

// req: S7, P4
func TestReq_S7_APhraseNotUnderstoodIsNamedWithAllElse(t *testing.T) {
	t.Parallel()
	got := newWorld(t).find(args{"when": "someday", "timezone": "EST", "hosts": []string{"Mallory"}})
	assert.Equal(t, schemas.CodeInvalidArguments, got.Code)
	for _, part := range []string{`when "someday"`, `timezone "EST"`, "Mallory"} {
		assert.Contains(t, got.Text, part)
	}
}
