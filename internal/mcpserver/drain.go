package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

const (
	// stopLimit is how long calls may go on after the order to stop, and
	// stopGrace what they then get to notice that their context has ended. The
	// limit and twice the grace stay under the five seconds a stop may take.
	stopLimit = 4 * time.Second
	stopGrace = 250 * time.Millisecond
)

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
	timer := time.NewTimer(max(limit, stopGrace))
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
