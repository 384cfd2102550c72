package tools_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// notification is one notifications/progress message.
type notification struct {
	token   any
	step    any
	message any
}

// listener receives the notifications of a world's client, and sends the ticks of its clock.
type listener struct {
	*world
	notes chan notification
	beat  chan time.Time
	ended chan struct{} // a value for each beat that ended
	later atomic.Int64  // how far the clock was moved
	each  time.Duration // between beats
}

func listening(t *testing.T) *listener {
	t.Helper()
	l := &listener{world: newWorld(t), notes: make(chan notification, 100), beat: make(chan time.Time), ended: make(chan struct{}, 100), each: 15 * time.Second}
	l.deps.Now = func() time.Time { return wednesday.Add(time.Duration(l.later.Load())) }
	l.deps.Every = func(each time.Duration) (<-chan time.Time, func()) {
		assert.Equal(t, l.each, each)
		return l.beat, func() { l.ended <- struct{}{} }
	}
	return l
}

// connect connects a client that collects notifications.
func (l *listener) connect(protocol string, p *person, can *mcp.ElicitationCapability) {
	l.t.Helper()
	l.meet(protocol, p, can)
	l.agent.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == "notifications/progress" {
			f := n.Params.AdditionalFields
			l.notes <- notification{f["progressToken"], f["progress"], f["message"]}
		}
	})
}

// wait lets a beat pass: when it returns, the note of it is on its way.
func (l *listener) wait(by time.Duration) {
	l.later.Add(int64(by))
	l.beat <- time.Time{}
}

func (l *listener) next() notification {
	l.t.Helper()
	select {
	case n := <-l.notes:
		return n
	case <-time.After(time.Minute):
		require.FailNow(l.t, "nothing was told")
		return notification{}
	}
}

// call books with a token, or without one where it is nil, and reports success.
func (l *listener) call(tool string, arguments args, token mcp.ProgressToken) bool {
	l.t.Helper()
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	if token != nil {
		req.Params.Meta = &mcp.Meta{ProgressToken: token}
	}
	got, err := l.agent.CallTool(l.t.Context(), req)
	require.NoError(l.t, err)
	return !got.IsError
}

func TestACallThatWaitsForAPersonTellsSoUntilTheyAnswer(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"2025-06-18", "2025-11-25"} {
		for name, token := range map[string]mcp.ProgressToken{"a word": "tok-1", "a number": 7} {
			l := listening(t)
			var notes []notification
			l.connect(protocol, &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) {
				notes = append(notes, l.next())
				for range 2 {
					l.wait(15 * time.Second)
					notes = append(notes, l.next())
				}
				return accept, nil
			}}, nil)
			require.True(t, l.call("book_slot", agreed(l.slot().SlotID), token), name)
			require.Len(t, notes, 3)
			for i, left := range []string{"2 minutes", "105 seconds", "90 seconds"} {
				assert.EqualValues(t, token, notes[i].token, name)
				assert.EqualValues(t, i+1, notes[i].step)
				assert.Equal(t, "Waiting for a person to approve this booking in the client; "+left+" left.", notes[i].message)
			}
			assert.Len(t, l.ended, 1, "the beat ends with the wait")
			assert.Empty(t, l.notes, "nothing is sent after the answer")
		}
	}
}

// The approval page is waited for where a client opens links: also in a call of
// 2026-07-28, which is answered at once otherwise.
func TestACallThatWaitsForThePageTellsSo(t *testing.T) {
	t.Parallel()
	for _, protocol := range linking {
		l := listening(t)
		l.deps.ApprovalURL = func(id string) (string, error) { return "http://127.0.0.1:1/approvals/" + id, nil }
		l.connect(protocol, says(accept), &mcp.ElicitationCapability{URL: &struct{}{}})
		done, booking := make(chan bool, 1), agreed(l.slot().SlotID)
		go func() { done <- l.call("book_slot", booking, "p") }()
		first := l.next()
		assert.Equal(t, "Waiting for a person to approve this booking on the approval page; 2 minutes left.", first.message)
		l.wait(30 * time.Second)
		assert.Equal(t, "Waiting for a person to approve this booking on the approval page; 90 seconds left.", l.next().message)
		open, err := l.deps.Ledger.Open(t.Context())
		require.NoError(t, err)
		require.Len(t, open, 1)
		l.approve(open[0].ID, true, consent.OnPage)
		assert.True(t, <-done)
		assert.Empty(t, l.notes)
	}
}

// withQuickRetries makes the client of Vennio retry after a millisecond.
func (l *listener) withQuickRetries(failures int) {
	l.deps.Vennio = l.client(canary, vennioclient.WithRetry(vennioclient.Retry{Base: time.Millisecond, Sleep: tools.WaitForVennio}))
	l.vennio.FailNext(failures, http.StatusServiceUnavailable)
}

func TestACallThatWaitsForVennioTellsSo(t *testing.T) {
	t.Parallel()
	for _, protocol := range append([]string{"2024-11-05", "2025-03-26"}, asking...) {
		l := listening(t)
		l.withQuickRetries(2)
		l.connect(protocol, nil, nil)
		require.True(t, l.call("find_slots", args{}, "v"))
		assert.Equal(t, notification{"v", 1, "Waiting for Vennio: it is asked again in a moment."}, l.next())
		assert.Empty(t, l.notes, "the same message is not sent twice within a second")
		assert.Len(t, l.ended, 2)
	}
}

// The client is also notified when Vennio does not answer for a while.
func TestACallThatVennioDoesNotAnswerYetTellsSo(t *testing.T) {
	t.Parallel()
	l := listening(t)
	l.each = 5 * time.Second
	var notes []notification
	slow := roundTrip(func(r *http.Request) (*http.Response, error) {
		for range 2 {
			l.wait(l.each)
			notes = append(notes, l.next())
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	l.deps.Vennio = l.client(canary, vennioclient.WithHTTPClient(&http.Client{Transport: tools.AwaitVennio(slow)}))
	l.connect("2025-11-25", nil, nil)
	require.True(t, l.call("check_calendar_access", args{}, "v"))
	assert.Equal(t, []notification{{"v", 1, "Waiting for Vennio to answer."}, {"v", 2, "Waiting for Vennio to answer."}}, notes)
	assert.Len(t, l.ended, 1)
	assert.Empty(t, l.notes)
}

// Without a token that can be returned unchanged, there are no notifications, and the call waits and ends
// as usual.
func TestWithoutATokenNothingIsTold(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]mcp.ProgressToken{"none": nil, "a list": []string{"x"}, "a fraction": 1.5, "true": true, "too large": 1e300} {
		l := listening(t)
		l.withQuickRetries(1)
		l.connect("2025-11-25", says(accept), nil)
		require.True(t, l.call("find_slots", args{}, token), name)
		require.True(t, l.call("book_slot", agreed(l.slot().SlotID), token), name)
		assert.Empty(t, l.notes, name)
		assert.Empty(t, l.ended, name)
	}
}

// A person may be waited for however slow, or deaf, the client is: telling never
// holds up the call.
func TestAClientThatDoesNotListenHoldsNothingUp(t *testing.T) {
	t.Parallel()
	l := listening(t)
	l.meet("2025-11-25", &person{does: func(context.Context) (mcp.ElicitationResponseAction, error) {
		for range 2000 { // more than any queue holds
			l.wait(time.Second)
		}
		return accept, nil
	}}, nil)
	assert.True(t, l.call("book_slot", agreed(l.slot().SlotID), "t"))
}

func TestTheWaitThatVennioAsksForIsTold(t *testing.T) {
	t.Parallel()
	l := listening(t)
	l.withQuickRetries(0)
	l.vennio.FailNextProblem(1, http.StatusTooManyRequests, "rate-limited", time.Second)
	l.connect("2025-11-25", nil, nil)
	require.True(t, l.call("find_slots", args{}, "v"))
	assert.Equal(t, notification{"v", 1, "Waiting for Vennio: it is asked again in 1 second."}, l.next())
}

// A call that was cancelled is nobody's: no notification about it follows, though what it
// sent goes on to its end.
func TestACancelledCallTellsNothingMore(t *testing.T) {
	t.Parallel()
	l := listening(t)
	ctx, giveUp := context.WithCancel(t.Context())
	l.deps.Vennio = l.client(canary, vennioclient.WithRetry(vennioclient.Retry{Base: time.Millisecond, Sleep: func(ctx context.Context, d time.Duration) error {
		giveUp()
		return tools.WaitForVennio(ctx, d)
	}}))
	l.connect("2025-11-25", nil, nil)
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments, req.Params.Meta = "book_slot", agreed(l.slot().SlotID), &mcp.Meta{ProgressToken: "given up"}
	l.vennio.FailNext(1, http.StatusServiceUnavailable)
	_, _ = l.agent.CallTool(ctx, req) // whatever it says
	<-l.ended
	l.vennio.FailNext(1, http.StatusServiceUnavailable)
	require.True(t, l.call("find_slots", args{}, "next"))
	assert.Equal(t, "next", l.next().token)
}
