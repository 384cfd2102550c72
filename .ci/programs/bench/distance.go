package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const (
	roundTrip = 100 * time.Millisecond // time of a packet to the distant Vennio and back
	warmCalls = 5                      // calls after the first one, in each round
)

// distantVennio is a sandbox behind a network on which a packet takes half of roundTrip. It counts what arrives.
type distantVennio struct {
	*httptest.Server
	env                   []string // with which vennio-mcp uses it
	requests, connections atomic.Int32
}

// newDistantVennio starts the sandbox with TLS and HTTP/2 where the environment can make vennio-mcp trust its
// certificate, otherwise without.
func newDistantVennio(dir string) (*distantVennio, error) {
	v, box := &distantVennio{}, sandbox.New(sandbox.Options{RateLimitPerHour: -1})
	v.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.requests.Add(1)
		box.ServeHTTP(w, r)
	}))
	v.Listener, v.EnableHTTP2 = distantListener{v.Listener, &v.connections}, true
	if runtime.GOOS != "linux" {
		v.Start()
		v.env = []string{"VENNIO_API_URL=" + v.URL, "VENNIO_API_KEY=" + sandbox.DefaultKey()}
		return v, nil
	}
	v.StartTLS()
	file := filepath.Join(dir, "vennio.pem")
	v.env = []string{"VENNIO_API_URL=" + v.URL, "VENNIO_API_KEY=" + sandbox.DefaultKey(), "SSL_CERT_FILE=" + file}
	return v, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: v.Certificate().Raw}), 0o600)
}

type distantListener struct {
	net.Listener
	connections *atomic.Int32
}

func (l distantListener) Accept() (net.Conn, error) {
	client, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.connections.Add(1)
	far, server := net.Pipe()
	connected := time.Now().Add(roundTrip) // the handshake of TCP, which loopback makes at once
	go carry(far, client, connected)
	go carry(client, far, connected)
	return server, nil
}

// carry delivers what it reads after half of roundTrip, counted from connected or later, until a side closes its
// connection.
func carry(to, from net.Conn, connected time.Time) {
	type packet struct {
		data []byte
		at   time.Time
	}
	line := make(chan packet, 1000)
	go func() {
		defer close(line)
		for {
			data := make([]byte, 64<<10)
			n, err := from.Read(data)
			if n > 0 {
				sent := time.Now()
				if sent.Before(connected) {
					sent = connected
				}
				line <- packet{data[:n], sent.Add(roundTrip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range line {
		<-time.After(time.Until(p.at))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	_ = to.Close()
	_ = from.Close()
}

// distantCalls are the times of calls to the distant Vennio.
type distantCalls struct {
	name                  string
	cold, warm            figures // seconds: of the first call, and of each further call
	requests, connections figures // of a warm call; of all calls
	open                  func() (call func() error, closed func(), err error)
}

// measureDistance calls find_slots, and sends its request with a bare client, with Vennio roundTrip away. Each round
// begins with new processes and new clients.
func (r *report) measureDistance(ctx context.Context, s *environment, o options) error {
	v, err := newDistantVennio(s.home)
	if err != nil {
		return err
	}
	defer v.Close()
	host := sandbox.Hosts()[0]
	ours := func(setting string) func() (func() error, func(), error) {
		return func() (func() error, func(), error) {
			c, err := s.spawn(ctx, nil, program{path: s.ours, env: append([]string{setting}, v.env...)})
			if err != nil {
				return nil, nil, err
			}
			client, err := newStdioClient(c.in, c.out)
			return func() error { return client.send(ctx, findSlots) }, c.stop, err
		}
	}
	r.distance = []*distantCalls{
		{name: "`find_slots`", open: ours("VENNIO_HOSTS=" + host.Name + "=" + host.ID)},
		{name: "`find_slots`, the host's name only at Vennio", open: ours("VENNIO_BUSINESS_ID=" + host.ID)},
		{name: "the same request, `net/http` alone", open: v.bareClient(ctx)},
	}
	for round := range o.rounds {
		for i := range r.distance {
			if err := v.measure(r.distance[(round+i)%len(r.distance)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure makes the calls of one round.
func (v *distantVennio) measure(c *distantCalls) error {
	v.connections.Store(0)
	call, closed, err := c.open()
	if err != nil {
		return err
	}
	defer closed()
	for i := range 1 + warmCalls {
		v.requests.Store(0)
		began := time.Now()
		if err := call(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		took := time.Since(began).Seconds()
		if i == 0 {
			c.cold = append(c.cold, took)
			continue
		}
		c.warm = append(c.warm, took)
		c.requests = append(c.requests, float64(v.requests.Load()))
	}
	c.connections = append(c.connections, float64(v.connections.Load()))
	return nil
}

// bareClient opens clients that send the request of find_slots and read the answer.
func (v *distantVennio) bareClient(ctx context.Context) func() (func() error, func(), error) {
	return func() (func() error, func(), error) {
		w := newHTTPClient(availability(v.URL))
		transport := v.Client().Transport.(*http.Transport).Clone() // trusts the certificate
		w.http.Transport = transport
		return func() error { return w.get(ctx, sandbox.DefaultKey()) }, transport.CloseIdleConnections, nil
	}
}

// writeDistance writes the times with a distant Vennio.
func (r *report) writeDistance(w io.Writer) {
	heading(w, fmt.Sprintf("With Vennio %d ms away", roundTrip.Milliseconds()))
	header(w, "", "first call", "further calls", "requests of a further call", "connections")
	for _, c := range r.distance {
		line(w, c.name, c.cold.medianOfSeconds(), c.warm.medianOfSeconds(), fmt.Sprintf("%.0f", c.requests.quantile(1)), fmt.Sprintf("%.0f", c.connections.quantile(1)))
	}
}
