package mcpserver

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// lease lends a listener to the server. When the server closes it, the listener
// itself stays open, so that who watches us can be told that we drain: net/http
// answers no new request after its Shutdown has begun.
type lease struct {
	net.Listener
	tls *tls.Config // nil: connections are in clear text
}

// Accept speaks TLS on what it accepts, where that is set.
func (l lease) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.tls == nil {
		return conn, err
	}
	return tls.Server(conn, l.tls), nil
}

// Close ends the lease: Accept fails.
func (l lease) Close() error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(time.Now())
	}
	return l.Listener.Close()
}

// renew makes the listener accept again.
func (l lease) renew() {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		_ = d.SetDeadline(time.Time{})
	}
}

// farewell answers on the listener once the server has given it back: that we
// live, that we are not ready, and to everything else that we are stopping. The
// caller closes what it returns, and the listener.
func (h *hall) farewell(l lease, back <-chan struct{}) *http.Server {
	mux := newRouter()
	mux.handle("/healthz", at(healthz, http.MethodGet, http.MethodHead))
	mux.handle("/readyz", at(h.readyz, http.MethodGet, http.MethodHead))
	mux.handle("/", at(func(g *guard, _ *http.Request) { g.busy(faultStopping) }))
	srv := &http.Server{
		Handler: h.front(mux), ReadHeaderTimeout: h.o.HeaderTime, ReadTimeout: h.o.HeaderTime,
		MaxHeaderBytes: maxHeader, ErrorLog: h.http.ErrorLog, DisableGeneralOptionsHandler: true,
	}
	srv.SetKeepAlivesEnabled(false)
	go func() {
		<-back
		l.renew()
		_ = srv.Serve(l)
	}()
	return srv
}
