package tools_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// accepting is what a client adds to a call whose question was accepted.
func accepting(state string) args {
	return args{"requestState": state, "inputResponses": args{"agree": args{"action": "accept", "content": args{"approve": true}}}}
}

// req: C7
func TestReq_C7_AStateThatIsNotOursForThisIsRefusedBeforeAnyCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, other := agreed(w.slot().SlotID), agreed(w.slot().SlotID).with("title", "Another")
	srv := w.server()
	state := w.post(srv, toolCall(canAsk, "book_slot", booking, nil)).Result.RequestState
	swapped := w.post(srv, toolCall(canAsk, "book_slot", other, nil)).Result.RequestState
	id, mac, _ := strings.Cut(state, ".")
	otherID, _, _ := strings.Cut(swapped, ".")
	plain := sha256.Sum256([]byte(id))
	foreign := newWorld(t)
	foreign.deps.Ledger, foreign.deps.Keys = w.deps.Ledger, tenant.NewKeyring([]byte("the secret of another server"))
	theirs := foreign.post(foreign.server(), toolCall(canAsk, "book_slot", booking, nil)).Result.RequestState
	require.NotEmpty(t, theirs)
	calls := w.vennio.Calls()
	for _, policy := range []consent.Policy{consent.PolicySigned, consent.PolicyAttested, consent.PolicyAsk, consent.PolicyHuman} {
		w.deps.Policy = policy
		srv := w.server()
		for name, bad := range map[string]string{
			"forged": "AAAAAAAAAAAAAAAAAAAAAAAAAA." + mac, "plainly hashed": id + "." + hex.EncodeToString(plain[:]),
			"cut": state[:len(state)-1], "no seal": id, "empty": "", "blank": " ", "a dot": ".", "longer": state + "0", "capitals": id + "." + strings.ToUpper(mac),
			"swapped": swapped, "mixed": otherID + "." + mac, "foreign": theirs,
		} {
			for _, can := range []string{canAsk, cannotAsk, ""} {
				got := w.post(srv, toolCall(can, "book_slot", booking, accepting(bad)))
				assert.Equal(t, schemas.CodeConsentRequired, got.code(), "%s, %s, %s", policy, name, can)
			}
		}
	}
	assert.Equal(t, calls, w.vennio.Calls())
	assert.Equal(t, schemas.CodeApprovalNeeded, w.post(w.server(), toolCall(cannotAsk, "book_slot", booking, accepting(state))).code(),
		"who cannot ask brings no answer")
	got := w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state)))
	assert.Equal(t, "confirmed", got.Result.StructuredContent.Status, "ours is taken")
	again := w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state)))
	assert.Equal(t, "confirmed", again.Result.StructuredContent.Status, "told again, booked once")
	assert.Len(t, w.vennio.Bookings(), 1)
}

func TestAnAnswerIsOfItsQuestionAndItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, srv := agreed(w.slot().SlotID), w.server()
	ask := func(more args) reply { return w.post(srv, toolCall(canAsk, "book_slot", booking, more)) }
	state := ask(nil).Result.RequestState
	assert.Equal(t, state, ask(args{"requestState": state}).Result.RequestState, "the state alone answers nothing")
	elsewhere := accepting(state).with("inputResponses", args{"other": args{"action": "accept"}})
	assert.Equal(t, state, ask(elsewhere).Result.RequestState, "nor does an answer to another question")
	w.clock = w.clock.Add(consent.Lifetime)
	assert.Equal(t, schemas.CodeConsentRequired, ask(accepting(state)).code(), "req: C6: late")
	fresh := ask(nil).Result.RequestState
	assert.NotEqual(t, state, fresh)
	declined := accepting(fresh).with("inputResponses", args{"agree": args{"action": "decline"}})
	assert.Equal(t, schemas.CodeConsentDeclined, ask(declined).code())
	assert.Equal(t, schemas.CodeConsentDeclined, ask(accepting(fresh)).code(), "a no stays a no")
	assert.Zero(t, w.vennio.Writes())
}

// req: P6. What is neither accept nor decline is no answer.
func TestReq_P6_AnOddAnswerBooksNothing(t *testing.T) {
	t.Parallel()
	for _, odd := range []any{args{"action": "ACCEPT"}, args{}, "accept", nil, []any{"accept"}, args{"action": true}} {
		w := newWorld(t)
		booking, srv := agreed(w.slot().SlotID), w.server()
		state := w.post(srv, toolCall(canAsk, "book_slot", booking, nil)).Result.RequestState
		w.post(srv, toolCall(canAsk, "book_slot", booking, accepting(state).with("inputResponses", args{"agree": odd})))
		assert.Zero(t, w.vennio.Writes(), "%v", odd)
	}
}

// lone is a server without a Vennio: a call to it would fail as unavailable.
func lone(f *testing.F) *server.MCPServer {
	now := func() time.Time { return wednesday }
	vennio, err := vennioclient.New(canary, vennioclient.WithBaseURL("http://127.0.0.1:1"), vennioclient.WithRetry(vennioclient.Retry{Attempts: 1}))
	require.NoError(f, err)
	db := sqldb.OpenWith("", longWait)
	f.Cleanup(func() { require.NoError(f, db.Close()) })
	w := &world{deps: tools.Deps{
		Service: scheduling.Service{
			Vennio: vennio, Hosts: directory(), Zone: time.UTC, Now: now,
			Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", now), Ledger: consent.New(db, now),
		},
		Conversation: tools.Conversation{Policy: consent.PolicyAsk, Keys: tenant.NewKeyring([]byte("another secret"))},
	}}
	return w.server()
}

// FuzzState: only the state that the server sent is accepted. req: C7
func FuzzState(f *testing.F) {
	for _, seed := range []string{"", ".", "AAAAAAAAAAAAAAAAAAAAAAAAAA.", strings.Repeat("0", 91), "\x00", "é.ß"} {
		f.Add(seed, 0, byte(0))
	}
	f.Add("", 3, byte('B'))
	f.Add("", 90, byte('f'))
	srv, signer := lone(f), slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "sandbox", func() time.Time { return wednesday })
	id, err := signer.Sign(slots.Offer{Start: wednesday.Add(time.Hour), Duration: 30 * time.Minute, Hosts: []string{directory()[0].ID}, Zone: "Europe/London"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, state string, at int, to byte) {
		w := &world{t: t}
		given := w.post(srv, toolCall(canAsk, "book_slot", agreed(id), nil)).Result.RequestState
		require.NotEmpty(t, given)
		bent := []byte(given)
		if at >= 0 && at < len(bent) {
			bent[at] = to
		}
		for _, bad := range []string{state, string(bent), given[:len(given)/2] + state} {
			if bad != given {
				got := w.post(srv, toolCall(canAsk, "book_slot", agreed(id), accepting(bad)))
				require.Equal(t, schemas.CodeConsentRequired, got.code(), "%q", bad)
			}
		}
	})
}

// req: C7. A question asked before the secret was rotated can be answered while
// both are taken, and no longer afterwards.
func TestAQuestionAskedBeforeTheRotationIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking := agreed(w.slot().SlotID)
	state := w.post(w.server(), toolCall(canAsk, "book_slot", booking, nil)).Result.RequestState
	w.deps.Keys = tenant.NewKeyring([]byte("the next secret"))
	assert.Equal(t, schemas.CodeConsentRequired, w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state))).code())
	w.deps.Keys = tenant.NewKeyring([]byte("the next secret"), []byte("another secret"))
	got := w.post(w.server(), toolCall(canAsk, "book_slot", booking, accepting(state)))
	assert.Equal(t, "confirmed", got.Result.StructuredContent.Status)
}
