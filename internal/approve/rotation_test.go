package approve_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/approve"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// bar: C9. A form opened before the secret was rotated is taken while both are.
func TestAFormOpenedBeforeTheRotationIsTaken(t *testing.T) {
	t.Parallel()
	old, next := []byte("a secret of sixteen bytes"), []byte("the next of sixteen bytes")
	d := newDesk(t)
	id := d.propose(nil)
	opened := d.send(http.MethodGet, id, nil)
	answer := func() {
		d.send(http.MethodPost, id, url.Values{"token": {token(t, opened)}, "name": {"Ada"}, "decision": {"approve"}}, opened.Result().Cookies()...)
	}
	d.page = approve.New(d.ledger, next)
	answer()
	assert.Equal(t, consent.StateOpen, d.state(id))
	d.page = approve.New(d.ledger, next, old)
	answer()
	assert.Equal(t, consent.StateApproved, d.state(id))
}
