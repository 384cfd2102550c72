package webhooks_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// req: X4. What a sink is told goes to its address alone: a redirect leads it
// nowhere, and is a failure.
func TestReq_X4_ASinkThatRedirectsLeadsNowhere(t *testing.T) {
	t.Parallel()
	evil := newListener(t, nil)
	led := httptest.NewServer(http.RedirectHandler(evil.url, http.StatusTemporaryRedirect))
	t.Cleanup(led.Close)
	sink := evil.sink("sink")
	sink.URL = led.URL
	r := newRig(t, sink)
	r.run()
	r.send(booking("evt_1", "booking.confirmed", "b-1"))
	assert.NotEmpty(t, r.dead(1))
	assert.Empty(t, evil.all())
}
