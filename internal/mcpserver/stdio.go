package mcpserver

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"
)

// StdioOptions limits a stdio server. The zero value selects every default.
type StdioOptions struct {
	MaxLine       int            // longest message in bytes; 4 MiB
	Workers       int            // calls running at once; 16
	Queue         int            // calls waiting, which together hold at most Workers times MaxLine bytes; 256
	Drain         time.Duration  // how long calls may continue after the client closed its end; 30 s
	Subscriptions *Subscriptions // to resources; nil: a new one, which notifies nobody
	Skills        func() []Skill // see Tenant
	Log           zerolog.Logger // must not write to the server's output
}

func (o StdioOptions) withDefaults() StdioOptions {
	o.MaxLine = cmp.Or(o.MaxLine, 4<<20)
	o.Workers = cmp.Or(o.Workers, 16)
	o.Queue = cmp.Or(o.Queue, 256)
	o.Drain = cmp.Or(o.Drain, 30*time.Second)
	o.Subscriptions = cmp.Or(o.Subscriptions, NewSubscriptions(nil))
	return o
}

// Stdio serves s to one client, one JSON-RPC message per line, and writes nothing
// else to out.
//
// When the client closes in, the calls already received are answered within
// o.Drain. When ctx ends, reading stops and calls get four seconds to finish;
// Stdio returns within five, even if a read of in is blocked. Calls still running
// then have their context cancelled. All these return nil, and so does a client
// that no longer reads; an error means that in or out failed otherwise.
//
// A program whose out is its standard output must ignore SIGPIPE, or Go ends it at
// the first write after the client has gone (package os/signal).
func Stdio(ctx context.Context, s *server.MCPServer, in io.Reader, out io.Writer, o StdioOptions) error {
	o = o.withDefaults()
	base, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	c := newConn(base, Tenant{Server: s, Subscriptions: o.Subscriptions, Skills: o.Skills}, "stdio", newWriter(o.Subscriptions.join(), 64), newLimiter(o.Workers, o.Queue, o.Workers*o.MaxLine), o.Log)
	defer c.leave()
	if err := s.RegisterSession(base, c.session); err != nil {
		return fmt.Errorf("serve stdio: %w", err)
	}

	read, written := make(chan error, 1), make(chan error, 1)
	go func() {
		defer close(c.session.out.gone)
		written <- c.session.out.pump(context.WithoutCancel(ctx), lineSink{bufio.NewWriterSize(out, 16<<10)}, nil)
	}()
	go func() { read <- c.readLines(in, o.MaxLine) }()

	var broken error
	select {
	case broken = <-read:
	case <-ctx.Done():
	case <-c.session.out.gone:
	}
	drain(ctx, c, o.Drain, abandon)
	return errors.Join(wrap("reading", broken), wrap("writing", awaited(ctx, written, o.Drain)))
}

// readLines passes messages to the core until in ends.
func (c *conn) readLines(in io.Reader, limit int) error {
	lines := lineReader{r: bufio.NewReaderSize(in, 16<<10), max: limit}
	for {
		line, err := lines.next()
		switch {
		case errors.Is(err, errLineTooLong):
			c.log.Warn().Int("limit", limit).Msg("a message over the limit was discarded")
			c.post(errorTooLong(limit).response(headID(line)))
		case err != nil:
			return err
		case len(line) > 0:
			c.line(line)
		}
	}
}

func (c *conn) line(raw []byte) {
	env, bad := parseAny(raw)
	if bad != nil {
		c.post(bad.response(env.ID))
		return
	}
	c.start(c.message(env, c.post))
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

func (s lineSink) keepAlive() error { return nil }

var errLineTooLong = errors.New("line too long")

// byteOrderMark may begin a text in UTF-8. A program may ignore it before JSON
// (RFC 8259, section 8.1), and some clients on Windows write one.
var byteOrderMark = []byte("\ufeff")

// lineReader cuts a stream into lines of at most max bytes. It never holds more of
// a longer line.
type lineReader struct {
	r     *bufio.Reader
	max   int
	begun bool // something was read
}

// next returns a copy of the next line without its line end. With errLineTooLong it
// returns the line's first bytes and skips the rest. The bytes after the last line
// end count as a line.
func (l *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if !l.begun {
			l.begun, part = true, bytes.TrimPrefix(part, byteOrderMark)
		}
		if len(line)+len(bytes.TrimSuffix(part, []byte("\n"))) > l.max {
			return append(line, part[:l.max-len(line)]...), l.skip(err)
		}
		line = append(line, part...)
		switch {
		case err == nil, errors.Is(err, io.EOF) && len(line) > 0:
			return bytes.TrimSpace(line), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// skip reads up to the end of a line whose last read ended with err.
func (l *lineReader) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = l.r.ReadSlice('\n')
	}
	return errLineTooLong // an error other than the line's end comes again
}
