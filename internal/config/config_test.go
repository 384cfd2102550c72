package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/config"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/tools"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

type env map[string]string

func (e env) get(name string) string { return e[name] }

func TestWithoutAnySettingTheSandboxAnswers(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"TZ": "Europe/Paris", "HOME": "/home/ada"}.get)
	require.NoError(t, err)
	assert.True(t, c.Sandbox())
	assert.Equal(t, "Europe/Paris", c.Zone.String())
	assert.Equal(t, vennioclient.Reference, c.Dialect)
	assert.Equal(t, 10*time.Second, c.Timeout)
	assert.Equal(t, time.Monday, c.WeekStart)
	assert.Empty(t, c.Warnings)
	assert.Equal(t, consent.PolicyAsk, c.Consent)
	assert.Contains(t, c.StateDir, "vennio-mcp")
}

func TestFlagsWinOverTheEnvironmentAndThatOverDefaults(t *testing.T) {
	t.Parallel()
	e := env{"VENNIO_API_KEY": "vennio_sk_live_x", "VENNIO_TIMEZONE": "Asia/Tokyo", "VENNIO_API_DIALECT": "guide", "BASE_URL": "https://guide.example.com/"}
	c, err := config.Load(map[string]string{"timezone": "Europe/Rome"}, e.get)
	require.NoError(t, err)
	assert.Equal(t, "Europe/Rome", c.Zone.String())
	assert.Equal(t, vennioclient.Guide, c.Dialect)
	assert.Equal(t, "https://guide.example.com", c.APIURL, "the guide's name for it")
	e["VENNIO_API_URL"] = "http://localhost:3001"
	c, err = config.Load(nil, e.get)
	require.NoError(t, err)
	assert.Equal(t, "http://localhost:3001", c.APIURL, "our name wins")
}

// req: S7
func TestReq_S7_TheOperatorSaysWhereWeeksBegin(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]time.Weekday{"sunday": time.Sunday, "Saturday": time.Saturday, " mon ": time.Monday} {
		c, err := config.Load(nil, env{"VENNIO_WEEK_START": said}.get)
		require.NoError(t, err)
		assert.Equal(t, want, c.WeekStart)
	}
	c, err := config.Load(map[string]string{"week-start": "sun"}, env{"VENNIO_WEEK_START": "saturday"}.get)
	require.NoError(t, err)
	assert.Equal(t, time.Sunday, c.WeekStart, "the flag wins")
}

func TestEveryMistakeIsReportedAtOnceAndNoSecretIsRepeated(t *testing.T) {
	t.Parallel()
	secrets := []string{"vennio_sk_live_with blank", "short"}
	_, err := config.Load(map[string]string{"log-level": "loud", "timeout": "soon", "consent": "maybe", "week-start": "first"}, env{
		"VENNIO_API_KEY": secrets[0], "VENNIO_API_URL": "http://vennio.example.com", "VENNIO_API_DIALECT": "klingon",
		"VENNIO_TIMEZONE": "EST", "VENNIO_HOSTS": "Ada", "VENNIO_SIGNING_SECRET": secrets[1], "VENNIO_LOG_FORMAT": "xml", "VENNIO_BUSINESS_ID": "a b",
	}.get)
	mistakes, ok := errors.AsType[config.Mistakes](err)
	require.True(t, ok)
	for _, part := range []string{
		"VENNIO_API_KEY has blanks", "VENNIO_API_URL the base URL must be https", "VENNIO_API_DIALECT \"klingon\": want reference or guide",
		"VENNIO_TIMEZONE", "America/New_York", `VENNIO_HOSTS "Ada": want Name=id`, "VENNIO_SIGNING_SECRET is shorter", "--log-level \"loud\"",
		"--consent \"maybe\": want attested, ask, human or signed", "VENNIO_LOG_FORMAT \"xml\"", "--timeout \"soon\"", "--week-start \"first\": want a weekday", "VENNIO_BUSINESS_ID",
	} {
		assert.Contains(t, err.Error(), part)
	}
	assert.GreaterOrEqual(t, len(mistakes), 10)
	for _, s := range secrets {
		assert.NotContains(t, strings.ReplaceAll(err.Error(), "is shorter", ""), s)
	}
}

func TestAnAddressWithoutAKeyIsAMistakeButTheGuidesNameIsNot(t *testing.T) {
	t.Parallel()
	_, err := config.Load(nil, env{"VENNIO_API_URL": "https://api.vennio.app"}.get)
	require.ErrorContains(t, err, "VENNIO_API_URL is set but no key")
	for _, others := range []string{"https://some.other.app", "/", "http://example.com"} {
		c, err := config.Load(nil, env{"BASE_URL": others}.get)
		require.NoError(t, err, "many programs have a BASE_URL")
		assert.True(t, c.Sandbox())
	}
	c, err := config.Load(nil, env{"BASE_URL": "https://some.other.app", "VENNIO_API_KEY": "vennio_sk_live_x", "VENNIO_BUSINESS_ID": "b"}.get)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "the key is sent to https://some.other.app because BASE_URL says so")
	_, err = config.Load(nil, env{"VENNIO_API_KEY": " \t"}.get)
	require.ErrorContains(t, err, "VENNIO_API_KEY is blank", "a blank key is no wish for the sandbox")
	_, err = config.Load(nil, env{"VENNIO_API_KEY_FILE": "/no/such/file", "VENNIO_API_URL": "https://api.example.com"}.get)
	require.ErrorContains(t, err, "1 invalid setting", "a key was meant")
}

func TestHostsAndTheDefaultAmongThem(t *testing.T) {
	t.Parallel()
	e := env{"VENNIO_API_KEY": "vennio_sk_live_x", "VENNIO_HOSTS": " Ada = id-1, Bob=id-2 ,", "VENNIO_BUSINESS_ID": "id-2"}
	c, err := config.Load(nil, e.get)
	require.NoError(t, err)
	assert.Equal(t, scheduling.Directory{{Name: "Bob", ID: "id-2"}, {Name: "Ada", ID: "id-1"}}, c.Hosts)
	e["VENNIO_BUSINESS_ID"] = "id-3"
	c, err = config.Load(nil, e.get)
	require.NoError(t, err)
	assert.Equal(t, scheduling.Host{Name: "id-3", ID: "id-3"}, c.Hosts[0])
	assert.Len(t, c.Hosts, 3)
	_, err = config.Load(nil, env{"VENNIO_API_KEY": "vennio_sk_live_x", "VENNIO_HOSTS": "\u3164\u2800=id-1"}.get)
	require.ErrorContains(t, err, "want Name=id", "a name that nobody can see")
}

func TestTheSandboxHasHostsOfItsOwn(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_HOSTS": "Ada=id-1", "TZ": ":Asia/Tokyo"}.get)
	require.NoError(t, err)
	assert.Empty(t, c.Hosts)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "VENNIO_HOSTS and VENNIO_BUSINESS_ID are ignored")
	assert.Equal(t, "Asia/Tokyo", c.Zone.String())
}

func TestTheKeyMayComeFromAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("vennio_sk_live_fromfile\n"), 0o600))
	c, err := config.Load(nil, env{"VENNIO_API_KEY_FILE": file}.get)
	require.NoError(t, err)
	assert.Equal(t, "vennio_sk_live_fromfile", c.APIKey.Reveal())
	_, err = config.Load(nil, env{"VENNIO_API_KEY_FILE": file, "VENNIO_API_KEY": "vennio_sk_live_x"}.get)
	require.ErrorContains(t, err, "keep one of them")
	_, err = config.Load(nil, env{"VENNIO_API_KEY_FILE": file + ".missing"}.get)
	require.ErrorContains(t, err, "VENNIO_API_KEY_FILE cannot be read")
}

func TestOddKeysAreUsedWithAWarning(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_API_KEY": "sk_test_xxx", "VENNIO_BUSINESS_ID": "id"}.get)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 1)
	assert.Contains(t, c.Warnings[0], "none of Vennio's prefixes")
}

// req: X6
func TestReq_X6_TheOperatorSelectsTools(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{}.get)
	require.NoError(t, err)
	assert.Equal(t, tools.Selection{}, c.Tools, "all of them")
	c, err = config.Load(map[string]string{"read-only": "true"}, env{"VENNIO_TOOLS": " list_bookings, book_slot,list_bookings,", "VENNIO_READ_ONLY": "0"}.get)
	require.NoError(t, err)
	assert.Equal(t, tools.Selection{ReadOnly: true, Names: []string{"list_bookings", "book_slot"}}, c.Tools, "the flag wins")
	for e, says := range map[[2]string]string{
		{"VENNIO_TOOLS", "find_slot,bok_slot,zzzzzz"}: `"find_slot" is no tool, did you mean find_slots?; "bok_slot" is no tool, did you mean book_slot?; "zzzzzz" is no tool (there are find_slots, `,
		{"VENNIO_TOOLS", " , "}:                       "names no tool: want some of find_slots",
		{"VENNIO_READ_ONLY", "yes"}:                   `VENNIO_READ_ONLY "yes": want true or false`,
	} {
		_, err := config.Load(nil, env{e[0]: e[1]}.get)
		require.ErrorContains(t, err, says)
	}
	_, err = config.Load(nil, env{"VENNIO_TOOLS": "book_slot", "VENNIO_READ_ONLY": "true"}.get)
	require.ErrorContains(t, err, "drop one of the two")
}

// req: E3
func TestSecretsPrintAsStars(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"VENNIO_API_KEY": "vennio_sk_live_canary", "VENNIO_SIGNING_SECRET": "canary canary canary"}.get)
	require.NoError(t, err)
	raw, err := json.Marshal(c.APIKey)
	require.NoError(t, err)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c.APIKey, c.SigningSecrets), string(raw)} {
		assert.NotContains(t, shown, "canary")
	}
}

func TestTheKeysDayIsADay(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]time.Time{
		"2026-05-13": time.Date(2026, 5, 13, 0, 0, 0, 0, time.UTC), "2026-05-13T08:00:00Z": time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC),
	} {
		c, err := config.Load(nil, env{"VENNIO_API_KEY_CREATED": said}.get)
		require.NoError(t, err)
		assert.True(t, want.Equal(c.KeyCreated), said)
	}
	_, err := config.Load(nil, env{"VENNIO_API_KEY_CREATED": "last spring"}.get)
	require.ErrorContains(t, err, "VENNIO_API_KEY_CREATED \"last spring\": want a day")
}

// req: S12
// field: zone of the machine
func TestReq_S12_TheDefaultZoneIsThatOfTheMachine(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o700))
	require.NoError(t, os.Symlink("/usr/share/zoneinfo/Asia/Tokyo", filepath.Join(root, "etc", "localtime")))
	linked, bare := times.Machine{Root: root}, times.Machine{Root: t.TempDir()}
	empty := ""
	for what, tc := range map[string]struct {
		machine    times.Machine
		env        env
		zone, from string
	}{
		"link":               {linked, env{}, "Asia/Tokyo", "/etc/localtime"},
		"TZ before the link": {linked, env{"TZ": "EST5EDT"}, "America/New_York", "TZ"},
		"TZ that is empty":   {times.Machine{Root: root, TZ: &empty}, env{}, "UTC", "TZ"},
		"setting before all": {linked, env{"TZ": "EST5EDT", "VENNIO_TIMEZONE": "Europe/Rome"}, "Europe/Rome", "VENNIO_TIMEZONE"},
	} {
		c, err := config.LoadOn(tc.machine, nil, tc.env.get)
		require.NoError(t, err, what)
		assert.Equal(t, tc.zone, c.Zone.String(), what)
		assert.Equal(t, tc.from, c.ZoneFrom, what)
		assert.Empty(t, c.Warnings, what)
	}
	for _, e := range []env{{}, {"TZ": "CET-1CEST"}, {"TZ": "/no/such/file"}} {
		c, err := config.LoadOn(bare, nil, e.get)
		require.NoError(t, err)
		assert.Equal(t, time.UTC, c.Zone)
		require.Len(t, c.Warnings, 1, e)
		assert.Contains(t, c.Warnings[0], "UTC is used; set TZ or VENNIO_TIMEZONE")
	}
}

// A tenant with its own zone does not have the warning about the machine's zone.
func TestATenantsZoneIsNotTheMachines(t *testing.T) {
	t.Parallel()
	file := settingsFile(t, "tokens:\n  - {name: ada, hash: \""+hashLine+"\", tenant: a}\ntenants:\n  - {name: a, api_key: vennio_sk_live_a, timezone: Asia/Tokyo}\n  - {name: b, api_key: vennio_sk_live_b}\n")
	c, err := config.LoadOn(times.Machine{Root: t.TempDir()}, map[string]string{"settings": file}, env{}.get)
	require.NoError(t, err)
	a, _ := c.Of("a")
	b, _ := c.Of("b")
	assert.Equal(t, "Asia/Tokyo", a.Zone.String())
	assert.Empty(t, a.ZoneWarning)
	assert.Equal(t, "UTC", b.Zone.String())
	assert.NotEmpty(t, b.ZoneWarning)
}

// req: S8
// field: working hours of the operator
func TestReq_S8_TheOperatorSetsWorkingHours(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil, env{"TZ": "UTC"}.get)
	require.NoError(t, err)
	assert.Empty(t, c.Preferences.Work, "the usual ones, in the zone of each search")
	c, err = config.Load(map[string]string{"working-hours": "tue-sat 10:00-18:00"}, env{"VENNIO_WORKING_HOURS": "mon 09:00-10:00"}.get)
	require.NoError(t, err)
	assert.Equal(t, "tue-sat 10:00-18:00", c.Preferences.Work.String(), "the flag wins")
	for _, bad := range []string{"9 to 5", "mon-fri", "mon-fri 17:00-09:00"} {
		_, err = config.Load(nil, env{"VENNIO_WORKING_HOURS": bad}.get)
		require.ErrorContains(t, err, "VENNIO_WORKING_HOURS \""+bad+"\": want weekdays and hours, such as mon-fri 09:00-17:00")
	}
	file := settingsFile(t, "tokens:\n  - {name: ada, hash: \""+hashLine+"\", tenant: a}\ntenants:\n  - {name: a, api_key: vennio_sk_live_a, working_hours: sun-thu 09:00-17:00}\n")
	c, err = config.Load(map[string]string{"settings": file}, env{"VENNIO_WORKING_HOURS": "mon-fri 10:00-16:00"}.get)
	require.NoError(t, err)
	a, _ := c.Of("a")
	assert.Equal(t, "sun-thu 09:00-17:00", a.Preferences.Work.String())
}
