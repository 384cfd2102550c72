package times_test

import (
	"cmp"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// span is two instants, so written.
func span(t testing.TB, start, end string) (time.Time, time.Time) {
	t.Helper()
	from, err := time.Parse(time.RFC3339, start)
	require.NoError(t, err)
	to, err := time.Parse(time.RFC3339, end)
	require.NoError(t, err)
	return from, to
}

var labels = []struct{ start, end, zone, label string }{
	{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "Europe/London", "Thu 14 May 2026, 15:00–15:30 (Europe/London, UTC+1)"},
	{"2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z", "Europe/London", "Mon 5 Jan 2026, 09:00–10:00 (Europe/London, UTC)"},
	{"2026-05-14T22:45:00Z", "2026-05-14T23:15:00Z", "Europe/London", "Thu 14 May 2026, 23:45 – Fri 15 May 2026, 00:15 (Europe/London, UTC+1)"},
	{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "UTC", "Thu 14 May 2026, 14:00–14:30 (UTC)"},
	{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "Asia/Kolkata", "Thu 14 May 2026, 19:30–20:00 (Asia/Kolkata, UTC+5:30)"},
	{"2026-01-14T14:00:00Z", "2026-01-14T14:30:00Z", "America/St_Johns", "Wed 14 Jan 2026, 10:30–11:00 (America/St_Johns, UTC-3:30)"},
	{"2026-10-25T00:30:00Z", "2026-10-25T01:15:00Z", "Europe/London", "Sun 25 Oct 2026, 01:30 UTC+1 – 01:15 UTC (Europe/London)"},
	{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "Europe/London", "Sun 29 Mar 2026, 00:30 UTC – 02:30 UTC+1 (Europe/London)"},
	{"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "Australia/Lord_Howe", "Sun 5 Apr 2026, 01:45 UTC+11 – 01:45 UTC+10:30 (Australia/Lord_Howe)"},
	{"2011-12-30T09:30:00Z", "2011-12-30T10:30:00Z", "Pacific/Apia", "Thu 29 Dec 2011, 23:30 UTC-10 – Sat 31 Dec 2011, 00:30 UTC+14 (Pacific/Apia)"},
	{"2026-05-14T14:00:30Z", "2026-05-14T14:30:00Z", "Japan", "Thu 14 May 2026, 23:00:30–23:30 (Japan, UTC+9)"},
	{"1970-01-01T00:00:00Z", "1970-01-01T00:30:00Z", "Africa/Monrovia", "Wed 31 Dec 1969, 23:15:30–23:45:30 (Africa/Monrovia, UTC-0:44:30)"},
}

func TestReq_S2_LabelsCarryWeekdayYearZoneAndOffset(t *testing.T) {
	t.Parallel()
	for _, c := range labels {
		start, end := span(t, c.start, c.end)
		assert.Equal(t, c.label, times.Label(start, end, zone(t, c.zone)))
	}
}

// labelForm has the day, the clock and the offset of both ends of a label, the zone, and the offset of both.
var labelForm = regexp.MustCompile(`^(\w{3} \d+ \w{3} \d{4}), ([\d:]+)(?: (UTC[-+\d:]*))? ?– ?(?:(\w{3} \d+ \w{3} \d{4}), )?([\d:]+)(?: (UTC[-+\d:]*))? \(([^,)]+)(?:, (UTC[-+\d:]*))?\)$`)

// readLabel reads the instants of a label by its text alone, without the rules of its zone.
func readLabel(t require.TestingT, label string) (start, end time.Time) {
	m := labelForm.FindStringSubmatch(label)
	require.NotNil(t, m, label)
	both := cmp.Or(m[8], "UTC")
	return readInstant(t, m[1], m[2], cmp.Or(m[3], both)), readInstant(t, cmp.Or(m[4], m[1]), m[5], cmp.Or(m[6], both))
}

func readInstant(t require.TestingT, day, clock, offset string) time.Time {
	local, err := time.Parse("Mon 2 Jan 2006 15:04:05"[:len("Mon 2 Jan 2006 ")+len(clock)], day+" "+clock)
	require.NoError(t, err)
	require.Equal(t, day[:3], local.Format("Mon"))
	var sign rune
	var hours, minutes, seconds int
	_, _ = fmt.Sscanf(offset, "UTC%c%d:%d:%d", &sign, &hours, &minutes, &seconds) // absent parts stay zero
	east := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if sign == '-' {
		east = -east
	}
	return local.Add(-east)
}

func TestReq_S3_LabelsReadBackAsTheSameInstants(t *testing.T) {
	t.Parallel()
	for _, c := range labels {
		start, end := readLabel(t, c.label)
		assert.Equal(t, []string{c.start, c.end}, []string{times.UTC(start), times.UTC(end)}, c.label)
	}
}

func TestReq_S2_GuestSeesTheirOwnTimeWhereItDiffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ start, end, host, guest, label string }{
		{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "Europe/London", "America/New_York", "10:00–10:30 in New York (America/New_York, UTC-4)"},
		{"2026-05-14T15:00:00Z", "2026-05-14T15:30:00Z", "Europe/London", "Asia/Tokyo", "Fri 15 May 2026, 00:00–00:30 in Tokyo (Asia/Tokyo, UTC+9)"},
		{"2026-05-14T14:45:00Z", "2026-05-14T15:15:00Z", "Europe/London", "Asia/Tokyo", "Thu 14 May 2026, 23:45 – Fri 15 May 2026, 00:15 in Tokyo (Asia/Tokyo, UTC+9)"},
		{"2026-05-14T22:45:00Z", "2026-05-14T23:15:00Z", "Europe/London", "America/New_York", "Thu 14 May 2026, 18:45–19:15 in New York (America/New_York, UTC-4)"},
		{"2026-11-01T05:30:00Z", "2026-11-01T06:15:00Z", "Europe/London", "America/New_York", "01:30 UTC-4 – 01:15 UTC-5 in New York (America/New_York)"},
		{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "Europe/London", "UTC", "14:00–14:30 in UTC"},
		{"2026-01-14T14:00:00Z", "2026-01-14T14:30:00Z", "Europe/London", "UTC", ""},
		{"2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z", "Europe/London", "Europe/Lisbon", ""},
		{"2026-10-25T00:30:00Z", "2026-10-25T01:15:00Z", "Europe/London", "Africa/Lagos", "01:30–02:15 in Lagos (Africa/Lagos, UTC+1)"},
	} {
		start, end := span(t, c.start, c.end)
		assert.Equal(t, c.label, times.GuestLabel(start, end, zone(t, c.host), zone(t, c.guest)))
	}
	start, end := span(t, "2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z")
	assert.Empty(t, times.GuestLabel(start, end, zone(t, "Europe/London"), nil), "no guest zone")
}

func TestReq_S2_PartsOfALabel(t *testing.T) {
	t.Parallel()
	start, end := span(t, "2026-05-14T20:00:00.9Z", "2026-05-14T21:00:00Z")
	tokyo := zone(t, "Asia/Tokyo")
	assert.Equal(t, "Fri 15 May 2026", times.Day(start, tokyo))
	assert.Equal(t, "05:00", times.Clock(start, tokyo))
	assert.Equal(t, "UTC+9", times.Offset(start, tokyo))
	assert.Equal(t, "2026-05-14T20:00:00Z", times.UTC(start.In(tokyo)))
	assert.Equal(t, "Thu 14 May 2026, 20:00–21:00 (UTC)", times.Label(start, end, nil), "no zone is UTC")
	for name, city := range map[string]string{
		"America/Argentina/Buenos_Aires": "Buenos Aires", "Europe/London": "London", "Japan": "Japan", "UTC": "UTC", "": "",
	} {
		assert.Equal(t, city, times.City(name))
	}
}
