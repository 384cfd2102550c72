package tools_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func (w *world) access(arguments args) answer[schemas.CheckCalendarAccessResult] {
	w.t.Helper()
	return call[schemas.CheckCalendarAccessResult](w, "check_calendar_access", arguments)
}

func TestCalendarAccessTellsWhoseAndHowFar(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	levels := map[string]string{}
	for _, a := range w.access(args{}).Data.Access {
		levels[a.Owner] = a.Level
	}
	assert.Equal(t, "details", levels[w.deps.Hosts[0].Name])
	assert.Equal(t, "free_busy", levels[w.deps.Hosts[1].Name])
	inactive := w.access(args{"include_inactive": true})
	assert.Greater(t, len(inactive.Data.Access), len(levels))
	assert.Contains(t, inactive.Text, "NOT active")
}

func TestCalendarAccessOfOnePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, person := range []string{"alice", w.deps.Hosts[0].ID, w.deps.Hosts[0].Name} {
		got := w.access(args{"person": person})
		require.Len(t, got.Data.Access, 1, person)
		assert.Equal(t, w.deps.Hosts[0].ID, got.Data.Access[0].OwnerID)
	}
	nobody := w.access(args{"person": "mallory"})
	assert.Empty(t, nobody.Data.Access)
	assert.Contains(t, nobody.Text, "Nobody of that name")
}

func TestRevokedAccessClosesSeveralHostsSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	both := args{"hosts": []string{"Alice", "Bob"}}
	require.False(t, w.find(both).IsError)
	for _, c := range w.consents() {
		w.vennio.Revoke(c)
	}
	got := w.find(both)
	assert.Equal(t, schemas.CodeForbidden, got.Code)
	assert.Contains(t, got.Text, "check_calendar_access")
	assert.Empty(t, w.access(args{}).Data.Access)
}

// consents returns the ids of all calendar access this account has.
func (w *world) consents() (ids []string) {
	page, err := w.deps.Vennio.ListConsents(w.t.Context(), vennioclient.ConsentsQuery{Limit: 100})
	require.NoError(w.t, err)
	for _, c := range page.Consents {
		ids = append(ids, c.ID)
	}
	return ids
}
