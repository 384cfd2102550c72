package mcpserver

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
)

// StdioOptions bounds a stdio server. The zero value takes every default.
type StdioOptions struct {
	MaxLine int            // longest message in bytes; 4 MiB
	Workers int            // calls running at once; 16
	Queue   int            // calls waiting, which together hold at most Workers times MaxLine bytes; 256
	Drain   time.Duration  // how long calls may go on after the client closed its end; 30 s
	Feed    *Feed          // of changed resources; one of its own where nil
	Log     zerolog.Logger // must not write to the server's output
}

func (o StdioOptions) withDefaults() StdioOptions {
	o.MaxLine = cmp.Or(o.MaxLine, 4<<20)
	o.Workers = cmp.Or(o.Workers, 16)
	o.Queue = cmp.Or(o.Queue, 256)
	o.Drain = cmp.Or(o.Drain, 30*time.Second)
	o.Feed = cmp.Or(o.Feed, NewFeed(nil))
	return o
}

// Stdio serves s to one client, one JSON-RPC message a line, and writes nothing
// else to out.
//
// When the client closes in, the calls already received are answered within
// o.Drain. When ctx ends, reading stops and calls get four seconds to finish;
// Stdio is back within five, even if a read of in is blocked. Calls still
// running then have their context cancelled. All these return nil, and so does a
// client that no longer reads; an error means that in or out broke otherwise.
//
// A program whose out is its standard output must ignore SIGPIPE, or Go ends it
// at the first write after the client has gone (package os/signal).
func Stdio(ctx context.Context, s *server.MCPServer, in io.Reader, out io.Writer, o StdioOptions) error {
	o = o.withDefaults()
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	p := newPeer(base, s, o.Feed, "stdio", newGate(o.Workers, o.Queue, o.Workers*o.MaxLine), newCrew(base), o.Log)
	if err := s.RegisterSession(base, p.session); err != nil {
		return fmt.Errorf("serve stdio: %w", err)
	}
	defer p.leave(base)

	read, written := make(chan error, 1), make(chan error, 1)
	go func() {
		written <- p.out.pump(context.WithoutCancel(ctx), lineSink{bufio.NewWriterSize(out, 64<<10)}, nil)
	}()
	go func() { read <- p.readLines(in, o.MaxLine) }()

	var broken error
	select {
	case broken = <-read:
	case <-ctx.Done():
	case <-p.out.gone:
	}
	drain(ctx, p, o.Drain, abandon)
	return errors.Join(wrap("reading", broken), wrap("writing", awaited(ctx, written, o.Drain)))
}

// readLines feeds the peer until in ends.
func (p *peer) readLines(in io.Reader, limit int) error {
	lines := newLineReader(in, limit)
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLineTooLong):
			p.log.Warn().Int("limit", limit).Msg("a message over the limit was discarded")
			p.post(faultTooLong(limit).encode(headID(line)))
		case err != nil:
			return err
		case len(line) > 0:
			p.line(line)
		}
	}
}

func (p *peer) line(raw []byte) {
	env, bad := examine(raw)
	if bad != nil {
		p.post(bad.encode(env.ID))
		return
	}
	switch c, err := p.receive(env); {
	case errors.Is(err, errBusy):
		p.post(faultBusy.encode(c.env.ID))
	case err != nil:
		p.post(faultStopping.encode(c.env.ID))
	case c != nil:
		p.start(c)
	}
}

// lineSink writes messages as lines.
type lineSink struct{ w *bufio.Writer }

func (s lineSink) message(b []byte) error {
	if _, err := s.w.Write(masked(b)); err != nil {
		return err
	}
	return s.w.WriteByte('\n')
}

func (s lineSink) flush() error { return s.w.Flush() }

func (s lineSink) quiet() error { return nil }
