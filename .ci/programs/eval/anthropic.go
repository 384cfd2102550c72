package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// anthropic is the messages API of Anthropic.
type anthropic struct{}

func (anthropic) path() string { return "/messages" }

func (anthropic) authorize(h http.Header, key string) {
	if key != "" {
		h.Set("X-Api-Key", key)
	}
	h.Set("Anthropic-Version", "2023-06-01")
}

type anthropicRequest struct {
	Model     string             `json:"model"`
	MaxTokens int                `json:"max_tokens"`
	System    string             `json:"system"`
	Messages  []anthropicMessage `json:"messages"`
	Tools     []anthropicTool    `json:"tools"`
	Stream    bool               `json:"stream,omitempty"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content []anthropicBlock `json:"content"`
}

// anthropicBlock is a block of content: text, tool_use, tool_result, thinking or redacted_thinking.
type anthropicBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"`
	IsError   bool            `json:"is_error,omitempty"`

	Thinking  *string `json:"thinking,omitempty"` // may be empty
	Signature string  `json:"signature,omitempty"`
	Data      string  `json:"data,omitempty"` // of redacted_thinking
}

func (b anthropicBlock) thinking() bool { return b.Type == "thinking" || b.Type == "redacted_thinking" }

// noText replaces an empty text, which some endpoints refuse.
const noText = "(no text)"

type anthropicTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// anthropicUsage counts tokens; those written to and read from the cache are part of the input.
type anthropicUsage struct {
	Input      int `json:"input_tokens"`
	CacheWrite int `json:"cache_creation_input_tokens"`
	CacheRead  int `json:"cache_read_input_tokens"`
	Output     int `json:"output_tokens"`
}

func (u anthropicUsage) usage() Usage { return Usage{u.Input + u.CacheWrite + u.CacheRead, u.Output} }

func (anthropic) encode(model string, r Request, maxOutput int, stream bool) ([]byte, error) {
	out := anthropicRequest{Model: model, MaxTokens: maxOutput, System: r.System, Stream: stream}
	for _, m := range r.Messages {
		message := anthropicMessage{Role: "user", Content: m.Thinking}
		for _, a := range m.Answers {
			message.Content = append(message.Content, anthropicBlock{Type: "tool_result", ToolUseID: a.ID, Content: a.Text, IsError: a.IsError})
		}
		if text := strings.TrimSpace(m.Text); text != "" || len(m.Answers) == 0 && len(m.Calls) == 0 {
			message.Content = append(message.Content, anthropicBlock{Type: "text", Text: cmp.Or(text, noText)})
		}
		if m.Model {
			message.Role = "assistant"
			for _, c := range m.Calls {
				message.Content = append(message.Content, anthropicBlock{Type: "tool_use", ID: c.ID, Name: c.Name, Input: json.RawMessage(c.object())})
			}
		}
		out.Messages = append(out.Messages, message)
	}
	for _, t := range r.Tools {
		out.Tools = append(out.Tools, anthropicTool{t.Name, t.Description, t.Schema})
	}
	return json.Marshal(out)
}

func (anthropic) decode(body []byte) (Reply, error) {
	var in struct {
		Content []anthropicBlock `json:"content"`
		Usage   anthropicUsage   `json:"usage"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Reply{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if in.Content == nil {
		return Reply{Usage: in.Usage.usage()}, fmt.Errorf("%w: it has no content", errMalformed)
	}
	return anthropicReply(in.Content, in.Usage)
}

func anthropicReply(blocks []anthropicBlock, used anthropicUsage) (Reply, error) {
	reply := Reply{Usage: used.usage()}
	for _, b := range blocks {
		switch {
		case b.thinking():
			reply.Thinking = append(reply.Thinking, b)
		case b.Type == "text":
			reply.Text += b.Text
		case b.Type == "tool_use":
			if b.ID == "" || b.Name == "" {
				return Reply{Usage: reply.Usage}, fmt.Errorf("%w: a call has no id or no name", errMalformed)
			}
			reply.Calls = append(reply.Calls, Call{b.ID, b.Name, string(b.Input)})
		}
	}
	return reply, nil
}

func (anthropic) newStream() stream { return &anthropicStream{} }

// anthropicStream collects the events of a streamed answer. The input of a call is sent as parts of JSON text.
type anthropicStream struct {
	blocks []anthropicBlock
	inputs []string
	used   anthropicUsage
	ended  bool // the model gave the reason why it stopped
}

// anthropicEvent is an event of a streamed answer.
type anthropicEvent struct {
	Type    string `json:"type"`
	Index   int    `json:"index"`
	Message struct {
		Usage anthropicUsage `json:"usage"`
	} `json:"message"`
	Block anthropicBlock `json:"content_block"`
	Delta struct {
		Text       string `json:"text"`
		JSON       string `json:"partial_json"`
		Thinking   string `json:"thinking"`
		Signature  string `json:"signature"`
		StopReason string `json:"stop_reason"`
	} `json:"delta"`
	Usage anthropicUsage `json:"usage"`
}

func (s *anthropicStream) event(data []byte) (done bool, err error) {
	var in anthropicEvent
	if err := json.Unmarshal(data, &in); err != nil {
		return false, fmt.Errorf("%w: %w", errMalformed, err)
	}
	switch in.Type {
	case "message_start":
		s.used = in.Message.Usage
	case "message_delta":
		s.used.Output = in.Usage.Output // of the whole answer
		s.used.Input = max(s.used.Input, in.Usage.Input)
		s.ended = in.Delta.StopReason != ""
	case "message_stop":
		return true, nil
	case "content_block_start":
		if in.Index != len(s.blocks) {
			return false, fmt.Errorf("%w: a block has the index %d", errMalformed, in.Index)
		}
		s.blocks, s.inputs = append(s.blocks, in.Block), append(s.inputs, "")
	case "content_block_delta":
		if in.Index < 0 || in.Index >= len(s.blocks) {
			return false, fmt.Errorf("%w: a part has the index %d", errMalformed, in.Index)
		}
		block := &s.blocks[in.Index]
		block.Text += in.Delta.Text
		block.Signature += in.Delta.Signature
		if block.Type == "thinking" {
			thinking := in.Delta.Thinking
			if block.Thinking != nil {
				thinking = *block.Thinking + thinking
			}
			block.Thinking = &thinking
		}
		s.inputs[in.Index] += in.Delta.JSON
	}
	return false, nil
}

func (s *anthropicStream) finished() bool { return s.ended }

func (s *anthropicStream) reply() (Reply, error) {
	for i, input := range s.inputs {
		if input != "" {
			s.blocks[i].Input = json.RawMessage(input)
		}
	}
	return anthropicReply(s.blocks, s.used)
}
