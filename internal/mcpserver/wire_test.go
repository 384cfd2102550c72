package mcpserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/mcpserver"
)

// wire is a client of Stdio that sends and receives raw bytes.
type wire struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan []byte // closed when the server's output ends
	stop  context.CancelFunc
	done  chan error
}

// dial starts Stdio for the rig.
func dial(t *testing.T, g *rig, o mcpserver.StdioOptions) *wire {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	w := &wire{t: t, in: inW, lines: make(chan []byte, 10_000), stop: stop, done: make(chan error, 1)}
	go func() {
		w.done <- mcpserver.Stdio(ctx, g.srv, inR, outW, o)
		_ = outW.Close()
	}()
	go w.collect(outR)
	t.Cleanup(func() { _ = inW.Close(); stop() })
	return w
}

func (w *wire) collect(out io.Reader) {
	defer close(w.lines)
	for s := bufio.NewReader(out); ; {
		line, err := s.ReadBytes('\n')
		if err != nil {
			return
		}
		w.lines <- line
	}
}

// greet starts a session with this version and these capabilities.
func (w *wire) greet(version, capabilities string) {
	w.t.Helper()
	if version == modern {
		return
	}
	w.send(initialize(version, capabilities))
	require.Contains(w.t, string(w.next().Result), version)
	w.send(initialized)
}

func (w *wire) send(line string) {
	w.t.Helper()
	_, err := io.WriteString(w.in, line+"\n")
	require.NoError(w.t, err)
}

// raw returns the next line, which must be JSON.
func (w *wire) raw() []byte {
	w.t.Helper()
	select {
	case line, ok := <-w.lines:
		require.True(w.t, ok, "the output ended")
		require.True(w.t, json.Valid(line), "not JSON: %s", line)
		return line
	case <-time.After(patience):
		require.FailNow(w.t, "no line came")
		return nil
	}
}

func (w *wire) next() message {
	w.t.Helper()
	var m message
	line := w.raw()
	require.NoError(w.t, json.Unmarshal(line, &m), "%s", line)
	require.Equal(w.t, "2.0", m.JSONRPC)
	require.NotContains(w.t, string(line), secret)
	return m
}

// answer returns the next message, which must answer id.
func (w *wire) answer(id string) message {
	w.t.Helper()
	m := w.next()
	require.Equal(w.t, id, string(m.ID), "%s%v", m.Result, m.Error)
	return m
}

// refusal returns the next message, which must be an error for id.
func (w *wire) refusal(id string, code int) string {
	w.t.Helper()
	m := w.answer(id)
	require.NotNil(w.t, m.Error, "%s", m.Result)
	assert.Equal(w.t, code, m.Error.Code)
	return m.Error.Message
}

// alive asserts that the server still answers and has sent no other message.
func (w *wire) alive() {
	w.t.Helper()
	w.send(`{"jsonrpc":"2.0","id":"alive?","method":"ping"}`)
	assert.JSONEq(w.t, `{}`, string(w.answer(`"alive?"`).Result))
}

// hangUp closes the input and waits for a clean end.
func (w *wire) hangUp() {
	w.t.Helper()
	require.NoError(w.t, w.in.Close())
	w.ended()
}

func (w *wire) ended() {
	w.t.Helper()
	select {
	case err := <-w.done:
		require.NoError(w.t, err)
	case <-time.After(patience):
		require.FailNow(w.t, "Stdio did not return")
	}
}

// rest returns the remaining messages after the server has ended.
func (w *wire) rest() (all []message) {
	w.t.Helper()
	for line := range w.lines {
		var m message
		require.NoError(w.t, json.Unmarshal(bytes.TrimSpace(line), &m))
		all = append(all, m)
	}
	return all
}

// receive waits for a signal of the rig.
func receive(t *testing.T, c <-chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(patience):
		require.FailNow(t, "no signal arrived")
		return ""
	}
}

// free lets one slow call finish.
func (g *rig) free(t *testing.T) {
	t.Helper()
	select {
	case g.release <- struct{}{}:
	case <-time.After(patience):
		require.FailNow(t, "no slow call is running")
	}
}
