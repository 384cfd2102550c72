// Package observe sees what happens and never decides: the logger, the metrics, a
// middleware around every tool, a round-tripper around every call to Vennio, and
// a watcher of the consent ledger.
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

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Logger writes to w, which is standard error and never standard output: that
// is the protocol's. format is json, console, or plain, which is console without colours.
func Logger(w io.Writer, level, format string) zerolog.Logger {
	if format != "json" {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: format == "plain"}
	}
	at, err := zerolog.ParseLevel(level)
	if err != nil {
		at = zerolog.InfoLevel
	}
	return zerolog.New(masking{w}).Level(at).With().Timestamp().Logger()
}

// masking writes lines of JSON without what looks like a credential: causes of
// errors come from elsewhere.
type masking struct{ w io.Writer }

// Write takes one line.
func (m masking) Write(line []byte) (int, error) {
	if _, err := m.w.Write(sanitize.MaskJSON(line, func(int, string) bool { return false })); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Tools logs one line a call, and counts it: the tool, the outcome, the time it
// took, how consent was given where that was involved, and the ids by which
// Vennio's support finds it again.
func Tools(log zerolog.Logger, m *Metrics) tools.Middleware {
	return func(tool string, next tools.Run) tools.Run {
		m.expect(tool)
		return func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			start := time.Now()
			ctx, seen := withCall(ctx)
			result, err := next(ctx, req)
			took, how := time.Since(start), outcome(result, err)
			m.called(tool, how, took)
			line := log.Info()
			if how == string(schemas.CodeInternal) {
				line = log.Error().AnErr("cause", err)
			}
			if e, ok := errors.AsType[*vennioclient.Error](err); ok {
				line = line.Str("kind", string(e.Kind)).Int("status", e.Status).Str("request_id", e.RequestID).Int("attempts", e.Attempts)
			}
			if method := seen.lastMethod(); method != "" {
				line = line.Str("method", string(method))
			}
			line.Str("tool", tool).Str("code", how).Dur("took_ms", took).Msg("tool call")
			return result, err
		}
	}
}

// outcome is ok, asked where the call hands the client a question to put to the
// person (MCP 2026-07-28), or the code of the error.
func outcome(result *mcp.CallToolResult, err error) string {
	if err == nil && result != nil && result.ResultType == mcp.ResultTypeInputRequired {
		return "asked"
	}
	return cmp.Or(string(tools.CodeOf(err)), "ok")
}

// Transport logs each exchange with Vennio at debug level, and times it: method,
// path, status and time. Queries and headers stay out of it.
func Transport(next http.RoundTripper, log zerolog.Logger, m *Metrics) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		start := time.Now()
		resp, err := next.RoundTrip(r)
		took := time.Since(start)
		m.exchanged(r, resp, took)
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
