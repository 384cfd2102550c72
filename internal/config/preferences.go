package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

func setWorkingHours(c *Config, v string) (err error) {
	c.Preferences.Work, err = times.ParseOpening(v)
	return err
}

func setLunch(c *Config, v string) (err error) {
	c.Preferences.Lunch, err = slots.ParseLunch(v)
	return err
}

func setNoMeetingDays(c *Config, v string) (err error) {
	c.Preferences.NoMeetings, err = slots.ParseDays(v)
	return err
}

func setBuffers(c *Config, v string) (err error) {
	c.Preferences.Before, c.Preferences.After, err = slots.ParseBuffers(v)
	return err
}

func setDurations(c *Config, v string) (err error) {
	c.Preferences.Lengths, err = slots.ParseLengths(v)
	return err
}

// preferencesEntry has the preferences of one host in the settings file. Those that it does not set are those of
// all hosts.
type preferencesEntry struct {
	Host          text `yaml:"host"` // name or id
	Timezone      text `yaml:"timezone"`
	WorkingHours  text `yaml:"working_hours"`
	Lunch         text `yaml:"lunch"`
	NoMeetingDays text `yaml:"no_meeting_days"`
	Buffers       text `yaml:"buffers"`
	Durations     text `yaml:"durations"`
}

// addPreferences reads the preferences of single hosts of an account, over those of all its hosts.
func (c *Config) addPreferences(entries []preferencesEntry) (wrong []mistake) {
	for _, e := range entries {
		line := max(e.Host.line, 1)
		id, known := c.hostID(e.Host.value)
		own := Config{Preferences: c.Preferences}
		for _, field := range []struct {
			name  string
			value text
			apply func(*Config, string) error
		}{
			{"timezone", e.Timezone, setZone},
			{"working_hours", e.WorkingHours, setWorkingHours},
			{"lunch", e.Lunch, setLunch},
			{"no_meeting_days", e.NoMeetingDays, setNoMeetingDays},
			{"buffers", e.Buffers, setBuffers},
			{"durations", e.Durations, setDurations},
		} {
			if field.value.value == "" {
				continue
			}
			if err := field.apply(&own, field.value.value); err != nil {
				wrong = append(wrong, mistake{field.value.line, field.name + " " + err.Error()})
			}
		}
		own.Preferences.Zone = own.Zone
		err := own.Preferences.Check(nil)
		switch _, twice := c.HostPreferences[id]; {
		case !known:
			wrong = append(wrong, mistake{line, fmt.Sprintf("host: %q is neither the name nor the id of a host in VENNIO_HOSTS (of a tenant, in hosts)", e.Host.value)})
		case twice:
			wrong = append(wrong, mistake{line, fmt.Sprintf("host: %q has preferences already", e.Host.value)})
		case err != nil:
			wrong = append(wrong, mistake{line, fmt.Sprintf("host %q: its preferences %v", e.Host.value, err)})
		}
		if c.HostPreferences == nil {
			c.HostPreferences = map[string]slots.Preferences{}
		}
		c.HostPreferences[id] = own.Preferences
	}
	return wrong
}

// hostID returns the id, in lower case, of a host that the settings name, or of any host by its id: a UUID or an
// address.
func (c *Config) hostID(host string) (id string, known bool) {
	i := slices.IndexFunc(c.Hosts, func(h scheduling.Host) bool { return strings.EqualFold(h.Name, host) || strings.EqualFold(h.ID, host) })
	if i >= 0 {
		return strings.ToLower(c.Hosts[i].ID), true
	}
	const uuidHyphens = 4
	id = strings.ToLower(host)
	return id, strings.Contains(id, "@") || strings.Count(id, "-") == uuidHyphens || id != "" && strings.EqualFold(id, c.BusinessID)
}

// checkPreferences reports preferences, of all hosts of an account, that leave no time for meetings.
func (c *Config) checkPreferences() (wrong Mistakes) {
	if err := c.Preferences.Check(c.Limits.Hours); err != nil {
		return Mistakes{strings.Join(c.preferenceNames(Setting.Name), ", ") + " " + err.Error() + ": allow more time"}
	}
	for _, t := range c.Tenants {
		if err := t.Preferences.Check(t.Limits.Hours); err != nil {
			names := t.preferenceNames(func(s Setting) string { return strings.ReplaceAll(s.Flag, "-", "_") })
			wrong = append(wrong, "the tenant "+t.Name+": "+strings.Join(names, ", ")+" "+err.Error()+": allow more time")
		}
	}
	return wrong
}

// preferenceNames names the settings that are set, among those that leave out times.
func (c *Config) preferenceNames(nameOf func(Setting) string) (names []string) {
	for _, s := range limitSettings() {
		set := map[string]int{
			"hours": len(c.Limits.Hours), "working-hours": len(c.Preferences.Work), "lunch": len(c.Preferences.Lunch),
			"no-meeting-days": len(c.Preferences.NoMeetings), "durations": len(c.Preferences.Lengths),
		}[s.Flag]
		if set > 0 {
			names = append(names, nameOf(s))
		}
	}
	return names
}
