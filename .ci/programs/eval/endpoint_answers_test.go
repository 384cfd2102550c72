package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// answers are bodies that endpoints send, and what a model said with them.
var answers = []struct {
	name, api, stream, body string
	want                    Reply
}{
	{
		"openai null fields", "openai", "false", `{"id":"x","object":"chat.completion","choices":[{"index":0,"finish_reason":"tool_calls","logprobs":null,"message":{"role":"assistant","content":null,"refusal":null,"reasoning_content":"Let me think.","annotations":[],"tool_calls":[{"id":"a","type":"function","function":{"name":"find_slots","arguments":"{\"when\":\"friday\"}"}}]}}],"usage":{"prompt_tokens":7,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":1}},"error":null}`,
		Reply{Calls: []Call{{"a", "find_slots", `{"when":"friday"}`}}, Usage: Usage{7, 3}},
	},
	{"openai list of parts", "openai", "false", `{"choices":[{"message":{"content":[{"type":"text","text":"Hel"},{"type":"text","text":"lo"}],"tool_calls":null}}],"usage":null}`, Reply{Text: "Hello"}},
	{"openai arguments as an object", "openai", "false", `{"choices":[{"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"x":1}}}]}}]}`, Reply{Calls: []Call{{"call_0", "f", `{"x":1}`}}}},
	{"openai arguments as a list", "openai", "false", `{"choices":[{"message":{"content":"","tool_calls":[{"id":"a","function":{"name":"f","arguments":[1]}}]}}]}`, Reply{Calls: []Call{{"a", "f", "[1]"}}}},
	{"openai refusal", "openai", "false", `{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"No."}}]}`, Reply{Text: "No."}},
	{"openai content filter", "openai", "false", `{"choices":[{"finish_reason":"content_filter","message":{"content":null}}]}`, Reply{}},
	{"openai cut off", "openai", "false", `{"choices":[{"finish_reason":"length","message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]}}]}`, Reply{Calls: []Call{{"a", "f", `{"x":`}}}},
	{
		"openai interleaved calls", "openai", "true", sse(
			`{"choices":[{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}],"usage":null}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}},{"index":1,"function":{"arguments":"{"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}`,
			`{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}`, `{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}`, `[DONE]`),
		Reply{Calls: []Call{{"a", "f", `{"x":1}`}, {"b", "g", "{}"}}, Usage: Usage{5, 2}},
	},
	{
		"openai index from 1, new id in each part", "openai", "true", sse(
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"a","function":{"name":"f","arguments":"{"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":null,"arguments":"}"}}]}}]}`, `[DONE]`),
		Reply{Calls: []Call{{"a", "f", "{}"}}},
	},
	{"openai no last event", "openai", "true", sse(`{"choices":[{"delta":{"content":"Hi"}}]}`, `{"choices":[{"delta":{},"finish_reason":"stop"}]}`), Reply{Text: "Hi"}},
	{"openai comments, CRLF and no spaces", "openai", "true", ": PROCESSING\r\n\r\nevent: x\r\nid: 1\r\nretry: 3\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"Zürich\"}}]}\r\n\r\n:\r\n\r\ndata: [DONE]\r\n\r\n", Reply{Text: "Zürich"}},
	{
		"anthropic thinking", "anthropic", "false", `{"type":"message","role":"assistant","stop_reason":"tool_use","content":[{"type":"thinking","thinking":"Hm","signature":"sig"},{"type":"redacted_thinking","data":"xyz"},{"type":"text","text":"Hi"},{"type":"tool_use","id":"t","name":"f","input":{"x":1}}],"usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":3}}`,
		Reply{Text: "Hi", Calls: []Call{{"t", "f", `{"x":1}`}}, Usage: Usage{3, 3}, Thinking: []anthropicBlock{{Type: "thinking", Thinking: new("Hm"), Signature: "sig"}, {Type: "redacted_thinking", Data: "xyz"}}},
	},
	{"anthropic empty", "anthropic", "false", `{"content":[],"stop_reason":"refusal","usage":{"input_tokens":1,"output_tokens":0}}`, Reply{Usage: Usage{1, 0}}},
	{
		"anthropic stream", "anthropic", "true", sse(
			`{"type":"message_start","message":{"content":[],"stop_reason":null,"usage":{"input_tokens":4,"output_tokens":1}}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`, `{"type":"ping"}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}`, `{"type":"content_block_stop","index":0}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}`, `{"type":"content_block_stop","index":1}`,
			`{"type":"something_new"}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}`, `{"type":"message_stop"}`),
		Reply{Calls: []Call{{"t", "f", "{}"}}, Usage: Usage{4, 9}, Thinking: []anthropicBlock{{Type: "thinking", Thinking: new("Hm"), Signature: "sig"}}},
	},
}

func sse(all ...string) string {
	return "event: any\ndata: " + strings.Join(all, "\n\nevent: any\ndata: ") + "\n\n"
}

// Answers as endpoints of both dialects send them: in one piece, byte by byte, and compressed.
func TestAnswersOfEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range answers {
		for _, way := range []string{"whole", "in bytes", "compressed"} {
			t.Run(c.name+" "+way, func(t *testing.T) {
				t.Parallel()
				f := newFakeEndpoint(t, nil, func(w http.ResponseWriter, r *http.Request) {
					if c.stream == "true" {
						w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
					}
					switch way {
					case "whole":
						_, _ = io.WriteString(w, c.body)
					case "in bytes":
						for i := range len(c.body) {
							_, _ = io.WriteString(w, c.body[i:i+1])
							w.(http.Flusher).Flush() //nolint:forcetypeassert // of net/http
						}
					default:
						assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
						w.Header().Set("Content-Encoding", "gzip")
						z := gzip.NewWriter(w)
						_, _ = io.WriteString(z, c.body)
						_ = z.Close()
					}
				})
				s, w := settingsAt(t, f, c.api, "EVAL_STREAM", c.stream)
				got, err := s.endpoint.Next(t.Context(), Request{})
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
				assert.Empty(t, w.all)
			})
		}
	}
}

// The thinking of a model is sent back unchanged, and no empty text is.
func TestMessagesSentBack(t *testing.T) {
	t.Parallel()
	r := Request{Messages: []Message{{Text: "Hello"}, {Model: true, Text: " ", Calls: []Call{{"t", "f", "[1]"}}, Thinking: []anthropicBlock{{Type: "thinking", Thinking: new(""), Signature: "sig"}}}, {Answers: []Answer{{ID: "t", Text: "no"}}}, {Model: true}}}
	body, err := anthropic{}.encode("m", r, 5, false)
	require.NoError(t, err)
	assert.Contains(t, string(body), `{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"sig"},{"type":"tool_use","id":"t","name":"f","input":{}}]}`)
	assert.Contains(t, string(body), `{"role":"assistant","content":[{"type":"text","text":"(no text)"}]}`)
	body, err = openAI{}.encode("m", r, 5, false)
	require.NoError(t, err)
	assert.Contains(t, string(body), `{"role":"assistant","content":"(no text)"}`)
	assert.NotContains(t, string(body), "max_tokens") // reasoning models refuse it
	for _, wrong := range []string{"", " ", "null", "[1]", `"text"`, "{", `{"x":`, "{} {}"} {
		r := Request{Messages: []Message{{Model: true, Calls: []Call{{"t", "f", wrong}, {"u", "g", `{"x":1}`}}}}}
		body, err := openAI{}.encode("m", r, 5, false)
		require.NoError(t, err)
		assert.Contains(t, string(body), `"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"u","type":"function","function":{"name":"g","arguments":"{\"x\":1}"}}]`, wrong)
		body, err = anthropic{}.encode("m", r, 5, false)
		require.NoError(t, err)
		assert.Contains(t, string(body), `[{"type":"tool_use","id":"t","name":"f","input":{}},{"type":"tool_use","id":"u","name":"g","input":{"x":1}}]`, wrong)
	}
}

// Failures of endpoints: how often the request is sent, how long the evaluation waits, and what the error says.
func TestFailuresOfEndpoints(t *testing.T) {
	t.Parallel()
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<html>\n<h1>502 \xff %s</h1></html>", testKey)
	}
	body := func(code int, text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code); _, _ = io.WriteString(w, text) }
	}
	for name, c := range map[string]struct {
		stream   string
		fault    func(http.ResponseWriter, *http.Request)
		requests int
		want     string
	}{
		"HTML":                  {"false", html, attempts, "502 Bad Gateway: <html> <h1>502 (key)</h1></html>"},
		"conflict":              {"false", status(409), attempts, "409 Conflict"},
		"request timeout":       {"false", status(408), attempts, "408 Request Timeout"},
		"wrong key":             {"false", status(401), 1, "check EVAL_KEY"},
		"wrong address":         {"false", status(404), 1, "check EVAL_URL and EVAL_MODEL"},
		"redirect":              {"false", status(308, "Location", "http://127.0.0.1:1/v1"), 1, "set EVAL_URL to the final address"},
		"no credit":             {"false", body(429, `{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}`), 1, "insufficient_quota You exceeded your quota"},
		"long wait":             {"false", status(429, "Retry-After", "7200"), 1, "it asks to wait 2h"},
		"context length":        {"false", body(400, `{"error":{"message":"maximum context length","type":"invalid_request_error","code":"context_length_exceeded"}}`), 1, "context_length_exceeded maximum context length"},
		"error with status 200": {"false", body(200, `{"error":{"message":"Provider returned error `+testKey+`","code":502}}`), attempts, "Provider returned error (key)"},
		"error in a choice":     {"false", body(200, `{"choices":[{"error":{"message":"Provider returned error","code":502},"finish_reason":"error","message":{"content":""}}],"error":null}`), attempts, "Provider returned error"},
		"choice in a stream":    {"true", body(200, sse(`{"choices":[{"error":{"message":"Provider disconnected"},"finish_reason":"error","delta":{"content":""}}]}`, `[DONE]`)), attempts, "Provider disconnected"},
		"no content":            {"false", status(204), 1, "204 No Content: "},
		"page of a proxy":       {"false", body(200, "<html>Please log in</html>"), attempts, "<html>Please log in</html>"},
		"codes of terminals":    {"false", body(500, "out\x1b[31m\x07 of\u202e\r\n memory"), attempts, "Error: out[31m of memory"},
		"text as an error":      {"false", body(500, `{"error":"out of memory"}`), attempts, `{"error":"out of memory"}`},
		"error in a stream":     {"true", body(200, sse(`{"error":{"message":"overloaded `+testKey+`","type":"server_error"}}`)), attempts, "server_error overloaded (key)"},
		"overloaded":            {"true", body(200, sse(`{"type":"message_start"}`, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`)), attempts, "overloaded_error Overloaded"},
		"cut stream":            {"true", body(200, "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"cho"), attempts, "no usable answer"},
		"huge":                  {"false", body(200, `{"choices":[{"message":{"content":"`+strings.Repeat("x", maxResponse)), attempts, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faults := make([]func(http.ResponseWriter, *http.Request), attempts)
			for i := range faults {
				faults[i] = c.fault
			}
			f := newFakeEndpoint(t, nil, faults...)
			s, _ := settingsAt(t, f, "openai", "EVAL_STREAM", c.stream)
			_, err := s.endpoint.Next(t.Context(), Request{})
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), testKey)
			assert.Equal(t, name == "redirect", strings.Contains(err.Error(), "redirects"), err)
			assert.Equal(t, c.requests, f.request)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "0": 0, "1.5": 1500 * time.Millisecond, "30": 30 * time.Second, "1e30": 24 * time.Hour,
		"Mon, 30 Nov 2026 12:00:20 GMT": 20 * time.Second, "Mon, 30 Nov 2026 11:00:00 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

// req: Q7. The endpoint refuses one conversation, whose text it does not like: the other runs go on. When it refuses the
// first request of all, or fails many runs in a row, the evaluation ends.
func TestReq_Q7_WhatEndsTheEvaluation(t *testing.T) {
	t.Parallel()
	agent := allCases(t)[0].Agent
	refused := status(http.StatusBadRequest)
	f := newFakeEndpoint(t, &repeated{steps: agent}, nil, nil, nil, nil, nil, refused)
	s, _ := settingsAt(t, f, "openai", "EVAL_RUNS", "3")
	e := s.evaluation(time.Now)
	require.NoError(t, e.execute(t.Context()))
	require.Len(t, e.report.Results, 3)
	assert.Contains(t, e.report.Results[1].Error, "400 Bad Request")
	code, _ := e.report.result(nil)
	assert.Equal(t, exitPartial, code)

	f = newFakeEndpoint(t, nil, refused)
	s, _ = settingsAt(t, f, "openai", "EVAL_RUNS", "3")
	require.ErrorIs(t, s.evaluation(time.Now).execute(t.Context()), errFatal)

	down := httptest.NewServer(http.HandlerFunc(status(http.StatusServiceUnavailable)))
	t.Cleanup(down.Close)
	s, w := settingsAt(t, &fakeEndpoint{Server: down}, "openai", "EVAL_RUNS", "9")
	e = s.evaluation(time.Now)
	require.ErrorContains(t, e.execute(t.Context()), "5 runs in a row failed")
	assert.Len(t, e.report.Results, mostFailures)
	assert.Len(t, w.all, mostFailures*(attempts-1))
}

// The tokens of answers that cannot be used count, too.
func TestTokensOfUselessAnswersCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ api, stream, body string }{
		{"openai", "false", `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}`},
		{"openai", "false", `{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}],"usage":{"prompt_tokens":7,"completion_tokens":3}}`},
		{"openai", "true", sse(`{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}`, `[DONE]`)},
		{"anthropic", "false", `{"usage":{"input_tokens":7,"output_tokens":3}}`},
		{"anthropic", "false", `{"content":[{"type":"tool_use"}],"usage":{"input_tokens":7,"output_tokens":3}}`},
		{"anthropic", "true", sse(`{"type":"message_start","message":{"usage":{"input_tokens":7}}}`, `{"type":"content_block_start","content_block":{"type":"tool_use"}}`, `{"type":"message_delta","usage":{"output_tokens":3}}`, `{"type":"message_stop"}`)},
	} {
		useless := text(c.body)
		f := newFakeEndpoint(t, &repeated{steps: []Step{{Say: "Hi"}}}, useless, useless)
		s, _ := settingsAt(t, f, c.api, "EVAL_STREAM", c.stream)
		reply, err := s.endpoint.Next(t.Context(), Request{})
		require.NoError(t, err, c.body)
		assert.Equal(t, Usage{7 + 7 + 100, 3 + 3 + 10}, reply.Usage, c.body)
		f = newFakeEndpoint(t, nil, useless, useless, useless, status(http.StatusBadRequest))
		s, _ = settingsAt(t, f, c.api, "EVAL_STREAM", c.stream)
		reply, err = s.endpoint.Next(t.Context(), Request{})
		require.ErrorContains(t, err, "400")
		assert.Equal(t, Usage{21, 9}, reply.Usage, c.body)
	}
}

// A limit of tokens that cannot be obeyed ends the evaluation.
func TestALimitOfTokensNeedsTheirNumber(t *testing.T) {
	t.Parallel()
	f := newFakeEndpoint(t, nil, text(`{"choices":[{"message":{"content":"Hi"}}]}`))
	s, _ := settingsAt(t, f, "openai", "EVAL_MAX_TOKENS", "1000")
	err := s.evaluation(time.Now).execute(t.Context())
	require.ErrorIs(t, err, errBudget)
	assert.ErrorContains(t, err, "set EVAL_MAX_TIME instead")
}

// Each wrong setting is refused with the values that are possible.
func TestWrongSettings(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"EVAL_API", "OpenAI", "EVAL_API must be openai or anthropic"},
		{"EVAL_RUNS", "0", "EVAL_RUNS must be a number from 1 on"},
		{"EVAL_RUNS", "3 times", "EVAL_RUNS must be"},
		{"EVAL_PARALLEL", "-1", "EVAL_PARALLEL must be"},
		{"EVAL_MAX_OUTPUT", "0", "EVAL_MAX_OUTPUT must be"},
		{"EVAL_MAX_TIME", "30", "EVAL_MAX_TIME must be a duration such as 30m"},
		{"EVAL_STREAM", "yes", "EVAL_STREAM must be true or false"},
		{"EVAL_URL", "http://127.0.0.1:1/v1/chat/completions/", "EVAL_URL must not end with /chat/completions"},
		{"EVAL_URL", "http://127.0.0.1:1/v1?key=x", "EVAL_URL must be"},
		{"EVAL_KEY", "a\nb", "EVAL_KEY must be printable ASCII"},
		{"EVAL_MODEL", "", "EVAL_MODEL must be"},
		{"EVAL_CASES", "01,99", `"99"`},
		{"EVAL_VARIANTS", "text,voice", "unrelated-tools"},
		{"EVAL_VARIANTS", "text,text", "each once"},
	} {
		f := &fakeEndpoint{Server: &httptest.Server{URL: "http://127.0.0.1:1"}}
		_, err := readSettings(environment(f, "openai", c[0], c[1]))
		require.ErrorContains(t, err, c[2])
		assert.NotContains(t, err.Error(), testKey)
	}
	_, err := readSettings(func(name string) string { return map[string]string{"EVAL_API": "openai", "EVAL_MODEL": "m"}[name] })
	require.ErrorContains(t, err, "EVAL_KEY must be a key of https://api.openai.com/v1")
	f := &fakeEndpoint{Server: &httptest.Server{URL: "http://127.0.0.1:1"}}
	s, err := readSettings(environment(f, "openai", "EVAL_CASES", "consent, 15,which-meeting", "EVAL_VARIANTS", "card, text"))
	require.NoError(t, err)
	assert.Len(t, s.cases, 5)
	assert.Len(t, s.variants, 2)
	code, err := run(t.Context(), environment(f, "openai", "EVAL_OUT", "/dev/null/eval"), io.Discard, io.Discard)
	assert.Equal(t, exitUsage, code)
	assert.ErrorContains(t, err, "EVAL_OUT must be")
}
