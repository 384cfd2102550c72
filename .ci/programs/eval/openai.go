package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
)

// openAI is the chat completions API of OpenAI and of everything that is compatible with it.
type openAI struct{}

func (openAI) path() string { return "/chat/completions" }

func (openAI) authorize(h http.Header, key string) {
	if key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
}

type openAIRequest struct {
	Model         string          `json:"model"`
	Messages      []openAIMessage `json:"messages"`
	Tools         []openAITool    `json:"tools"`
	Stream        bool            `json:"stream,omitempty"`
	StreamOptions *openAIOptions  `json:"stream_options,omitempty"`
}

type openAIOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type openAIMessage struct {
	Role      string       `json:"role"`
	Content   string       `json:"content"`
	ToolCalls []openAICall `json:"tool_calls,omitempty"`
	ToolID    string       `json:"tool_call_id,omitempty"`
}

type openAICall struct {
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type openAITool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

// openAIAnswer is the message of an answer, or a part of it in a streamed one.
type openAIAnswer struct {
	Content   openAIText   `json:"content"`
	Refusal   string       `json:"refusal"` // instead of a content
	ToolCalls []openAIPart `json:"tool_calls"`
}

// openAIPart is a call of a tool, or a part of it in a streamed answer.
type openAIPart struct {
	Index    int    `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string     `json:"name"`
		Arguments openAIText `json:"arguments"`
	} `json:"function"`
}

// openAIText is a text. Compatible endpoints also send lists of parts with a text, and arguments as an object.
type openAIText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *openAIText) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"', 'n':
		return json.Unmarshal(raw, (*string)(t))
	case '[':
		var parts []struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(raw, &parts); err == nil {
			for _, part := range parts {
				*t += openAIText(part.Text)
			}
			return nil
		}
	}
	*t = openAIText(raw)
	return nil
}

type openAIUsage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

func (u *openAIUsage) usage() Usage {
	if u == nil {
		return Usage{}
	}
	return Usage{u.Prompt, u.Completion}
}

func (openAI) encode(model string, r Request, _ int, stream bool) ([]byte, error) {
	out := openAIRequest{Model: model, Messages: []openAIMessage{{Role: "system", Content: r.System}}, Stream: stream}
	if stream {
		out.StreamOptions = &openAIOptions{IncludeUsage: true}
	}
	for _, m := range r.Messages {
		switch {
		case m.Model:
			message := openAIMessage{Role: "assistant", Content: m.Text}
			if m.Text == "" && len(m.Calls) == 0 {
				message.Content = noText
			}
			for _, c := range m.Calls {
				call := openAICall{ID: c.ID, Type: "function"}
				call.Function.Name, call.Function.Arguments = c.Name, c.object()
				message.ToolCalls = append(message.ToolCalls, call)
			}
			out.Messages = append(out.Messages, message)
		case len(m.Answers) > 0:
			for _, a := range m.Answers {
				out.Messages = append(out.Messages, openAIMessage{Role: "tool", Content: a.Text, ToolID: a.ID})
			}
		default:
			out.Messages = append(out.Messages, openAIMessage{Role: "user", Content: m.Text})
		}
	}
	for _, t := range r.Tools {
		tool := openAITool{Type: "function"}
		tool.Function.Name, tool.Function.Description, tool.Function.Parameters = t.Name, t.Description, t.Schema
		out.Tools = append(out.Tools, tool)
	}
	return json.Marshal(out)
}

func (openAI) decode(body []byte) (Reply, error) {
	var in struct {
		Choices []struct {
			Message openAIAnswer `json:"message"`
		} `json:"choices"`
		Usage *openAIUsage `json:"usage"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Reply{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if len(in.Choices) == 0 {
		return Reply{Usage: in.Usage.usage()}, fmt.Errorf("%w: it has no choice", errMalformed)
	}
	m := in.Choices[0].Message
	return openAIReply(cmp.Or(string(m.Content), m.Refusal), m.ToolCalls, in.Usage)
}

func openAIReply(text string, calls []openAIPart, used *openAIUsage) (Reply, error) {
	reply := Reply{Text: text, Usage: used.usage()}
	for i, c := range calls {
		if c.Function.Name == "" {
			return Reply{Usage: reply.Usage}, fmt.Errorf("%w: a call has no name", errMalformed)
		}
		id := cmp.Or(c.ID, fmt.Sprintf("call_%d", i)) // some compatible endpoints send none
		reply.Calls = append(reply.Calls, Call{id, c.Function.Name, string(c.Function.Arguments)})
	}
	return reply, nil
}

func (openAI) newStream() stream { return &openAIStream{} }

// openAIStream collects the deltas of a streamed answer. A call is sent in parts with the same index; its id and its name
// are in the first part. Some compatible endpoints repeat the id, send another one with each part, give all calls the
// index 0, or do not begin with the index 0.
type openAIStream struct {
	text  string
	calls []openAIPart
	used  *openAIUsage
	begun bool // a choice was sent
	ended bool // the model gave the reason why it finished
}

func (s *openAIStream) event(data []byte) (done bool, err error) {
	if string(data) == "[DONE]" {
		return true, nil
	}
	var in struct {
		Choices []struct {
			Delta  openAIAnswer `json:"delta"`
			Finish string       `json:"finish_reason"`
		} `json:"choices"`
		Usage *openAIUsage `json:"usage"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return false, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if in.Usage != nil {
		s.used = in.Usage
	}
	if len(in.Choices) == 0 {
		return false, nil
	}
	delta := in.Choices[0].Delta
	s.begun = true
	s.text += string(delta.Content) + delta.Refusal
	s.ended = s.ended || in.Choices[0].Finish != ""
	for _, part := range delta.ToolCalls {
		if i := s.continued(part); i >= 0 {
			s.calls[i].Function.Arguments += part.Function.Arguments
		} else {
			s.calls = append(s.calls, part)
		}
	}
	return false, nil
}

// continued returns the call that a part continues; -1: it begins one.
func (s *openAIStream) continued(part openAIPart) int {
	last := -1
	for i, c := range s.calls {
		if part.ID != "" && c.ID == part.ID {
			return i
		}
		if c.Index == part.Index {
			last = i
		}
	}
	if last >= 0 && part.Function.Name != "" && (part.ID != "" || json.Valid([]byte(s.calls[last].Function.Arguments))) {
		return -1 // another call with the same index
	}
	return last
}

func (s *openAIStream) finished() bool { return s.ended }

func (s *openAIStream) reply() (Reply, error) {
	if !s.begun {
		return Reply{Usage: s.used.usage()}, fmt.Errorf("%w: it has no choice", errMalformed)
	}
	return openAIReply(s.text, s.calls, s.used)
}
