package tools_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// cardsDeclared are the capabilities of a client that shows cards.
const cardsDeclared = `{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}`

const (
	resultMeta  = "io.github.vennio-mcp/consent"
	requestMeta = "io.github.vennio-mcp/consent-key"
)

func withCards(policy consent.Policy) option {
	return func(w *world) {
		w.deps.Policy, w.deps.Card = policy, tools.CardOn
		w.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
	}
}

// cardServer is the world's server with the tools for cards.
func (w *world) cardServer() *server.MCPServer {
	srv := server.NewMCPServer("test", "0", server.WithExtensions(w.deps.Extensions()), server.WithHooks(tools.HideCards()))
	for _, tool := range slices.Concat(tools.CatalogWithCards(w.deps)) {
		srv.AddTools(tool.Bind())
	}
	return srv
}

// cardReply is the answer to a call as a host receives it.
type cardReply struct {
	Raw    string
	Result struct {
		IsError           bool
		Meta              map[string]json.RawMessage `json:"_meta"`
		StructuredContent struct {
			schemas.ConsentResult
			Status string
			Reason schemas.Code
		}
	}
}

// key is the key of the card in the result; empty if there is none.
func (r cardReply) key(t *testing.T) (k tools.CardKey) {
	t.Helper()
	if raw := r.Result.Meta[resultMeta]; raw != nil {
		require.NoError(t, json.Unmarshal(raw, &k))
	}
	return k
}

// calls returns a function that calls tools as the host of a client of 2026-07-28.
func (w *world) calls(can string) func(tool string, arguments, meta args) cardReply {
	srv := w.cardServer()
	return func(tool string, arguments, meta args) (r cardReply) {
		w.t.Helper()
		var message map[string]any
		require.NoError(w.t, json.Unmarshal(toolCall(can, tool, arguments, nil), &message))
		maps.Copy(message["params"].(map[string]any)["_meta"].(map[string]any), meta)
		r.Raw = text(srv.HandleMessage(w.t.Context(), []byte(text(message))))
		require.NoError(w.t, json.Unmarshal([]byte(r.Raw), &r))
		return r
	}
}

// req: C15
func TestReq_C15_ACardApprovesAndExecutes(t *testing.T) {
	t.Parallel()
	for _, policy := range []consent.Policy{consent.PolicyAttested, consent.PolicyAsk, consent.PolicyHuman} {
		w := newWorld(t, withCards(policy))
		call := w.calls(cardsDeclared)
		booking := agreed(w.slot().SlotID).with("consent", notYet)
		asked := call("book_slot", booking, nil)
		require.Equal(t, "awaiting_consent", asked.Result.StructuredContent.Status, asked.Raw)
		k := asked.key(t)
		require.Len(t, k.Key, 64, policy)
		require.Equal(t, 1, strings.Count(asked.Raw, k.Key), "only in _meta")

		shown := call("show_consent", args{"proposal_id": k.ProposalID}, nil)
		require.Equal(t, "open", shown.Result.StructuredContent.State, shown.Raw)
		require.Equal(t, "Intro call", shown.Result.StructuredContent.Proposal.Title)
		require.NotContains(t, shown.Raw, k.Key)
		require.Empty(t, shown.key(t))
		require.Zero(t, w.vennio.Writes())

		done := call("answer_consent", args{"proposal_id": k.ProposalID, "answer": "approve"}, args{requestMeta: k.Key})
		got := done.Result.StructuredContent
		require.Equal(t, []string{"done", "Booked"}, []string{got.State, got.Heading}, done.Raw)
		require.Equal(t, 1, w.vennio.Writes(), "the approval executes the act")
		require.NotContains(t, done.Raw, k.Key)

		again := call("answer_consent", args{"proposal_id": k.ProposalID, "answer": "decline"}, args{requestMeta: k.Key})
		require.Equal(t, "done", again.Result.StructuredContent.State, "a repeated answer shows the outcome and changes nothing")
		repeated := call("book_slot", booking, nil)
		require.Contains(t, repeated.Raw, "Already booked")
		require.Contains(t, repeated.Raw, "approved on the card")
		require.Equal(t, 1, w.vennio.Writes())
		kinds, details := w.kinds()
		require.Equal(t, []string{"proposed", "approved", "sent", "settled"}, kinds)
		require.NotContains(t, details, k.Key)
		require.Contains(t, details, `"by":"a person in t"`)
	}
}

// req: C15
func TestReq_C15_DecliningNeedsTheKeyToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCards(consent.PolicyHuman))
	call := w.calls(cardsDeclared)
	booking := agreed(w.slot().SlotID).with("consent", notYet)
	k := call("book_slot", booking, nil).key(t)
	answer := args{"proposal_id": k.ProposalID, "answer": "decline"}
	refused := call("answer_consent", answer, nil)
	assert.Contains(t, refused.Raw, `"code":"not_allowed"`)
	assert.Contains(t, refused.Raw, `"approval_url":"http://127.0.0.1:1/approvals/`+k.ProposalID)
	assert.Equal(t, "open", call("show_consent", args{"proposal_id": k.ProposalID}, nil).Result.StructuredContent.State)
	assert.Equal(t, "declined", call("answer_consent", answer, args{requestMeta: k.Key}).Result.StructuredContent.State)
	assert.Contains(t, call("book_slot", booking, nil).Raw, `"code":"consent_declined"`)
	assert.Zero(t, w.vennio.Writes())
}

// req: C15
// Every answer without the newest, unused key of this request, caller and client changes nothing.
func TestReq_C15_OnlyTheRightKeyCounts(t *testing.T) {
	t.Parallel()
	caller := "token \x00ada"
	w := newWorld(t, withCards(consent.PolicyHuman), func(w *world) { w.deps.Caller = func(context.Context) string { return caller } })
	call := w.calls(cardsDeclared)
	first := w.find(args{"limit": 2}).Data.Slots
	booking := agreed(first[0].SlotID).with("consent", notYet)
	old := call("book_slot", booking, nil).key(t)
	k := call("book_slot", booking, nil).key(t)
	other := call("book_slot", agreed(first[1].SlotID).with("consent", notYet), nil).key(t)
	require.Equal(t, old.ProposalID, k.ProposalID, "two cards for one request")
	answer := args{"proposal_id": k.ProposalID, "answer": "approve"}
	refused := func(why string, arguments, meta args) {
		t.Helper()
		got := call("answer_consent", arguments, meta)
		assert.True(t, got.Result.IsError, "%s: %s", why, got.Raw)
		assert.NotContains(t, got.Raw, k.Key, why)
		assert.Zero(t, w.vennio.Writes(), why)
	}
	refused("no key", answer, nil)
	refused("in the arguments", answer.with("key", k.Key), nil)
	refused("in the arguments under its name", answer.with(requestMeta, k.Key), nil)
	refused("in _meta of the arguments", answer.with("_meta", args{requestMeta: k.Key}), nil)
	refused("nested", answer, args{"meta": args{requestMeta: k.Key}})
	refused("not a text", answer, args{requestMeta: []any{k.Key}})
	refused("as in the result", answer, args{resultMeta: k})
	refused("the arguments of another request", args{"proposal_id": "AAAAAAAAAAAAAAAAAAAAAAAAAA", "answer": "approve"}, args{requestMeta: k.Key})
	caller = "token \x00eve"
	for range 5 {
		refused("another caller, who cannot void the key either", answer, args{requestMeta: k.Key})
	}
	caller = "token \x00ada"
	refused("of another request", answer, args{requestMeta: other.Key})
	refused("voided by a newer card", answer, args{requestMeta: old.Key})
	assert.Equal(t, "done", call("answer_consent", answer, args{requestMeta: k.Key}).Result.StructuredContent.State, "two wrong keys do not void it")

	answer = args{"proposal_id": other.ProposalID, "answer": "approve"}
	for _, wrong := range []string{"x", strings.ToUpper(other.Key), other.Key[:63]} {
		call("answer_consent", answer, args{requestMeta: wrong})
	}
	assert.True(t, call("answer_consent", answer, args{requestMeta: other.Key}).Result.IsError, "the third wrong key voids it")
	assert.Equal(t, 1, w.vennio.Writes())
	late := call("book_slot", agreed(first[1].SlotID).with("consent", notYet), nil).key(t)
	w.clock = w.clock.Add(10 * time.Minute)
	assert.Equal(t, "expired", call("answer_consent", answer, args{requestMeta: late.Key}).Result.StructuredContent.State)
	assert.Equal(t, 1, w.vennio.Writes())
}

// req: C15, C4. Where a card cannot count, there is no key, and none is accepted: under signed, over a
// connection that is not trusted, and with cards that only link.
func TestReq_C15_NoKeyWhereACardDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]option{
		"signed": withCards(consent.PolicySigned),
		"untrusted": func(w *world) {
			withCards(consent.PolicyHuman)(w)
			w.deps.TrustedConnection = func(context.Context) bool { return false }
		},
		"link": func(w *world) {
			withCards(consent.PolicyHuman)(w)
			w.deps.Card = tools.CardLink
		},
	} {
		w := newWorld(t, change)
		call := w.calls(cardsDeclared)
		asked := call("book_slot", agreed(w.slot().SlotID), nil)
		require.Equal(t, "awaiting_consent", asked.Result.StructuredContent.Status, "%s: %s", name, asked.Raw)
		assert.Empty(t, asked.key(t), name)
		open, err := w.deps.Ledger.Open(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		_, err = w.deps.Ledger.IssueCardKey(t.Context(), open[0].ID, "anybody") // as another process with another policy could
		require.NoError(t, err)
		shown := call("show_consent", args{"proposal_id": open[0].ID}, nil)
		assert.Equal(t, "open", shown.Result.StructuredContent.State, name)
		assert.Contains(t, shown.Raw, "/approvals/"+open[0].ID, name)
		answered := call("answer_consent", args{"proposal_id": open[0].ID, "answer": "approve"}, args{requestMeta: strings.Repeat("0", 64)})
		assert.True(t, strings.Contains(answered.Raw, "does not count") || name == "link" && strings.Contains(answered.Raw, "not found"), "%s: %s", name, answered.Raw)
		assert.Zero(t, w.vennio.Writes(), name)
	}
}

// Under ask, a client that shows cards can ask the person: the agent's statement does not count. A
// client without cards is asked for it, as before.
func TestCardsAskWhereTheClientShowsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCards(consent.PolicyAsk))
	booking := agreed(w.slot().SlotID)
	asked := w.calls(cardsDeclared)("book_slot", booking, nil)
	assert.Equal(t, schemas.CodeApprovalNeeded, asked.Result.StructuredContent.Reason)
	assert.Contains(t, asked.Raw, "The person answers on the card with this result")
	assert.Contains(t, w.calls(`{}`)("book_slot", booking, nil).Raw, "attested by the agent")
}

// A form is shown as a card only if operator and client want that; its answer is that of a form.
func TestFormsAsCards(t *testing.T) {
	t.Parallel()
	const declared = `{"elicitation":{"form":{}},"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"],"elicitation":{}}}}`
	for _, c := range []struct {
		can      string
		operator bool
		asCard   bool
	}{
		{declared, true, true},
		{declared, false, false},
		{strings.Replace(declared, `,"elicitation":{}}}}`, `}}}`, 1), true, false},
		{strings.Replace(declared, `text/html`, `text/plain`, 1), true, false},
		{canAsk, true, false},
	} {
		w := newWorld(t, withCards(consent.PolicyHuman), func(w *world) { w.deps.FormCard = c.operator })
		booking := agreed(w.slot().SlotID).with("consent", notYet)
		got := w.calls(c.can)("book_slot", booking, nil)
		require.Contains(t, got.Raw, `"requestState"`, got.Raw)
		assert.Equal(t, c.asCard, strings.Contains(got.Raw, `"_meta":{"ui":{"resourceUri":"ui://vennio/booking/v1.html"}}`), "%s: %s", c.can, got.Raw)
		assert.Equal(t, c.operator, strings.Contains(text(w.deps.Extensions()), `"elicitation"`))
		var asked reply
		require.NoError(t, json.Unmarshal([]byte(got.Raw), &asked))
		answered := w.post(w.cardServer(), toolCall(c.can, "book_slot", booking, args{
			"requestState": asked.Result.RequestState, "inputResponses": args{"agree": args{"action": "accept", "content": args{"approve": true}}},
		}))
		assert.Equal(t, "confirmed", answered.Result.StructuredContent.Status)
	}
}

// The strips of the days show free and busy inside the window that was searched, and the offered times;
// no structured content has them.
func TestDayStripsShowNoMoreThanFreeAndBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCards(consent.PolicyHuman))
	type strip struct {
		Day               string
		From, To          int
		Free, Busy, Slots [][2]int
	}
	strips := func(arguments args) (all []strip) {
		got := w.calls(cardsDeclared)("find_slots", arguments, nil)
		require.NoError(t, json.Unmarshal(got.Result.Meta["io.github.vennio-mcp/days"], &all), got.Raw)
		for _, s := range all {
			assert.Less(t, s.From, s.To)
			for _, spans := range [][][2]int{s.Free, s.Slots} {
				for i, span := range spans {
					assert.True(t, s.From <= span[0] && span[0] < span[1] && span[1] <= s.To, "%v", s)
					assert.True(t, i == 0 || spans[i-1][1] < span[0] || len(s.Slots) > 0, "joined and in order: %v", s)
				}
			}
			for _, slot := range s.Slots {
				assert.True(t, slices.ContainsFunc(s.Free, func(f [2]int) bool { return f[0] <= slot[0] && slot[1] <= f[1] }), "offered times are free: %v", s)
			}
		}
		return all
	}
	all := strips(args{"limit": 5})
	require.NotEmpty(t, all)
	for i, s := range all {
		assert.False(t, slices.ContainsFunc(all[:i], func(other strip) bool { return other.Day == s.Day }), "each day once")
		assert.Empty(t, s.Busy)
	}
	day := strips(args{"from": "2026-05-14T09:00", "to": "2026-05-14T17:00", "busy": []any{args{"start": "2026-05-14T12:00", "end": "2026-05-14T13:00"}, args{"start": "2026-05-15T12:00", "end": "2026-05-15T13:00"}}})
	require.Len(t, day, 1)
	assert.Equal(t, [][2]int{{720, 780}}, day[0].Busy)
	assert.GreaterOrEqual(t, day[0].From, 9*60, "nothing outside the window")
	assert.LessOrEqual(t, day[0].To, 17*60)
	evening := strips(args{"when": "thursday after 3pm"})
	require.Len(t, evening, 1)
	assert.Equal(t, 15*60, evening[0].From)
}

// req: C15. The key of one tenant, or of one OAuth client, is worth nothing to another that shares the
// ledger and knows it.
func TestReq_C15_KeysAreBoundToTenantAndOAuthClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCards(consent.PolicyHuman))
	k := w.calls(cardsDeclared)("book_slot", agreed(w.slot().SlotID).with("consent", notYet), nil).key(t)
	answer, meta := args{"proposal_id": k.ProposalID, "answer": "approve"}, args{requestMeta: k.Key}
	deps := w.deps
	w.deps.Tenant = "globex"
	globex := w.calls(cardsDeclared)
	w.deps = deps
	assert.Contains(t, globex("answer_consent", answer, meta).Raw, `"code":"not_found"`)
	assert.Contains(t, globex("show_consent", args{"proposal_id": k.ProposalID}, nil).Raw, `"code":"not_found"`)

	var message map[string]any
	require.NoError(t, json.Unmarshal(toolCall(cardsDeclared, "answer_consent", answer, nil), &message))
	maps.Copy(message["params"].(map[string]any)["_meta"].(map[string]any), meta)
	other := auth.With(t.Context(), auth.Caller{Client: "another", Scopes: auth.Scopes()})
	assert.Contains(t, text(w.cardServer().HandleMessage(other, []byte(text(message)))), `"code":"not_allowed"`)
	assert.Zero(t, w.vennio.Writes())
	assert.Equal(t, "done", w.calls(cardsDeclared)("answer_consent", answer, meta).Result.StructuredContent.State)
}

// req: C15, C12. The card of every tool that writes executes the act, whatever it is.
func TestReq_C15_CardsProposeMoveAndCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCards(consent.PolicyHuman))
	call := w.calls(cardsDeclared)
	approves := func(tool, heading string, arguments args) {
		t.Helper()
		asked := call(tool, arguments.with("consent", notYet), nil)
		k := asked.key(t)
		require.NotEmpty(t, k.Key, asked.Raw)
		done := call("answer_consent", args{"proposal_id": k.ProposalID, "answer": "approve"}, args{requestMeta: k.Key})
		require.Equal(t, []string{"done", heading}, []string{done.Result.StructuredContent.State, done.Result.StructuredContent.Heading}, done.Raw)
	}
	m := newModel(0, nil, nil)
	w.given(m)
	id := m.made
	moved := w.find(args{"reschedule_of": id}).Data.Slots[0]
	approves("reschedule_booking", "Moved", args{"booking_id": id, "slot_id": moved.SlotID})
	approves("cancel_booking", "Cancelled", args{"booking_id": id})
	approves("propose_times", "Proposed", w.poll())
}
