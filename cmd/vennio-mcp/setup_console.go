package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errStopped is returned when the person ends the dialogue with Ctrl-C or Ctrl-D.
var errStopped = errors.New("setup was stopped")

// console asks questions in a terminal, one line for each answer. A console without input asks nothing: every
// question takes the answer of its flag or its default.
type console struct {
	in  io.Reader // the terminal; nil: nobody can be asked
	out io.Writer
	buf *bufio.Reader
}

// question is one question of the dialogue and its equivalent on the command line.
type question struct {
	text     string
	fallback string             // the answer of an empty line; empty if an answer is required
	flag     string             // name of the flag that answers it, without dashes
	given    string             // the value of that flag, if it was given
	hidden   bool               // what is typed is not shown
	accept   func(string) error // checks the answer and stores it; its error is shown, and the question repeated
}

// ask asks until an answer is accepted. An answer of the command line is not asked for; if it is not accepted,
// ask returns the error.
func (c *console) ask(ctx context.Context, q question) error {
	if q.given != "" || c.in == nil {
		answer := cmp.Or(q.given, q.fallback)
		if answer == "" {
			return usageError{fmt.Errorf("--%s is needed, because nobody can be asked", q.flag)}
		}
		if err := q.accept(answer); err != nil {
			return fmt.Errorf("--%s: %w", q.flag, err)
		}
		return nil
	}
	for {
		text := q.text + ": "
		if q.fallback != "" && !q.hidden {
			text = fmt.Sprintf("%s [%s]: ", q.text, q.fallback)
		}
		answer, err := c.prompt(ctx, text, q.hidden)
		if err != nil {
			_, _ = fmt.Fprintln(c.out)
			return err
		}
		if answer = cmp.Or(answer, q.fallback); answer == "" {
			err = errors.New("an answer is needed; Ctrl-C stops, and nothing is written")
		} else {
			err = q.accept(answer)
		}
		if err == nil || errors.Is(err, errStopped) {
			return err
		}
		_, _ = fmt.Fprintf(c.out, "  %s\n", err)
	}
}

// prompt shows the text and reads one line. Ctrl-C, which ends ctx, and Ctrl-D return errStopped.
func (c *console) prompt(ctx context.Context, text string, hidden bool) (string, error) {
	read := c.readLine
	if file, ok := c.in.(*os.File); ok && hidden {
		// The terminal stops showing what is typed before the prompt invites to type. In this mode Ctrl-C is no
		// signal; term.Terminal treats it as the end of the input.
		fd := int(file.Fd())
		before, err := term.MakeRaw(fd)
		if err != nil {
			return "", fmt.Errorf("this terminal cannot hide what is typed (%w): give the key with --key-file or VENNIO_API_KEY", err)
		}
		defer func() { _ = term.Restore(fd, before) }()
		read = func() (string, error) {
			return term.NewTerminal(struct {
				io.Reader
				io.Writer
			}{file, c.out}, "").ReadPassword(text)
		}
	} else {
		_, _ = fmt.Fprint(c.out, text)
	}
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := read()
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errStopped
	case l := <-got:
		if l.err != nil && !errors.Is(l.err, term.ErrPasteIndicator) {
			return "", errStopped
		}
		return strings.TrimSpace(l.text), nil
	}
}

// readLine reads one line. The last one may end without a line feed.
func (c *console) readLine() (string, error) {
	if c.buf == nil {
		c.buf = bufio.NewReader(c.in)
	}
	text, err := c.buf.ReadString('\n')
	if errors.Is(err, io.EOF) && text != "" {
		err = nil
	}
	return text, err
}
