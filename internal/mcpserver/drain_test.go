package mcpserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

func TestReq_P8_CallsReceivedBeforeTheInputClosesAreAnswered(t *testing.T) {
	t.Parallel()
	for _, version := range append(legacy, modern) {
		g := newRig()
		w := dial(t, g, mcpserver.StdioOptions{})
		w.greet(version, `{}`)
		for id := range 50 {
			w.send(toolCall(fmt.Sprint(id), version, "slow", fmt.Sprintf(`{"text":"%d"}`, id)))
		}
		require.NoError(t, w.in.Close())
		close(g.release)
		w.ended()
		answers := map[string]string{}
		for _, m := range w.rest() {
			answers[string(m.ID)] = m.text()
		}
		assert.Len(t, answers, 50)
		for id, text := range answers {
			assert.Equal(t, id, text)
		}
	}
}

func TestTheDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		w := dial(t, g, mcpserver.StdioOptions{Drain: 20 * time.Millisecond, Workers: 1})
		w.send(slowCall(1))
		w.send(slowCall(2))
		receive(t, g.started)
		w.hangUp()
		assert.Equal(t, "1", receive(t, g.stopped))
		answers := w.rest()
		require.Len(t, answers, 2, "a cancelled call is answered too")
		for _, m := range answers {
			if string(m.ID) == "1" {
				assert.Equal(t, "stopped", m.text())
			} else {
				assert.Contains(t, m.Error.Message, "stopping")
			}
		}
		assert.Empty(t, g.started)
	})
}

func TestReq_P8_AStopLetsCallsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		w := dial(t, g, mcpserver.StdioOptions{Workers: 1})
		w.send(slowCall(1))
		w.send(slowCall(2))
		receive(t, g.started)
		w.alive() // 2 has been received
		w.stop()  // and the input stays open: its reader is blocked
		g.free(t)
		g.free(t)
		w.ended()
		got := map[string]bool{}
		for _, m := range w.rest() {
			got[string(m.ID)] = m.Error == nil
		}
		assert.True(t, got["1"] && got["2"], "%v", got)
	})
}

func TestAStopWithNothingRunningIsImmediate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := dial(t, newRig(), mcpserver.StdioOptions{})
		w.alive()
		began := time.Now()
		w.stop()
		w.ended()
		assert.Zero(t, time.Since(began))
	})
}

func TestReq_P8_AStopIsOverWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig()
		defer close(g.release)
		w := dial(t, g, mcpserver.StdioOptions{})
		w.send(slowCall(1))
		w.send(toolCall("2", "", "deaf", `{}`))
		receive(t, g.started)
		receive(t, g.started)
		began := time.Now()
		w.stop()
		w.ended()
		assert.Less(t, time.Since(began), 5*time.Second)
		assert.Equal(t, "1", receive(t, g.stopped))
		answers := w.rest()
		require.Len(t, answers, 1)
		assert.Equal(t, "stopped", answers[0].text())
	})
}

func TestAStopDoesNotWaitForAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		defer func() { _ = outR.Close() }()
		done := make(chan error, 1)
		go func() { done <- mcpserver.Stdio(ctx, newRig().srv, inR, outW, mcpserver.StdioOptions{}) }()
		_, err := io.WriteString(inW, toolCall("1", "", "echo", `{}`)+"\n")
		require.NoError(t, err)
		began := time.Now()
		stop()
		require.NoError(t, <-done)
		assert.Less(t, time.Since(began), 5*time.Second)
		_ = inW.Close()
	})
}

func TestAClientThatHasGoneIsNoError(t *testing.T) {
	t.Parallel()
	for _, gone := range []error{io.ErrClosedPipe, syscall.EPIPE, fmt.Errorf("write: %w", syscall.ECONNRESET)} {
		g := newRig()
		inR, inW := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- mcpserver.Stdio(t.Context(), g.srv, inR, broken{gone}, mcpserver.StdioOptions{}) }()
		_, err := io.WriteString(inW, slowCall(1)+"\n")
		require.NoError(t, err)
		receive(t, g.started)
		_, err = io.WriteString(inW, toolCall("2", "", "echo", `{}`)+"\n")
		require.NoError(t, err)
		require.NoError(t, <-done, "the input is still open")
		assert.Equal(t, "1", receive(t, g.stopped), "nobody waits for it")
		_ = inW.Close()
	}
}

func TestAnInputOrOutputThatBreaksIsAnError(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n")
	err := mcpserver.Stdio(t.Context(), newRig().srv, in, broken{full}, mcpserver.StdioOptions{})
	require.ErrorIs(t, err, full)
	err = mcpserver.Stdio(t.Context(), newRig().srv, broken{full}, io.Discard, mcpserver.StdioOptions{})
	require.ErrorIs(t, err, full)
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }
func (b broken) Read([]byte) (int, error)  { return 0, b.err }

func TestTwoAtOnceOnOneServerAreRefused(t *testing.T) {
	t.Parallel()
	g := newRig()
	w := dial(t, g, mcpserver.StdioOptions{})
	w.alive()
	require.ErrorContains(t, mcpserver.Stdio(t.Context(), g.srv, strings.NewReader(""), io.Discard, mcpserver.StdioOptions{}), "session")
	w.hangUp()
	require.NoError(t, mcpserver.Stdio(t.Context(), g.srv, strings.NewReader(""), io.Discard, mcpserver.StdioOptions{}))
}

// Not parallel: it counts the goroutines of the process.
func TestStdioLeavesNoGoroutineBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 10 {
		synctest.Test(t, func(t *testing.T) {
			g := newRig()
			w := dial(t, g, mcpserver.StdioOptions{})
			w.greet("2025-06-18", `{"elicitation":{}}`)
			w.send(slowCall(1))
			w.send(toolCall("2", "", "ask", `{}`))
			w.send(request("3", modern, "subscriptions/listen", `"notifications":{"toolsListChanged":true}`))
			receive(t, g.started)
			if i%2 == 0 {
				w.stop()
			}
			require.NoError(t, w.in.Close())
			g.free(t)
			w.ended()
		})
	}
	requireGoroutines(t, before)
}

// requireGoroutines waits until no more goroutines run than before, except the one that
// counts.
func requireGoroutines(t *testing.T, before int) {
	t.Helper()
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, patience, time.Millisecond)
}
