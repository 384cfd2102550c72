// Package rpcerr carries the code and the words of an error through mcp-go,
// which tells whatever a resource handler returns as an internal error with its
// text. The transports show no text of internal errors but that of an [Error].
package rpcerr

import (
	"strconv"
	"strings"
)

// Error is a JSON-RPC error as the client shall read it. Its words were written
// for the client: they hold no key, header, path or upstream text.
type Error struct {
	Code    int // JSON-RPC 2.0, 5.1, and MCP
	Message string
}

// mark begins with a character that no text made for reading holds.
const mark = "\x00told "

// Error is the error in the form that Parse reads back.
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
