package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// script is a model that performs the steps of a case.
type script struct {
	c     *Case
	steps []Step
}

func newScript(c *Case, steps ...Step) *script {
	if len(steps) == 0 {
		steps = c.Agent
	}
	return &script{c: c, steps: steps}
}

// Next implements Model.
func (s *script) Next(_ context.Context, r Request) (Reply, error) {
	if len(s.steps) == 0 {
		return Reply{Text: "There is nothing left to do."}, nil
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	reply := Reply{Text: step.Say, Usage: Usage{Input: 100, Output: 10}}
	id := fmt.Sprintf("call_%d", len(r.Messages))
	switch {
	case step.Report != "":
		reply.Calls = []Call{{id, reportTool, `{"outcome":"` + step.Report + `"}`}}
	case step.Call != "":
		raw, err := json.Marshal(s.fill(r, step.With))
		if err != nil {
			return reply, err
		}
		reply.Calls = []Call{{id, step.Call, string(raw)}}
	}
	return reply, nil
}

// fill replaces references by what earlier answers contain: "$slot 2" is the second slot id of the last answer with
// slots, "$booking 1" the first booking id of the last answer with one.
func (s *script) fill(r Request, v any) any {
	switch v := v.(type) {
	case string:
		kind, n, ok := strings.Cut(strings.TrimPrefix(v, "$"), " ")
		number, err := strconv.Atoi(n)
		if !strings.HasPrefix(v, "$") || !ok || err != nil {
			return v
		}
		return reference(r, kind, number)
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			out[name] = s.fill(r, value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.fill(r, v[i])
		}
		return out
	}
	return v
}

// ids are the ids of each kind in the answers of the server, as text and as structured content.
var ids = map[string]*regexp.Regexp{
	"slot":    regexp.MustCompile(`s[0-9a-z]{32}`),
	"booking": regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
}

func reference(r Request, kind string, number int) string {
	for _, m := range slices.Backward(r.Messages) {
		for _, a := range m.Answers {
			found := ids[kind].FindAllString(a.Text, -1)
			found = slices.Compact(found)
			if len(found) >= number {
				return found[number-1]
			}
		}
	}
	return "none"
}
