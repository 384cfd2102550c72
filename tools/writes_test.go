package tools_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// writes are calls of every tool that writes, each with a person's consent. The tests of this file and
// those of settlement run all of them, and a tool without a call here fails a test.
var writes = map[string]func(w *world) (arguments args){
	"book_slot": func(w *world) args {
		return agreed(w.slot().SlotID).with("consent", args2("Zoë Ünal", "ja, «gern» — 👍 "+strings.Repeat("é", 400)))
	},
	"book_slot, a series": func(w *world) args {
		s := w.find(args{"from": "2026-05-21", "to": "2026-05-23", "timezone": "Europe/London", "limit": 1}).Data.Slots[0]
		return agreed(s.SlotID).with("repeat", "weekly x3")
	},
	"cancel_booking": func(w *world) args { return args{"booking_id": w.booked().BookingID, "consent": yes} },
	"cancel_booking, a series": func(w *world) args {
		return args{"booking_id": w.series().BookingID, "scope": "series", "consent": yes}
	},
	"reschedule_booking": func(w *world) args {
		return changes["reschedule_booking"](w, w.booked().BookingID)
	},
	"update_booking": func(w *world) args {
		return args{"booking_id": w.booked("notes", "Bring the cards").BookingID, "notes": "Bring the plans,\nand tea", "consent": yes}
	},
	"update_booking, a label": func(w *world) args {
		return args{"booking_id": w.booked().BookingID, "labels": []any{args{"name": "crm_id", "value": "42"}}, "consent": yes}
	},
	"propose_times": func(w *world) args { return w.poll() },
	"propose_times, an open poll": func(w *world) args {
		return args{"slot_ids": w.several(2), "title": "Open house", "expires_in_hours": 48, "consent": yes}
	},
	"propose_times, to accounts": func(w *world) args { return w.toAccounts() },
	"respond_to_proposal": func(w *world) args {
		made := w.made(w.poll())
		return args{"invitation": made.Links[0].Link, "option_id": made.Options[1].OptionID, "consent": yes}
	},
	"respond_to_proposal, in an open poll": func(w *world) args {
		made := w.made(args{"slot_ids": w.several(2), "title": "Open house", "consent": yes})
		return args{"invitation": made.OpenLink, "option_id": made.Options[0].OptionID, "name": "Dan", "email": "dan@example.com", "consent": yes}
	},
	"respond_to_proposal, rejecting": func(w *world) args {
		w.made(w.toAccounts())
		return args{"invitation": w.vennio.Invitations()[0].Link, "response": "reject", "message": "On leave", "consent": yes}
	},
	"respond_to_proposal, countering": func(w *world) args {
		w.made(w.toAccounts())
		return args{"invitation": w.vennio.Invitations()[0].Link, "response": "counter", "slot_ids": w.several(2), "consent": yes}
	},
	"share_link": func(*world) args {
		return args{"title": "Consultation", "duration_minutes": 45, "price": "50 EUR", "questions": []any{"Topic?", "Company?"}, "expires_in_hours": 72, "consent": yes}
	},
	"share_link, as Vennio has it": func(*world) args { return args{"title": "Intro call", "consent": yes} },
	"close_poll": func(w *world) args {
		made := w.made(w.poll())
		w.vote(made, 0, 1)
		return args{"proposal_id": made.ProposalID, "consent": yes}
	},
	"close_poll, without a vote": func(w *world) args {
		return args{"proposal_id": w.made(w.poll()).ProposalID, "consent": yes}
	},
}

func (w *world) toAccounts() args {
	return args{"slot_ids": w.several(2), "title": "Plan", "accounts": []any{w.deps.Hosts[0].Name}, "consent": yes}
}

// made makes a proposal under the policy attested, with a separate ledger.
func (w *world) made(proposal args) schemas.ProposeTimesResult {
	w.t.Helper()
	mine := w.deps
	w.deps.Ledger, w.deps.Policy = newLedger(w.t, w.deps.Now), consent.PolicyAttested
	w.connect()
	made := w.propose(proposal)
	require.False(w.t, made.IsError, made.Text)
	w.deps = mine
	w.connect()
	return made.Data
}

// vote votes in a poll as its nth voter, outside this server.
func (w *world) vote(made schemas.ProposeTimesResult, voter, option int) {
	w.t.Helper()
	invitation, err := vennioclient.InvitationFrom(made.Links[voter].Link)
	require.NoError(w.t, err)
	_, err = w.otherClient().RespondToProposal(w.t.Context(), "", made.ProposalID, vennioclient.ProposalResponse{
		Action: vennioclient.ActionAccept, SlotID: made.Options[option].OptionID, Invitation: invitation,
	})
	require.NoError(w.t, err)
}

func toolOf(name string) string {
	tool, _, _ := strings.Cut(name, ",")
	return tool
}

// eachWrite runs a test with every call that writes.
func eachWrite(t *testing.T, run func(t *testing.T, w *world, tool string, arguments args), options ...option) {
	t.Helper()
	t.Parallel()
	for name, prepare := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options...)
			run(t, w, toolOf(name), prepare(w))
		})
	}
}

// written is what every result of a write says.
type written struct {
	Status  string                `json:"status"`
	Consent schemas.ConsentOnFile `json:"consent"`
	Undo    string                `json:"undo"`
}

// req: C10. A tool that writes and has no call in the list fails here; a call in the list runs through
// every test of writes, and a model that nobody watches tries its tool.
func TestReq_C10_EveryToolThatWritesIsTested(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for name := range writes {
		tested[toolOf(name)] = true
	}
	for _, tool := range tools.Catalog(tools.Deps{Selection: everyToolset()}) {
		assert.Equal(t, !*tool.Annotations.ReadOnlyHint, tested[tool.Name], tool.Name)
		assert.Equal(t, !*tool.Annotations.ReadOnlyHint, modelCalls[tool.Name] != nil, "calls of the model: %s", tool.Name)
	}
}

// req: C1, C10
func TestReq_C1_NoWriteWithoutConsent(t *testing.T) {
	eachWrite(t, func(t *testing.T, w *world, tool string, arguments args) {
		before := w.vennio.Writes()
		for name, consent := range map[string]any{"none": nil, "empty": args{}, "text": "yes", "nobody": args{"granted": true}} {
			got := call[written](w, tool, arguments.with("consent", consent))
			assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", name, got.Text)
		}
		got := call[written](w, tool, arguments.with("consent", notYet))
		require.Equal(t, schemas.CodeConsentRequired, got.Code, got.Text)
		assert.Regexp(t, `^NOT [A-Z]+ YET: `, got.Text)
		assert.Equal(t, before, w.vennio.Writes())
		no := says(decline)
		w.meet("2025-11-25", no, nil)
		assert.Equal(t, schemas.CodeConsentDeclined, call[written](w, tool, arguments).Code)
		require.Len(t, no.seen(), 1)
		question, _, _ := strings.Cut(no.seen()[0], "\n")
		assert.LessOrEqual(t, len([]rune(question)), 200, question)
		assert.Regexp(t, `\? (This cannot be undone\. )?(Whoever has the link can book\. )?Vennio .*e-mails?.*\.$`, question)
		assert.Equal(t, before, w.vennio.Writes())
	})
}

// req: C10, I1. It is written once, names the call that undoes it, and the same call finds it.
func TestReq_I1_EveryWriteIsMadeOnce(t *testing.T) {
	eachWrite(t, func(t *testing.T, w *world, tool string, arguments args) {
		before := w.vennio.Writes()
		got := call[written](w, tool, arguments)
		require.False(t, got.IsError, got.Text)
		assert.NotEmpty(t, got.Data.Undo, got.Text)
		assert.Equal(t, "attested by the agent", got.Data.Consent.Method)
		again := call[written](w, tool, arguments)
		require.False(t, again.IsError, again.Text)
		assert.Equal(t, got.Data.Status, again.Data.Status)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				req := mcp.CallToolRequest{}
				req.Params.Name, req.Params.Arguments = tool, arguments
				_, err := w.agent.CallTool(t.Context(), req)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.Equal(t, before+1, w.vennio.Writes())
		_, err := w.deps.Ledger.Verify(t.Context())
		require.NoError(t, err)
		n, _, err := w.deps.Ledger.Erase(t.Context(), got.Data.Consent.GivenBy)
		require.NoError(t, err)
		assert.Positive(t, n)
		_, err = w.deps.Ledger.Verify(t.Context())
		require.NoError(t, err)
	})
}

// req: C12. Approval executes the act, or for a response the agent's next call does, because only that
// has the invitation.
func TestReq_C12_EveryApprovedWriteIsExecuted(t *testing.T) {
	eachWrite(t, func(t *testing.T, w *world, tool string, arguments args) {
		before := w.vennio.Writes()
		p := asked[schemas.Failure](w, tool, arguments)
		require.Equal(t, before, w.vennio.Writes())
		w.approve(p.ID, true, consent.OnPage)
		err := w.deps.Execute(t.Context(), p)
		if tool == "respond_to_proposal" {
			require.ErrorIs(t, err, tools.ErrElsewhere)
			require.Equal(t, before, w.vennio.Writes())
		} else {
			require.NoError(t, err)
			require.Equal(t, before+1, w.vennio.Writes())
		}
		got := call[written](w, tool, arguments.with("consent", notYet))
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, "approved on the page", got.Data.Consent.Method)
		assert.Equal(t, before+1, w.vennio.Writes())
		_, g, err := w.deps.Ledger.Result(t.Context(), p.ID)
		require.NoError(t, err)
		require.NotNil(t, g)
		assert.Equal(t, consent.Done, g.Outcome)
	})
}

// req: I3. After errors of Vennio the outcome is unknown, and the same call settles it.
func TestReq_I3_EveryWriteWithErrorsIsSettledByTheSameCall(t *testing.T) {
	eachWrite(t, func(t *testing.T, w *world, tool string, arguments args) {
		before := w.vennio.Writes()
		w.onWrite(func() { w.vennio.FailNext(3, http.StatusServiceUnavailable) })
		got := call[written](w, tool, arguments)
		require.Equal(t, schemas.CodeOutcomeUnknown, got.Code, got.Text)
		w.vennio.Calm()
		got = call[written](w, tool, arguments)
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, before+1, w.vennio.Writes())
	})
}

// req: I3. Lost answers: the write is made, and no call makes it twice.
func TestReq_I3_EveryWriteWithLostAnswersIsMadeOnce(t *testing.T) {
	eachWrite(t, func(t *testing.T, w *world, tool string, arguments args) {
		before := w.vennio.Writes()
		w.onWrite(func() { w.vennio.LoseNext(6) })
		if got := call[written](w, tool, arguments); got.IsError {
			assert.Equal(t, schemas.CodeOutcomeUnknown, got.Code, got.Text)
		}
		w.vennio.Calm()
		got := call[written](w, tool, arguments)
		require.False(t, got.IsError, got.Text)
		assert.Equal(t, before+1, w.vennio.Writes())
	})
}

// req: E3. An invitation is in no result, error, ledger entry or cause of a response.
func TestReq_E3_InvitationsAreRepeatedNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.made(w.poll())
	secrets := []string{}
	said := ""
	for i, l := range made.Links {
		secret := l.Link[strings.LastIndexByte(l.Link, '/')+1:]
		secrets = append(secrets, secret)
		vote := args{"invitation": l.Link, "option_id": made.Options[i%3].OptionID, "consent": yes}
		for _, arguments := range []args{
			vote.with("consent", notYet), vote.with("option_id", "x"), vote.with("invitation", secret+"\u200b"), vote.with("invitation", []any{l.Link, l.Link}),
			vote.with("invitation", l.Link+strings.Repeat("x", 500)), vote.with("response", l.Link), vote.with("message", strings.Repeat("x", 2000)), vote, vote.with("option_id", made.Options[(i+1)%3].OptionID), vote,
		} {
			got := call[written](w, "respond_to_proposal", arguments)
			w.mu.Lock()
			said += got.Text + string(got.Raw)
			if w.failed != nil {
				said += w.failed.Error()
			}
			w.mu.Unlock()
		}
		seen := call[schemas.GetProposalResult](w, "get_proposal", args{"invitation": l.Link})
		said += seen.Text + string(seen.Raw)
	}
	entries, err := w.deps.Ledger.Entries(t.Context(), 0, 1000)
	require.NoError(t, err)
	for _, e := range entries {
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		said += string(raw)
	}
	for _, secret := range secrets {
		assert.NotContains(t, said, secret)
	}
	assert.Contains(t, said, "accepted", "the last vote ends the poll")
}
