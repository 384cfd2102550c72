package approval

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
)

// The cookie was sealed by the program of 30 November 2026 (commit 55c487f); a browser may have one while the program is replaced.
//
// field: sign-in cookie of an earlier release
func TestTheCookieOfASignInIsUnchanged(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/attempt.txt")
	require.NoError(t, err)
	cookie, now := strings.TrimSpace(string(raw)), time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	want := attempt{Attempt: auth.Attempt{State: "STATE", Nonce: "NONCE", Verifier: "VERIFIER"}, Proposal: "6WMXKTFOIBQW7JNOQZFQNGPBPQ", Expires: now.Add(attemptLife)}
	mine := &SignIn{Keys: tenant.NewKeyring([]byte("a secret"))}
	got, ok := mine.open(cookie, "STATE", now)
	require.True(t, ok)
	assert.Equal(t, want, got)
	assert.Equal(t, cookie, mine.seal(want))
	_, ok = (&SignIn{Keys: tenant.NewKeyring([]byte("another secret"))}).open(cookie, "STATE", now)
	assert.False(t, ok)
}
