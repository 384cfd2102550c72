package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func TestARepetitionIsReadInItsOneForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]times.Repeat{
		"weekly x6": {Every: "weekly", Count: 6}, " Biweekly  X2 ": {Every: "biweekly", Count: 2},
		"monthly until 2026-12-31": {Every: "monthly", Until: "2026-12-31"},
	} {
		got, err := times.ParseRepeat(text, time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC))
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "weekly", "daily x3", "weekly x1", "weekly x27", "weekly x0", "weekly x999999", "weekly until 2026-02-30", "weekly until friday", "weekly x6 until 2026-12-31"} {
		_, err := times.ParseRepeat(text, time.Date(2026, 5, 14, 9, 0, 0, 0, time.UTC))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), "weekly x6", "an example: %s", text)
	}
}

// The local time remains the same across clock changes.
func TestReq_S3_ARepetitionKeepsTheTimeOfDayInEveryZone(t *testing.T) {
	t.Parallel()
	zones := times.Zones()
	rapid.Check(t, func(t *rapid.T) {
		loc, err := times.Zone(rapid.SampledFrom(zones).Draw(t, "zone"))
		require.NoError(t, err)
		first := time.Unix(rapid.Int64Range(1_767_225_600, 1_893_456_000).Draw(t, "at")/900*900, 0)
		every := rapid.SampledFrom([]string{"weekly", "biweekly", "monthly"}).Draw(t, "every")
		count := rapid.IntRange(2, times.MaxOccurrences).Draw(t, "count")
		all, err := times.Repeat{Every: every, Count: count}.Starts(first, loc)
		if every == "monthly" && first.In(loc).Day() > 28 {
			require.Error(t, err)
			return
		}
		if err != nil {
			require.ErrorContains(t, err, "exactly once")
			return
		}
		require.Len(t, all, count)
		assert.True(t, all[0].Equal(first))
		for i, at := range all {
			assert.Equal(t, first.In(loc).Format("15:04"), at.In(loc).Format("15:04"), "the wall clock stays")
			if i > 0 {
				assert.True(t, at.After(all[i-1]))
			}
			if every != "monthly" {
				assert.Equal(t, first.In(loc).Weekday(), at.In(loc).Weekday())
			}
		}
		until, err := times.Repeat{Every: every, Until: all[count-1].In(loc).Format(time.DateOnly)}.Starts(first, loc)
		require.NoError(t, err)
		assert.Equal(t, all, until, "as many times, or until that day")
	})
}

// req: S6
func TestReq_S6_ARepetitionAtATimeThatTheClocksSkipOrShowTwiceIsRefused(t *testing.T) {
	t.Parallel()
	london, err := times.Zone("Europe/London")
	require.NoError(t, err)
	for _, first := range []time.Time{time.Date(2027, 3, 21, 1, 30, 0, 0, time.UTC), time.Date(2026, 10, 18, 0, 30, 0, 0, time.UTC)} {
		_, err := times.Repeat{Every: "weekly", Count: 3}.Starts(first, london)
		assert.ErrorContains(t, err, "do not show 01:30 exactly once")
	}
}

func TestARepetitionOfOneOrOfTooManyIsRefused(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 5, 14, 14, 0, 0, 0, time.UTC)
	for _, r := range []times.Repeat{{Every: "weekly", Until: "2026-05-20"}, {Every: "weekly", Until: "2030-01-01"}} {
		_, err := r.Starts(first, time.UTC)
		assert.ErrorContains(t, err, "from 2 to 26")
	}
	assert.Equal(t, "weekly, 6 times", times.Repeat{Every: "weekly", Count: 6}.Text())
	assert.Equal(t, "monthly, until 2026-12-31", times.Repeat{Every: "monthly", Until: "2026-12-31"}.Text())
}

// field: repetitions in words
func TestRepetitionsAreReadInWords(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]string{
		"weekly":                      {"every week", "Weekly", "each week", "once a week"},
		"biweekly":                    {"every two weeks", "fortnightly", "bi-weekly", "every other week", "FREQ=WEEKLY;INTERVAL=2"},
		"monthly":                     {"every month", "Monthly."},
		"weekly x6":                   {"weekly x 6", "every week, 6 times", "6x weekly", "weekly for 6 weeks", "repeat weekly 6 times", "RRULE:FREQ=WEEKLY;COUNT=6", "weekly×6", "six times weekly", "weekly for six weeks", "weekly: 6 occurrences", "weekly, count 6", "FREQ=WEEKLY;COUNT=6"},
		"biweekly x4":                 {"every 2 weeks for 8 weeks", "4 times every two weeks", "fortnightly (4 meetings)"},
		"monthly until 2026-12-31":    {"monthly until December 31, 2026", "each month till the 31st December 2026", "every month until 31 Dec 2026", "RRULE:FREQ=MONTHLY;UNTIL=20261231T235959Z"},
		"every Tuesday":               {"every Tuesday"},
		"FREQ=WEEKLY;BYDAY=TU":        {"FREQ=WEEKLY;BYDAY=TU"},
		"every 2 weeks for 7 weeks":   {"every 2 weeks for 7 weeks"},
		"weekly until the cows":       {"weekly until the cows"},
		"weekly x6 until 2026-12-31 ": {"weekly x6 until 2026-12-31 "},
	} {
		for _, text := range all {
			assert.Equal(t, want, times.CanonicalRepeat(text), text)
		}
	}
	for text, want := range map[string]times.Repeat{
		"every Tuesday x6": {Every: "weekly", Count: 6}, "Tuesdays": {}, "every other Tuesday, 4 times": {Every: "biweekly", Count: 4}, "weekly on Tuesdays until 2027-01-05": {Every: "weekly", Until: "2027-01-05"},
		"RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4": {Every: "weekly", Count: 4}, "every Monday x6": {}, "FREQ=WEEKLY;BYDAY=MO;COUNT=4": {}, "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=4": {}, "FREQ=MONTHLY;BYDAY=TU;COUNT=4": {},
		"every Tuesday and Thursday x3": {}, "every Tuesday": {}, "every three weeks x2": {},
	} {
		got, err := times.ParseRepeat(text, time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)) // a Tuesday
		assert.Equal(t, want, got, text)
		assert.Equal(t, want == times.Repeat{}, err != nil, text)
	}
	_, err := times.ParseRepeat("every Monday x6", time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC))
	require.ErrorContains(t, err, "repeat names another weekday than that of the slot, which is a Tuesday")
	_, err = times.ParseRepeat("every week", time.Date(2027, 1, 8, 9, 0, 0, 0, time.UTC))
	require.EqualError(t, err, "repeat weekly has no end: ask the person how often, or until when; want for example weekly x6, biweekly x4 or monthly until 2027-12-31")
	for day, says := range map[int]string{29: "29th", 30: "30th", 31: "31st"} {
		_, err := times.Repeat{Every: "monthly", Count: 3}.Starts(time.Date(2026, 5, day, 9, 0, 0, 0, time.UTC), time.UTC)
		require.ErrorContains(t, err, "cannot begin on the "+says)
	}
}
