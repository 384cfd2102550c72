package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Proxy is a slow network between programs and a PostgreSQL server. It delivers each
// response of the server after a delay, so that a round trip takes at least that long,
// regardless of the number of messages in it. It can be cut, and it counts the round
// trips of transactions. The connections through it are not encrypted.
type Proxy struct {
	listener net.Listener
	server   string // host and port of the server
	delay    time.Duration

	mu       sync.Mutex
	cut      bool
	restored chan struct{} // closed while the network is not cut
	conns    map[net.Conn]bool
	ended    []Transaction
}

// Transaction is one transaction that a Proxy has seen, or one statement outside a
// transaction.
type Transaction struct {
	Statements []string
	// RoundTrips is the number of requests for whose responses the client had to wait.
	RoundTrips int
	// Locked is the number of these round trips during which the transaction held a lock:
	// from the one with its first locking statement to the one that ended it.
	Locked int
}

// NewProxy returns a proxy for the server of the address of a database.
func NewProxy(ctx context.Context, database string, delay time.Duration) (*Proxy, error) {
	at, err := url.Parse(database)
	if err != nil {
		return nil, errors.New("want the address of a PostgreSQL database")
	}
	p := &Proxy{server: at.Host, delay: delay, restored: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(p.restored)
	if p.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go p.accept()
	return p, nil
}

// URL returns the address of a database of the server through the proxy.
func (p *Proxy) URL(database string) string {
	at, err := url.Parse(database)
	if err != nil {
		return database
	}
	at.Host = p.listener.Addr().String()
	return at.String()
}

// Cut stops all data in both directions until Restore, as a network that loses every
// packet: no connection ends. Data that was sent meanwhile arrives after Restore.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.cut, p.restored = true, make(chan struct{})
	}
}

// Restore ends a Cut.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		p.cut = false
		close(p.restored)
	}
}

// Close ends all connections.
func (p *Proxy) Close() error {
	p.Restore()
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	return p.listener.Close()
}

// Transactions returns the transactions that ended since its last call.
func (p *Proxy) Transactions() []Transaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := p.ended
	p.ended = nil
	return ended
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.relay(client)
	}
}

// relay connects a client to the server until one of them ends the connection.
func (p *Proxy) relay(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.wait()
	server, err := net.Dial("tcp", p.server) //nolint:noctx // loopback, in tests
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	s := &session{proxy: p, prepared: map[string]string{}}
	s.fromClient.first = true
	var both sync.WaitGroup
	both.Go(func() { p.carry(server, client, 0, s.requested, nil) })
	both.Go(func() { p.carry(client, server, p.delay, nil, s.answered) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// wait returns when the network is not cut.
func (p *Proxy) wait() {
	p.mu.Lock()
	restored := p.restored
	p.mu.Unlock()
	<-restored
}

type packet struct {
	at   time.Time
	data []byte
}

// carry delivers data after a delay. Data that arrives during the delay of earlier
// data does not wait longer. It calls arrives with the data that it has read, and delivers
// before it writes them; either may be nil.
func (p *Proxy) carry(to, from net.Conn, delay time.Duration, arrives, delivers func([]byte)) {
	packets := make(chan packet, 1024)
	go func() {
		defer close(packets)
		for {
			data := make([]byte, 16<<10)
			n, err := from.Read(data)
			if n > 0 {
				if arrives != nil {
					arrives(data[:n])
				}
				packets <- packet{time.Now(), data[:n]}
			}
			if err != nil {
				return
			}
		}
	}()
	for next := range packets {
		if late := time.Until(next.at.Add(delay)); late > 0 {
			<-time.After(late)
		}
		p.wait()
		if delivers != nil {
			delivers(next.data)
		}
		if _, err := to.Write(next.data); err != nil {
			_ = from.Close()
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// session reads the messages of one connection
// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
type session struct {
	proxy *Proxy

	mu                     sync.Mutex
	fromClient, fromServer messages
	prepared               map[string]string // statements by name
	delivered              bool              // the server has answered since the last request
	current                Transaction
}

// locking finds the statements that lock rows, tables or other things until the end of
// a transaction.
var locking = regexp.MustCompile(`(?i)\b(INSERT INTO|UPDATE|DELETE FROM|LOCK TABLE|pg_(try_)?advisory_\w+|FOR (NO KEY )?UPDATE|FOR (KEY )?SHARE)\b`)

// requested counts the requests of the client and collects their statements.
func (s *session) requested(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, body := range s.fromClient.add(data) {
		if s.delivered {
			s.delivered = false
			s.current.RoundTrips++
			if s.current.Locked > 0 {
				s.current.Locked++
			}
		}
		switch kind {
		case 'P': // Parse: name, statement
			name, statement := cString(body)
			s.prepared[name], _ = cString(statement)
		case 'B': // Bind: portal, name
			_, name := cString(body)
			named, _ := cString(name)
			s.execute(s.prepared[named])
		case 'Q': // Query: statement
			statement, _ := cString(body)
			s.execute(statement)
		}
	}
}

func (s *session) execute(statement string) {
	s.current.Statements = append(s.current.Statements, statement)
	if s.current.Locked == 0 && locking.MatchString(statement) {
		s.current.Locked = 1
	}
}

// answered ends the current transaction when the server is ready outside of one.
func (s *session) answered(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind, body := range s.fromServer.add(data) {
		switch kind {
		case 'N', 'S', 'A': // notices, settings and notifications arrive at any time
			continue
		case 'Z': // ReadyForQuery: I outside of a transaction
			if string(body) == "I" {
				s.proxy.end(s.current)
				s.current = Transaction{}
			}
		}
		s.delivered = true
	}
}

func (p *Proxy) end(t Transaction) {
	if len(t.Statements) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, t)
}

// cString returns the text before the first NUL, and what follows the NUL.
func cString(body []byte) (first string, rest []byte) {
	before, after, _ := bytes.Cut(body, []byte{0})
	return string(before), after
}

// messages splits a stream into messages: a kind, a length of four bytes, which counts
// itself, and a body. The first one of a client has no kind.
type messages struct {
	first    bool
	unparsed []byte
}

// add returns the messages that data completes.
func (m *messages) add(data []byte) func(yield func(kind byte, body []byte) bool) {
	return func(yield func(byte, []byte) bool) {
		m.unparsed = append(m.unparsed, data...)
		for {
			kind, rest := byte(0), m.unparsed
			if !m.first && len(rest) > 0 {
				kind, rest = rest[0], rest[1:]
			}
			if len(rest) < 4 {
				return
			}
			length := int(binary.BigEndian.Uint32(rest))
			if len(rest) < length {
				return
			}
			m.first = false
			m.unparsed = slices.Clone(rest[length:])
			if !yield(kind, rest[4:length]) {
				return
			}
		}
	}
}

// String describes the transaction for the output of tests.
func (t Transaction) String() string {
	return fmt.Sprintf("%d round trips, %d under a lock: %q", t.RoundTrips, t.Locked, t.Statements)
}
