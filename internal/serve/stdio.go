package serve

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
)

const (
	// stopLimit is how long calls may go on after the order to stop, and
	// stopGrace what they then get to notice that their context has ended. The
	// limit and twice the grace stay under the five seconds a stop may take.
	stopLimit = 4 * time.Second
	stopGrace = 250 * time.Millisecond
)

// StdioOptions bounds a stdio server. The zero value takes every default.
type StdioOptions struct {
	MaxLine int            // longest message in bytes; 4 MiB
	Workers int            // calls running at once; 16
	Queue   int            // calls waiting, which together hold at most Workers times MaxLine bytes; 256
	Drain   time.Duration  // how long calls may go on after the client closed its end; 30 s
	Log     zerolog.Logger // must not write to the server's output
}

func (o StdioOptions) withDefaults() StdioOptions {
	o.MaxLine = cmp.Or(o.MaxLine, 4<<20)
	o.Workers = cmp.Or(o.Workers, 16)
	o.Queue = cmp.Or(o.Queue, 256)
	o.Drain = cmp.Or(o.Drain, 30*time.Second)
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
	p := newPeer(base, s, "stdio", newGate(o.Workers, o.Queue, o.Workers*o.MaxLine), o.Log)
	if err := s.RegisterSession(base, p.session); err != nil {
		return fmt.Errorf("serve stdio: %w", err)
	}
	defer s.UnregisterSession(base, p.session.id)

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
	switch c, err := p.receive(raw); {
	case errors.Is(err, errBusy):
		p.post(faultBusy.encode(c.env.ID))
	case err != nil:
		p.post(faultStopping.encode(c.env.ID))
	case c != nil:
		p.start(c)
	}
}

// drain lets the open calls finish, within limit or, once ctx has ended, within
// stopLimit; then it cancels those that remain, and closes the outbox. When
// nobody reads the answers any more, it cancels at once.
func drain(ctx context.Context, p *peer, limit time.Duration, abandon context.CancelFunc) {
	idle := p.close()
	done := settled(ctx, idle, p.out.gone, limit)
	if !done && ctx.Err() != nil {
		done = settled(context.WithoutCancel(ctx), idle, p.out.gone, stopLimit)
	}
	if !done {
		p.log.Warn().Msg("calls still running were cancelled")
		abandon()
		settled(context.WithoutCancel(ctx), idle, nil, stopGrace)
	}
	p.out.finish()
}

// settled reports whether idle was closed before gone, ctx and limit.
func settled(ctx context.Context, idle, gone <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return true
	case <-gone:
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// awaited is the error of the writer. A writer that hangs, because the client
// does not read, is given up after limit or, once ctx has ended, after the grace.
func awaited(ctx context.Context, written <-chan error, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-written:
		return err
	case <-timer.C:
		return nil
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err
	case <-time.After(stopGrace):
		return nil
	}
}

// wrap turns the errors of a client that has gone into nil.
func wrap(doing string, err error) error {
	for _, gone := range []error{io.EOF, io.ErrClosedPipe, fs.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("serve stdio: %s: %w", doing, err)
}

// lineSink writes messages as lines.
type lineSink struct{ w *bufio.Writer }

func (s lineSink) message(b []byte) error {
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.w.WriteByte('\n')
}

func (s lineSink) flush() error { return s.w.Flush() }

func (s lineSink) quiet() error { return nil }
