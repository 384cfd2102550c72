package vennioclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestConsentsInEveryForm(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 5, d, 0, 0, 0, 0, time.UTC) }
	want := vennioclient.Consent{
		ID: "c-1", Scopes: []string{"availability:read:freebusy", "booking:propose"}, Status: "active", Active: true,
		Grantor: vennioclient.Party{ID: "p-1", Name: "Alice", Email: "alice@example.com"}, Grantee: vennioclient.Party{ID: "p-2"},
		GrantedAt: day(1), ExpiresAt: day(2),
	}
	const rest = `"scopes":["availability:read:freebusy","booking:propose"],"expires_at":"2026-05-02T00:00:00Z"`
	for _, one := range []string{
		`{"id":"c-1","status":"active","active":true,"granted_at":"2026-05-01T00:00:00Z","grantor":{"id":"p-1","name":"Alice","email":"alice@example.com"},"grantee":{"id":"p-2"},` + rest + `}`,
		`{"consent_id":"c-1","status":"active","created_at":"2026-05-01T00:00:00Z","grantor_id":"p-1","grantor_name":"Alice","grantor_email":"alice@example.com","grantee_principal_id":"p-2",` + rest + `}`,
		`{"id":"c-1","status":"active","granted_at":"2026-05-01T00:00:00Z","grantor":"p-1","grantor_name":"Alice","grantor_email":"alice@example.com","grantee":{"principal_id":"p-2"},` +
			`"scopes":"availability:read:freebusy booking:propose","expires_at":"2026-05-02T00:00:00Z"}`,
	} {
		page, err := play(t, answers(200, `{"consents":[`+one+`],"pagination":{"next_cursor":"n"}}`)).client().ListConsents(t.Context(), vennioclient.ConsentsQuery{})
		require.NoError(t, err, one)
		assert.Equal(t, &vennioclient.ConsentPage{Consents: []vennioclient.Consent{want}, NextCursor: "n"}, page, one)
	}
}

func TestActiveConsents(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]bool{
		`"active":false,"status":"active"`:    false,
		`"active":true`:                       true,
		`"status":"granted"`:                  true,
		`"status":"revoked"`:                  false,
		`"status":"something_new"`:            false,
		`"revoked_at":null`:                   true,
		`"revoked_at":"2026-05-01T00:00:00Z"`: false,
		`"status":"active","new":"ignored"`:   true,
	} {
		page, err := play(t, answers(200, `[{"id":1,`+fields+`}]`)).client().ListConsents(t.Context(), vennioclient.ConsentsQuery{})
		require.NoError(t, err, fields)
		assert.Equal(t, want, page.Consents[0].Active, fields)
		assert.Equal(t, "1", page.Consents[0].ID)
	}
	for _, body := range []string{`{}`, `[{}]`, `[7]`, `[{"id":"c","expires_at":"never"}]`} {
		_, err := play(t, answers(200, body)).client().ListConsents(t.Context(), vennioclient.ConsentsQuery{})
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
	}
}

func TestConsentsQuery(t *testing.T) {
	t.Parallel()
	v := play(t, answers(200, `[]`), answers(200, `[]`))
	c := v.client()
	_, err := c.ListConsents(t.Context(), vennioclient.ConsentsQuery{Role: "grantee", ActiveOnly: new(false), Limit: 100, Cursor: "n"})
	require.NoError(t, err)
	_, err = c.ListConsents(t.Context(), vennioclient.ConsentsQuery{})
	require.NoError(t, err)
	assert.Equal(t, "/v1/consents?active_only=false&cursor=n&limit=100&role=grantee", v.requests()[0].uri)
	assert.Equal(t, "/v1/consents", v.requests()[1].uri)
}
