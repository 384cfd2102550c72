package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What the server holds, by the names under which it tells (/metrics).
const (
	goroutines   = "go_goroutines"
	heap         = "go_memstats_heap_inuse_bytes"
	collects     = "go_memstats_next_gc_bytes"     // twice what the last collection left
	residentSet  = "process_resident_memory_bytes" // absent where the system does not tell
	openFiles    = "process_open_fds"              // likewise
	openSessions = "vennio_mcp_open_sessions"
	openStreams  = "vennio_mcp_open_streams"
)

// gauges are values by name.
type gauges map[string]float64

// look is what a server held at a time since the beginning.
type look struct {
	at time.Duration
	gauges
}

// at is an address of the server.
func (w *web) at(path string) string { return strings.TrimSuffix(w.url, "/mcp") + path }

// gauges asks the server what it holds.
func (w *web) gauges(ctx context.Context) (gauges, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.at("/metrics"), nil)
	if err != nil {
		return nil, err
	}
	body, _, err := w.do(r)
	if err != nil {
		return nil, err
	}
	g := readGauges(body)
	for _, name := range []string{goroutines, heap, collects, openSessions, openStreams} {
		if _, told := g[name]; !told {
			return nil, fmt.Errorf("the server does not tell %s", name)
		}
	}
	return g, nil
}

// readGauges reads what has no labels in Prometheus's text format.
func readGauges(text []byte) gauges {
	g := gauges{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			g[name] = v
		}
	}
	return g
}
