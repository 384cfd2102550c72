package vennioclient_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// aToken is an invitation; no output may contain it.
const aToken = "c4n4ry-invitation-4711"

var (
	aSlot     = vennioclient.ProposedTime{Start: monday, End: monday.Add(time.Hour)}
	aPoll     = vennioclient.ProposalRequest{Mode: vennioclient.ModePoll, Slots: []vennioclient.ProposedTime{aSlot}}
	aProposal = `{"proposal":{"id":"p-1","status":"proposed","mode":"poll"}}`
)

func aVote(t *testing.T) vennioclient.ProposalResponse {
	return vennioclient.ProposalResponse{Action: vennioclient.ActionAccept, SlotID: "s-1", Invitation: invitation(t, aToken)}
}

// Vennio does not publish the form of a proposal, so every plausible one has the same meaning.
func TestFormsOfAProposal(t *testing.T) {
	t.Parallel()
	const (
		snake = `{"id":"p-1","thread_id":"t-1","mode":"poll","status":"accepted","requester_id":"u-1","booking_id":"b-1",
			"slots":[{"id":"s-1","start_time":"2026-05-18T09:00:00Z","end_time":"2026-05-18T10:00:00Z","vote_count":1,"is_selected":true}],
			"participants":[{"id":"w-1","email":"ann@example.org","status":"voted","selected_slot_id":"s-1"}],
			"created_at":"2026-05-13T08:00:00Z","expires_at":"2026-05-14T08:00:00Z"}`
		camel = `{"proposalId":"p-1","threadId":"t-1","mode":"poll","status":"accepted","requesterId":"u-1","bookingId":"b-1",
			"slots":[{"slotId":"s-1","startTime":"2026-05-18T09:00:00Z","endTime":"2026-05-18T10:00:00Z","voteCount":1,"isSelected":true}],
			"participants":[{"participantId":"w-1","voterEmail":"ann@example.org","response":"voted","selectedSlotId":"s-1"}],
			"createdAt":"2026-05-13T08:00:00Z","expiresAt":"2026-05-14T08:00:00Z"}`
		other = `{"id":"p-1","thread_id":"t-1","mode":"poll","status":"accepted","organiser":{"id":"u-1"},"booking":{"id":"b-1"},"selected_slot_id":"s-1",
			"slots":[{"id":"s-1","start":"2026-05-18T11:00:00+02:00","end":"2026-05-18T12:00:00+02:00","votes":[{"email":"ann@example.org"}]}],
			"participants":[{"id":"w-1","email":"ann@example.org","status":"voted","selected_slot_id":"s-1"}],
			"created_at":"2026-05-13T08:00:00Z","expires_at":"2026-05-14T08:00:00Z"}`
		counted = `{"id":"p-1","thread_id":"t-1","mode":"poll","status":"accepted","organizer_id":"u-1","booking_id":"b-1",
			"slots":[{"id":"s-1","start":"2026-05-18T09:00:00Z","end":"2026-05-18T10:00:00Z","selected":true}],
			"participants":[{"id":"w-1","email":"ann@example.org","status":"voted","selected_slot_id":"s-1"}],
			"created_at":"2026-05-13T08:00:00Z","expires_at":"2026-05-14T08:00:00Z"}`
	)
	want := vennioclient.Proposal{
		ID: "p-1", ThreadID: "t-1", Mode: vennioclient.ModePoll, Status: vennioclient.ProposalAccepted,
		Organizer: vennioclient.Party{ID: "u-1"}, BookingID: "b-1",
		Slots:        []vennioclient.ProposalSlot{{ID: "s-1", Start: aSlot.Start, End: aSlot.End, Votes: 1, Selected: true}},
		Participants: []vennioclient.ProposalParticipant{{ID: "w-1", Party: vennioclient.Party{Email: "ann@example.org"}, Status: "voted", SlotID: "s-1"}},
		CreatedAt:    time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC), ExpiresAt: time.Date(2026, 5, 14, 8, 0, 0, 0, time.UTC),
	}
	for name, form := range map[string]string{"snake": snake, "camel": camel, "other": other, "counted": counted} {
		for envelope, text := range map[string]string{
			"flat": form, "proposal": `{"proposal":` + form + `}`, "data": `{"data":` + form + `}`, "both": `{"data":{"proposal":` + form + `}}`,
		} {
			got, err := play(t, answers(200, text)).client().GetProposal(t.Context(), "p-1")
			require.NoError(t, err, "%s %s", name, envelope)
			assert.Equal(t, want, *got, "%s %s", name, envelope)
		}
	}
}

// The answer to a change may hold the proposal, a status, or nothing.
func TestFormsOfAChangedProposal(t *testing.T) {
	t.Parallel()
	counter := vennioclient.ProposalResponse{Action: vennioclient.ActionCounter, CounterSlots: []vennioclient.ProposedTime{aSlot}, Invitation: invitation(t, aToken)}
	for body, want := range map[string]vennioclient.Proposal{
		``:                                {ID: "p-1"},
		`{"status":"countered"}`:          {ID: "p-1", Status: "countered"},
		`{"success":true,"status":"odd"}`: {ID: "p-1", Status: "odd"},
		`{"proposal":{"id":"P-1","status":"countered"},"new_proposal":{"id":"p-2"}}`:               {ID: "P-1", Status: "countered", NextID: "p-2"},
		`{"id":"p-1","status":"countered","counter_proposal":{"id":"p-2"}}`:                        {ID: "p-1", Status: "countered", NextID: "p-2"},
		`{"data":{"proposal":{"id":"p-1","status":"countered","countered_by_id":"p-2"}}}`:          {ID: "p-1", Status: "countered", NextID: "p-2"},
		`{"proposal":{"id":"p-2","thread_id":"t-1","status":"proposed","requester_id":"someone"}}`: {ID: "p-1", ThreadID: "t-1", Status: "countered", NextID: "p-2"},
	} {
		status := http.StatusOK
		if body == "" {
			status = http.StatusNoContent
		}
		got, err := play(t, answers(status, body)).client().RespondToProposal(t.Context(), "k", "p-1", counter)
		require.NoError(t, err, body)
		assert.Equal(t, want, *got, body)
	}
	other := answers(200, `{"proposal":{"id":"p-2","status":"accepted"}}`)
	for name, change := range map[string]func(*vennioclient.Client) error{
		"get":    func(c *vennioclient.Client) error { _, err := c.GetProposal(t.Context(), "p-1"); return err },
		"close":  func(c *vennioclient.Client) error { _, err := c.CloseProposal(t.Context(), "p-1"); return err },
		"cancel": func(c *vennioclient.Client) error { _, err := c.CancelProposal(t.Context(), "p-1"); return err },
		"respond": func(c *vennioclient.Client) error {
			_, err := c.RespondToProposal(t.Context(), "k", "p-1", aVote(t))
			return err
		},
	} {
		err := change(play(t, other).client())
		require.ErrorIs(t, err, vennioclient.ErrOtherProposal, name)
		assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err), name)
	}
}

func TestProposalAnswersThatCannotBeDecoded(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `[]`, `{"proposal":null}`, `{"proposal":{"status":"proposed"}}`, `{"id":"p-1","created_at":"Monday"}`,
		`{"id":"p-1","slots":{}}`, `{"id":"p-1","slots":["09:00"]}`, `{"id":"p-1","slots":[{"id":"s-1","start":"2026-05-18T09:00:00","end":"2026-05-18T10:00:00"}]}`,
		`{"id":"p-1","slots":[{"id":"s-1","start":"2026-05-18T10:00:00Z","end":"2026-05-18T09:00:00Z"}]}`, `{"id":"p-1","participants":["ann"]}`,
	} {
		_, err := play(t, answers(200, body)).client().GetProposal(t.Context(), "p-1")
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
	}
}

func TestProposalArguments(t *testing.T) {
	t.Parallel()
	eleven := make([]string, 11)
	slots := make([]vennioclient.ProposedTime, 11)
	for i := range eleven {
		eleven[i] = fmt.Sprintf("p%d@example.org", i)
		slots[i] = vennioclient.ProposedTime{Start: monday.AddDate(0, 0, i), End: monday.AddDate(0, 0, i).Add(time.Hour)}
	}
	reversed := vennioclient.ProposedTime{Start: aSlot.End, End: aSlot.Start}
	for field, requests := range map[string][]vennioclient.ProposalRequest{
		"mode":            {{Mode: "vote", Slots: aPoll.Slots}},
		"participant_ids": {{Slots: aPoll.Slots}, {ParticipantIDs: eleven, Slots: aPoll.Slots}, {ParticipantIDs: []string{"a", "A"}, Slots: aPoll.Slots}, {ParticipantIDs: []string{" "}, Slots: aPoll.Slots}, {Mode: "poll", ParticipantIDs: []string{"a"}, Slots: aPoll.Slots}},
		"voter_emails":    {{ParticipantIDs: []string{"a"}, VoterEmails: []string{"a@example.org"}, Slots: aPoll.Slots}, {Mode: "poll", VoterEmails: eleven, Slots: aPoll.Slots}, {Mode: "poll", VoterEmails: []string{""}, Slots: aPoll.Slots}, {Mode: "poll", VoterEmails: []string{"a@example.org", "A@example.org"}, Slots: aPoll.Slots}},
		"slots":           {{Mode: "poll"}, {Mode: "poll", Slots: slots}, {Mode: "poll", Slots: []vennioclient.ProposedTime{aSlot, aSlot}}, {Mode: "poll", Slots: []vennioclient.ProposedTime{reversed}}, {Mode: "poll", Slots: []vennioclient.ProposedTime{{Start: monday, End: monday}}}},
		"expires_in":      {{Mode: "poll", Slots: aPoll.Slots, ExpiresIn: time.Minute}, {Mode: "poll", Slots: aPoll.Slots, ExpiresIn: -time.Hour}},
		"metadata":        {{Mode: "poll", Slots: aPoll.Slots, Metadata: map[string]string{"": "x"}}},
	} {
		for _, r := range requests {
			_, err := play(t).client().CreateProposal(t.Context(), "k", r)
			e := asError(t, err)
			assert.Contains(t, e.Fields, field, "%+v", r)
			assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))
		}
	}
	for field, r := range map[string]vennioclient.ProposalResponse{
		"action":        {Action: "maybe"},
		"slot_id":       {Action: vennioclient.ActionAccept},
		"counter_slots": {Action: vennioclient.ActionCounter},
	} {
		_, err := play(t).client().RespondToProposal(t.Context(), "k", "p-1", r)
		assert.Contains(t, asError(t, err).Fields, field)
	}
	for _, id := range []string{"", ".", "..", "a\nb"} {
		_, err := play(t).client().CloseProposal(t.Context(), id)
		assert.Contains(t, asError(t, err).Fields, "id")
		_, err = play(t).client().ProposalICS(t.Context(), id, invitation(t, aToken))
		assert.Contains(t, asError(t, err).Fields, "id")
	}
	_, err := play(t).client().ProposalByToken(t.Context(), vennioclient.Secret{})
	assert.Contains(t, asError(t, err).Fields, "invitation")
}

func TestInvitationFrom(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		aToken, " " + aToken + "\n", "https://vennio.app/p/" + aToken, "http://localhost:3001/p/" + aToken, "https://vennio.app/p/" + aToken + "?utm=1",
		"https://api.vennio.app/v1/proposals/by-token?token=" + aToken,
	} {
		got, err := vennioclient.InvitationFrom(link)
		require.NoError(t, err, link)
		assert.Equal(t, aToken, got.Reveal())
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), aToken)
		out, err := json.Marshal(vennioclient.Invitation{Email: "a", Link: got})
		require.NoError(t, err)
		assert.NotContains(t, string(out), aToken)
	}
	for _, link := range []string{"", " ", "https://vennio.app/", "https://vennio.app/p/", "two words", "p/" + aToken, strings.Repeat("x", 300), "t\u202eken"} {
		_, err := vennioclient.InvitationFrom(link)
		require.Error(t, err, link)
		assert.NotContains(t, err.Error(), aToken)
	}
}

// Vennio refuses an invitation with 401 or 410. The API key is not to blame.
func TestInvalidInvitations(t *testing.T) {
	t.Parallel()
	for status, code := range map[int][]string{401: {"invalid_token", "token_proposal_mismatch"}, 410: {"token_expired"}} {
		for _, code := range code {
			for name, read := range map[string]func(*vennioclient.Client) error{
				"by token": func(c *vennioclient.Client) error {
					_, err := c.ProposalByToken(t.Context(), invitation(t, aToken))
					return err
				},
				"respond": func(c *vennioclient.Client) error {
					_, err := c.RespondToProposal(t.Context(), "k", "p-1", aVote(t))
					return err
				},
				"ics": func(c *vennioclient.Client) error {
					_, err := c.ProposalICS(t.Context(), "p-1", invitation(t, aToken))
					return err
				},
			} {
				v := play(t, problem(status, code, ""))
				err := read(v.client())
				assert.Equal(t, vennioclient.KindInvitation, asError(t, err).Kind, name)
				assert.Equal(t, code, asError(t, err).Code)
				assert.Equal(t, vennioclient.NotDone, vennioclient.OutcomeOf(err))
				assert.Empty(t, v.requests()[0].header.Get("Authorization"))
			}
		}
	}
	_, err := play(t, problem(401, "unauthorized", "The token has expired.")).client().ListProposals(t.Context(), vennioclient.ProposalsQuery{})
	assert.Equal(t, vennioclient.KindUnauthorized, asError(t, err).Kind, "a call with the API key")

	lost := play(t, hangsUp(""), problem(401, "invalid_token", ""))
	_, err = lost.client().RespondToProposal(t.Context(), "k", "p-1", aVote(t))
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err), "the first attempt may have used the invitation")
	_, err = play(t, problem(500, "internal-error", ""), problem(401, "invalid_token", "")).client().RespondToProposal(t.Context(), "k", "p-1", aVote(t))
	assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err))
}

// quoting is a transport whose errors quote the request.
type quoting struct{}

func (quoting) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("cannot send " + r.URL.String() + " " + r.Header.Get("Authorization"))
}

func TestReq_E5_ErrorsDoNotContainInvitations(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"type":"https://api.vennio.app/errors/` + aToken + `","title":"` + aToken + `","detail":"for ` + aToken + `.","request_id":"` + aToken + `","errors":{"` + aToken + `":"` + aToken + `"}}`,
		`{"error":"` + aToken + `","code":"` + aToken + `","message":"c4n4ry-invi\u200btation-4711"}`, aToken, `{"token":"` + aToken + `"}`,
	} {
		for _, status := range []int{200, 400, 401, 404, 410, 500} {
			for _, read := range []func(*vennioclient.Client) error{
				func(c *vennioclient.Client) error {
					_, err := c.ProposalByToken(t.Context(), invitation(t, aToken))
					return err
				},
				func(c *vennioclient.Client) error {
					_, err := c.ProposalICS(t.Context(), "p-1", invitation(t, aToken))
					return err
				},
			} {
				err := read(play(t, answers(status, body)).client(once))
				raw, _ := json.Marshal(asError(t, err))
				assert.NotContains(t, string(raw)+fmt.Sprintf("%v %+v %#v", err, err, err), aToken, body)
			}
		}
	}
	_, err := client(t, vennioclient.WithHTTPClient(&http.Client{Transport: quoting{}}), once).ProposalByToken(t.Context(), invitation(t, aToken))
	assert.NotContains(t, fmt.Sprintf("%v %+v", err, asError(t, err).Err), aToken)
}

// Vennio documents that a cancellation can be repeated after this error, without a key.
func TestCancelProposalRepeats502(t *testing.T) {
	t.Parallel()
	for _, step := range []http.HandlerFunc{
		problem(502, "calendar_unavailable", ""), problem(502, "calendar-unavailable", ""),
		answers(502, `{"error":"calendar_unavailable","message":"Try again"}`), answers(502, `{"code":"calendar_unavailable"}`),
	} {
		v := play(t, step, step, answers(200, aProposal))
		_, err := v.client().CancelProposal(t.Context(), "p-1")
		require.NoError(t, err)
		assert.Len(t, v.requests(), 3)
	}
	for _, step := range []http.HandlerFunc{answers(502, htmlPage), problem(503, "calendar_unavailable", ""), problem(500, "internal-error", ""), hangsUp("")} {
		v := play(t, step)
		_, err := v.client().CancelProposal(t.Context(), "p-1")
		assert.Equal(t, vennioclient.Unknown, vennioclient.OutcomeOf(err))
		assert.Len(t, v.requests(), 1)
	}
	v := play(t, problem(502, "calendar_unavailable", ""))
	_, err := v.client().CloseProposal(t.Context(), "p-1")
	require.Error(t, err, "only documented for cancelling")
	assert.Len(t, v.requests(), 1)
}

// Slugs come with "-" and "_", in each place. req: I4
func TestReq_I4_SlugsWithBothSeparators(t *testing.T) {
	t.Parallel()
	for slug, want := range map[string]struct {
		status int
		kind   vennioclient.Kind
	}{
		"authentication_required": {401, vennioclient.KindUnauthorized}, "forbidden": {403, vennioclient.KindForbidden},
		"organizer_cannot_respond": {403, vennioclient.KindForbidden}, "consent_required": {403, vennioclient.KindForbidden},
		"not_found": {404, vennioclient.KindNotFound}, "proposal_not_found": {404, vennioclient.KindNotFound},
		"conflict": {409, vennioclient.KindConflict}, "poll_not_resolved": {409, vennioclient.KindConflict},
		"calendar_disconnected_originator": {409, vennioclient.KindCalendarNotConnected},
		"slot_unavailable":                 {409, vennioclient.KindSlotTaken}, "earliest_slot_too_soon": {400, vennioclient.KindInvalid},
		"poll_mode_only_supports_accept": {400, vennioclient.KindInvalid}, "calendar_unavailable": {502, vennioclient.KindUnavailable},
	} {
		for _, text := range []string{slug, strings.ReplaceAll(slug, "_", "-")} {
			for _, body := range []string{
				`{"type":"https://api.vennio.app/errors/` + text + `"}`, `{"error":"` + text + `","message":"No."}`,
				`{"type":"about:blank","code":"` + text + `"}`, `{"error":{"code":"` + text + `","message":"No."}}`,
			} {
				_, err := play(t, answers(want.status, body)).client(once).GetProposal(t.Context(), "p-1")
				e := asError(t, err)
				assert.Equal(t, []any{want.kind, slug}, []any{e.Kind, e.Code}, body)
			}
		}
	}
}
