package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func TestLocalPartsAreThoseOfTheLabel(t *testing.T) {
	t.Parallel()
	london, err := times.Zone("Europe/London")
	require.NoError(t, err)
	for start, want := range map[time.Time]times.Local{
		time.Date(2026, 5, 14, 14, 0, 0, 0, time.UTC):   {Start: "Thu 14 May 2026, 15:00", End: "15:30", Zone: "Europe/London, UTC+1"},
		time.Date(2026, 5, 14, 22, 45, 0, 0, time.UTC):  {Start: "Thu 14 May 2026, 23:45", End: "Fri 15 May 2026, 00:15", Zone: "Europe/London, UTC+1"},
		time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC):  {Start: "Sun 25 Oct 2026, 01:45 UTC+1", End: "01:15 UTC", Zone: "Europe/London"},
		time.Date(2026, 12, 1, 9, 30, 0, 0, time.UTC):   {Start: "Tue 1 Dec 2026, 09:30", End: "10:00", Zone: "Europe/London, UTC"},
		time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC): {Start: "Thu 31 Dec 2026, 23:30", End: "Fri 1 Jan 2027, 00:00", Zone: "Europe/London, UTC"},
	} {
		got := times.LocalParts(start, start.Add(30*time.Minute), london)
		assert.Equal(t, want, got)
		label := times.Label(start, start.Add(30*time.Minute), london)
		for _, part := range []string{got.Start, got.End, got.Zone} {
			assert.Contains(t, label, part)
		}
	}
}
