package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// returning are the tools that return their requests to the client as results (MCP 2026-07-28, SEP-2322).
var returning = []tool{
	{name: "test_input_required_result_elicitation", handle: onceAsked("user_name", "", func(b *server.InputRequestBuilder) {
		b.Elicit("user_name", askName)
	})},
	{name: "test_input_required_result_sampling", handle: onceAsked("capital_question", "", func(b *server.InputRequestBuilder) {
		b.Sample("capital_question", prompting("What is the capital of France?"))
	})},
	{name: "test_input_required_result_list_roots", handle: onceAsked("client_roots", "", func(b *server.InputRequestBuilder) {
		b.Roots("client_roots")
	})},
	{name: "test_input_required_result_request_state", handle: onceAsked("confirm", "state", askConfirm)},
	{name: "test_input_required_result_tampered_state", handle: onceAsked("confirm", "state", askConfirm)},
	{name: "test_input_required_result_multiple_inputs", handle: onceAsked("user_name", "state", func(b *server.InputRequestBuilder) {
		b.Elicit("user_name", askName).Sample("greeting", prompting("Generate a greeting")).Roots("client_roots")
	})},
	{name: "test_input_required_result_multi_round", handle: inRounds},
	{name: "test_input_required_result_capabilities", handle: whatIsDeclared},
	{name: "test_streaming_elicitation", handle: onceAsked("user_name", "", func(b *server.InputRequestBuilder) { b.Elicit("user_name", askName) })},
	// The suite declares no capability, so the transport must refuse the request.
	{name: "test_missing_capability", handle: onceAsked("sample", "", func(b *server.InputRequestBuilder) { b.Sample("sample", prompting("Hello")) })},
}

var askName = form("What is your name?", `{"name": {"type": "string"}}`, "name")

func askConfirm(b *server.InputRequestBuilder) {
	b.Elicit("confirm", form("Please confirm", `{"ok": {"type": "boolean"}}`, "ok"))
}

// onceAsked returns a tool handler that requests input until the request with this ID is answered. If state is
// set, the client must return it unchanged.
func onceAsked(id, state string, ask func(*server.InputRequestBuilder)) server.ToolHandlerFunc {
	return func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if answered(r.Params.InputResponses, id) {
			if state != "" && !opens(r.Params.RequestState, state) {
				return nil, errTampered
			}
			return mcp.NewToolResultText("state-ok: " + id + " was answered"), nil
		}
		b := server.NewInputRequestBuilder("")
		if state != "" {
			b.RequestState(seal(state))
		}
		ask(b)
		return b.ToolResult(), nil
	}
}

// answered reports whether the client's responses contain a valid response with this ID.
func answered(given mcp.InputResponses, id string) bool {
	return server.ElicitationResponse(given, id) != nil || server.SamplingResponse(given, id) != nil || server.RootsResponse(given, id) != nil
}

func inRounds(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	switch {
	case answered(r.Params.InputResponses, "step2") && opens(r.Params.RequestState, "round 2"):
		return mcp.NewToolResultText("two rounds were answered"), nil
	case answered(r.Params.InputResponses, "step1") && opens(r.Params.RequestState, "round 1"):
		return server.NewInputRequestBuilder(seal("round 2")).
			Elicit("step2", form("Step 2: What is your favorite color?", `{"color": {"type": "string"}}`, "color")).ToolResult(), nil
	default:
		return server.NewInputRequestBuilder(seal("round 1")).
			Elicit("step1", form("Step 1: What is your name?", `{"name": {"type": "string"}}`, "name")).ToolResult(), nil
	}
}

// whatIsDeclared only sends requests for which the client declared a capability.
func whatIsDeclared(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	b := server.NewInputRequestBuilder("")
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientCapabilities != nil {
		if info.ClientCapabilities.Sampling != nil {
			b.Sample("greeting", prompting("Generate a greeting"))
		}
		if info.ClientCapabilities.Elicitation != nil {
			b.Elicit("user_name", askName)
		}
	}
	return b.ToolResult(), nil
}

var (
	errTampered = errors.New("the state is not the one that was given")
	key         = []byte(rand.Text())
)

// seal signs a state.
func seal(state string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(state))
	return state + "." + hex.EncodeToString(mac.Sum(nil))
}

func opens(given, state string) bool {
	got, _, sealed := strings.Cut(given, ".")
	return sealed && got == state && hmac.Equal([]byte(given), []byte(seal(state)))
}
