package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
)

const (
	aliceID = "619c8492-3849-4201-abd3-6d668d3f30b3"
	bobID   = "f722f8b1-782f-43ed-a69c-21728c6e4ce5"
)

func TestReq_S13_PreferencesOfAllHostsOfTenantsAndOfSingleHosts(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, `preferences:
  - {host: alice, timezone: Asia/Tokyo, lunch: none, no_meeting_days: "fri"}
  - {host: `+bobID+`, durations: 50, buffers: 0}
tokens:
  - {name: ada, hash: "`+hashLine+`", tenant: a}
tenants:
  - name: a
    api_key: vennio_sk_live_a
    hosts: Carol=c74b81d2-91f5-444b-a345-e039addf1183
    no_meeting_days: mon-tue
    preferences:
      - {host: Carol, working_hours: wed-fri 09:00-12:00}
`)
	c, err := config.Load(map[string]string{"settings": file, "durations": "25, 50"}, env{
		"VENNIO_API_KEY": "vennio_sk_test_1", "VENNIO_HOSTS": "Alice=" + aliceID, "VENNIO_BUSINESS_ID": bobID,
		"VENNIO_LUNCH": "12:00-13:00", "VENNIO_NO_MEETING_DAYS": "wed", "VENNIO_BUFFERS": "10, 5",
	}.get)
	require.NoError(t, err)
	assert.Equal(t, "no meetings on Wed, lunch mon-sun 12:00-13:00, 10 min free before and 5 min after meetings, meetings of 25 or 50 minutes (UTC)", describe(c.Preferences))
	assert.Equal(t, "no meetings on Fri, 10 min free before and 5 min after meetings, meetings of 25 or 50 minutes (Asia/Tokyo)", describe(c.HostPreferences[aliceID]))
	assert.Equal(t, "no meetings on Wed, lunch mon-sun 12:00-13:00, meetings of 50 minutes (UTC)", describe(c.HostPreferences[bobID]))
	a, _ := c.Of("a")
	assert.Equal(t, "no meetings on Mon/Tue, lunch mon-sun 12:00-13:00, 10 min free before and 5 min after meetings, meetings of 25 or 50 minutes (UTC)", describe(a.Preferences))
	require.Len(t, a.HostPreferences, 1, "those of the hosts of one account are never used for another")
	assert.Contains(t, describe(a.HostPreferences["c74b81d2-91f5-444b-a345-e039addf1183"]), "working hours wed-fri 09:00-12:00, no meetings on Mon/Tue")
}

func describe(p slots.Preferences) string {
	if p.Zone == nil {
		p.Zone = time.UTC
	}
	return p.Describe()
}

func TestReq_S13_MistakesInPreferencesNameTheirKey(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]map[string]string{
		"VENNIO_LUNCH":           {"noon": `"mon-sun noon": want weekdays and hours`, "13:00-12:00": "hours over midnight are two", "00:00-24:00": "VENNIO_LUNCH leave no time"},
		"VENNIO_NO_MEETING_DAYS": {"Wendsday": `"Wendsday": want weekdays with commas between`, "mon-sun": "leaves no day for meetings", "": ""},
		"VENNIO_BUFFERS":         {"-5": "want minutes before and after", "10, 5, 5": "want minutes before and after", "241": "each from 0 to 240", "99999999999999999999": "want minutes"},
		"VENNIO_DURATIONS":       {"4": "want minutes from 5 to 480", "25 50": "want minutes from 5 to 480", "500": "want minutes from 5 to 480"},
	} {
		for value, message := range bad {
			_, err := config.Load(nil, env{name: value}.get)
			if message == "" {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorContains(t, err, message, "%s=%s", name, value)
			assert.ErrorContains(t, err, name)
		}
	}
	_, err := config.Load(nil, env{"VENNIO_WORKING_HOURS": "wed 09:00-12:00", "VENNIO_NO_MEETING_DAYS": "wed", "VENNIO_HOURS": "mon-fri 08:00-18:00"}.get)
	require.ErrorContains(t, err, "VENNIO_HOURS, VENNIO_WORKING_HOURS, VENNIO_NO_MEETING_DAYS leave no time for a meeting of 5 minutes: allow more time")
	for content, message := range map[string]string{
		"preferences:\n  - {host: Alise, lunch: none}":                             `:2: preferences: host: "Alise" is neither the name nor the id of a host`,
		"preferences:\n  - {lunch: none}":                                          `:1: preferences: host: "" is neither`,
		"preferences:\n  - host: Alice\n    lunch: noon":                           `:3: preferences: lunch "mon-sun noon": want weekdays and hours`,
		"preferences:\n  - host: Alice\n    timezone: EST":                         `:3: preferences: timezone`,
		"preferences:\n  - {host: Alice, lunches: none}":                           `:2: unknown field "lunches"`,
		"preferences:\n  - {host: Alice}\n  - {host: " + aliceID + "}":             `:3: preferences: host: "` + aliceID + `" has preferences already`,
		"preferences:\n  - {host: Alice, lunch: 00:00-24:00}":                      `:2: preferences: host "Alice": its preferences leave no time for a meeting`,
		"tenants:\n  - {name: a, api_key: vennio_sk_live_a, lunch: 00:00-24:00}":   "the tenant a: lunch leave no time",
		"tenants:\n  - {name: a, api_key: vennio_sk_live_a, buffers: x}":           `:2: tenants: buffers "x": want minutes`,
		"tenants:\n  - name: a\n    api_key: b\n    preferences: [{host: Nobody}]": `:4: tenants: preferences: host: "Nobody" is neither`,
		"tenants:\n  - name: a\n    api_key: b\n    preferences: [{hosts: Alice}]": `:4: tenants: preferences: unknown field "hosts"`,
	} {
		_, err := config.Load(map[string]string{"settings": settingsFile(t, content)}, env{"VENNIO_API_KEY": "vennio_sk_test_1", "VENNIO_HOSTS": "Alice=" + aliceID}.get)
		require.ErrorContains(t, err, message, content)
	}
}
