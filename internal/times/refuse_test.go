package times_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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
	usa          = "America/New_York, America/Chicago, America/Los_Angeles or America/Denver, whichever is meant"
)

// The sentences are read by models: each is part of the interface.
var refusals = []struct{ sent, sentence, suggestion string }{
	{"EST", abbreviation + "America/New_York or America/Panama, whichever is meant", "America/New_York"},
	{"pst", abbreviation + "America/Los_Angeles or Asia/Manila, whichever is meant", "America/Los_Angeles"},
	{"CET", abbreviation + "Europe/Berlin", "Europe/Berlin"},
	{"BST", abbreviation + "Europe/London or Asia/Dhaka, whichever is meant", "Europe/London"},
	{"EET", abbreviation + "Europe/Athens", "Europe/Athens"},
	{"HST", abbreviation + "Pacific/Honolulu", "Pacific/Honolulu"},
	{"JST", abbreviation + "Asia/Tokyo", "Asia/Tokyo"},
	{"AEST", abbreviation + "Australia/Sydney or Australia/Brisbane, whichever is meant", "Australia/Sydney"},
	{"Z", abbreviation + "UTC", "UTC"},
	{"EST5EDT", abbreviation + "America/New_York", "America/New_York"},
	{"EST/EDT", abbreviation + "America/New_York", "America/New_York"},
	{"IST", abbreviation + "Asia/Kolkata, Asia/Jerusalem or Europe/Dublin, whichever is meant", "Asia/Kolkata"},
	{"MST", abbreviation + "America/Denver or America/Phoenix, whichever is meant", "America/Denver"},
	{"GMT", " is an abbreviation, not an IANA zone: " + utcOrLondon, "UTC"},

	{"+02:00", offset + "name a city that has it all year, such as Africa/Johannesburg", "Africa/Johannesburg"},
	{"+0200", offset + "name a city that has it all year, such as Africa/Johannesburg", "Africa/Johannesburg"},
	{"UTC+2", offset + "name a city that has it all year, such as Africa/Johannesburg", "Africa/Johannesburg"},
	{"GMT-5", offset + "name a city that has it all year, such as America/Bogota", "America/Bogota"},
	{"Etc/GMT+5", offset + "name a city that has it all year, such as America/Bogota", "America/Bogota"},
	{"Etc/GMT-9", offset + "name a city that has it all year, such as Asia/Tokyo", "Asia/Tokyo"},
	{"utc +5:30", offset + "name a city that has it all year, such as Asia/Kolkata", "Asia/Kolkata"},
	{"-02:30", offset + "no city has it all year, so name the area and city, separated by a slash", ""},
	{"+03:17", offset + "no city has it all year, so name the area and city, separated by a slash", ""},
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
	{"São Paulo", place + "America/Sao_Paulo", "America/Sao_Paulo"},
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

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func TestReq_S1_RefusalsSayWhatToSend(t *testing.T) {
	t.Parallel()
	for _, c := range refusals {
		loc, err := times.Zone(c.sent)
		assert.Nil(t, loc, c.sent)
		assert.EqualError(t, err, `timezone "`+c.sent+`"`+c.sentence)
		var refused *times.ZoneError
		require.True(t, errors.As(err, &refused))
		assert.Equal(t, c.suggestion, first(refused.Candidates), c.sent)
		assert.Equal(t, c.sent, refused.Name)
	}
}

func TestReq_S1_ModelTextIsQuotedCleanedAndCut(t *testing.T) {
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

// candidates are the zones that the error for a name suggests.
func candidates(t *testing.T, name string) []string {
	t.Helper()
	loc, err := times.ZoneNow(name, november)
	require.Nil(t, loc, name)
	var refused *times.ZoneError
	require.ErrorAs(t, err, &refused, name)
	for _, zone := range refused.Candidates {
		assert.Contains(t, err.Error(), zone)
	}
	return refused.Candidates
}

// november is a day of winter time in the north and of summer time in the south.
var november = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// req: S12
// field: place name with a qualifier
func TestReq_S12_AQualifiedNameSuggestsThatPlace(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"London, Ontario": "America/Toronto", "London ON": "America/Toronto", "London (Ontario, Canada)": "America/Toronto", "Canada/London": "America/Toronto",
		"London, England": "Europe/London", "London, UK": "Europe/London", "London, Kentucky": "America/New_York", "Londn, Ontario": "America/Toronto",
		"Paris, TX": "America/Chicago America/Denver", "Paris, Texas, USA": "America/Chicago America/Denver", "Paris TX": "America/Chicago America/Denver",
		"Paris, France": "Europe/Paris", "Birmingham, Alabama": "America/Chicago", "Birmingham, AL": "America/Chicago", "Melbourne, FL": "America/New_York",
		"Athens, GA": "America/New_York", "Rome, GA": "America/New_York Africa/Libreville", "Berlin, DE": "Europe/Berlin", "Dover, DE": "America/New_York",
		"Portland, Maine": "America/New_York", "Vancouver, WA": "America/Los_Angeles", "Perth, Scotland": "Europe/London", "Windsor, Ontario": "America/Toronto",
		"San Jose, Costa Rica": "America/Costa_Rica", "Hyderabad, Pakistan": "Asia/Karachi", "Moscow, Idaho": "America/Boise America/Los_Angeles",
		"Columbus, Indiana": "America/Indiana/Indianapolis America/Chicago", "Cayenne, France": "Europe/Paris America/Cayenne", "London, Paris": "Europe/Paris Europe/London",
		"America/London": "America/Toronto America/New_York", "America/Boston": "America/New_York", "Asia/Beijing": "Asia/Shanghai", "Europe/Tokyo": "Asia/Tokyo",
		"London" + strings.Repeat(", UK", 9): "", "London, Nowhere": "", "Paris (somewhere)": "", "London (EST)": "",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, candidates(t, name)...), name)
	}
}

// req: S12
// field: place name that several places share
func TestReq_S12_ASharedNameSuggestsEachPlace(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Birmingham": "Europe/London America/Chicago", "Portland": "America/Los_Angeles America/New_York", "San Juan": "America/Puerto_Rico America/Argentina/San_Juan America/Santo_Domingo",
		"Valencia": "America/Caracas Europe/Madrid", "Georgia": "America/New_York Asia/Tbilisi", "Washington": "America/New_York America/Los_Angeles", "Hyderabad": "Asia/Kolkata Asia/Karachi",
		"Texas": "America/Chicago America/Denver", "Spain": "Europe/Madrid Atlantic/Canary", "Arizona": "America/Phoenix", "London": "Europe/London", "Stuttgart": "Europe/Berlin",
		"Zürich": "Europe/Zurich", "no": "", "NA": "",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, candidates(t, name)...), name)
	}
	assert.Contains(t, candidates(t, "Victoria"), "America/Vancouver", "a city and a state")
}

// req: S12
// field: clock name with a qualifier
func TestReq_S12_AClockWithAPlaceSuggestsTheZoneOfThePlace(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mountain Time (Arizona)": "America/Phoenix", "Mountain Standard Time (Arizona)": "America/Phoenix", "BST (Bangladesh)": "Asia/Dhaka",
		"Pacific Time (Canada)": "America/Vancouver", "Pacific Time (Mexico)": "America/Tijuana", "Central Time (Saskatchewan)": "America/Regina",
		"Eastern Time (Australia)": "Australia/Sydney", "Eastern Time (US & Canada)": "America/New_York America/Toronto", "(UTC-05:00) Eastern Time (US & Canada)": "America/New_York America/Toronto",
		"EST (New York)": "America/New_York", "EST (Panama)": "America/Panama", "EST/EDT": "America/New_York", "CST (China)": "Asia/Shanghai", "CST (Cuba)": "America/Havana",
		"IST (Ireland)": "Europe/Dublin", "AST (Arabia)": "Asia/Riyadh", "MST (Malaysia)": "Asia/Kuala_Lumpur", "Eastern Time (ET)": "America/New_York",
		"UTC+5:30 (India)": "Asia/Kolkata", "UTC+1 London": "Europe/London", "Europe/London, UTC+1": "Europe/London", "America/New_York (EST)": "America/New_York",
		"EST (Atlantis)": "", "IST": "Asia/Kolkata Asia/Jerusalem Europe/Dublin", "CST": "America/Chicago Asia/Shanghai America/Mexico_City America/Havana", "BST": "Europe/London Asia/Dhaka",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, candidates(t, name)...), name)
	}
}

// req: S12
// field: offset
func TestReq_S12_AnOffsetSuggestsCitiesThatHaveItNow(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"UTC-2": "America/Noronha America/Nuuk", "GMT+2": "Europe/Athens Africa/Johannesburg", "UTC+5:30": "Asia/Kolkata", "GMT-5": "America/New_York America/Bogota",
		"UTC+14": "Pacific/Kiritimati", "UTC-12": "", "-02:30": "", "UTC+03:17": "", "UTC-02": "America/Noronha America/Nuuk",
	} {
		assert.Equal(t, strings.Fields(want), append([]string{}, candidates(t, name)...), name)
	}
	for hours := -12; hours <= 14; hours++ {
		for _, minutes := range []int{0, 30, 45} {
			if hours == 0 {
				continue // UTC, which is a zone
			}
			name := fmt.Sprintf("UTC%+d:%02d", hours, minutes)
			offset := hours*3600 + map[bool]int{true: 1, false: -1}[hours > 0]*minutes*60
			for _, city := range candidates(t, name) {
				_, has := november.In(zone(t, city)).Zone()
				assert.Equal(t, offset, has, "%s: %s", name, city)
			}
		}
	}
}

// req: S12
// field: windows zone name
func TestReq_S12_EveryWindowsNameSuggestsTheZoneOfCLDR(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"America/Cancun"}, candidates(t, "Eastern Standard Time (Mexico)"))
	assert.Equal(t, []string{"America/Nuuk"}, candidates(t, "Greenland Standard Time"), "the name of today, not CLDR's America/Godthab")
	text, err := os.ReadFile("windows.txt")
	require.NoError(t, err)
	names := 0
	for line := range strings.Lines(string(text)) {
		if windows, list, ok := strings.Cut(line, " = "); ok {
			names++
			assert.Equal(t, strings.Fields(list)[:1], candidates(t, windows), windows)
			_, err := times.Zone(windows)
			assert.ErrorContains(t, err, "a Windows name")
		}
	}
	assert.Equal(t, 131, names, "139 of CLDR less UTC, six offsets and UTC-12")
}

// The tables must name zones that exist.
func TestReq_S1_TheTablesNameZonesThatExist(t *testing.T) {
	t.Parallel()
	for file, column := range map[string]int{"abbreviations.txt": 0, "windows.txt": 0, "places.txt": 0, "cities.txt": 3} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if strings.HasPrefix(line, "#") || len(fields) <= column {
				continue
			}
			list := fields[column]
			if _, zones, ok := strings.Cut(list, " = "); ok {
				list = zones
			}
			for name := range strings.FieldsSeq(list) {
				_, known := times.ZoneIndex(name)
				assert.True(t, known, line)
			}
		}
	}
}

// Each abbreviation and nickname is refused in favour of the zones of its line.
func TestReq_S1_EveryAliasLeadsToItsZones(t *testing.T) {
	t.Parallel()
	for file, words := range map[string]string{
		"abbreviations.txt": "an abbreviation", "places.txt": "is not an IANA zone",
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

// field: names of directions, and areas within areas
func TestReq_S12_DirectionsAndAreasAreNoCertainZone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"US Eastern": "America/New_York", "USA Eastern": "America/New_York", "Eastern US": "America/New_York", "US Central": "America/Chicago", "US Pacific": "America/Los_Angeles",
		"West Coast": "America/Los_Angeles Pacific/Auckland", "East Coast": "America/New_York", "Central America": "America/Guatemala America/Panama",
		"Northern": "", "Gulf": "", "Western": "", "North": "", "Central Asia": "", "Western Europe": "",
		"Western Cape": "Africa/Johannesburg", "South Australia": "Australia/Adelaide", "North Carolina": "America/New_York", "Northern Territory": "Australia/Darwin",
		"Georgia, USA": "America/New_York", "Ontario, Canada": "America/Toronto", "Victoria, Australia": "Australia/Melbourne", "Ontario, California": "America/Los_Angeles",
		"Lebanon, NH": "America/New_York", "Peru, Indiana": "America/Indiana/Indianapolis America/Chicago",
		"Cambridge": "Europe/London America/New_York", "Cambridge, UK": "Europe/London", "America/San_Francisco": "America/Los_Angeles America/Argentina/Cordoba",
		"UTC–5": "America/New_York America/Bogota", "UTC—5": "America/New_York America/Bogota",
	} {
		_, err := times.ZoneNow(name, time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC))
		refused, ok := errors.AsType[*times.ZoneError](err)
		require.True(t, ok, name)
		assert.Equal(t, want, strings.Join(refused.Candidates, " "), name)
	}
}
