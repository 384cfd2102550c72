package times

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
)

// Machine describes where the C library looks for the zone of a machine.
type Machine struct {
	TZ   *string   // the variable TZ, or nil if it is not set
	Root string    // the directory that contains /etc; empty means the root of the file system
	Now  time.Time // the current time, from which on clocks are compared with the zones
	// Local is the zone of the Go runtime, for systems without these files (Windows).
	Local *time.Location
}

// MachineZone is the zone of a machine.
type MachineZone struct {
	Loc  *time.Location // one of [Zones]
	From string         // the source: "TZ", "/etc/localtime", "/etc/timezone" or "the system"
	// Warning explains why UTC is used as the default; it is "" if the zone is known.
	Warning string
}

const (
	localtime    = "/etc/localtime"
	timezoneFile = "/etc/timezone" // Debian's; the C library does not read it
	nameZone     = "set TZ or VENNIO_TIMEZONE to a zone such as Europe/London"
)

// Zone determines the zone like tzset(3) of the GNU C library: from TZ (a name, a path or a POSIX rule), else
// from /etc/localtime. For a clock without a place name it returns the best-known zone with the same clock. If
// there is none, it returns UTC with a warning.
func (m Machine) Zone() MachineZone {
	if m.TZ != nil {
		return m.fromTZ(*m.TZ)
	}
	if loc, found := m.fromFile(localtime); found {
		if loc != nil {
			return MachineZone{Loc: loc, From: localtime}
		}
		return unknownZone(localtime + " matches no zone of the tz database")
	}
	if name := m.debianName(); name != "" {
		if loc := m.loadNamed(name); loc != nil {
			return MachineZone{Loc: loc, From: timezoneFile}
		}
		return unknownZone(timezoneFile + " holds " + quote(name) + ", which is not a zone")
	}
	if m.Local != nil {
		if loc := m.zoneWithSameClock(m.Local, m.Now); loc != nil {
			return MachineZone{Loc: loc, From: "the system"}
		}
		return unknownZone("the system's clock is that of no zone of the tz database")
	}
	return unknownZone("this machine does not say its time zone (TZ, " + localtime + ")")
}

func unknownZone(why string) MachineZone {
	return MachineZone{Loc: time.UTC, Warning: why + ": UTC is used; " + nameZone}
}

// fromTZ interprets TZ: empty means UTC, a leading colon is ignored, and files take precedence over rules.
func (m Machine) fromTZ(value string) MachineZone {
	const from = "TZ"
	name := strings.TrimPrefix(value, ":")
	if name == "" {
		return MachineZone{Loc: time.UTC, From: from}
	}
	loc := m.loadNamed(name)
	if loc == nil && path.IsAbs(name) {
		loc, _ = m.fromFile(name)
	}
	if loc == nil {
		loc, _ = m.fromFile("/usr/share/zoneinfo/" + name)
	}
	if loc == nil && isRule(name) {
		if loc = m.zoneWithSameClock(ruleLocation(name), m.Now); loc == nil {
			return unknownZone("TZ is " + quote(value) + ", a rule that no zone of the tz database follows")
		}
	}
	if loc == nil {
		return unknownZone("TZ is " + quote(value) + ", which is neither a zone nor a rule of POSIX")
	}
	return MachineZone{Loc: loc, From: from}
}

// loadNamed returns the zone of a file of the tz database, or nil. For names of clocks, such as EST5EDT and
// Etc/GMT+5, it returns a place with that clock.
func (m Machine) loadNamed(name string) *time.Location {
	for _, folder := range []string{"posix/", "right/"} { // right/ has leap seconds; the zones are the same
		name = strings.TrimPrefix(name, folder)
	}
	_, isZone := ZoneIndex(name)
	if strings.HasPrefix(name, "/") || strings.Contains(name, "..") || name == "Local" || name == "" {
		return nil
	}
	loc, err := load(name)
	if err != nil || isZone {
		return loc
	}
	return m.zoneWithSameClock(loc, m.Now)
}

// zoneinfo matches paths of files of the tz database in any directory.
var zoneinfo = lazyregexp.New(`/zoneinfo[^/]*/(.+)$`)

// fromFile returns the zone of a file by its path, by the path of a link to it, or by its content. loc is nil if
// the file matches no zone; found is false if the file does not exist.
func (m Machine) fromFile(file string) (loc *time.Location, found bool) {
	const most = 16 // links, because they may form a cycle
	for range most {
		if match := zoneinfo().FindStringSubmatch(path.Clean(file)); match != nil {
			if loc := m.loadNamed(match[1]); loc != nil {
				return loc, true
			}
		}
		target, err := os.Readlink(m.path(file))
		if err != nil {
			break
		}
		if target = filepath.ToSlash(target); !path.IsAbs(target) {
			target = path.Join(path.Dir(file), target)
		}
		file = target
	}
	data, err := m.read(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	content, err := time.LoadLocationFromTZData("file", data)
	if err != nil {
		return nil, true
	}
	// Old transitions distinguish more zones but differ between builds of the database (PACKRATDATA).
	for _, since := range []time.Time{time.Unix(0, 0), m.Now} {
		if loc := m.zoneWithSameClock(content, since); loc != nil {
			return loc, true
		}
	}
	return nil, true
}

func (m Machine) path(file string) string {
	return filepath.Join(cmp.Or(m.Root, "/"), filepath.FromSlash(file))
}

// read reads a regular file. TZ may name a device or a named pipe, from which reading may block forever.
func (m Machine) read(file string) ([]byte, error) {
	const most = 1 << 20 // bytes; the largest file of the tz database has 4 KB
	info, err := os.Stat(m.path(file))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, errors.New("is not a regular file of at most 1 MiB")
	}
	return os.ReadFile(m.path(file))
}

func (m Machine) debianName() string {
	data, _ := m.read(timezoneFile)
	return strings.TrimSpace(string(data))
}

// zoneWithSameClock returns the zone with the same offsets as loc between since and two years from now, or nil.
// It prefers zones with the same abbreviations, then the zone in /etc/timezone, then the best-known one.
func (m Machine) zoneWithSameClock(loc *time.Location, since time.Time) *time.Location {
	const notSet = "-00" // the zone Factory: local time has not been configured
	if name, _ := m.Now.In(loc).Zone(); name == notSet {
		return nil
	}
	until := m.Now.AddDate(2, 0, 0)
	if same(loc, time.UTC, since, until, false) {
		return time.UTC
	}
	for _, withNames := range []bool{true, false} {
		var all []string
		for _, name := range zoneNames {
			if zone, err := load(name); err == nil && same(loc, zone, since, until, withNames) {
				all = append(all, name)
			}
		}
		if len(all) == 0 {
			continue
		}
		if name := m.debianName(); slices.Contains(all, name) {
			all = []string{name}
		}
		zone, _ := load(slices.MinFunc(all, func(a, b string) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(peopleIn()[b], peopleIn()[a]), cmp.Compare(a, b))
		}))
		return zone
	}
	return nil
}

// same reports whether two locations have the same offsets and, with names, the same abbreviations.
func same(a, b *time.Location, since, until time.Time, withNames bool) bool {
	for t := since; t.Before(until); {
		nameA, offsetA := t.In(a).Zone()
		nameB, offsetB := t.In(b).Zone()
		if offsetA != offsetB || withNames && nameA != nameB {
			return false
		}
		_, endA := t.In(a).ZoneBounds()
		_, endB := t.In(b).ZoneBounds()
		if endA.IsZero() && endB.IsZero() {
			return true
		}
		if endA.IsZero() || !endB.IsZero() && endB.Before(endA) {
			endA = endB
		}
		// On the last day of a leap year Go ends a rule one day early (time.tzset counts 365 days).
		if !endA.After(t) {
			endA = t.AddDate(0, 0, 1)
		}
		t = endA
	}
	return true
}

// posixRule matches the beginning of a POSIX rule, section 8.3: "EST5EDT", "<+0330>-3:30".
var posixRule = lazyregexp.New(`^(?:[A-Za-z]{3,}|<[-+A-Za-z0-9]{3,}>)[-+]?\d`)

// notParsed is the abbreviation in the location of a rule that Go cannot parse.
const notParsed = "???"

func isRule(text string) bool {
	if !posixRule().MatchString(text) {
		return false
	}
	name, _ := time.Unix(0, 0).In(ruleLocation(text)).Zone()
	return name != notParsed
}

// ruleLocation returns a location with the clock of a POSIX rule. It builds a TZif file (RFC 9636) without
// transitions whose footer is the rule, so that Go parses the rule.
func ruleLocation(rule string) *time.Location {
	header := func(version byte) []byte {
		h := append([]byte("TZif"), version)
		h = append(h, make([]byte, 15)...)
		for _, count := range []uint32{0, 0, 0, 0, 1, uint32(len(notParsed) + 1)} { // one type and its abbreviation
			h = binary.BigEndian.AppendUint32(h, count)
		}
		return append(h, append(make([]byte, 6), notParsed+"\x00"...)...)
	}
	data := append(header('2'), header('2')...)
	loc, err := time.LoadLocationFromTZData("rule", append(data, "\n"+rule+"\n"...))
	if err != nil {
		return time.UTC
	}
	return loc
}
