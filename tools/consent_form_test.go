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

const (
	accept  = mcp.ElicitationResponseActionAccept
	decline = mcp.ElicitationResponseActionDecline
	cancel  = mcp.ElicitationResponseActionCancel
)

// each runs a test for each protocol in which a client can ask, in a world whose
// agent has p before it.
func each(t *testing.T, who func() *person, run func(*testing.T, *world, *person), options ...option) {
	t.Helper()
	t.Parallel()
	for _, protocol := range asking {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w, p := newWorld(t, options...), who()
			w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
			w.meet(protocol, p, nil)
			run(t, w, p)
		})
	}
}

// req: C3, P6
func TestReq_C3_AcceptedInTheClientItIsBooked(t *testing.T) {
	each(t, func() *person { return says(accept) }, func(t *testing.T, w *world, p *person) {
		s := w.slot()
		got := w.book(agreed(s.SlotID))
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, schemas.ConsentOnFile{GivenBy: "a person in the client", Statement: "accepted in the client", Method: "asked in the client"}, got.Data.Consent)
		require.Len(t, p.seen(), 1)
		for _, fact := range []string{`"Intro call"`, s.Start, "Ada Byron", "grace@example.com", "Alice"} {
			assert.Contains(t, p.seen()[0], fact)
		}
		assert.NotContains(t, p.seen()[0], s.SlotID)
		assert.NotContains(t, p.seen()[0], "to show to the person", "it is the person who reads it")
		again := w.book(agreed(s.SlotID))
		assert.Equal(t, got.Data.BookingID, again.Data.BookingID)
		assert.Len(t, p.seen(), 1, "asked once")
		assert.Equal(t, 1, w.vennio.Writes())
		assert.Equal(t, "asked in the client", w.vennio.Bookings()[0].Metadata["mcp_consent_rung"])
		kinds, details := w.kinds()
		assert.Equal(t, []string{"proposed", "approved", "sent", "settled"}, kinds)
		assert.Contains(t, details, "asked in the client")
		assert.Contains(t, details, `"claimed_by":"Ada Byron"`, "what the agent named is its claim")
	})
}

// req: P6
func TestReq_P6_DeclinedItIsNotAskedAgain(t *testing.T) {
	each(t, func() *person { return says(decline) }, func(t *testing.T, w *world, p *person) {
		booking := agreed(w.slot().SlotID)
		for range 2 {
			got := w.book(booking)
			assert.Equal(t, schemas.CodeConsentDeclined, got.Code, got.Text)
			assert.Contains(t, got.Text, "Do not ask for this again")
		}
		assert.Len(t, p.seen(), 1)
		w.deps.Policy = consent.PolicyAttested
		w.connect()
		assert.Equal(t, schemas.CodeConsentDeclined, w.book(booking).Code, "an agent's word does not outrank a person's no")
		assert.Zero(t, w.vennio.Writes())
		kinds, _ := w.kinds()
		assert.Equal(t, []string{"proposed", "declined"}, kinds)
	})
}

// req: P6
func TestReq_P6_CancelledItWaitsElsewhere(t *testing.T) {
	each(t, func() *person { return says(cancel) }, func(t *testing.T, w *world, p *person) {
		waitsElsewhere(t, w, p, "cancelled in the client")
	})
}

func TestAClientThatFailsToAskIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	for _, protocol := range asking[:2] {
		w, p := newWorld(t), broken()
		w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
		w.meet(protocol, p, nil)
		waitsElsewhere(t, w, p, "the client could not ask")
	}
}

// req: P6
func TestReq_P6_UnansweredItWaitsElsewhere(t *testing.T) {
	t.Parallel()
	for _, protocol := range asking[:2] {
		w, p := newWorld(t), silent()
		w.deps.AskTime = time.Second // enough for the question to reach the person
		w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
		w.meet(protocol, p, nil)
		waitsElsewhere(t, w, p, "no answer")
	}
}

// req: P6. A client of 2026-07-28 holds no call open: silence is a call that
// comes again with the question's state and no answer when the time for it is
// over. One that comes without is asked, however old the proposal is.
func TestReq_P6_AModernClientThatBringsNoAnswerInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	srv, call := w.server(), toolCall(canAsk, "book_slot", booking, nil)
	first := w.post(srv, call)
	assert.Equal(t, "input_required", first.Result.ResultType)
	back := toolCall(canAsk, "book_slot", booking, args{"requestState": first.Result.RequestState})
	w.clock = w.clock.Add(2*time.Minute - time.Second)
	assert.Equal(t, first.Result.RequestState, w.post(srv, back).Result.RequestState, "the same question")
	w.clock = w.clock.Add(time.Second)
	assert.Equal(t, first.Result.RequestState, w.post(srv, call).Result.RequestState, "it may never have been shown")
	assert.Equal(t, schemas.CodeConsentUnanswered, w.post(srv, back).code())
	assert.Equal(t, schemas.CodeApprovalNeeded, w.post(srv, call).code())
	assert.Zero(t, w.vennio.Writes())
}

// waitsElsewhere checks that nothing is booked, the result names the ways to approve, the client is not
// asked again, and the person's approval on the page counts for the same call.
func waitsElsewhere(t *testing.T, w *world, p *person, why string) {
	t.Helper()
	booking := agreed(w.slot().SlotID)
	for _, code := range []schemas.Code{schemas.CodeConsentUnanswered, schemas.CodeApprovalNeeded} {
		got := w.book(booking)
		assert.Equal(t, code, got.Code, got.Text)
		assert.False(t, got.IsError, got.Text)
		assert.Regexp(t, `(?m)^http://127\.0\.0\.1:1/approvals/[0-9A-Z]{26}$`, got.Text, "the address is on a separate line")
		assert.Regexp(t, `^http://127\.0\.0\.1:1/approvals/[0-9A-Z]{26}$`, got.Data.ApprovalURL)
		assert.NotContains(t, got.Text+string(got.Raw), "vennio-mcp approvals", "a model with a shell could run it")
		assert.NotNil(t, got.Data.Proposal)
	}
	assert.Len(t, p.seen(), 1, "not asked again in the same form")
	assert.Zero(t, w.vennio.Writes())
	kinds, details := w.kinds()
	assert.Equal(t, []string{"proposed", "withdrawn"}, kinds)
	assert.Contains(t, details, why)
	open, err := w.deps.Ledger.Open(t.Context())
	require.NoError(t, err)
	w.approve(open[0].ID, true, consent.OnPage)
	got := w.book(booking)
	require.False(t, got.IsError, got.Text)
	assert.Equal(t, "approved on the page", got.Data.Consent.Method)
}

// While a form is open the person answers on the page: that answer stands.
func TestTheFirstAnswerStandsWhereverItWasGiven(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		page bool
		form mcp.ElicitationResponseAction
	}{
		"yes, then no": {true, decline}, "yes, then closed": {true, cancel}, "yes twice": {true, accept},
		"no, then yes": {false, accept}, "no, then closed": {false, cancel}, "no twice": {false, decline},
	} {
		w := newWorld(t)
		w.meet("2025-11-25", &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) {
			open, err := w.deps.Ledger.Open(t.Context())
			require.NoError(t, err)
			w.approve(open[0].ID, tc.page, consent.OnPage)
			return tc.form, nil
		}}, nil)
		got := w.book(agreed(w.slot().SlotID))
		if tc.page {
			assert.Equal(t, "approved on the page", got.Data.Consent.Method, "%s: %s", name, got.Text)
		} else {
			assert.Equal(t, schemas.CodeConsentDeclined, got.Code, "%s: %s", name, got.Text)
			assert.Zero(t, w.vennio.Writes(), name)
		}
	}
}

// req: C8
// field: notes in a form. Of long notes a form shows the beginning and the end, on one
// line after the facts.
func TestReq_C8_WhatThePersonReadsIsQuotedCleanedAndCut(t *testing.T) {
	t.Parallel()
	w, p := newWorld(t), says(decline)
	w.meet("2025-11-25", p, nil)
	notes := "Line one\nWhen: never\" Press accept. " + strings.Repeat("long ", 300) + "the end"
	w.book(agreed(w.slot().SlotID).with("title", `Chat" With: nobody “x”`).with("notes", notes).
		with("attendees", []any{map[string]any{"email": "ada@example.com", "name": `Ada <a@b.example>. Nothing is booked." `}}))
	require.Len(t, p.seen(), 1)
	shown := p.seen()[0]
	assert.Contains(t, shown, `Title: "Chat' With: nobody 'x'"`)
	assert.Contains(t, shown, `"Ada <a@b.example>. Nothing is booked.'" <ada@example.com>`)
	assert.Contains(t, shown, `Notes: "Line one When: never' Press accept.`)
	assert.Contains(t, shown, `the end" [1543 characters in all]`)
	assert.Less(t, len(shown), 800, "the notes leave the facts in view")
	for _, hidden := range []string{"\u202e", "\u200b", "\u2028", "\x1b", "\U000e0041"} {
		got := w.book(agreed(w.slot().SlotID).with("title", "Chat"+hidden+"x"))
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, got.Text)
	}
	assert.Len(t, p.seen(), 1, "what a person could not see is not even put to them")
	assert.NotRegexp(t, `[\p{Cc}\p{Cf}]`, strings.ReplaceAll(shown, "\n", ""))
}
