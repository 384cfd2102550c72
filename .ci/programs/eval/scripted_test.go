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
type script struct{ steps []Step }

// Next implements Model.
func (s *script) Next(_ context.Context, r Request) (Reply, error) {
	if len(s.steps) == 0 {
		return Reply{Text: "There is nothing left to do."}, nil
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	reply := Reply{Text: step.Say, Usage: Usage{Input: 100, Output: 10}}
	id := fmt.Sprintf("call_%d", len(r.Messages)) // unique in the conversation
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

// sources are the tools whose answers introduce ids of each kind.
var sources = map[string][]string{"slot": {"find_slots"}, "booking": {"list_bookings"}}

// reference returns an id from earlier answers: the number-th one of the last answer that has so many, or with -1 the last
// one of all answers, with -2 the one before it, and so on.
func reference(r Request, kind string, number int) string {
	tools := map[string]string{} // by the id of the call
	var all []string
	last := "none"
	for _, m := range r.Messages {
		for _, c := range m.Calls {
			tools[c.ID] = c.Name
		}
		for _, a := range m.Answers {
			if !slices.Contains(sources[kind], tools[a.ID]) {
				continue
			}
			found := slices.Compact(ids[kind].FindAllString(a.Text, -1))
			all = append(all, found...)
			if number > 0 && len(found) >= number {
				last = found[number-1]
			}
		}
	}
	if number < 0 && len(all) >= -number {
		return all[len(all)+number]
	}
	return last
}
