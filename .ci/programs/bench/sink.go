package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// sink is whom the server tells of events. Now and then it is out of order, so
// that the event must be told again.
type sink struct {
	srv  *http.Server
	url  string
	told atomic.Int64
}

// faulty is how many tellings there are to one that fails.
const faulty = 25

func newSink(ctx context.Context) (*sink, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + ln.Addr().String()}
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.srv.Serve(ln) }()
	return s, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.told.Add(1)%faulty == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *sink) close() { _ = s.srv.Close() }

// settings name the sink for the server.
func (s *sink) settings() string {
	return fmt.Sprintf("sinks:\n  - {name: soak, type: http, url: %q, secret: a secret of the soak}\n", s.url)
}
