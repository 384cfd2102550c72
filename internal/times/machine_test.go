package times_test

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// machine is one with the given files under its root. A content that begins with "->" is a link,
// one that begins with "tzfile:" is that file of the tz database.
func machine(t *testing.T, files map[string]string) times.Machine {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		if target, isLink := strings.CutPrefix(content, "->"); isLink {
			require.NoError(t, os.Symlink(target, path))
			continue
		}
		if zone, isZone := strings.CutPrefix(content, "tzfile:"); isZone {
			content = tzFile(t, zone)
		}
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return times.Machine{Root: root, Now: november}
}

// tzFile is a file of the tz database that the Go toolchain has.
func tzFile(t *testing.T, name string) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	data, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	require.NoError(t, err)
	defer func() { require.NoError(t, data.Close()) }()
	file, err := data.Open(name)
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(content)
}

// req: S12
// field: TZ as a name, a path or a rule
func TestReq_S12_TZIsReadAsTheCLibraryReadsIt(t *testing.T) {
	t.Parallel()
	m := machine(t, map[string]string{
		"etc/localtime":                     "->/usr/share/zoneinfo/Asia/Tokyo",
		"usr/share/zoneinfo/Europe/London":  "tzfile:Europe/London",
		"usr/share/zoneinfo/custom":         "tzfile:Asia/Kathmandu",
		"opt/zone":                          "tzfile:America/Denver",
		"opt/link":                          "->/usr/share/zoneinfo/Europe/Madrid",
		"opt/notes":                         "no time zone",
		"usr/share/zoneinfo/posix/Asia/Dak": "->../../Asia/Dhaka",
	})
	for tz, want := range map[string]string{
		"": "UTC", ":": "UTC", "UTC": "UTC", "UTC0": "UTC", "Zulu": "UTC", "GMT0": "UTC",
		"Europe/Paris": "Europe/Paris", ":Europe/Paris": "Europe/Paris", "US/Pacific": "US/Pacific",
		"posix/Europe/Rome": "Europe/Rome", "right/Europe/Rome": "Europe/Rome", ":posix/Europe/Rome": "Europe/Rome",
		"/usr/share/zoneinfo/Asia/Seoul": "Asia/Seoul", ":/usr/share/zoneinfo/posix/Asia/Seoul": "Asia/Seoul", "/usr/share/zoneinfo/right/Asia/Seoul": "Asia/Seoul",
		"/var/db/timezone/zoneinfo/Europe/Oslo": "Europe/Oslo", "/etc/localtime": "Asia/Tokyo", "/opt/zone": "America/Denver", "/opt/link": "Europe/Madrid", "custom": "Asia/Kathmandu",
		"EST5EDT": "America/New_York", ":EST5EDT": "America/New_York", "PST8PDT": "America/Los_Angeles", "EST5EDT,M3.2.0,M11.1.0": "America/New_York", "AST4ADT": "America/Halifax",
		"CET-1CEST,M3.5.0,M10.5.0/3": "Europe/Berlin", "GMT0BST,M3.5.0/1,M10.5.0": "Europe/London", "IST-1GMT0,M10.5.0,M3.5.0/1": "Europe/Dublin",
		"AEST-10AEDT,M10.1.0,M4.1.0/3": "Australia/Sydney", "JST-9": "Asia/Tokyo", "IST-5:30": "Asia/Kolkata", "<+0330>-3:30": "Asia/Tehran", "HST10": "Pacific/Honolulu", "CET": "Europe/Berlin",
	} {
		m.TZ = &tz
		got := m.Zone()
		assert.Equal(t, want, got.Loc.String(), tz)
		assert.Equal(t, "TZ", got.From, tz)
		assert.Empty(t, got.Warning, tz)
	}
	for _, tz := range []string{
		"Nonsense", "europe/paris", "Mars/Olympus", "/opt/nothing", "/opt/notes", "../../etc/localtime.old", "Factory", "Local", // files and names that are not there
		"CET-1CEST", "NZST-12NZDT", "XXX-3:17", "EST5EDT4,M4.1.0,M10.5.0", // rules that no zone follows; the first two change when the United States do
	} {
		m.TZ = &tz
		got := m.Zone()
		assert.Equal(t, "UTC", got.Loc.String(), tz)
		assert.Contains(t, got.Warning, `TZ is "`+tz+`"`)
		assert.Contains(t, got.Warning, "UTC is used; set TZ or VENNIO_TIMEZONE to a zone such as Europe/London")
	}
}

// Reading a device may never end, and a sparse file is as large as it says it is.
// field: special file as TZ
func TestTZMayNameAnything(t *testing.T) {
	t.Parallel()
	m := machine(t, map[string]string{"etc/localtime": "->/usr/share/zoneinfo/Asia/Tokyo", "opt/large": "TZif2", "opt/folder/file": ""})
	require.NoError(t, os.Truncate(filepath.Join(m.Root, "opt/large"), 1<<40))
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Symlink("/dev/zero", filepath.Join(m.Root, "opt/zero")))
	}
	for _, tz := range []string{"/opt/zero", ":/opt/zero", "/opt/large", "/opt/folder", "/opt/" + strings.Repeat("x", 1<<20), "\x00", "/opt/\x00"} {
		m.TZ = &tz
		got := m.Zone()
		assert.Equal(t, "UTC", got.Loc.String())
		assert.Contains(t, got.Warning, "neither a zone nor a rule")
		assert.Less(t, len(got.Warning), 1000)
	}
}

// A rule has the same clock as the zone that it is resolved to.
func TestReq_S12_ARuleAndItsZoneShowTheSame(t *testing.T) {
	t.Parallel()
	for tz, offsets := range map[string][2]int{"EST5EDT": {-5, -4}, "CET-1CEST,M3.5.0,M10.5.0/3": {1, 2}, "EST5": {-5, -5}, "UTC+2": {-2, -2}, "Etc/GMT+5": {-5, -5}} {
		loc := times.Machine{TZ: &tz, Now: november}.Zone().Loc
		for i, month := range []time.Month{time.January, time.July} {
			_, seconds := time.Date(2027, month, 1, 12, 0, 0, 0, loc).Zone()
			assert.Equal(t, offsets[i]*3600, seconds, tz)
		}
	}
}

// req: S12
// field: zone files of the machine
func TestReq_S12_TheFilesOfTheMachineAreRead(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		files      map[string]string
		zone, from string
	}{
		"link":                        {map[string]string{"etc/localtime": "->/usr/share/zoneinfo/Asia/Tokyo", "etc/timezone": "Europe/Berlin\n"}, "Asia/Tokyo", "/etc/localtime"},
		"relative link":               {map[string]string{"etc/localtime": "->../usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo", "/etc/localtime"},
		"link of macOS":               {map[string]string{"etc/localtime": "->/var/db/timezone/zoneinfo/America/Denver"}, "America/Denver", "/etc/localtime"},
		"link to posix":               {map[string]string{"etc/localtime": "->/usr/share/zoneinfo/posix/Asia/Tokyo"}, "Asia/Tokyo", "/etc/localtime"},
		"link to right":               {map[string]string{"etc/localtime": "->/usr/share/zoneinfo/right/Asia/Tokyo"}, "Asia/Tokyo", "/etc/localtime"},
		"link to a link":              {map[string]string{"etc/localtime": "->/etc/zone", "etc/zone": "->/usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo", "/etc/localtime"},
		"link to a clock":             {map[string]string{"etc/localtime": "->/usr/share/zoneinfo/EST5EDT"}, "America/New_York", "/etc/localtime"},
		"link to a file":              {map[string]string{"etc/localtime": "->/opt/zone", "opt/zone": "tzfile:Asia/Kathmandu"}, "Asia/Kathmandu", "/etc/localtime"},
		"plain file":                  {map[string]string{"etc/localtime": "tzfile:America/New_York"}, "America/New_York", "/etc/localtime"},
		"plain file with a like":      {map[string]string{"etc/localtime": "tzfile:Europe/Rome"}, "Europe/Rome", "/etc/localtime"},
		"plain file, of Debian":       {map[string]string{"etc/localtime": "tzfile:Europe/Oslo", "etc/timezone": "Europe/Oslo\n"}, "Europe/Oslo", "/etc/localtime"},
		"plain file, other name":      {map[string]string{"etc/localtime": "tzfile:Asia/Tokyo", "etc/timezone": "Europe/Oslo\n"}, "Asia/Tokyo", "/etc/localtime"},
		"name of Debian":              {map[string]string{"etc/timezone": "Europe/Berlin\n"}, "Europe/Berlin", "/etc/timezone"},
		"UTC, because somebody chose": {map[string]string{"etc/localtime": "->/usr/share/zoneinfo/Etc/UTC"}, "Etc/UTC", "/etc/localtime"},
	} {
		got := machine(t, c.files).Zone()
		assert.Equal(t, c.zone, got.Loc.String(), what)
		assert.Equal(t, c.from, got.From, what)
		assert.Empty(t, got.Warning, what)
	}
	for why, files := range map[string]map[string]string{
		"this machine does not say its time zone (TZ, /etc/localtime)": {},
		"/etc/localtime matches no zone of the tz database":            {"etc/localtime": "no time zone"},
		`/etc/timezone holds "Mars/Olympus", which is not a zone`:      {"etc/timezone": "Mars/Olympus\n"},
	} {
		got := machine(t, files).Zone()
		assert.Equal(t, "UTC", got.Loc.String())
		assert.Equal(t, why+": UTC is used; set TZ or VENNIO_TIMEZONE to a zone such as Europe/London", got.Warning)
	}
	circle := machine(t, map[string]string{"etc/localtime": "->/etc/zone", "etc/zone": "->/etc/localtime"})
	assert.NotEmpty(t, circle.Zone().Warning)
	factory := machine(t, map[string]string{"etc/localtime": "->/usr/share/zoneinfo/Factory", "usr/share/zoneinfo/Factory": "tzfile:Factory"})
	assert.NotEmpty(t, factory.Zone().Warning, "the zone of a machine on which none has been set")
}

// Windows has no such files: there Go reads the clock from the system.
func TestReq_S12_TheClockOfTheSystemStandsForAZone(t *testing.T) {
	t.Parallel()
	m := machine(t, nil)
	m.Local = zone(t, "Europe/London")
	assert.Equal(t, "Europe/London", m.Zone().Loc.String())
	m.Local = time.FixedZone("Local", 1234)
	assert.Contains(t, m.Zone().Warning, "the system's clock is that of no zone of the tz database: UTC is used")
}
