package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

type consent struct {
	ID, Status       string
	Active           bool
	Scopes           []string
	Grantor, Grantee struct{ ID, Name, Email string }
	ExpiresAt        time.Time `json:"expires_at"`
}

type consentAnswer struct{ Consent consent }

type consentsAnswer struct {
	Consents   []consent
	Pagination struct {
		NextCursor *string `json:"next_cursor"`
	}
}

func give(scopes string) request {
	return request{
		method: http.MethodPost, target: "/v1/consents",
		body: `{"grantee_email":"eve@example.org","grantee_name":"Eve","scopes":[` + scopes + `]}`,
	}
}

func TestConsentsOfTheAccount(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	active := want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents")).Consents
	require.Len(t, active, 3)
	for i, c := range active {
		assert.Equal(t, hosts[i].ID, c.Grantor.ID)
		assert.Equal(t, "active", c.Status)
		assert.True(t, c.Active)
	}
	assert.Contains(t, active[0].Scopes, "availability:read:details")
	assert.Equal(t, []string{"availability:read:freebusy"}, active[1].Scopes)
	all := want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents", "active_only", "false")).Consents
	require.Len(t, all, 4)
	assert.Equal(t, "revoked", all[3].Status)
	assert.False(t, all[3].Active)
}

func TestConsentsByRole(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	want[consentAnswer](t, s, http.StatusCreated, give(`"booking:propose"`))
	given := want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents", "role", "grantor")).Consents
	require.Len(t, given, 1)
	assert.Equal(t, "eve@example.org", given[0].Grantee.Email)
	assert.Len(t, want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents", "role", "grantee")).Consents, 3)
}

func TestConsentsPageByPage(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	var seen []string
	cursor := ""
	for range 4 {
		page := want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents", "limit", "1", "active_only", "false", "cursor", cursor))
		require.Len(t, page.Consents, 1)
		seen = append(seen, page.Consents[0].Grantor.Name)
		if page.Pagination.NextCursor == nil {
			break
		}
		cursor = *page.Pagination.NextCursor
	}
	assert.Equal(t, []string{alice.Name, bob.Name, haruka.Name, dana.Name}, seen)
}

func TestConsentExpires(t *testing.T) {
	t.Parallel()
	now := newClock()
	s := newServer(sandbox.Options{Now: now.Now})
	now.Advance(366 * 24 * time.Hour)
	assert.Empty(t, want[consentsAnswer](t, s, http.StatusOK, get("/v1/consents")).Consents)
	got := want[consentAnswer](t, s, http.StatusOK, get("/v1/consents/"+aliceConsent)).Consent
	assert.Equal(t, "expired", got.Status)
}

func TestConsentGivenReadAndRevoked(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	given := want[consentAnswer](t, s, http.StatusCreated, give(`"availability:read:freebusy"`)).Consent
	path := "/v1/consents/" + given.ID
	assert.Equal(t, given, want[consentAnswer](t, s, http.StatusOK, get(path)).Consent)
	for range 2 {
		gone := want[consentAnswer](t, s, http.StatusOK, request{method: http.MethodDelete, target: path}).Consent
		assert.Equal(t, "revoked", gone.Status)
	}
	assert.Equal(t, 2, s.Writes(), "given and revoked, once each")
}

func TestConsentsRefuse(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, pairs := range [][]string{
		{"role", "friend"}, {"active_only", "perhaps"}, {"limit", "101"}, {"limit", "0"}, {"cursor", "!"}, {"cursor", "bm90aGluZw"},
	} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/consents", pairs...))
		assert.Contains(t, p.Errors, pairs[0])
	}
	p := refused(t, s, http.StatusBadRequest, "validation-error", give(`"everything"`))
	assert.Contains(t, p.Errors, "scopes")
	refused(t, s, http.StatusNotFound, "not-found", get("/v1/consents/nothing"))
	refused(t, s, http.StatusNotFound, "not-found", request{method: http.MethodDelete, target: "/v1/consents/nothing"})
}

func TestCalendars(t *testing.T) {
	t.Parallel()
	type calendars struct {
		Calendars []struct{ Name string }
		Providers []struct {
			Connected     bool
			CalendarCount int `json:"calendar_count"`
		}
	}
	type synced struct {
		EventsSynced int       `json:"events_synced"`
		LastSync     time.Time `json:"last_sync"`
	}
	s := newServer(sandbox.Options{})
	sync := request{method: http.MethodPost, target: "/v1/calendars/sync"}
	got := want[calendars](t, s, http.StatusOK, get("/v1/calendars"))
	assert.Len(t, got.Calendars, 3)
	assert.Equal(t, 3, got.Providers[0].CalendarCount)
	before := want[synced](t, s, http.StatusOK, sync)
	assert.True(t, wednesday.Equal(before.LastSync))
	s.Disconnect(alice.ID)
	assert.Len(t, want[calendars](t, s, http.StatusOK, get("/v1/calendars")).Calendars, 2)
	assert.Less(t, want[synced](t, s, http.StatusOK, sync).EventsSynced, before.EventsSynced)
	assert.Zero(t, s.Writes())
}
