// Package observe sees what happens and never decides: the logger, a middleware
// around every tool, and a round-tripper around every call to Vennio.
//
// No line carries arguments, bodies, addresses or keys: they hold people's data.
package observe

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/rs/zerolog"

	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Logger writes to w, which is standard error and never standard output: that
// is the protocol's. format is json or console.
func Logger(w io.Writer, level, format string) zerolog.Logger {
	if format == "console" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly}
	}
	at, err := zerolog.ParseLevel(level)
	if err != nil {
		at = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(at).With().Timestamp().Logger()
}

// Tools logs one line a call: the tool, the outcome, the time it took, and the
// ids by which Vennio's support finds it again.
func Tools(log zerolog.Logger) tools.Middleware {
	return func(tool string, next tools.Run) tools.Run {
		return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			start := time.Now()
			result, err := next(ctx, req)
			code := cmp.Or(tools.CodeOf(err), "ok")
			line := log.Info()
			if code == "internal_error" {
				line = log.Error().AnErr("cause", err)
			}
			if e, ok := errors.AsType[*vennioclient.Error](err); ok {
				line = line.Str("kind", string(e.Kind)).Int("status", e.Status).Str("request_id", e.RequestID).Int("attempts", e.Attempts)
			}
			line.Str("tool", tool).Str("code", string(code)).Dur("took_ms", time.Since(start)).Msg("tool call")
			return result, err
		}
	}
}

// Transport logs each exchange with Vennio at debug level: method, path, status
// and time. Queries and headers stay out of it.
func Transport(next http.RoundTripper, log zerolog.Logger) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		start := time.Now()
		resp, err := next.RoundTrip(r)
		line := log.Debug().Str("method", r.Method).Str("path", r.URL.Path).Dur("took_ms", time.Since(start))
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
