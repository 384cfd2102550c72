package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// demoSink stands for somebody else's program that is told of events.
type demoSink struct {
	url   string
	told  chan sinkEvent
	close func()
}

// sinkEvent is what a sink is told, as far as the demo shows it (docs/events.md).
type sinkEvent struct {
	Type string `json:"type"`
	Data struct {
		Booking struct {
			Name   string    `json:"customer_name"`
			Start  time.Time `json:"start_time"`
			Status string    `json:"status"`
		} `json:"booking"`
	} `json:"data"`
}

func (e sinkEvent) String() string {
	b := e.Data.Booking
	return fmt.Sprintf("the CRM is told: %s, %s, %s, %s", e.Type, sanitize.Line(b.Name, 60), b.Start.UTC().Format("Mon 2 Jan 2006, 15:04 MST"), b.Status)
}

func startDemoSink(ctx context.Context) (*demoSink, error) {
	s := &demoSink{told: make(chan sinkEvent, 16)}
	var err error
	s.url, s.close, err = listen(ctx, "127.0.0.1:0", s)
	return s, err
}

// ServeHTTP takes an event, and answers with the id of a record as a CRM would.
func (s *demoSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e sinkEvent
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.told <- e
	_, _ = w.Write([]byte(`{"id":"4711"}`))
}

// demoSettings are those of the demo, and none that this process has inherited.
func demoSettings(vennio *box, sink *demoSink, state string) (env []string, err error) {
	for _, s := range config.Settings() {
		for _, name := range s.Env {
			env = append(env, name+"=")
		}
	}
	file := filepath.Join(state, "settings.yml")
	sinks := fmt.Sprintf("sinks: [{name: crm, type: http, url: %q, secret: demo, events: [booking.*]}]\n", sink.url)
	return append(env,
		"VENNIO_API_URL="+vennio.url, "VENNIO_API_KEY="+sandbox.DefaultKey(), "VENNIO_HOSTS="+vennio.hosts(), "VENNIO_MCP_SETTINGS="+file,
		"VENNIO_SIGNING_SECRET=only for the demonstration", "VENNIO_TIMEZONE=Europe/London", "VENNIO_CONSENT=human", "VENNIO_STATE_DIR="+state), os.WriteFile(file, []byte(sinks), 0o600)
}

// settings reads a list of them as os.Getenv does; of two the last counts.
func settings(env []string) func(string) string {
	return func(name string) (value string) {
		for _, s := range env {
			if k, v, _ := strings.Cut(s, "="); k == name {
				value = v
			}
		}
		return value
	}
}

func (*box) hostID() string { return sandbox.Hosts()[0].ID }

// hosts lists the sandbox's hosts as VENNIO_HOSTS wants them.
func (*box) hosts() (list string) {
	for _, h := range sandbox.Hosts() {
		list += h.Name + "=" + h.ID + ","
	}
	return list
}
