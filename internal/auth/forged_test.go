package auth_test

import (
	"context"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// waitsInVain: one more waits for its turn until it goes.
func waitsInVain(t *testing.T, check *auth.Checker, token string) {
	t.Helper()
	gone, leave := context.WithCancel(t.Context())
	leave()
	late := make(chan error, 1)
	go func() {
		_, err := check.Identify(bearer(t, token).WithContext(gone))
		late <- err
	}()
	denied := new(auth.Denied)
	select {
	case err := <-late:
		require.ErrorAs(t, err, &denied)
	case <-time.After(time.Minute):
		require.FailNow(t, "it did not wait for its turn")
	}
	assert.Equal(t, http.StatusServiceUnavailable, denied.Status)
}

// req: X2. However many JWTs come at once, half of the cores check them at most;
// the others wait, nobody is refused, and tokens that are no JWTs do not wait.
func TestReq_X2_JWTsAreCheckedInTurn(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	places := max(1, runtime.GOMAXPROCS(0)/2)
	var within atomic.Int64
	began, release := make(chan struct{}, 100), make(chan struct{})
	check, err := auth.New(t.Context(), auth.Options{
		Tokens: []auth.Token{{Name: "bob", Hash: auth.HashOf("bob")}},
		OAuth: &auth.OAuth{Issuer: "https://login.example.com", JWKS: i.url, Audience: resource, Now: func() time.Time { // while it is checked
			assert.LessOrEqual(t, within.Add(1), int64(places))
			defer within.Add(-1)
			began <- struct{}{}
			<-release
			return noon
		}},
	})
	require.NoError(t, err)
	token := i.token(nil)
	errs := make(chan error, places+20)
	for range cap(errs) {
		go func() {
			_, err := check.Identify(bearer(t, token))
			errs <- err
		}()
	}
	for range places {
		<-began
	}
	waitsInVain(t, check, token)
	_, err = check.Identify(bearer(t, "bob"))
	require.NoError(t, err)
	close(release)
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
}
