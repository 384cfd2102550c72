package times_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// BenchmarkLabel formats a slot, BenchmarkGuestLabel the same slot for a guest.
func BenchmarkLabel(b *testing.B) {
	start, end := span(b, "2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z")
	london := zone(b, "Europe/London")
	b.ReportAllocs()
	for b.Loop() {
		require.NotEmpty(b, times.Label(start, end, london))
	}
}

func BenchmarkGuestLabel(b *testing.B) {
	start, end := span(b, "2026-05-14T14:00:00Z", "2026-05-14T14:30:00Z")
	london, kolkata := zone(b, "Europe/London"), zone(b, "Asia/Kolkata")
	b.ReportAllocs()
	for b.Loop() {
		require.NotEmpty(b, times.GuestLabel(start, end, london, kolkata))
	}
}

func BenchmarkZone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := times.Zone("america/new york")
		require.NoError(b, err)
	}
}

// BenchmarkZoneRefused is a name that must be guessed at, the dearest refusal.
func BenchmarkZoneRefused(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, err := times.Zone("Europe/Londno")
		require.Error(b, err)
	}
}

func BenchmarkParseWindow(b *testing.B) {
	in := times.WindowInput{
		From: "2026-05-15T09:00", To: "2026-05-20", Loc: zone(b, "Europe/London"),
		Now: time.Date(2026, 5, 14, 9, 5, 20, 0, time.UTC),
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := times.ParseWindow(in)
		require.NoError(b, err)
	}
}

// BenchmarkWhen reads a phrase with one reading, BenchmarkWhenWorst one that is as long and ambiguous as can be.
func BenchmarkWhen(b *testing.B) { benchmarkWhen(b, "tue or wed afternoon next week") }

func BenchmarkWhenWorst(b *testing.B) {
	benchmarkWhen(b, strings.Repeat("tursday at 7 half 8 12/5 ", 8))
}

func benchmarkWhen(b *testing.B, phrase string) {
	in := times.WindowInput{When: phrase, Loc: zone(b, "Europe/London"), Now: time.Date(2026, 5, 14, 9, 5, 20, 0, time.UTC)}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = times.ParseWindow(in)
	}
}
