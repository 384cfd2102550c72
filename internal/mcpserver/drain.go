package mcpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	// stopLimit is how long calls may continue after the order to stop, and
	// stopGrace what they then get to notice that their context has ended. The
	// limit and twice the grace stay under the five seconds a stop may take.
	stopLimit = 4 * time.Second
	stopGrace = 250 * time.Millisecond
)

// drain lets the open calls of a stdio client finish, within limit or, once ctx has
// ended, within stopLimit; then it cancels those that remain, and finishes the
// writer. When nobody reads the responses any more, it cancels at once.
func drain(ctx context.Context, c *conn, limit time.Duration, abandon context.CancelFunc) {
	idle, gone := c.close(), c.session.out.gone
	done := settled(ctx, idle, gone, limit)
	if !done && ctx.Err() != nil {
		done = settled(context.WithoutCancel(ctx), idle, gone, stopLimit)
	}
	if !done {
		c.log.Warn().Msg("calls still running were cancelled")
		abandon()
		settled(context.WithoutCancel(ctx), idle, nil, stopGrace)
	}
	c.session.out.finish()
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

// awaited returns the error of the writer. A writer that hangs, because the client
// does not read, is abandoned after limit or, once ctx has ended, after the grace.
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

// drainListener lends a listener to an HTTP server. When the server closes it, the
// listener itself stays open for serveDraining: net/http answers no new request
// after its Shutdown has begun.
type drainListener struct {
	net.Listener

	tls *tls.Config // nil: clear text
}

// Accept speaks TLS on the connection where that is configured.
func (l drainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.tls == nil {
		return conn, err
	}
	return tls.Server(conn, l.tls), nil
}

// Close makes Accept fail.
func (l drainListener) Close() error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(time.Now())
	}
	return l.Listener.Close()
}

// reopen makes the listener accept again.
func (l drainListener) reopen() {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		_ = d.SetDeadline(time.Time{})
	}
}

// serveDraining answers on the listener once the server has returned it: that the
// process lives, that it is not ready, and to everything else that it is stopping.
// The caller closes the result and the listener.
func (h *httpServer) serveDraining(l drainListener, returned <-chan struct{}) *http.Server {
	mux := newRouter()
	mux.handle("/healthz", endpoint(healthz, http.MethodGet, http.MethodHead))
	mux.handle("/readyz", endpoint(h.readyz, http.MethodGet, http.MethodHead))
	mux.handle("/", endpoint(func(w *responseWriter, _ *http.Request) { w.busy(&errorStopping) }))
	srv := &http.Server{
		Handler: h.secured(mux), ReadHeaderTimeout: h.o.HeaderTime, ReadTimeout: h.o.HeaderTime,
		MaxHeaderBytes: maxHeader, ErrorLog: h.http.ErrorLog, DisableGeneralOptionsHandler: true,
	}
	srv.SetKeepAlivesEnabled(false)
	go func() {
		<-returned
		l.reopen()
		_ = srv.Serve(l)
	}()
	return srv
}

// shutdown lets calls finish within stopLimit and cancels those that remain.
func (h *httpServer) shutdown(ctx context.Context, abandon context.CancelFunc) {
	limited, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	defer func() {
		for _, t := range h.tenantServers() {
			t.end()
		}
	}()
	if h.http.Shutdown(limited) == nil {
		return
	}
	h.o.Log.Warn().Msg("calls still running were cancelled")
	abandon()
	limited, cancelGrace := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancelGrace()
	_ = h.http.Shutdown(limited)
	_ = h.http.Close()
}

// closeStreams ends what waits for the client: streams, and requests whose answers
// can no longer arrive.
func (h *httpServer) closeStreams() {
	h.quit()
	for _, t := range h.tenantServers() {
		t.sessions.closeConns()
	}
}

// end ends a server that serves no request any more.
func (t *tenantServer) end() {
	t.sessions.endIdle(time.Now().Add(time.Hour)) // all of them
	if t.Close != nil {
		t.Close()
	}
}
