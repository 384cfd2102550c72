package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

const flat = `{"id":"b-1","status":"confirmed","start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T09:30:00Z","metadata":{"mcp_title":"Design review"}}`

var noon = time.Date(2026, 5, 18, 12, 0, 0, 0, time.UTC)

func decoded(t *testing.T, body string) webhook.Event {
	t.Helper()
	e, err := webhook.Decode([]byte(body))
	require.NoError(t, err, body)
	return e
}

func TestEveryPlausibleEnvelope(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"id":"e-1","type":"booking.created","created_at":"2026-05-18T12:00:00Z","data":` + flat + `}`,
		`{"id":"e-1","event":"booking.created","timestamp":"2026-05-18T14:00:00+02:00","data":{"booking":` + flat + `}}`,
		`{"id":"e-1","event":"booking.created","timestamp":1779105600,"data":{"booking":` + flat + `},"more":[1]}`,
		` {"id":"e-1","type":"booking.created","event":{"odd":1},"created_at":null,"timestamp":1779105600000,"data":` + flat + `}`,
	} {
		e := decoded(t, body)
		assert.Equal(t, "e-1", e.ID)
		assert.Equal(t, webhook.BookingCreated, e.Type)
		assert.Equal(t, noon, e.At, body)
		b, ok := e.Booking()
		require.True(t, ok, body)
		assert.Equal(t, "b-1", b.ID)
		assert.Equal(t, "Design review", b.Title, "read as the client reads its own bookings")
		assert.Equal(t, 30*time.Minute, b.End.Sub(b.Start))
		_, ok = e.Consent()
		assert.False(t, ok)
	}
}

func TestConsentEvents(t *testing.T) {
	t.Parallel()
	const access = `{"id":"c-1","grantor":{"id":"p-1"},"scopes":["availability:read:freebusy"],"status":"revoked"}`
	for _, data := range []string{access, `{"consent":` + access + `}`} {
		e := decoded(t, `{"id":"e-1","type":"consent.changed","data":`+data+`}`)
		c, ok := e.Consent()
		require.True(t, ok)
		assert.Equal(t, "p-1", c.Grantor.ID)
		assert.False(t, c.Active)
		_, ok = e.Booking()
		assert.False(t, ok)
	}
}

func TestEventsThatMayRevokeAccess(t *testing.T) {
	t.Parallel()
	for _, kind := range webhook.Types() {
		assert.True(t, kind.Known())
		assert.Equal(t, kind == "consent.revoked" || kind == "consent.changed", kind.MayRevoke(), kind)
		assert.Equal(t, kind == "consent.granted" || kind == "consent.changed", kind.MayGrant(), kind)
	}
	assert.Len(t, webhook.Types(), 15)
	assert.False(t, webhook.Type("booking.teleported").Known())
}

func TestProposalOfAnEvent(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{"id":"p-1","status":"accepted"}`, `{"proposal":{"id":"p-1","status":"accepted"}}`} {
		for _, kind := range webhook.Types() {
			p, ok := decoded(t, `{"id":"e-1","type":"`+string(kind)+`","data":`+data+`}`).Proposal()
			assert.Equal(t, strings.HasPrefix(string(kind), "proposal."), ok, kind)
			assert.Equal(t, ok, p.ID == "p-1" && p.Status == "accepted", kind)
		}
	}
	for _, data := range []string{`null`, `{}`, `[]`, `{"proposal":{"status":"accepted"}}`, `{"booking":{"id":"b-1"}}`} {
		_, ok := decoded(t, `{"id":"e-1","type":"proposal.accepted","data":`+data+`}`).Proposal()
		assert.False(t, ok, data)
	}
}

func TestUnknownTypesPassThrough(t *testing.T) {
	t.Parallel()
	e := decoded(t, `{"id":4711,"type":"booking.teleported"}`)
	assert.Equal(t, "4711", e.ID)
	assert.Equal(t, webhook.Type("booking.teleported"), e.Type)
	assert.True(t, e.At.IsZero())
	assert.Nil(t, e.Data)
	_, ok := e.Booking()
	assert.False(t, ok)
	assert.Nil(t, decoded(t, `{"type":"x","data":null}`).Data)
}

// A replay of an event without an id is recognized by its bytes.
func TestIDsOfEventsWithoutOne(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", `"id":"",`, `"id":null,`, `"id":{},`, `"id":"a\u202eb",`, `"id":"` + strings.Repeat("x", 257) + `",`} {
		body := `{` + id + `"type":"booking.created"}`
		e := decoded(t, body)
		assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, e.ID)
		assert.Equal(t, e.ID, decoded(t, body).ID)
		assert.NotEqual(t, e.ID, decoded(t, body+" ").ID)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{`, `{}`, `{"type":""}`, `{"type":{}}`, `{"type":"a b"}`, `{"type":"x"}{"type":"y"}`,
		`{"id":"e-1","data":` + flat + `}`, `<html>`,
	} {
		e, err := webhook.Decode([]byte(body))
		assert.ErrorIs(t, err, webhook.ErrMalformed, body)
		assert.Zero(t, e)
	}
}
