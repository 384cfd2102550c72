package times_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

const (
	abbreviation = " is an abbreviation, not an IANA zone: use "
	offset       = " is an offset, and an offset cannot know summer time: "
	windows      = " is a Windows name, not an IANA zone: use "
	place        = " is not an IANA zone: use "
	utcOrLondon  = "use UTC, which has no summer time, or Europe/London, which has"
	anyCity      = "name an area and city, such as Europe/London or America/New_York"
	usa          = "America/New_York, America/Chicago, America/Denver or America/Los_Angeles, whichever is meant"
)

// The sentences are read by models: each is part of the interface.
var refusals = []struct{ sent, sentence, suggestion string }{
	{"EST", abbreviation + "America/New_York", "America/New_York"},
	{"pst", abbreviation + "America/Los_Angeles", "America/Los_Angeles"},
	{"CET", abbreviation + "Europe/Berlin", "Europe/Berlin"},
	{"BST", abbreviation + "Europe/London", "Europe/London"},
	{"EET", abbreviation + "Europe/Athens", "Europe/Athens"},
	{"HST", abbreviation + "Pacific/Honolulu", "Pacific/Honolulu"},
	{"JST", abbreviation + "Asia/Tokyo", "Asia/Tokyo"},
	{"AEST", abbreviation + "Australia/Sydney", "Australia/Sydney"},
	{"Z", abbreviation + "UTC", "UTC"},
	{"EST5EDT", abbreviation + "America/New_York", "America/New_York"},
	{"EST/EDT", abbreviation + "America/New_York", "America/New_York"},
	{"IST", abbreviation + "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin, whichever is meant", "Asia/Kolkata"},
	{"MST", abbreviation + "America/Denver or America/Phoenix, whichever is meant", "America/Denver"},
	{"GMT", " is an abbreviation, not an IANA zone: " + utcOrLondon, "UTC"},

	{"+02:00", offset + "name a city, such as Europe/Athens, or Europe/Berlin in summer", "Europe/Athens"},
	{"+0200", offset + "name a city, such as Europe/Athens, or Europe/Berlin in summer", "Europe/Athens"},
	{"UTC+2", offset + "name a city, such as Europe/Athens, or Europe/Berlin in summer", "Europe/Athens"},
	{"GMT-5", offset + "name a city, such as America/New_York, or America/Chicago in summer", "America/New_York"},
	{"Etc/GMT+5", offset + "name a city, such as America/New_York, or America/Chicago in summer", "America/New_York"},
	{"Etc/GMT-9", offset + "name a city, such as Asia/Tokyo", "Asia/Tokyo"},
	{"utc +5:30", offset + "name a city, such as Asia/Kolkata", "Asia/Kolkata"},
	{"-02:30", offset + "name a city, such as America/St_Johns in summer", "America/St_Johns"},
	{"+03:17", offset + "name a city, such as Europe/Berlin", ""},
	{"UTC+0", offset + utcOrLondon, "UTC"},
	{"Etc/GMT0", offset + utcOrLondon, "UTC"},

	{"Pacific Standard Time", windows + "America/Los_Angeles", "America/Los_Angeles"},
	{"W. Europe Standard Time", windows + "Europe/Berlin", "Europe/Berlin"},
	{"Central Standard Time (Mexico)", windows + "America/Mexico_City", "America/Mexico_City"},

	{"London", place + "Europe/London", "Europe/London"},
	{"New York", place + "America/New_York", "America/New_York"},
	{"Louisville", place + "America/Kentucky/Louisville", "America/Kentucky/Louisville"},
	{"Istanbul", place + "Europe/Istanbul", "Europe/Istanbul"},
	{"Buenos Aires", place + "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"},
	{"Germany", place + "Europe/Berlin", "Europe/Berlin"},
	{"USA", place + usa, "America/New_York"},
	{"Asia/Beijing", place + "Asia/Shanghai", "Asia/Shanghai"},
	{"Boston, MA", place + "America/New_York", "America/New_York"},
	{"Eastern Time", place + "America/New_York", "America/New_York"},

	{"Europe/Lodnon", place + "Europe/London if that is meant", "Europe/London"},
	{"Europe/Sidney", place + "Australia/Sydney if that is meant", "Australia/Sydney"},
	{"America/New-York", place + "America/New_York if that is meant", "America/New_York"},
	{"São Paulo", place + "America/Sao_Paulo if that is meant", "America/Sao_Paulo"},
	{"Germny", place + "Europe/Berlin if that is meant", "Europe/Berlin"},

	{"Prais", place + "Europe/Paris if that is meant", "Europe/Paris"},
	{"Europe/Kyev", place + "Europe/Kyiv if that is meant", "Europe/Kyiv"}, // as near to the old Europe/Kiev

	{"Berxxn", " is not an IANA zone: " + anyCity, ""}, // too many slips for so short a name
	{"Rone", " is not an IANA zone: " + anyCity, ""},
	{"General", " is not an IANA zone: " + anyCity, ""}, // Mexico/General has no city in it
	{"Mars/Olympus", " is not an IANA zone: " + anyCity, ""},
	{"Factory", " is not an IANA zone: " + anyCity, ""},
	{"../../etc/passwd", " is not an IANA zone: " + anyCity, ""},
	{"Local", " means the server's own clock: " + anyCity, ""},
	{"", " is missing: " + anyCity, ""},
}

func TestBar_S1_RefusalsSayWhatToSend(t *testing.T) {
	t.Parallel()
	for _, c := range refusals {
		loc, err := times.Zone(c.sent)
		assert.Nil(t, loc, c.sent)
		assert.EqualError(t, err, `timezone "`+c.sent+`"`+c.sentence)
		var refused *times.ZoneError
		require.True(t, errors.As(err, &refused))
		assert.Equal(t, c.suggestion, refused.Suggestion, c.sent)
		assert.Equal(t, c.sent, refused.Name)
	}
}

func TestBar_S1_ModelTextIsQuotedCleanedAndCut(t *testing.T) {
	t.Parallel()
	const sentence = " is not an IANA zone: " + anyCity
	for sent, shown := range map[string]string{
		strings.Repeat("x", 40):               `"` + strings.Repeat("x", 40) + `"`,
		strings.Repeat("x", 9000):             `"` + strings.Repeat("x", 40) + `…"`,
		strings.Repeat("x", 41):               `"` + strings.Repeat("x", 40) + `…"`,
		strings.Repeat("日", 41):               `"` + strings.Repeat("日", 21) + `…"`,
		"x\x00\x1b[31m\ny\u202ez\u200b\ufeff": `"x[31myz"`,
		`x": use Mars/Olympus`:                `"x': use Mars/Olympus"`,
		"x\xff\xfe":                           `"x"`,
	} {
		_, err := times.Zone(sent)
		assert.EqualError(t, err, "timezone "+shown+sentence)
	}
}

// Each line of the tables must be refused, as the tables say, in favour of zones that exist.
func TestBar_S1_EveryAliasLeadsToItsZones(t *testing.T) {
	t.Parallel()
	for file, words := range map[string]string{
		"abbreviations.txt": "an abbreviation", "windows.txt": "a Windows name", "places.txt": "is not an IANA zone",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			alias, list, ok := strings.Cut(line, " = ")
			require.True(t, ok, line)
			_, err := times.Zone(alias)
			require.ErrorContains(t, err, words, line)
			for name := range strings.FieldsSeq(list) {
				assert.ErrorContains(t, err, name)
				assert.Contains(t, times.Zones(), name, line)
			}
		}
	}
}
