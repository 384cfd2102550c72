package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// Model produces the next message of a conversation.
type Model interface {
	Next(ctx context.Context, r Request) (Reply, error)
}

// Request is a conversation to be continued.
type Request struct {
	System   string
	Messages []Message
	Tools    []Tool
}

// Message is one message of a conversation: of the user (Text), of the model (Text and Calls), or the answers to the
// calls of the message before (Answers).
type Message struct {
	Text     string
	Calls    []Call
	Answers  []Answer
	Model    bool
	Thinking []anthropicBlock // see Reply
}

// Tool is a tool as a model sees it.
type Tool struct {
	Name, Description string
	Schema            json.RawMessage
}

// Call is a call of a tool by a model. Arguments is what the model wrote, which may not be JSON.
type Call struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// object returns the arguments, or an empty object if they are none: many endpoints refuse a conversation with other
// arguments. The answer to the call says what was wrong.
func (c Call) object() string {
	if _, err := parseArguments(c.Arguments); err != nil || strings.TrimSpace(c.Arguments) == "" {
		return "{}"
	}
	return c.Arguments
}

// Answer is the result of a call, as the model sees it.
type Answer struct {
	ID      string `json:"id"`
	Text    string `json:"text"`
	IsError bool   `json:"is_error,omitempty"`
}

// Reply is what a model produced.
type Reply struct {
	Text     string
	Calls    []Call
	Usage    Usage
	Thinking []anthropicBlock // which the Anthropic API wants back, unchanged, before the calls
}

// Usage is a number of tokens, as the endpoint reports it.
type Usage struct {
	Input  int `json:"input"`
	Output int `json:"output"`
}

// Total returns all tokens.
func (u Usage) Total() int { return u.Input + u.Output }

func (u *Usage) add(o Usage) {
	u.Input += o.Input
	u.Output += o.Output
}

// errMalformed is the error of an answer that is not of the dialect, or reports an error.
var errMalformed = errors.New("the endpoint sent no usable answer")
