package times_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// phraseClock is a set "now" of the corpus.
type phraseClock struct {
	now       time.Time
	loc       *time.Location
	weekStart time.Weekday
}

// phraseCase is one line of the corpus, testdata/phrases.txt.
type phraseCase struct {
	class, clock, phrase string
	outcome              string // "" (understood), either, call, apart or refused
	readings             []string
	phraseClock
}

func (c phraseCase) String() string { return fmt.Sprintf("%s: %q at %s", c.class, c.phrase, c.clock) }

var (
	clockLine = regexp.MustCompile(`^clock (\S+) *= (\S+) (\S+) (\S+)$`)
	outcome   = regexp.MustCompile(`^(either|call|apart|refused)? ?(.*)$`)
)

// corpus reads testdata/phrases.txt.
func corpus(t testing.TB) (all []phraseCase) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "phrases.txt"))
	require.NoError(t, err)
	clocks, class := map[string]phraseClock{}, ""
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if m := clockLine.FindStringSubmatch(line); m != nil {
			loc := zone(t, m[3])
			now, err := time.ParseInLocation("2006-01-02T15:04", m[2], loc)
			require.NoError(t, err, line)
			day, ok := times.Weekday(m[4])
			require.True(t, ok, line)
			clocks[m[1]] = phraseClock{now, loc, day}
			continue
		}
		if name, ok := strings.CutPrefix(line, "class "); ok {
			class = name
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		part := strings.Split(line, " | ")
		require.Len(t, part, 3, line)
		require.Contains(t, clocks, part[0], line)
		m := outcome.FindStringSubmatch(part[2])
		c := phraseCase{class: class, clock: part[0], phrase: part[1], outcome: m[1], phraseClock: clocks[part[0]]}
		if m[1] != "refused" {
			c.readings = strings.Split(strings.ReplaceAll(m[2], " or ", "; "), "; ")
		}
		for _, r := range c.readings {
			expected(t, c.phraseClock, r) // it can be read
		}
		all = append(all, c)
	}
	return all
}

// input is the phrase as find_slots reads it.
func (c phraseCase) input() times.WindowInput {
	return times.WindowInput{When: c.phrase, WeekStart: c.weekStart, Loc: c.loc, Now: c.now, DefaultDays: 7, MaxDays: 60, MaxAhead: 600 * 24 * time.Hour}
}

// expectedWindow is a reading worked out with arithmetic of its own, which the grammar does not use.
type expectedWindow struct{ from, to, hours, days, zone string }

var readingForm = regexp.MustCompile(`^(\S+?)(?:\.\.(\S+))?(?: (\d\d:\d\d)?-(\d\d:\d\d)?)?(?: ((?:[a-z]{3},)*[a-z]{3}))?(?: @(\S+))?$`)

func expected(t testing.TB, c phraseClock, reading string) expectedWindow {
	t.Helper()
	m := readingForm.FindStringSubmatch(reading)
	require.NotNil(t, m, reading)
	w := expectedWindow{hours: m[3] + "-" + m[4], days: m[5], zone: c.loc.String()}
	if m[6] != "" {
		w.zone, c.loc = m[6], zone(t, m[6])
	}
	last := m[2]
	if last == "" {
		last = m[1]
	}
	w.from, w.to = times.UTC(boundary(t, c, m[1], 0)), times.UTC(boundary(t, c, last, 1))
	return w
}

// boundary is an end of a span: a date is its first instant, or that of the date daysOn later.
func boundary(t testing.TB, c phraseClock, text string, daysOn int) time.Time {
	t.Helper()
	switch {
	case text == "now":
		return c.now
	case text == "+7d":
		year, month, day := c.now.Date()
		return time.Date(year, month, day+7, c.now.Hour(), c.now.Minute(), 0, 0, c.loc)
	case strings.HasSuffix(text, "Z"):
		at, err := time.Parse("2006-01-02T15:04Z", text)
		require.NoError(t, err)
		return at
	case strings.Contains(text, "T"):
		at, err := time.ParseInLocation("2006-01-02T15:04", text, c.loc)
		require.NoError(t, err)
		return at
	}
	date, err := time.Parse(time.DateOnly, text)
	require.NoError(t, err, text)
	return firstInstant(date.AddDate(0, 0, daysOn), c.loc)
}

// firstInstant walks minute by minute to the first one that the clocks of loc show on that date.
func firstInstant(date time.Time, loc *time.Location) time.Time {
	year, month, day := date.Date()
	want := year*10_000 + int(month)*100 + day
	for at := date.Add(-15 * time.Hour); ; at = at.Add(time.Minute) {
		if year, month, day := at.In(loc).Date(); year*10_000+int(month)*100+day >= want {
			return at
		}
	}
}

// TestTheCorpusOfPhrasesCanBeRead checks the form of the corpus and its size: at least 20 phrases
// in each class.
func TestTheCorpusOfPhrasesCanBeRead(t *testing.T) {
	t.Parallel()
	size, seen := map[string]int{}, map[string]bool{}
	for _, c := range corpus(t) {
		require.False(t, seen[c.clock+c.phrase], "twice: %s", c)
		seen[c.clock+c.phrase] = true
		size[c.class]++
	}
	for _, class := range slices.Sorted(maps.Keys(size)) {
		t.Log(class + ": " + strconv.Itoa(size[class]))
		require.GreaterOrEqual(t, size[class], 20, class)
	}
	require.Len(t, size, 11)
	require.GreaterOrEqual(t, len(seen), 300)
}
