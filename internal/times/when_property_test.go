package times_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

var weekdays = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

// drawWhen is a phrase of the vocabulary in any zone, at any time since 2012: no zone has skipped
// a day since, so a date is a date. (2011 and its skipped day have their own tests.)
func drawWhen(t *rapid.T) times.WindowInput {
	words := []string{"today", "tomorrow", "this week", "next week", fmt.Sprintf("in %d days", rapid.IntRange(0, 700).Draw(t, "days"))}
	for _, day := range weekdays {
		words = append(words, strings.ToLower(day.String()))
	}
	return times.WindowInput{
		When: rapid.SampledFrom(words).Draw(t, "when"), WeekStart: rapid.SampledFrom(weekdays).Draw(t, "week start"), Loc: drawZone(t),
		Now: time.Unix(rapid.Int64Range(time.Date(2012, 1, 2, 0, 0, 0, 0, time.UTC).Unix(), lastSecond).Draw(t, "now"), 0),
	}
}

// dates are those that a phrase means, worked out on paper: each date from today on is asked
// whether it is one of them. Of a today whose last minute has begun nothing is left.
func dates(in times.WindowInput) (all []string) {
	year, month, day := in.Now.In(in.Loc).Date()
	isOver := in.Now.In(in.Loc).Format("15:04:05") > "23:59:00"
	next := 0 // weeks begun after this one
	for ahead := range 701 {
		date := time.Date(year, month, day+ahead, 12, 0, 0, 0, time.UTC)
		if ahead > 0 && date.Weekday() == in.WeekStart {
			next++
		}
		if means(in.When, date, ahead, next) && (ahead > 0 || !isOver) {
			all = append(all, date.Format(time.DateOnly))
		}
	}
	return all
}

func means(phrase string, date time.Time, ahead, week int) bool {
	switch phrase {
	case "today":
		return ahead == 0
	case "tomorrow":
		return ahead == 1
	case "this week":
		return week == 0
	case "next week":
		return week == 1
	}
	return phrase == fmt.Sprintf("in %d days", ahead) || ahead < 7 && strings.EqualFold(phrase, date.Weekday().String())
}

func TestReq_S7_AnyPhraseInAnyZoneIsItsDates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawWhen(t)
		w, err := times.ParseWindow(in)
		want := dates(in)
		if len(want) == 0 {
			require.ErrorContains(t, err, "is past")
			return
		}
		require.NoError(t, err)
		requireSound(t, in, w)
		require.Equal(t, want[0], w.From.Format(time.DateOnly), "the first date")
		require.Equal(t, want[len(want)-1], w.To.Add(-time.Second).Format(time.DateOnly), "the last date")
		require.NotEqual(t, want[len(want)-1], w.To.Format(time.DateOnly), "no instant of the last date is left out")
		if before := w.From.Add(-time.Second).Format(time.DateOnly); before == want[0] {
			require.Less(t, w.From.Sub(in.Now), time.Minute, "no instant of the first date is left out but those past")
		}
	})
}

// The window that is echoed is the window: sent back as from and to it is the same.
func TestReq_S7_WhatIsEchoedIsWhatIsSearched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawWhen(t)
		w, err := times.ParseWindow(in)
		if err != nil {
			return
		}
		again, err := times.ParseWindow(times.WindowInput{From: times.UTC(w.From), To: times.UTC(w.To), Loc: in.Loc, Now: in.Now})
		require.NoError(t, err)
		require.Equal(t, w.Text(), again.Text())
		require.True(t, w.From.Equal(again.From) && w.To.Equal(again.To))
	})
}

// Whatever is sent as a phrase is a sound window, or is refused with calls each of which is accepted
// when it is sent literally.
func FuzzWhen(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add(c.phrase, "", uint32(c.now.Unix()), uint16(65), uint8(c.weekStart))
	}
	for _, words := range []string{
		"from 31 to 1 or between 99 and", "next next next friday", "the the the", "32 december", "25:61", "1/1/1/1", "week 99", "0th", "a a a week",
		"0(0", "1,234 days", "9,5", "99.99.99", "2026-13-45/46", "m/w/f/t/th", "utc+99", "20269999", "weeks 5 and 4", "except except", "by by friday", "14-", "-14", "monday or or or", "half half past 9", "in 9999 hours", "in 99999 years", "first first monday of january",
		strings.Repeat("monday or ", 60), strings.Repeat("7 ", 100), strings.Repeat("next ", 100) + "friday", strings.Repeat("tursday ", 50),
		"today", "tomorrow", "next week", "in 999 days", "next fri", "  THIS   sunday ", "soon", "in 99999999999999999999 days", "\x00\u202e", "日本語日本語日本語日本語日本語日本語",
	} {
		f.Add(words, "", uint32(1778749520), uint16(65), uint8(1))
		f.Add(words, words, uint32(1325160000), uint16(300), uint8(0))
	}
	f.Fuzz(func(t *testing.T, words, from string, now uint32, zoneIndex uint16, weekStart uint8) {
		name, _ := times.ZoneAt(int(zoneIndex) % len(times.Zones()))
		in := times.WindowInput{When: words, From: from, WeekStart: time.Weekday(weekStart % 7), Loc: zone(t, name), Now: time.Unix(int64(now), 0)}
		w, err := times.ParseWindow(in)
		if err != nil {
			requirePresentable(t, err)
			requireAccepted(t, in, err)
			return
		}
		requireSound(t, in, w)
		require.Equal(t, strings.TrimSpace(words) == "", w.When == "")
	})
}
