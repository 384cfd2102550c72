// Package observe provides logs, metrics and traces: a logger, a middleware for tools, a round-tripper
// for requests to Vennio, and a watcher of the consent ledger. It does not change results.
//
// Logs contain no arguments, bodies, addresses or keys, because these contain personal data or secrets.
package observe

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Logger returns a logger that writes to w. The programs pass standard error, because the protocol uses
// standard output. format is json, console, or plain, which is console without colours. An unknown
// level means info.
func Logger(w io.Writer, level, format string) zerolog.Logger {
	if format != "json" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: format == "plain"}
	}
	at, err := zerolog.ParseLevel(level)
	if err != nil {
		at = zerolog.InfoLevel
	}
	return zerolog.New(maskingWriter{w}).Level(at).With().Timestamp().Logger()
}

// maskingWriter masks strings that look like credentials, because the text of errors comes from other
// programs too.
type maskingWriter struct{ w io.Writer }

// Write writes one line of JSON.
func (m maskingWriter) Write(line []byte) (int, error) {
	if _, err := m.w.Write(sanitize.MaskJSON(line, func(int, string) bool { return false })); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Tools returns a middleware that counts each call and logs it in one line: the tool, the outcome, the
// duration, the consent method if the call needs consent, and for errors of Vennio the request id for
// its support.
func Tools(log zerolog.Logger, m *Metrics) tools.Middleware {
	return func(tool string, next tools.Run) tools.Run {
		m.initTool(tool)
		return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			start := time.Now()
			ctx, recorded := withCall(ctx)
			result, err := next(ctx, req)
			took, code := time.Since(start), outcome(result, err)
			m.countCall(tool, code, took)
			line := log.Info()
			if code == string(schemas.CodeInternal) || code == string(schemas.CodeStoreAway) {
				line = log.Error().AnErr("cause", err) // only the operator can remove it
			}
			if e, ok := errors.AsType[*vennioclient.Error](err); ok {
				line = line.Str("kind", string(e.Kind)).Int("status", e.Status).Str("request_id", e.RequestID).Int("attempts", e.Attempts)
			}
			if method := recorded.lastMethod(); method != "" {
				line = line.Str("method", string(method))
			}
			line.Str("tool", tool).Str("code", code).Dur("took_ms", took).Msg("tool call")
			return result, err
		}
	}
}

// outcome returns the code of the error, asked if the result is a question that the client must show to
// the person (MCP 2026-07-28), or ok.
func outcome(result *mcp.CallToolResult, err error) string {
	if err == nil && result != nil && result.ResultType == mcp.ResultTypeInputRequired {
		return "asked"
	}
	return cmp.Or(string(tools.CodeOf(err)), "ok")
}

// Transport returns a round-tripper that measures each request to Vennio and logs it at debug level:
// method, path, status, duration and idempotency key. It omits the query and other headers.
func Transport(next http.RoundTripper, log zerolog.Logger, m *Metrics) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		start := time.Now()
		resp, err := next.RoundTrip(r)
		took := time.Since(start)
		m.observeRequest(r, resp, took)
		line := log.Debug().Str("method", r.Method).Str("path", r.URL.Path).Dur("took_ms", took)
		if err != nil {
			line.Err(err).Msg("no answer from Vennio")
			return resp, err
		}
		line.Int("status", resp.StatusCode).Str("idempotency_key", r.Header.Get("Idempotency-Key")).Msg("answer from Vennio")
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// call records facts about a running tool call. It is in the context of the call, which the ledger
// passes to its [consent.Watcher].
type call struct {
	mu     sync.Mutex
	method consent.Method // of the consent, if the call needs one
	sent   time.Time      // time of the last request to Vennio that writes
}

type callKey struct{}

func withCall(ctx context.Context) (context.Context, *call) {
	c := new(call)
	return context.WithValue(ctx, callKey{}, c), c
}

// callFrom returns the call in ctx. Outside of calls it returns a new one, which is discarded.
func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return new(call)
}

// record stores the facts of a consent event. If the event ends a write, it returns the duration of the
// write, otherwise 0.
func (c *call) record(e consent.Event, now time.Time) (took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Method != "" {
		c.method = e.Method
	}
	switch e.Kind {
	case consent.EventSent:
		c.sent = now
	case consent.EventWritten, consent.EventNotWritten, consent.EventUncertain:
		if !c.sent.IsZero() {
			took = now.Sub(c.sent)
		}
	default:
	}
	return took
}

func (c *call) lastMethod() consent.Method {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.method
}
