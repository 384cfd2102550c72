package times_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// requirePresentable holds for each sentence made of model text: short, one line, plain characters.
// One with calls for several readings of a phrase is the longest.
func requirePresentable(t *testing.T, err error) {
	t.Helper()
	most := 400
	if strings.HasPrefix(err.Error(), "when ") {
		most = 1000
	}
	require.Less(t, len(err.Error()), most, err.Error())
	require.True(t, utf8.ValidString(err.Error()))
	for _, r := range err.Error() {
		require.True(t, unicode.IsPrint(r), "%q in %q", r, err.Error())
	}
}

func FuzzZone(f *testing.F) {
	for _, c := range refusals {
		f.Add(c.sent)
	}
	f.Add("europe/london")
	f.Add("a\x00\x1b\u202e\u2028\xff")
	f.Fuzz(func(t *testing.T, name string) {
		loc, err := times.Zone(name)
		if err == nil {
			_, known := times.ZoneIndex(loc.String())
			require.True(t, known)
			return
		}
		requirePresentable(t, err)
		var refused *times.ZoneError
		require.True(t, errors.As(err, &refused))
		for _, candidate := range refused.Candidates {
			_, err := times.Zone(candidate)
			require.NoError(t, err)
		}
	})
}

func FuzzWindow(f *testing.F) {
	for _, sent := range []string{
		"", "2026-05-15", "2026-10-25T01:30", "2026-03-29 01:30:00", "2026-05-15T09:00:00.999999999+01:00", "tomorrow",
		"next week", "in 999 days", "friday", "0000-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-24:00", "日本語日本語日本語日本語日本語日本語", "\x00\u202e",
	} {
		f.Add(sent, "2026-06-01", uint32(0), uint16(0))
		f.Add("2026-06-01", sent, uint32(0), uint16(300))
		f.Add(sent, sent, uint32(1778749520), uint16(65))
	}
	const zeros = ".0000000000000000000000000000000000"
	f.Add("2000-01-01T00:00:00"+zeros, "0000-01-01T00:00:00"+zeros, uint32(0), uint16(70)) // three problems, as long as can be
	f.Fuzz(func(t *testing.T, from, to string, now uint32, zoneIndex uint16) {
		name, _ := times.ZoneAt(int(zoneIndex) % len(times.Zones()))
		in := times.WindowInput{From: from, To: to, Loc: zone(t, name), Now: time.Unix(int64(now), 0)}
		w, err := times.ParseWindow(in)
		if err != nil {
			requirePresentable(t, err)
			return
		}
		requireSound(t, in, w)
	})
}
