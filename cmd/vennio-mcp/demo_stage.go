package main

import (
	"fmt"
	"io"
	"strings"
)

// stage writes the demo.
type stage struct {
	out    io.Writer
	colour bool
	last   string // the call shown before
}

func (s *stage) title(text string)   { s.line("\n" + s.in("1", text)) }
func (s *stage) person(text string)  { s.line("\n" + s.in("1;36", "person  ") + text) }
func (s *stage) narrate(text string) { s.line("\n" + s.in("3", text)) }

// calls shows a call, and of a repeated one only that it is the same.
func (s *stage) calls(tool string, arguments []byte) {
	shown := string(arguments)
	if shown == s.last {
		shown = "{the very same arguments}"
	}
	s.last = string(arguments)
	s.line(s.in("1;33", "agent   ") + tool + " " + s.in("2", shown))
}

func (s *stage) answers(text string, isError bool) {
	name := s.in("1;34", "server  ")
	if isError {
		name = s.in("1;31", "server  ")
	}
	s.line(name + strings.ReplaceAll(text, "\n", "\n        "))
}

// command shows a command line and what it printed.
func (s *stage) command(args []string, printed string) {
	s.line(s.in("1;35", "shell   ") + "$ vennio-mcp " + strings.Join(args, " "))
	s.line("        " + strings.ReplaceAll(strings.TrimSpace(printed), "\n", "\n        "))
}

// webhook shows what reached somebody by webhook.
func (s *stage) webhook(what string) { s.line(s.in("1;35", "sink    ") + what) }

func (s *stage) proved(format string, args ...any) error {
	_, err := fmt.Fprintln(s.out, s.in("1;32", "   ok   ")+fmt.Sprintf(format, args...))
	return err
}

func (s *stage) line(text string) { _, _ = fmt.Fprintln(s.out, text) }

func (s *stage) in(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
