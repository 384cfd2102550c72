package times_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// refusal is a window that is refused with exactly these problems.
type refusal struct {
	from, to string
	problems []string
}

func requireRefused(t *testing.T, zoneName string, now time.Time, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		w, err := times.ParseWindow(times.WindowInput{From: c.from, To: c.to, WeekStart: time.Monday, Loc: zone(t, zoneName), Now: now})
		var refused *times.WindowError
		require.True(t, errors.As(err, &refused), "%s to %s: %v", c.from, c.to, err)
		assert.Equal(t, c.problems, refused.Problems)
		assert.Zero(t, w)
	}
}

const isNow = "it is now Thu 14 May 2026, 10:05 in Europe/London: send 2026-05-14 or later"

func TestReq_S5_WindowInThePastNamesToday(t *testing.T) {
	t.Parallel()
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"2026-05-01", "2026-05-08", []string{`to "2026-05-08" is past: ` + isNow}},
		{"", "2026-05-13", []string{`to "2026-05-13" is past: ` + isNow}},
		{"", "2026-05-14T10:00", []string{`to "2026-05-14T10:00" is past: ` + isNow}},
		{"", "2026-05-14T10:05:40+01:00", []string{`to "2026-05-14T10:05:40+01:00" is past: ` + isNow}},
		{"2026-05-01", "", []string{`from "2026-05-01" with the 7 days after it is past: ` + isNow}},
	})
}

func TestReq_S4_WindowThatIsNoneSaysWhy(t *testing.T) {
	t.Parallel()
	const ahead = " is over 728 days ahead: send 2028-05-11 or earlier"
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"2026-05-16", "2026-05-15", []string{"from (Sat 16 May 2026, 00:00 UTC+1) is not before " +
			"to (the end of Fri 15 May 2026): send from before to"}},
		{"2026-05-16T09:00", "2026-05-16T07:30:00Z", []string{"from (Sat 16 May 2026, 09:00 UTC+1) is not before " +
			"to (Sat 16 May 2026, 08:30 UTC+1): send from before to"}},
		{"2026-06-01", "2026-08-31", []string{"from (Mon 1 Jun 2026, 00:00 UTC+1) to (the end of Mon 31 Aug 2026) is 92 days " +
			"and one search takes 60 days: send to 2026-07-30 first, then from 2026-07-31"}},
		{"2026-05-01", "2026-07-13T10:07", []string{"from (Thu 14 May 2026, 10:06 UTC+1) to (Mon 13 Jul 2026, 10:07 UTC+1) is 61 days " +
			"and one search takes 60 days: send to 2026-07-12 first, then from 2026-07-13"}},
		{"2029-01-01", "", []string{`from "2029-01-01"` + ahead}},
	})
}

func TestReq_S5_EveryMisfitIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"tomorrow", "2026-05-13", []string{
			`from "tomorrow" is not a date: send from 2026-05-15`,
			`to "2026-05-13" is past: ` + isNow,
		}},
		{"2029-01-01", "friday", []string{
			`to "friday" is not a date: send to 2026-05-15`,
			`from "2029-01-01" is over 728 days ahead: send 2028-05-11 or earlier`,
		}},
		{"2026-05-16", "2026-05-12", []string{
			`to "2026-05-12" is past: ` + isNow,
			"from (Sat 16 May 2026, 00:00 UTC+1) is not before to (the end of Tue 12 May 2026): send from before to",
		}},
	})
	_, err := times.ParseWindow(times.WindowInput{From: "today", To: "tomorrow", Now: thursday})
	assert.EqualError(t, err, `from "today" is not a date: send from 2026-05-14; to "tomorrow" is not a date: send to 2026-05-15`)
}

// req: S7
func TestReq_S5_WordsAreRefusedWithWhenAndTheDateToSend(t *testing.T) {
	t.Parallel()
	for sent, c := range map[string]struct{ when, dates string }{
		"today": {"today", "2026-05-14"}, "Tomorrow": {"tomorrow", "2026-05-15"}, "the day after  tomorrow": {"in 2 days", "2026-05-16"},
		"in 1 day": {"in 1 day", "2026-05-15"}, "in 030 days": {"in 30 days", "2026-06-13"}, "14/05/2026": {"14 may 2026", "2026-05-14"},
		"2026-5-14": {"14 may 2026", "2026-05-14"}, "May 14": {"may 14", "2026-05-14"}, "friday week": {"friday week", "2026-05-22"},
		"friday at 5pm": {"friday at 17:00", "2026-05-15T17:00"},
		"Friday":        {"friday", "2026-05-15"}, "thursday": {"thursday", "2026-05-14"}, "next wed": {"next wednesday", "2026-05-20"},
		"this sunday": {"sunday", "2026-05-17"},
	} {
		const not = " is not a date: send when %q instead of from and to, or "
		requireRefused(t, "Europe/London", thursday, []refusal{
			{sent, "", []string{fmt.Sprintf("from %q"+not+"from "+c.dates, sent, c.when)}},
			{"", sent, []string{fmt.Sprintf("to %q"+not+"to "+c.dates, sent, c.when)}},
		})
	}
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"next friday", "", []string{`from "next friday" is not a date: send 2026-05-15 or 2026-05-22, whichever is meant`}},
	})
}

func TestReq_S5_WordsAreReadOnTheCalendarOfTheZone(t *testing.T) {
	t.Parallel()
	const not = ` is not a date: send when %q instead of from and to, or from %s`
	weekend := time.Date(2026, time.May, 17, 15, 0, 0, 0, time.UTC)
	for zoneName, meant := range map[string][3]string{
		"Asia/Tokyo":    {"2026-05-18", "2026-05-18 and to 2026-05-24", "2026-05-25 and to 2026-05-31"}, // Monday there
		"Europe/London": {"2026-05-17", "2026-05-17", "2026-05-18 and to 2026-05-24"},                   // Sunday there
	} {
		for i, words := range []string{"today", "this week", "next week"} {
			requireRefused(t, zoneName, weekend, []refusal{{words, "", []string{"from " + fmt.Sprintf("%q"+not, words, words, meant[i])}}})
		}
	}
}

func TestReq_S5_JunkIsRefusedWithExamples(t *testing.T) {
	t.Parallel()
	const examples = " is not a date or time: send a date such as 2026-05-14, or a time with its offset such as 2026-05-15T09:00:00+01:00"
	for _, sent := range []string{
		"now", "2026-02-30", "2026-05-14T25:00", "soon", "in 1000 days", "2026-05-14T09:00 BST", "1778749200",
	} {
		requireRefused(t, "Europe/London", thursday, []refusal{
			{sent, "", []string{`from "` + sent + `"` + examples}},
			{"", sent, []string{`to "` + sent + `"` + examples}},
		})
	}
	requireRefused(t, "Europe/London", thursday, []refusal{
		{"a\x00\n\u202e\"b", "", []string{`from "a'b"` + examples}},
	})
}
