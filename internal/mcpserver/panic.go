package mcpserver

import (
	"runtime"
	"strings"

	"github.com/rs/zerolog"
)

// logPanic notes that, and where, a handler panicked. The value itself may hold
// anything, a key included, so only the runtime's own errors are written out.
func logPanic(log zerolog.Logger, during string, v any) {
	e := log.Error().Str("during", during).Type("panic", v)
	if err, ok := v.(runtime.Error); ok {
		e = e.Str("error", err.Error())
	}
	at := panicker()
	e.Str("function", at.Function).Int("line", at.Line).Msg("a handler panicked")
}

// panicker finds the frame that panicked, as seen from a deferred function that
// called logPanic: the first one below the runtime's own.
func panicker() runtime.Frame {
	pcs := make([]uintptr, 16)
	// Skip Callers, this, logPanic and the deferred function.
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		if !more || !strings.HasPrefix(f.Function, "runtime.") {
			return f
		}
	}
}
