package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
		`"capabilities":{},"clientInfo":{"name":"bench","version":"0"}}}`
	ready = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// question is a tool call, and whether it is to be refused; or another method,
// whose parameters the arguments are.
type question struct {
	method, tool, arguments string
	refused                 bool
}

var (
	ping      = question{method: "ping", arguments: "{}"}
	findSlots = question{tool: "find_slots", arguments: `{"timezone":"Europe/London"}`}
	sayHello  = question{tool: "echo", arguments: `{"text":"hello"}`}
	// light is what a tool call costs without the tool: all checks, and a refusal
	// about as long as an echo.
	light = question{tool: "find_slots", arguments: `{"duration_minutes":1}`, refused: true}
	// huge is as long as a confused model makes it; it is read in full and refused.
	huge = question{tool: "find_slots", arguments: `{"from":"` + string(bytes.Repeat([]byte("x"), 128<<10)) + `"}`, refused: true}
)

func (q question) message(id int) []byte {
	if q.method != "" {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, q.method, q.arguments)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, q.tool, q.arguments)
}

// answer is a response as far as it must be read to know whose it is.
type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
}

// check tells whether the result is what q should give.
func (q question) check(result []byte) error {
	switch refused := bytes.Contains(result, []byte(`"isError":true`)); {
	case len(result) == 0:
		return errors.New("no result")
	case refused != q.refused:
		return fmt.Errorf("%s%s: unexpected answer: %.300s", q.method, q.tool, result)
	}
	return nil
}
