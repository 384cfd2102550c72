package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// overheadCalls is how many calls of find_slots are measured in the process.
const overheadCalls = 2000

// measureOverhead calls find_slots in this process in two ways in turn, and takes
// from each call the time that Vennio took. What remains is ours and mcp-go's.
func (r *report) measureOverhead(ctx context.Context, s *stage, _ options) error {
	vennio := &replay{next: http.DefaultTransport}
	srv, err := toolServer(s.vennioURL(), vennio)
	if err != nil {
		return err
	}
	agent, err := client.NewInProcessClient(srv)
	if err != nil {
		return err
	}
	defer func() { _ = agent.Close() }()
	if err := greet(ctx, agent); err != nil {
		return err
	}
	for i := range overheadCalls + overheadCalls/10 { // the first tenth warms up
		server, err1 := vennio.less(func() error { return callServer(ctx, srv) })
		whole, err2 := vennio.less(func() error { return callClient(ctx, agent) })
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

// callServer is what the server does between a line it has read and a line it
// will write.
func callServer(ctx context.Context, srv *server.MCPServer) error {
	line, err := json.Marshal(srv.HandleMessage(ctx, findSlots.message(1)))
	return errors.Join(err, findSlots.check(line))
}

// callClient adds what mcp-go's client does: it writes the question and reads
// the answer.
func callClient(ctx context.Context, agent *client.Client) error {
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = findSlots.tool, json.RawMessage(findSlots.arguments)
	got, err := agent.CallTool(ctx, req)
	if err == nil && got.IsError {
		err = errors.New("find_slots was refused")
	}
	return err
}

func greet(ctx context.Context, agent *client.Client) error {
	var greeting mcp.InitializeRequest
	greeting.Params.ProtocolVersion = "2025-11-25"
	if err := agent.Start(ctx); err != nil {
		return err
	}
	_, err := agent.Initialize(ctx, greeting)
	return err
}

// toolServer has all tools, with vennio between them and the sandbox.
func toolServer(url string, vennio http.RoundTripper) (*server.MCPServer, error) {
	api, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(url),
		vennioclient.WithHTTPClient(&http.Client{Transport: vennio, Timeout: patience}))
	if err != nil {
		return nil, err
	}
	host := sandbox.Hosts()[0]
	srv := server.NewMCPServer("bench", "0", server.WithRecovery())
	for _, tool := range tools.Catalog(tools.Deps{Service: scheduling.Service{
		Vennio: api, Slots: slots.NewSigner([]byte("a secret of the bench"), "bench", time.Now),
		Hosts: scheduling.Directory{{Name: host.Name, ID: host.ID}}, Zone: time.UTC, WeekStart: time.Monday, Now: time.Now,
	}}) {
		srv.AddTools(tool.Bind())
	}
	return srv, nil
}

// replay asks Vennio once, repeats that answer to every later call, and counts
// the time it took.
type replay struct {
	next http.RoundTripper
	body []byte
	took time.Duration
}

// less is how long f took, without the time of Vennio.
func (p *replay) less(f func() error) (time.Duration, error) {
	p.took = 0
	began := time.Now()
	err := f()
	return time.Since(began) - p.took, err
}

func (p *replay) RoundTrip(r *http.Request) (*http.Response, error) {
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
