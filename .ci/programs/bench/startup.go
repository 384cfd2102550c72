package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// memorySamples is the number of measurements of memory at rest.
const memorySamples = 5

// measureStarts starts the programs in turn without settings, so vennio-mcp uses its embedded sandbox. The first
// start of each warms up the file cache and creates the signing secret.
func (r *report) measureStarts(ctx context.Context, s *environment, o options) error {
	for round := range o.starts + 1 {
		for _, p := range []struct {
			path string
			into *figures
		}{{s.ours, &r.start}, {s.bare, &r.startBare}, {s.fast, &r.startFast}} {
			took, err := s.startUp(ctx, p.path)
			if err != nil {
				return err
			}
			if round > 0 {
				*p.into = append(*p.into, took.Seconds())
			}
		}
	}
	for range memorySamples {
		if err := r.measureMemory(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// startUp returns the time from the start of the process to its response to initialize.
func (s *environment) startUp(ctx context.Context, path string) (time.Duration, error) {
	began := time.Now()
	c, err := s.spawn(ctx, nil, program{path: path})
	if err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c.in, initializeMessage+"\n"); err != nil {
		c.stop()
		return 0, err
	}
	_, err = bufio.NewReader(c.out).ReadBytes('\n')
	took := time.Since(began)
	if err != nil {
		c.stop()
		return 0, fmt.Errorf("no response to initialize: %w", err)
	}
	return took, c.finish()
}

// measureMemory measures memory after initialize and one call.
func (r *report) measureMemory(ctx context.Context, s *environment) error {
	for _, p := range []struct {
		path string
		q    request
		into *figures
	}{{s.ours, findSlots, &r.rest}, {s.bare, echoCall, &r.restBare}, {s.fast, findSlots, &r.restFast}} {
		c, err := s.spawn(ctx, nil, program{path: p.path})
		if err != nil {
			return err
		}
		speaks, err := newStdioClient(c.in, c.out)
		if err == nil {
			err = speaks.send(ctx, p.q)
		}
		if bytes := c.memory(); bytes > 0 {
			*p.into = append(*p.into, float64(bytes))
		}
		c.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// overheadCalls is the number of calls of find_slots that are measured in the process.
const overheadCalls = 2000

// measureOverhead calls find_slots in this process in two ways and subtracts the time of Vennio from each call.
// The rest is spent in vennio-mcp and mcp-go.
func (r *report) measureOverhead(ctx context.Context, s *environment, _ options) error {
	vennio := &replayTransport{next: http.DefaultTransport}
	srv, err := toolServer(s.vennioURL(), vennio)
	if err != nil {
		return err
	}
	agent, err := mcpclient.NewInProcessClient(srv)
	if err != nil {
		return err
	}
	defer func() { _ = agent.Close() }()
	if err := initialize(ctx, agent); err != nil {
		return err
	}
	for i := range overheadCalls + overheadCalls/10 { // the first tenth warms up
		server, err1 := vennio.timeWithoutVennio(func() error { return callServer(ctx, srv) })
		whole, err2 := vennio.timeWithoutVennio(func() error { return callClient(ctx, agent) })
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		if i >= overheadCalls/10 {
			r.overhead = append(r.overhead, server.Seconds())
			r.overheadClient = append(r.overheadClient, whole.Seconds())
		}
	}
	return nil
}

// callServer does the server's work between reading one line and writing another.
func callServer(ctx context.Context, srv *server.MCPServer) error {
	line, err := json.Marshal(srv.HandleMessage(ctx, findSlots.message(1)))
	return errors.Join(err, findSlots.check(line))
}

// callClient adds the work of mcp-go's client: encoding the request and decoding the response.
func callClient(ctx context.Context, agent *mcpclient.Client) error {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = findSlots.tool, json.RawMessage(findSlots.arguments)
	got, err := agent.CallTool(ctx, req)
	if err == nil && got.IsError {
		err = errors.New("find_slots was refused")
	}
	return err
}

func initialize(ctx context.Context, agent *mcpclient.Client) error {
	var greeting mcp.InitializeRequest
	greeting.Params.ProtocolVersion = "2025-11-25"
	if err := agent.Start(ctx); err != nil {
		return err
	}
	_, err := agent.Initialize(ctx, greeting)
	return err
}

// toolServer returns a server with all tools, which uses the transport vennio to reach the sandbox.
func toolServer(url string, vennio http.RoundTripper) (*server.MCPServer, error) {
	api, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(url),
		vennioclient.WithHTTPClient(&http.Client{Transport: vennio, Timeout: processTimeout}))
	if err != nil {
		return nil, err
	}
	host := sandbox.Hosts()[0]
	srv := server.NewMCPServer("bench", "0", server.WithRecovery())
	for _, tool := range tools.Catalog(tools.Deps{Service: scheduling.Service{
		Vennio: api, Slots: slots.NewSigner(tenant.NewKeyring([]byte("a secret of the bench")), "bench", time.Now),
		Hosts: scheduling.Directory{{Name: host.Name, ID: host.ID}}, Zone: time.UTC, WeekStart: time.Monday, Now: time.Now,
	}}) {
		srv.AddTools(tool.Bind())
	}
	return srv, nil
}

// replayTransport sends the first request to Vennio, replays its response for later requests, and measures the
// time spent.
type replayTransport struct {
	next http.RoundTripper
	body []byte
	took time.Duration
}

// timeWithoutVennio returns the duration of f minus the time spent in Vennio.
func (p *replayTransport) timeWithoutVennio(f func() error) (time.Duration, error) {
	p.took = 0
	began := time.Now()
	err := f()
	return time.Since(began) - p.took, err
}

func (p *replayTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	defer func() { p.took += time.Since(began) }()
	if p.body == nil {
		resp, err := p.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		p.body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(p.body)), ContentLength: int64(len(p.body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}
