package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// drawEnd is one end of a window in any form, from a month before now to three years after.
func drawEnd(t *rapid.T, label string, now time.Time, loc *time.Location) string {
	layout := rapid.SampledFrom([]string{
		"", time.DateOnly, time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04:05",
	}).Draw(t, label+" form")
	near := rapid.Int64Range(-30*24*3600, 70*24*3600)
	far := rapid.Int64Range(-30*24*3600, 1100*24*3600)
	ahead := rapid.OneOf(near, far).Draw(t, label+" seconds ahead")
	return now.Add(time.Duration(ahead) * time.Second).In(loc).Format(layout)
}

func drawWindow(t *rapid.T) times.WindowInput {
	now, loc := drawInstant(t), drawZone(t)
	return times.WindowInput{From: drawEnd(t, "from", now, loc), To: drawEnd(t, "to", now, loc), Loc: loc, Now: now}
}

func requireSound(t require.TestingT, in times.WindowInput, w times.Window) {
	require.True(t, w.From.Before(w.To), "runs forward")
	require.False(t, w.From.Before(in.Now), "begins in the past")
	require.False(t, w.From.After(in.Now.Add(728*24*time.Hour)), "begins too far ahead")
	require.LessOrEqual(t, w.To.Sub(w.From), 60*24*time.Hour+24*time.Hour, "60 days, whatever the clocks do in between")
	require.Equal(t, in.Loc, w.Loc)
	require.Equal(t, in.Loc, w.From.Location())
	require.Equal(t, in.Loc, w.To.Location())
}

func TestReq_S5_WindowsKeepTheirBounds(t *testing.T) {
	t.Parallel()
	good := 0
	rapid.Check(t, func(t *rapid.T) {
		in := drawWindow(t)
		w, err := times.ParseWindow(in)
		if err != nil {
			require.Zero(t, w)
			return
		}
		good++
		requireSound(t, in, w)
	})
	require.Positive(t, good, "no window was drawn that is one")
}

// Sending the bounds of a window gives the same window within the same minute.
func TestReq_S4_EchoedWindowIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawWindow(t)
		w, err := times.ParseWindow(in)
		if err != nil {
			return
		}
		for _, layout := range []func(time.Time) string{times.UTC, func(at time.Time) string { return at.Format(time.RFC3339) }} {
			echo := times.WindowInput{From: layout(w.From), To: layout(w.To), Loc: in.Loc, Now: in.Now}
			again, err := times.ParseWindow(echo)
			require.NoError(t, err)
			require.Equal(t, times.Label(w.From, w.To, w.Loc), times.Label(again.From, again.To, again.Loc))
			require.False(t, again.Cut)
		}
	})
}

// Cut is true exactly if the start of the search differs from the start that was sent.
func TestReq_S5_CutIsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now, loc := drawInstant(t), drawZone(t)
		sent := now.Add(time.Duration(rapid.Int64Range(-100_000, 100_000).Draw(t, "seconds ahead")) * time.Second)
		w, err := times.ParseWindow(times.WindowInput{From: times.UTC(sent), To: times.UTC(sent.AddDate(0, 0, 5)), Loc: loc, Now: now})
		require.NoError(t, err)
		require.Equal(t, !w.From.Equal(sent), w.Cut)
		require.Equal(t, w.Cut, sent.Before(now.Add(59*time.Second).Truncate(time.Minute)))
	})
}
