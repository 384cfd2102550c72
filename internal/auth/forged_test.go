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

// cancelsWhileWaiting checks that a JWT whose sender cancels before a slot is free is refused with 503.
func cancelsWhileWaiting(t *testing.T, check *auth.Checker, token string) {
	t.Helper()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	refused := make(chan error, 1)
	go func() {
		_, err := check.Identify(bearer(t, token).WithContext(canceled))
		refused <- err
	}()
	denied := new(auth.Denied)
	select {
	case err := <-refused:
		require.ErrorAs(t, err, &denied)
	case <-time.After(time.Minute):
		require.FailNow(t, "the canceled request was not answered")
	}
	assert.Equal(t, http.StatusServiceUnavailable, denied.Status)
}

// req: X2. At most half of the cores verify JWTs at the same time. Other JWTs wait and are not refused.
// Bearer tokens of the settings do not wait.
func TestReq_X2_AtMostHalfOfTheCoresVerifyJWTs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	var active atomic.Int64
	started, release := make(chan struct{}, 100), make(chan struct{})
	check, err := auth.New(t.Context(), auth.Options{
		Tokens: []auth.Token{{Name: "bob", Hash: auth.HashOf("bob")}},
		OAuth: &auth.OAuth{Issuer: "https://login.example.com", JWKS: i.url, Audience: resource, Now: func() time.Time { // called during the verification
			assert.LessOrEqual(t, active.Add(1), int64(slots))
			defer active.Add(-1)
			started <- struct{}{}
			<-release
			return noon
		}},
	})
	require.NoError(t, err)
	token := i.token(nil)
	errs := make(chan error, slots+20)
	for range cap(errs) {
		go func() {
			_, err := check.Identify(bearer(t, token))
			errs <- err
		}()
	}
	for range slots {
		<-started
	}
	cancelsWhileWaiting(t, check, token)
	_, err = check.Identify(bearer(t, "bob"))
	require.NoError(t, err)
	close(release)
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
}
