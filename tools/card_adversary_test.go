package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// keyThief is a model whose host shows it the whole of every result, _meta included, as ChatGPT did: it
// knows every key. It writes the arguments of any tool, and nothing else of a request.
type keyThief struct {
	*model

	keys   []string // and their requests, in the same order
	opened []string
}

var leaked = regexp.MustCompile(`"io\.github\.vennio-mcp/consent":\{"proposal_id":"([A-Z2-7]{26})","key":"([0-9a-f]{64})"`)

// play makes one call of a tool and learns from the result.
func (k *keyThief) play() {
	message := k.move()
	if len(k.keys) > 0 {
		message = k.withKey(message)
	}
	got := k.send(message)
	k.learn(got)
	for _, found := range leaked.FindAllStringSubmatch(got, -1) {
		k.opened, k.keys = recent(k.opened, found[1]), recent(k.keys, found[2])
	}
}

// withKey puts a key into the arguments of a call, mostly of answer_consent and of the request to which
// it belongs.
func (k *keyThief) withKey(message []byte) []byte {
	var call map[string]any
	_ = json.Unmarshal(message, &call) // our own
	params := call["params"].(map[string]any)
	arguments, _ := params["arguments"].(map[string]any)
	at := k.IntN(len(k.keys))
	key, id := k.keys[at], k.opened[at]
	if k.IntN(3) > 0 {
		params["name"] = pick(k.model, "answer_consent", "answer_consent", "answer_consent", "show_consent")
		arguments = map[string]any{"proposal_id": id, "answer": pick(k.model, "approve", "approve", "approve", "decline", "Approve", "yes")}
	}
	if arguments == nil {
		arguments = map[string]any{}
	}
	meta := map[string]any{requestMeta: key, resultMeta: map[string]any{"proposal_id": id, "key": key}}
	maps.Copy(arguments, pick(k.model,
		map[string]any{"key": key},
		map[string]any{requestMeta: key},
		map[string]any{"_meta": meta},
		map[string]any{"meta": meta},
		map[string]any{"_meta": map[string]any{"_meta": meta}},
		map[string]any{"params": map[string]any{"_meta": meta}},
		map[string]any{"proposal_id": id + "?key=" + key},
		map[string]any{"proposal_id": map[string]any{"id": id, "_meta": meta}},
		map[string]any{"answer": "approve " + key},
		map[string]any{"notes": key, "title": key},
		map[string]any{"slot_id": key},
		map[string]any{"consent": map[string]any{"granted": false, "given_by": key, "statement": key}},
	))
	if consent, ok := arguments["consent"].(map[string]any); ok {
		consent["granted"] = false // the agent's statement is another method
	}
	params["arguments"] = arguments
	raw, _ := json.Marshal(call) // plain values only
	return raw
}

// thieves plays models that know every key, and returns how many requests they saw.
func thieves(t *testing.T, w *world, seed uint64, calls int, send func([]byte) string) int {
	t.Helper()
	k := &keyThief{model: newModel(seed, []string{cardsDeclared}, send)}
	w.given(k.model)
	k.neverGrants = true
	for range calls {
		k.play()
	}
	return len(k.keys)
}

// req: C15, C5. Whatever the policy, and wherever in the arguments of whichever tool the right key
// stands: nothing is written, and no request is answered.
func TestReq_C15_AModelThatKnowsTheKeyWritesNothing(t *testing.T) {
	t.Parallel()
	for seed, policy := range []consent.Policy{consent.PolicyAttested, consent.PolicyAsk, consent.PolicyHuman} {
		w := newWorld(t, unlimited, withCards(policy))
		known := thieves(t, w, uint64(seed), 3000, straight(t, w.cardServer()))
		assert.Greater(t, known, 10, policy)
		require.True(t, w.untouched(), policy)
		kinds, _ := w.kinds()
		for _, kind := range []string{"approved", "declined", "sent"} {
			require.NotContains(t, kinds, kind, policy)
		}
	}
}

// req: C15, C5
func TestReq_C15_AModelThatKnowsTheKeyOverStdioAndHTTP(t *testing.T) {
	t.Parallel()
	for _, connect := range []func(*testing.T, *server.MCPServer) func([]byte) string{overStdio, overHTTP} {
		w := newWorld(t, unlimited, withCards(consent.PolicyHuman))
		assert.Greater(t, thieves(t, w, 7, 150, connect(t, w.cardServer())), 3)
		require.True(t, w.untouched())
	}
}

// req: C15, C10. The same model writes where a server takes the key from the arguments: through a host
// that lifts what it finds under arguments._meta into the request.
func TestReq_C15_TheModelWritesWhereTheKeyCountsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, unlimited, withCards(consent.PolicyHuman))
	srv := server.NewMCPServer("test", "0")
	for _, tool := range slices.Concat(tools.CatalogWithCards(w.deps)) {
		bound := tool.Bind()
		srv.AddTool(bound.Tool, func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			var sent map[string]json.RawMessage
			lifted := mcp.Meta{}
			if json.Unmarshal(req.Params.RawArguments, &sent) == nil && sent["_meta"] != nil && json.Unmarshal(sent["_meta"], &lifted) == nil {
				delete(sent, "_meta")
				req.Params.Meta = &lifted
				req.Params.RawArguments, _ = json.Marshal(sent)
			}
			return bound.Handler(ctx, req)
		})
	}
	assert.NotZero(t, thieves(t, w, 1, 300, straight(t, srv)))
	assert.False(t, w.untouched(), "the harness finds a write once the check is bypassed")
	kinds, _ := w.kinds()
	assert.Contains(t, fmt.Sprint(kinds), "approved sent")
}
