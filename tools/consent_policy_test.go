package tools_test

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: C4
func TestReq_C4_ThePolicyDecidesWhichMethodCounts(t *testing.T) {
	t.Parallel()
	for policy, counts := range map[consent.Policy]map[consent.Method]bool{
		consent.PolicyAttested: {consent.OnPage: true, consent.InTerminal: true, consent.Attested: true},
		consent.PolicyAsk:      {consent.OnPage: true, consent.InTerminal: true, consent.Attested: true},
		consent.PolicyHuman:    {consent.OnPage: true, consent.InTerminal: true, consent.Attested: false},
		// what was approved in another way under a weaker policy does not count
		consent.PolicySigned: {consent.InClient: false, consent.OnPage: false, consent.InTerminal: false, consent.Attested: false},
	} {
		for method, enough := range counts {
			t.Run(string(policy)+", "+string(method), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.deps.Policy = policy
				booking := agreed(w.slot().SlotID)
				if asked := w.waiting(booking); method != consent.Attested { // which the call states
					w.approve(asked.ID, true, method)
				}
				got := w.book(booking)
				if enough {
					assert.Equal(t, string(method), got.Data.Consent.Method, got.Text)
				} else {
					assert.Equal(t, schemas.CodeApprovalNeeded, got.Code, got.Text)
					assert.Zero(t, w.vennio.Writes())
				}
			})
		}
	}
}

// req: C4. Who can be asked is asked under ask and human, and not under attested.
func TestReq_C4_ThePolicyDecidesWhoIsAsked(t *testing.T) {
	t.Parallel()
	for policy, method := range map[consent.Policy]consent.Method{
		consent.PolicyAttested: consent.Attested, consent.PolicyAsk: consent.InClient, consent.PolicyHuman: consent.InClient,
	} {
		for _, protocol := range asking {
			w, p := newWorld(t), says(accept)
			w.deps.Policy = policy
			w.meet(protocol, p, nil)
			got := w.book(agreed(w.slot().SlotID))
			assert.Equal(t, string(method), got.Data.Consent.Method, "%s, %s: %s", policy, protocol, got.Text)
			assert.Equal(t, method == consent.InClient, len(p.seen()) == 1, "%s, %s", policy, protocol)
		}
	}
}

// req: P6. Not declared at all, or declared for links only: no form is sent, and
// the policy decides what the agent's word is worth.
func TestReq_P6_AClientIsNeverAskedInAWayItDidNotDeclare(t *testing.T) {
	t.Parallel()
	for _, protocol := range append([]string{"2024-11-05"}, asking...) {
		for name, can := range map[string]*mcp.ElicitationCapability{"nothing": nil, "links": {URL: &struct{}{}}} {
			for _, policy := range []consent.Policy{consent.PolicyAsk, consent.PolicyHuman} {
				w, p := newWorld(t), says(accept)
				w.deps.Policy = policy
				if can == nil {
					w.meet(protocol, nil, nil)
				} else {
					w.meet(protocol, p, can)
				}
				got := w.book(agreed(w.slot().SlotID))
				assert.Empty(t, p.seen(), "%s, %s, %s", protocol, name, policy)
				if policy == consent.PolicyAsk {
					assert.Equal(t, "attested by the agent", got.Data.Consent.Method, got.Text)
					continue
				}
				assert.Equal(t, schemas.CodeApprovalNeeded, got.Code, got.Text)
				assert.Contains(t, got.Text, "on the machine of this server")
				assert.NotContains(t, got.Text+string(got.Raw), "vennio-mcp approvals", "a model with a shell could run it")
				assert.Zero(t, w.vennio.Writes())
			}
		}
	}
}

// req: C3. An agent's statement that an earlier version stored without sending it does not replace the
// question where it can be asked.
func TestReq_C3_AnUnusedAttestationDoesNotSpareTheQuestion(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t), says(decline)
	booking := agreed(w.slot().SlotID)
	db := sqldb.OpenWith("", longWait)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	w.deps.Ledger = consent.New(db, w.deps.Now)
	w.approve(w.waiting(booking).ID, true, consent.OnPage)
	storetest.Exec(t, db, `UPDATE grants SET rung = 'attested', proposal = ''`)
	w.meet("2025-11-25", p, nil)
	assert.Equal(t, schemas.CodeConsentDeclined, w.book(booking).Code)
	assert.Len(t, p.seen(), 1)
	assert.Zero(t, w.vennio.Writes())
}

func TestWithoutAnyWayTheRefusalSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.Policy, w.deps.Sandbox = consent.PolicyHuman, true
	w.connect()
	got := w.book(agreed(w.slot().SlotID))
	assert.Equal(t, schemas.CodeApprovalNeeded, got.Code)
	assert.Contains(t, got.Text, "no way to ask them")
	w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
	w.connect()
	got = w.book(agreed(w.slot().SlotID))
	assert.Regexp(t, `^http://127\.0\.0\.1:1/approvals/[0-9A-Z]{26}$`, got.Data.ApprovalURL)
}

// req: C4, C5. Under signed no client is asked by a form, whatever it accepts.
func TestReq_C4_UnderSignedNoFormIsShown(t *testing.T) {
	t.Parallel()
	for _, protocol := range asking {
		w, p := newWorld(t), says(accept)
		w.deps.Policy = consent.PolicySigned
		w.meet(protocol, p, nil)
		booking := agreed(w.slot().SlotID)
		for range 3 {
			got := w.book(booking)
			assert.Equal(t, schemas.CodeApprovalNeeded, got.Code, "%s: %s", protocol, got.Text)
		}
		assert.Empty(t, p.seen(), protocol)
		assert.Zero(t, w.vennio.Writes())
	}
}
