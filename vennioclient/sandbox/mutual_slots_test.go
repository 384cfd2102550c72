package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const (
	aliceConsent = "ceb0d7be-f5d5-4b2d-b9f9-b7b0eb7d55e5"
	bobConsent   = "6b2aaf61-fc8c-4931-abcd-d5afe9614f24"
	danaConsent  = "fce65954-236d-4e46-921e-991b11973f8f"
)

func mutual(ids string, from, to time.Time, more ...string) request {
	return get("/v1/availability/mutual", append([]string{
		"principal_ids", ids, "duration_minutes", "30", "from", iso(from), "to", iso(to),
	}, more...)...)
}

func TestMutualSlotsAreFreeForAll(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, pair := range [][]sandbox.Host{{alice, bob}, {alice, haruka}} {
		for i := range 26 {
			from := tomorrow.AddDate(0, 0, 7*i)
			got := want[slotsAnswer](t, s, http.StatusOK, mutual(pair[0].ID+","+pair[1].ID, from, from.Add(week), "limit", "100"))
			require.NotEmpty(t, got.Slots, "%s and %s, week of %s", pair[0].Name, pair[1].Name, from)
			assert.Equal(t, "UTC", got.Timezone)
			require.Len(t, got.Consents, 2)
			assert.Equal(t, pair[1].ID, got.Consents[1].PrincipalID)
			for _, h := range pair {
				alone := map[int64]bool{}
				for _, offer := range want[slotsAnswer](t, s, http.StatusOK, slotsOf(h, from, from.Add(week), "slot_interval", "5")).Slots {
					alone[offer.Start.Unix()] = true
				}
				for _, offer := range got.Slots {
					assert.True(t, alone[offer.Start.Unix()], "%s is not free at %s", h.Name, offer.Start)
				}
			}
		}
	}
}

func TestMutualSlotsObeyTheLimit(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	got := want[slotsAnswer](t, s, http.StatusOK, mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.Add(week), "limit", "3"))
	assert.Len(t, got.Slots, 3)
}

func TestMutualSlotsNeedAccessToEveryCalendar(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	p := refused(t, s, http.StatusForbidden, "forbidden", mutual(alice.ID+","+dana.ID, tomorrow, tomorrow.Add(week)))
	assert.Contains(t, p.Detail, dana.Name)
	assert.NotContains(t, p.Detail, alice.Name)

	want[slotsAnswer](t, s, http.StatusOK, mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.Add(week)))
	s.Revoke(bobConsent)
	p = refused(t, s, http.StatusForbidden, "forbidden", mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.Add(week)))
	assert.Contains(t, p.Detail, bob.Name)
}

func TestMutualSlotsOfADisconnectedCalendar(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	s.Disconnect(bob.Email)
	p := refused(t, s, http.StatusNotFound, "calendar-not-connected", mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.Add(week)))
	assert.Contains(t, p.Detail, bob.Name)
}

func TestMutualSlotsRefuse(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	for _, ids := range []string{alice.ID, alice.ID + "," + alice.ID, "a,b,c,d,e,f", ""} {
		p := refused(t, s, http.StatusBadRequest, "validation-error", mutual(ids, tomorrow, tomorrow.Add(week)))
		assert.Contains(t, p.Errors, "principal_ids", "%q", ids)
	}
	p := refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/availability/mutual", "principal_ids", alice.ID+","+bob.ID))
	assert.Equal(t, map[string]string{"from": "is required", "to": "is required"}, p.Errors)
	refused(t, s, http.StatusNotFound, "not-found", mutual(alice.ID+",nobody", tomorrow, tomorrow.Add(week)))
	anonymous := mutual(alice.ID+","+bob.ID, tomorrow, tomorrow.Add(week))
	anonymous.key = "-"
	refused(t, s, http.StatusUnauthorized, "unauthorized", anonymous)
}

type nextAnswer struct {
	BusinessID string `json:"business_id"`
	Slot       *slot
}

func TestNextSlotIsTheFirstOfAllSlots(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	first := want[slotsAnswer](t, s, http.StatusOK, slotsOf(bob, tomorrow, tomorrow.Add(week), "duration_minutes", "60")).Slots[0]
	ask := get("/v1/availability/next", "business_id", bob.ID, "duration_minutes", "60", "after", iso(tomorrow))
	ask.key = "-"
	got := want[nextAnswer](t, s, http.StatusOK, ask)
	assert.Equal(t, first, *got.Slot)
	require.NoError(t, s.Take(bob.ID, first.Start, first.End))
	assert.True(t, want[nextAnswer](t, s, http.StatusOK, ask).Slot.Start.After(first.Start))
}

func TestNextSlotMayBeNone(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	friday := time.Date(2026, time.May, 15, 18, 0, 0, 0, time.UTC)
	ask := get("/v1/availability/next", "business_id", alice.ID, "after", iso(friday), "days_ahead", "1")
	w := send(s, ask)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `"slot":null`)
	refused(t, s, http.StatusBadRequest, "validation-error", get("/v1/availability/next", "days_ahead", "0"))
	refused(t, s, http.StatusNotFound, "calendar-not-connected", get("/v1/availability/next", "business_id", dana.ID))
	refused(t, s, http.StatusNotFound, "not-found", get("/v1/availability/next", "business_id", "nobody"))
}

func TestSlotsUnderAConsent(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	got := want[slotsAnswer](t, s, http.StatusOK, slotsOf(alice, tomorrow, tomorrow.Add(week), "consent_id", aliceConsent))
	require.NotNil(t, got.Consent)
	assert.Equal(t, alice.ID, got.Consent.PrincipalID)
	titled := 0
	for _, offer := range got.Slots {
		titled += len(offer.Events)
	}
	assert.Positive(t, titled, "details show event titles")

	plain := want[slotsAnswer](t, s, http.StatusOK, slotsOf(bob, tomorrow, tomorrow.Add(week), "consent_id", bobConsent))
	for _, offer := range plain.Slots {
		assert.Empty(t, offer.Events, "free and busy only")
	}
}

func TestSlotsUnderSomeoneElsesConsent(t *testing.T) {
	t.Parallel()
	s := newServer(sandbox.Options{})
	given := want[consentAnswer](t, s, http.StatusCreated, request{
		method: http.MethodPost, target: "/v1/consents",
		body: `{"grantee_email":"bob@example.com","scopes":["availability:read:freebusy"]}`,
	}).Consent
	for _, id := range []string{given.ID, bobConsent, danaConsent, "nothing"} {
		refused(t, s, http.StatusForbidden, "forbidden", slotsOf(alice, tomorrow, tomorrow.Add(week), "consent_id", id))
	}
	refused(t, s, http.StatusForbidden, "forbidden", slotsOf(dana, tomorrow, tomorrow.Add(week), "consent_id", danaConsent))
	s.Revoke(aliceConsent)
	refused(t, s, http.StatusForbidden, "forbidden", slotsOf(alice, tomorrow, tomorrow.Add(week), "consent_id", aliceConsent))
	anonymous := slotsOf(bob, tomorrow, tomorrow.Add(week), "consent_id", bobConsent)
	anonymous.key = "-"
	refused(t, s, http.StatusUnauthorized, "unauthorized", anonymous)
}
