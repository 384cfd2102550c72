package tools_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// The protocols in which a client can be handed a link (MCP 2025-11-25, Elicitation).
var linking = []string{"2025-11-25", modern}

// opens is a client that only opens links; does is what the person then does. Where
// that is nothing, the call does not wait for long.
func opens(t *testing.T, protocol string, action mcp.ElicitationResponseAction, does func(*world, string)) (*world, *linked) {
	t.Helper()
	w, seen := newWorld(t), &linked{}
	w.deps.AskTime = time.Minute
	if action == accept && does == nil {
		w.deps.AskTime = time.Second // enough for the link to reach the person
	}
	w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
	w.meet(protocol, &person{elicit: func(_ context.Context, r mcp.ElicitationRequest) (mcp.ElicitationResponseAction, error) {
		seen.asked = append(seen.asked, r.Params)
		if does != nil {
			does(w, strings.TrimPrefix(r.Params.URL, "http://127.0.0.1:1/approvals/"))
		}
		return action, nil
	}}, &mcp.ElicitationCapability{URL: &struct{}{}})
	return w, seen
}

type linked struct{ asked []mcp.ElicitationParams }

// req: C3, P6. A client that opens links is handed the page; the person's answer
// there is what counts, and the same call goes on with it.
func TestReq_C3_TheLinkIsOpenedAndApprovedOnThePage(t *testing.T) {
	t.Parallel()
	for _, protocol := range linking {
		w, seen := opens(t, protocol, accept, func(w *world, id string) { w.approve(id, true, consent.OnPage) })
		got := w.book(agreed(w.slot().SlotID))
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, "approved on the page", got.Data.Consent.Method)
		require.Len(t, seen.asked, 1)
		assert.Equal(t, "url", seen.asked[0].Mode)
		assert.Contains(t, seen.asked[0].Message, `"Intro call"`)
		assert.Nil(t, seen.asked[0].RequestedSchema)
		assert.Equal(t, 1, w.vennio.Writes())
	}
}

// req: P6. The answer may come while the call waits.
func TestReq_P6_TheCallWaitsForThePage(t *testing.T) {
	t.Parallel()
	w, _ := opens(t, "2025-11-25", accept, func(w *world, id string) {
		go func() {
			_, err := w.deps.Ledger.Answer(context.WithoutCancel(w.t.Context()), id, consent.Answer{Agreed: true, By: "Ada", Words: "Approve", Method: consent.OnPage, Trusted: true})
			assert.NoError(w.t, err)
		}()
	})
	got := w.book(agreed(w.slot().SlotID))
	require.False(t, got.IsError, got.Text)
}

// req: P6
func TestReq_P6_WhatComesOfALinkThatIsNotApproved(t *testing.T) {
	t.Parallel()
	for _, protocol := range linking {
		for name, tc := range map[string]struct {
			action mcp.ElicitationResponseAction
			does   func(*world, string)
			codes  [2]schemas.Code
		}{
			"declined on the page":   {accept, func(w *world, id string) { w.approve(id, false, consent.OnPage) }, [2]schemas.Code{schemas.CodeConsentDeclined, schemas.CodeConsentDeclined}},
			"opened, not answered":   {accept, nil, [2]schemas.Code{schemas.CodeConsentUnanswered, schemas.CodeApprovalNeeded}},
			"declined in the client": {decline, nil, [2]schemas.Code{schemas.CodeConsentDeclined, schemas.CodeConsentDeclined}},
			"dismissed":              {cancel, nil, [2]schemas.Code{schemas.CodeConsentUnanswered, schemas.CodeApprovalNeeded}},
		} {
			w, seen := opens(t, protocol, tc.action, tc.does)
			booking := agreed(w.slot().SlotID)
			for _, code := range tc.codes {
				got := w.book(booking)
				assert.Equal(t, code, got.Code, "%s, %s: %s", protocol, name, got.Text)
			}
			assert.Len(t, seen.asked, 1, "%s, %s: asked once", protocol, name)
			assert.Zero(t, w.vennio.Writes(), name)
		}
	}
}

// req: P6. A client that shows forms gets a form, and one that opens links but
// has no page to open is not asked at all.
func TestReq_P6_ALinkOnlyWhereItIsTheOneWay(t *testing.T) {
	t.Parallel()
	w, seen := opens(t, "2025-11-25", decline, nil)
	w.deps.ApprovalURL = nil
	w.deps.Policy = consent.PolicyHuman
	w.meet("2025-11-25", says(accept), &mcp.ElicitationCapability{URL: &struct{}{}})
	assert.Equal(t, schemas.CodeApprovalNeeded, w.book(agreed(w.slot().SlotID)).Code)
	assert.Empty(t, seen.asked)
	both := says(accept)
	w.meet("2025-11-25", both, &mcp.ElicitationCapability{URL: &struct{}{}, Form: &struct{}{}})
	got := w.book(agreed(w.slot().SlotID))
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "asked in the client", got.Data.Consent.Method)
	assert.Len(t, both.seen(), 1)
}
