package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testKey = "key-that-must-not-appear"

// fakeEndpoint speaks both dialects on loopback. A scripted agent produces its replies.
type fakeEndpoint struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	model   Model
	faults  []func(http.ResponseWriter, *http.Request) // for the first requests, one each; nil: none
	request int
}

func newFakeEndpoint(t *testing.T, model Model, faults ...func(http.ResponseWriter, *http.Request)) *fakeEndpoint {
	t.Helper()
	f := &fakeEndpoint{t: t, model: model, faults: faults}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.request++
	body, err := io.ReadAll(r.Body)
	require.NoError(f.t, err)
	if f.request <= len(f.faults) && f.faults[f.request-1] != nil {
		f.faults[f.request-1](w, r)
		return
	}
	switch r.URL.Path {
	case "/v1/chat/completions":
		assert.Equal(f.t, "Bearer "+testKey, r.Header.Get("Authorization"))
		f.completions(r.Context(), w, body)
	case "/v1/messages":
		assert.Equal(f.t, testKey, r.Header.Get("X-Api-Key"))
		assert.NotEmpty(f.t, r.Header.Get("Anthropic-Version"))
		f.messages(r.Context(), w, body)
	default:
		http.NotFound(w, r)
	}
}

// events writes server-sent events.
func events(w http.ResponseWriter, all ...any) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range all {
		raw, ok := e.(string)
		if !ok {
			encoded, _ := json.Marshal(e)
			raw = string(encoded)
		}
		_, _ = fmt.Fprintf(w, "event: any\ndata: %s\n\n", raw)
	}
}

type object = map[string]any

func (f *fakeEndpoint) completions(ctx context.Context, w http.ResponseWriter, body []byte) {
	var in openAIRequest
	require.NoError(f.t, json.Unmarshal(body, &in))
	assert.Equal(f.t, "test-model", in.Model)
	var r Request
	for _, m := range in.Messages {
		message := Message{Text: m.Content, Model: m.Role == "assistant"}
		for _, c := range m.ToolCalls {
			message.Calls = append(message.Calls, Call{c.ID, c.Function.Name, c.Function.Arguments})
		}
		if m.Role == "tool" {
			message = Message{Answers: []Answer{{ID: m.ToolID, Text: m.Content}}}
		}
		r.Messages = append(r.Messages, message)
	}
	reply, err := f.model.Next(ctx, r)
	require.NoError(f.t, err)
	usage := object{"prompt_tokens": reply.Usage.Input, "completion_tokens": reply.Usage.Output}
	var calls, parts []any
	for i, c := range reply.Calls {
		half := len(c.Arguments) / 2
		calls = append(calls, object{"id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": c.Arguments}})
		for _, part := range []object{
			{"index": i, "id": c.ID, "function": object{"name": c.Name, "arguments": c.Arguments[:half]}},
			{"index": i, "function": object{"arguments": c.Arguments[half:]}},
		} {
			parts = append(parts, object{"choices": []any{object{"delta": object{"tool_calls": []any{part}}}}})
		}
	}
	if in.Stream {
		assert.True(f.t, in.StreamOptions.IncludeUsage)
		parts = append(parts, object{"choices": []any{object{"delta": object{"content": reply.Text}}}}, object{"choices": []any{}, "usage": usage}, "[DONE]")
		events(w, parts...)
		return
	}
	_ = json.NewEncoder(w).Encode(object{"choices": []any{object{"message": object{"content": reply.Text, "tool_calls": calls}}}, "usage": usage})
}

func (f *fakeEndpoint) messages(ctx context.Context, w http.ResponseWriter, body []byte) {
	var in anthropicRequest
	require.NoError(f.t, json.Unmarshal(body, &in))
	assert.Equal(f.t, "test-model", in.Model)
	assert.Positive(f.t, in.MaxTokens)
	var r Request
	for _, m := range in.Messages {
		message := Message{Model: m.Role == "assistant"}
		for _, b := range m.Content {
			message.Text += b.Text
			if b.Type == "tool_use" {
				message.Calls = append(message.Calls, Call{b.ID, b.Name, string(b.Input)})
			}
			if b.Type == "tool_result" {
				message.Answers = append(message.Answers, Answer{ID: b.ToolUseID, Text: b.Content})
			}
		}
		r.Messages = append(r.Messages, message)
	}
	reply, err := f.model.Next(ctx, r)
	require.NoError(f.t, err)
	content := []any{object{"type": "text", "text": reply.Text}}
	parts := []any{
		object{"type": "message_start", "message": object{"usage": object{"input_tokens": reply.Usage.Input}}},
		object{"type": "content_block_start", "index": 0, "content_block": object{"type": "text", "text": ""}},
		object{"type": "ping"},
		object{"type": "content_block_delta", "index": 0, "delta": object{"type": "text_delta", "text": reply.Text}},
	}
	for i, c := range reply.Calls {
		half := len(c.Arguments) / 2
		content = append(content, object{"type": "tool_use", "id": c.ID, "name": c.Name, "input": json.RawMessage(c.Arguments)})
		parts = append(parts, object{"type": "content_block_start", "index": i + 1, "content_block": object{"type": "tool_use", "id": c.ID, "name": c.Name, "input": object{}}},
			object{"type": "content_block_delta", "index": i + 1, "delta": object{"type": "input_json_delta", "partial_json": c.Arguments[:half]}},
			object{"type": "content_block_delta", "index": i + 1, "delta": object{"type": "input_json_delta", "partial_json": c.Arguments[half:]}})
	}
	if in.Stream {
		events(w, append(parts, object{"type": "message_delta", "usage": object{"output_tokens": reply.Usage.Output}}, object{"type": "message_stop"})...)
		return
	}
	_ = json.NewEncoder(w).Encode(object{"content": content, "usage": object{"input_tokens": reply.Usage.Input, "output_tokens": reply.Usage.Output}})
}

// waits records the waits of an endpoint and does not wait.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, d)
	return ctx.Err()
}

// environment returns the variables of an owner for the endpoint: one run of the first case. More are pairs of a name
// and a value.
func environment(f *fakeEndpoint, api string, more ...string) func(string) string {
	env := map[string]string{"EVAL_API": api, "EVAL_URL": f.URL + "/v1", "EVAL_MODEL": "test-model", "EVAL_KEY": testKey, "EVAL_PARALLEL": "1", "EVAL_CASES": "01", "EVAL_VARIANTS": "text", "EVAL_RUNS": "1"}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return func(name string) string { return env[name] }
}

// settingsAt reads the settings of environment, and lets the endpoint wait without waiting.
func settingsAt(t *testing.T, f *fakeEndpoint, api string, more ...string) (settings, *waits) {
	t.Helper()
	s, err := readSettings(environment(f, api, append(more, "EVAL_OUT", t.TempDir())...))
	require.NoError(t, err)
	w := new(waits)
	s.endpoint.wait = w.wait
	return s, w
}

// repeated performs the steps of a script again for each run.
type repeated struct {
	steps   []Step
	current *script
}

// Next implements Model.
func (m *repeated) Next(ctx context.Context, r Request) (Reply, error) {
	if m.current == nil || len(m.current.steps) == 0 {
		m.current = &script{steps: m.steps}
	}
	return m.current.Next(ctx, r)
}

// status answers with a status, a message that contains the key, and headers (pairs of a name and a value).
func status(code int, headers ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"error":{"message":"refused for %s"}}`, testKey)
	}
}

func text(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// req: Q7. The whole evaluation against an endpoint of each dialect, with and without streaming, through failures
// that pass.
func TestReq_Q7_BothDialectsThroughFailuresThatPass(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"openai", "anthropic"} {
		for _, stream := range []string{"false", "true"} {
			t.Run(api+" stream "+stream, func(t *testing.T) {
				t.Parallel()
				f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent}, nil, status(429, "Retry-After", "7"), status(503), nil, text("{not JSON"), text(`{}`), cut)
				s, w := settingsAt(t, f, api, "EVAL_STREAM", stream)
				e := s.evaluation(time.Now)
				require.NoError(t, e.execute(t.Context()))
				require.Len(t, e.report.Results, 1)
				assert.Equal(t, "passed", e.report.Results[0].verdict())
				assert.Equal(t, []time.Duration{7 * time.Second, 2 * time.Second, time.Second, 2 * time.Second, 4 * time.Second}, w.all)
				assert.Positive(t, e.report.Results[0].Usage.Input)
				assert.Positive(t, e.report.Results[0].Usage.Output)
				for _, file := range reportFiles(t, s.out) {
					assert.NotContains(t, file, testKey)
					assert.Contains(t, file, "test-model")
				}
			})
		}
	}
}

// reportFiles returns the contents of the report in a folder, JSON first.
func reportFiles(t *testing.T, folder string) (contents []string) {
	t.Helper()
	for _, kind := range []string{"json", "md"} {
		paths, err := filepath.Glob(filepath.Join(folder, "*."+kind))
		require.NoError(t, err)
		require.Len(t, paths, 1, kind)
		raw, err := os.ReadFile(paths[0])
		require.NoError(t, err)
		contents = append(contents, string(raw))
	}
	return contents
}

// req: Q7. A refusal of the key ends the evaluation at once, and the report names it without the key.
func TestReq_Q7_ARefusedKeyEndsTheEvaluation(t *testing.T) {
	t.Parallel()
	f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent}, status(http.StatusUnauthorized))
	s, _ := settingsAt(t, f, "openai", "EVAL_RUNS", "3")
	e := s.evaluation(time.Now)
	err := e.execute(t.Context())
	require.ErrorIs(t, err, errFatal)
	assert.NotContains(t, err.Error(), testKey)
	assert.Contains(t, err.Error(), "refused for (key)")
	assert.Equal(t, 1, f.request)
	assert.Contains(t, reportFiles(t, s.out)[1], "not graded: the endpoint answered 401 Unauthorized")
}

// req: Q7. An endpoint that cannot be reached fails the run after the last attempt; the next run is tried.
func TestReq_Q7_AnOutageFailsARunAndNotTheEvaluation(t *testing.T) {
	t.Parallel()
	f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent}, status(500), status(502), status(529), cut, status(500), status(500))
	s, w := settingsAt(t, f, "anthropic", "EVAL_RUNS", "2")
	e := s.evaluation(time.Now)
	require.NoError(t, e.execute(t.Context()))
	require.Len(t, e.report.Results, 2)
	assert.Contains(t, e.report.Results[0].verdict(), "not graded: the endpoint answered 500")
	assert.Equal(t, "passed", e.report.Results[1].verdict())
	assert.Len(t, w.all, attempts-1)
	assert.Equal(t, 1, e.report.Summary[0].Failed)
}

// req: Q7. An endpoint never answers: each attempt ends after its timeout.
func TestReq_Q7_AnAttemptHasATimeout(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent}, hang)
	s, w := settingsAt(t, f, "openai", "EVAL_TIMEOUT", "2s")
	_, err := s.endpoint.Next(t.Context(), Request{Messages: []Message{{Text: "Hello"}}})
	require.NoError(t, err)
	assert.NotEmpty(t, w.all)
}

// req: Q7. The budget of tokens or time ends the evaluation with a partial report.
func TestReq_Q7_AnExhaustedBudgetLeavesAPartialReport(t *testing.T) {
	t.Parallel()
	for _, limit := range [][2]string{{"EVAL_MAX_TOKENS", "900"}, {"EVAL_MAX_TIME", "8s"}} {
		t.Run(limit[0], func(t *testing.T) {
			t.Parallel()
			f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent})
			s, _ := settingsAt(t, f, "openai", limit[0], limit[1], "EVAL_RUNS", "9")
			began, requests := time.Now(), 0
			e := s.evaluation(func() time.Time { requests++; return began.Add(time.Duration(requests) * time.Second) })
			err := e.execute(t.Context())
			require.ErrorIs(t, err, errBudget)
			assert.Contains(t, err.Error(), limit[0])
			require.NotEmpty(t, e.report.Results)
			assert.Less(t, len(e.report.Results), 9)
			assert.Equal(t, "passed", e.report.Results[0].verdict())
			require.NoError(t, e.report.write(s.out))
			assert.Contains(t, reportFiles(t, s.out)[1], "**Partial:** the budget is exhausted")
		})
	}
}

// req: Q7. A request that fails is not repeated after the time is over.
func TestReq_Q7_NoRequestIsRepeatedAfterTheTime(t *testing.T) {
	t.Parallel()
	for _, fault := range []func(http.ResponseWriter, *http.Request){status(503), status(429, "Retry-After", "90"), text("{}"), cut} {
		f := newFakeEndpoint(t, nil, fault, fault, fault, fault, fault, fault)
		s, w := settingsAt(t, f, "openai", "EVAL_MAX_TIME", "4m")
		began := time.Now()
		e := s.evaluation(func() time.Time { return began.Add(time.Duration(len(w.all)) * 2 * time.Minute) })
		require.ErrorIs(t, e.execute(t.Context()), errBudget)
		assert.Equal(t, 2, f.request)
		assert.Empty(t, e.report.Results)
	}
}

// req: Q7. A cancelled evaluation leaves the report of the runs that were complete.
func TestReq_Q7_ACancelledEvaluationLeavesAPartialReport(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := newFakeEndpoint(t, &repeated{steps: allCases(t)[0].Agent}, nil, nil, nil, nil, nil, nil, func(http.ResponseWriter, *http.Request) { cancel(); cut(nil, nil) })
	s, _ := settingsAt(t, f, "anthropic", "EVAL_RUNS", "9")
	e := s.evaluation(time.Now)
	require.ErrorIs(t, e.execute(ctx), context.Canceled)
	require.Len(t, e.report.Results, 1)
	require.NoError(t, e.report.write(s.out))
	assert.Contains(t, reportFiles(t, s.out)[0], `"stopped": "the evaluation was cancelled: context canceled"`)
}

func TestMalformedAnswersAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ api, stream, body string }{
		{"openai", "false", ``},
		{"openai", "false", `[]`},
		{"openai", "false", `{"choices":[]}`},
		{"openai", "false", `{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"arguments":"{}"}}]}}]}`},
		{"openai", "true", "data: {\"choices\":[]}\n\n"},
		{"openai", "true", "data: [DONE]\n\n"},
		{"openai", "true", "data: {\"choices\":[],\"usage\":null}\n\ndata: [DONE]\n\n"},
		{"openai", "true", "data: nothing\n\n"},
		{"openai", "true", "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":7}]}}]}\n\ndata: [DONE]\n\n"},
		{"anthropic", "false", `{}`},
		{"anthropic", "false", `{"content":[{"type":"tool_use","name":"find_slots"}]}`},
		{"anthropic", "true", "data: {\"type\":\"content_block_delta\",\"index\":3}\n\n"},
		{"anthropic", "true", "data: {\"type\":\"content_block_start\",\"index\":3}\n\n"},
		{"anthropic", "true", "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"},
		{"anthropic", "true", "data: {\"type\":\"message_start\"}\n\n"},
	} {
		t.Run(c.api+" "+c.stream+" "+c.body, func(t *testing.T) {
			t.Parallel()
			f := newFakeEndpoint(t, nil, text(c.body), text(c.body), text(c.body), text(c.body), text(c.body), text(c.body))
			s, w := settingsAt(t, f, c.api, "EVAL_STREAM", c.stream)
			_, err := s.endpoint.Next(t.Context(), Request{})
			require.ErrorIs(t, err, errMalformed)
			assert.Len(t, w.all, attempts-1)
		})
	}
}

func TestTheKeyReachesTheEndpointAlone(t *testing.T) {
	t.Parallel()
	for address, why := range map[string]string{
		"http://models.example.com/v1": "https", "http://models.localhost/v1": "https", "http://LOCALHOST/v1": "https", "http://127.0.0.1.example.com": "https",
		"ftp://127.0.0.1/v1": "https", "https://user@models.example.com": "https", "models.example.com": "https",
	} {
		_, err := readSettings(func(name string) string {
			return map[string]string{"EVAL_API": "openai", "EVAL_MODEL": "m", "EVAL_KEY": testKey, "EVAL_URL": address}[name]
		})
		require.ErrorContains(t, err, why, address)
		assert.NotContains(t, err.Error(), testKey)
	}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { assert.Fail(t, "a redirect was followed") }))
	defer other.Close()
	f := newFakeEndpoint(t, nil, status(http.StatusTemporaryRedirect, "Location", other.URL))
	s, _ := settingsAt(t, f, "openai")
	_, err := s.endpoint.Next(t.Context(), Request{})
	require.ErrorContains(t, err, "307")
}

func TestSettingsReportAllMistakes(t *testing.T) {
	t.Parallel()
	env := map[string]string{"EVAL_API": "other", "EVAL_RUNS": "some", "EVAL_MAX_TIME": "5", "EVAL_CASES": "none", "EVAL_VARIANTS": "none"}
	code, err := run(t.Context(), func(name string) string { return env[name] }, io.Discard, io.Discard)
	assert.Equal(t, exitUsage, code)
	for _, name := range []string{"EVAL_API", "EVAL_MODEL", "EVAL_RUNS", "EVAL_MAX_TIME", "EVAL_CASES", "EVAL_VARIANTS"} {
		assert.Contains(t, err.Error(), name)
	}
	assert.False(t, errors.Is(err, errBudget))
	assert.False(t, strings.Contains(err.Error(), "\n\n"))
}

// The page lists exactly the variables that are read.
func TestThePageListsTheSettings(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "evaluation.md"))
	require.NoError(t, err)
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(EVAL_\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, m[1])
	}
	read := map[string]bool{}
	_, err = readSettings(func(name string) string { read[name] = true; return "" })
	require.Error(t, err)
	assert.ElementsMatch(t, listed, slices.Collect(maps.Keys(read)))
	for _, v := range Variants {
		assert.Contains(t, string(page), "| `"+v.Name+"` | "+v.About+" |")
	}
}

// together makes consecutive searches of a script in one message.
type together struct{ *repeated }

// Next implements Model.
func (m together) Next(ctx context.Context, r Request) (Reply, error) {
	reply, err := m.repeated.Next(ctx, r)
	for err == nil && len(reply.Calls) > 0 && reply.Calls[0].Name == "find_slots" && m.current.steps[0].Call == "find_slots" {
		next, err := m.repeated.Next(ctx, r)
		if err != nil {
			return reply, err
		}
		next.Calls[0].ID += fmt.Sprint("_", len(reply.Calls))
		reply.Calls = append(reply.Calls, next.Calls...)
	}
	return reply, err
}

// req: Q7. Several calls in one message, whole and streamed.
func TestReq_Q7_ParallelCalls(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"openai", "anthropic"} {
		for _, stream := range []string{"false", "true"} {
			t.Run(api+" stream "+stream, func(t *testing.T) {
				t.Parallel()
				f := newFakeEndpoint(t, nil)
				s, _ := settingsAt(t, f, api, "EVAL_STREAM", stream, "EVAL_CASES", "31")
				f.model = together{&repeated{steps: s.cases[0].Agent}}
				e := s.evaluation(time.Now)
				require.NoError(t, e.execute(t.Context()))
				assert.Equal(t, "passed", e.report.Results[0].verdict(), e.report.Results[0].Findings)
				assert.Equal(t, 5, f.request, "three searches are one message")
			})
		}
	}
}

func TestStreamsOfCompatibleEndpoints(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string][]string{
		"ids in every part": {`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}`, `{"index":0,"id":"a","function":{"arguments":":1}"}}`, `{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}`},
		"index 0 for all":   {`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}`, `{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}`},
		"no ids":            {`{"index":0,"function":{"name":"f","arguments":"{\"x\""}}`, `{"index":0,"function":{"arguments":":1}"}}`, `{"index":1,"function":{"name":"g","arguments":"{}"}}`},
	} {
		s := openAI{}.newStream()
		for _, part := range parts {
			done, err := s.event([]byte(`{"choices":[{"delta":{"tool_calls":[` + part + `]}}]}`))
			require.NoError(t, err, name)
			require.False(t, done)
		}
		reply, err := s.reply()
		require.NoError(t, err, name)
		require.Len(t, reply.Calls, 2, name)
		assert.Equal(t, `{"x":1}`, reply.Calls[0].Arguments, name)
		assert.Equal(t, "g", reply.Calls[1].Name, name)
		assert.NotEqual(t, reply.Calls[0].ID, reply.Calls[1].ID, name)
	}
}
