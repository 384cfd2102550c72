package times_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func TestReq_S11_TimesOfDay(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]int{"00:00": 0, "09:05": 545, "23:59": 1439} {
		minutes, ok := times.ParseClock(sent)
		assert.True(t, ok, sent)
		assert.Equal(t, want, minutes, sent)
	}
	for _, sent := range []string{"", "24:00", "24:30", "12:60", "9:00", "0900", "09:00:00", " 9:00", "noon", "-1:00", "٠٩:٠٠"} {
		_, ok := times.ParseClock(sent)
		assert.False(t, ok, sent)
	}
	at := time.Date(2026, time.October, 25, 1, 30, 59, 0, time.UTC) // an hour earlier London showed the same
	assert.Equal(t, 90, times.MinuteOfDay(at, zone(t, "Europe/London")))
	assert.Equal(t, 90, times.MinuteOfDay(at.Add(-time.Hour), zone(t, "Europe/London")))
	assert.Equal(t, 420, times.MinuteOfDay(at, zone(t, "Asia/Kolkata")))
}

func TestReq_S11_Weekdays(t *testing.T) {
	t.Parallel()
	for _, day := range weekdays {
		for _, name := range []string{day.String(), day.String()[:3]} {
			got, ok := times.Weekday(name)
			assert.True(t, ok && got == day, name)
		}
	}
	for _, name := range []string{"", "s", "su", "sund", "fryday"} {
		_, ok := times.Weekday(name)
		assert.False(t, ok, name)
	}
}
