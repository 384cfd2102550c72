// Package rpcerr carries the code and the message of an error through mcp-go, which
// turns every error of a resource handler into an internal error with its text. The
// transports show the text of an internal error only if it is that of an [Error].
package rpcerr

import (
	"strconv"
	"strings"
)

// Error is a JSON-RPC error for the client. Its message must contain no key, header,
// path or upstream text.
type Error struct {
	Code    int // JSON-RPC 2.0, 5.1, and MCP
	Message string
}

// mark begins with a character that no ordinary text contains.
const mark = "\x00rpc "

// Error returns the error in the form that Parse decodes.
func (e *Error) Error() string { return mark + strconv.Itoa(e.Code) + " " + e.Message }

// Parse finds the Error in the text of an internal error.
func Parse(text string) (Error, bool) {
	rest, marked := strings.CutPrefix(text, mark)
	number, message, split := strings.Cut(rest, " ")
	code, err := strconv.Atoi(number)
	if !marked || !split || err != nil {
		return Error{}, false
	}
	return Error{code, message}, true
}
