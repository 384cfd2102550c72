package schemas_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// field: numbers, days and times of day in words
func TestSearchArgumentsAreReadInWords(t *testing.T) {
	t.Parallel()
	find := schemas.NewInput[schemas.FindSlotsInput]()
	for sent, want := range map[string]int{
		`"30"`: 30, `30.0`: 30, `"30 minutes"`: 30, `"30min"`: 30, `"30-minute"`: 30, `"1 hour"`: 60, `"1.5 hours"`: 90, `"1h30"`: 90, `"1 h 30 min"`: 90,
		`"PT1H30M"`: 90, `"half an hour"`: 30, `["45"]`: 45, `"two hours"`: 120, `"forty-five minutes"`: 45, `"an hour and a half"`: 90, `"a quarter of an hour"`: 15,
	} {
		in, err := find.Decode(json.RawMessage(`{"duration_minutes":` + sent + `}`))
		require.NoError(t, err, sent)
		assert.Equal(t, want, in.DurationMinutes, sent)
	}
	for _, unclear := range []string{`"1:30"`, `"30 people"`, `true`, `"m"`, `"30.5"`, `"1.33 hours"`, `[30,60]`} {
		_, err := find.Decode(json.RawMessage(`{"duration_minutes":` + unclear + `}`))
		require.Error(t, err, unclear)
	}
	for sent, want := range map[string]string{
		`"Tuesday"`: "tue", `["TUES","thu."]`: "tue thu", `"tue, wed & thursdays"`: "tue wed thu", `"Mon-Thu"`: "mon tue wed thu", `"weekdays"`: "mon tue wed thu fri",
		`["weekend"]`: "sat sun", `"[\"Weds\"]"`: "wed",
		`"Mon–Fri"`: "mon tue wed thu fri", `"mon — wed"`: "mon tue wed", `"Mon.-Wed."`: "mon tue wed", `"tue..thu"`: "tue wed thu", `"tue…thu"`: "tue wed thu", `"Mon~Tue"`: "mon tue",
		`"Tuesday to Thursday"`: "tue wed thu", `"Monday through Wednesday and Friday"`: "mon tue wed fri", `"Fri-Mon"`: "fri sat sun mon", `["TU","TH"]`: "tue thu", `"business days"`: "mon tue wed thu fri",
		`"any day"`: "mon tue wed thu fri sat sun", `"none"`: "", `["null"]`: "", `[["mon"]]`: "mon",
	} {
		in, err := find.Decode(json.RawMessage(`{"prefer":{"days":` + sent + `}}`))
		require.NoError(t, err, sent)
		assert.Equal(t, want, strings.Join(in.Prefer.Days, " "), sent)
	}
	for _, unclear := range []string{`"not monday"`, `"weekdays except friday"`, `"M W F"`, `"1"`, `"tomorrow"`, `"Tuesday morning"`, `"mon-fri-sun"`, `"Mardi"`} {
		_, err := find.Decode(json.RawMessage(`{"prefer":{"days":` + unclear + `}}`))
		require.Error(t, err, unclear)
	}
	for sent, want := range map[string]string{"0900": "09:00", "9h": "09:00", "17h30": "17:30", "T09:00": "09:00", "17:00:00.000": "17:00", "midnight": "00:00", "9:00": "09:00", "9am": "09:00", "5:30 p.m.": "17:30", "12 am": "00:00", "noon": "12:00", "09:00:00": "09:00", "24:00": "23:59"} {
		in, err := find.Decode(json.RawMessage(`{"prefer":{"earliest":"` + sent + `"}}`))
		require.NoError(t, err, sent)
		assert.Equal(t, want, in.Prefer.Earliest, sent)
	}
	for _, unclear := range []string{"9", "13pm", "25:00", "9:75", "later", "9.30", "09:00Z", "09:00+01:00", "in the morning"} {
		_, err := find.Decode(json.RawMessage(`{"prefer":{"earliest":"` + unclear + `"}}`))
		require.ErrorContains(t, err, "prefer.earliest is not a time of day, want HH:MM", unclear)
	}
}

// field: addresses in text
func TestAddressesAreReadInText(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]schemas.Attendee{
		`"Byron, Ada <ada@example.com>"`:        {Email: "ada@example.com", Name: "Byron, Ada"},
		`"\"Byron, Ada\" <ada@example.com>"`:    {Email: "ada@example.com", Name: "Byron, Ada"},
		`"ada@example.com (Ada)"`:               {Email: "ada@example.com", Name: "Ada"},
		`{"email":"<ada@example.com>"}`:         {Email: "ada@example.com"},
		`{"email":"Ada <a@b.org>","name":"X"}`:  {Email: "a@b.org", Name: "X"},
		`"zoe@MÜNCHEN.de"`:                      {Email: "zoe@xn--mnchen-3ya.de"},
		`"mailto:ada@example.com"`:              {Email: "ada@example.com"},
		`{"email":"mailto:a@b.org?cc=c@d.e"}`:   {Email: "a@b.org"},
		`"Ada <mailto:ada@example.com>"`:        {Email: "ada@example.com", Name: "Ada"},
		`["Ada Byron (ada@example.com)"]`:       {Email: "ada@example.com", Name: "Ada Byron"},
		`"Ada Byron: ada@example.com"`:          {Email: "ada@example.com", Name: "Ada Byron"},
		`"“ada@example.com”"`:                   {Email: "ada@example.com"},
		`["'o'shea@example.com'"]`:              {Email: "o'shea@example.com"},
		`[["ada+tag@example.com"],null,"None"]`: {Email: "ada+tag@example.com"},
		`"x@ドメイン名例。jp"`:                         {Email: "x@xn--eckwd4c7cu47r2wf.jp"},
	} {
		in, violations := decode(t, strings.Replace(booking, `[{"email":"ada@example.com","name":"Ada"}]`, sent, 1))
		require.Nil(t, violations, sent)
		assert.Equal(t, []schemas.Attendee{want}, in.Attendees, sent)
	}
	for _, several := range []string{
		`"a@b.org c@d.org"`, `"a@b.org\nc@d.org"`, `"a@b.org and c@d.org"`, `"a@b.org; c@d.org;"`, `"a@b.org & c@d.org"`, `{"email":"a@b.org, c@d.org"}`, `[["a@b.org"],["c@d.org"]]`, `["a@b.org\r\nc@d.org"]`,
	} {
		in, violations := decode(t, strings.Replace(booking, `[{"email":"ada@example.com","name":"Ada"}]`, several, 1))
		require.Nil(t, violations, several)
		assert.Equal(t, []schemas.Attendee{{Email: "a@b.org"}, {Email: "c@d.org"}}, in.Attendees, several)
	}
	for _, bad := range []string{`"Ada Byron"`, `"Ada <ada@example.com>, Bob"`, `"ada“@example.com"`, `"ada＠example.com"`, `"\"a b\"@example.com"`, `"a@exa mple.com"`, `"a@-bad-.ü"`, `"a@b@ü.org"`, `"o'neil@o'neil.com"`, `"<a@b.org> <c@d.org>"`} {
		_, violations := decode(t, strings.Replace(booking, `[{"email":"ada@example.com","name":"Ada"}]`, bad, 1))
		require.NotNil(t, violations, bad)
		assert.Contains(t, violations.Error(), "attendees[0].email is not a plain e-mail address", bad)
	}
}

// field: suggestions that are right or absent
func TestASuggestionIsRightOrAbsent(t *testing.T) {
	t.Parallel()
	known := []string{"when", "from", "to", "duration_minutes", "timezone", "guest_timezone", "hosts", "reschedule_of", "prefer", "busy", "limit"}
	for name, want := range map[string]string{
		"tz": "timezone", "time_zone": "timezone", "Timezone": "timezone", "guestTimeZone": "guest_timezone", "duration": "duration_minutes", "duration_minuts": "duration_minutes",
		"form": "from", "limt": "limit", "preferences": "prefer", "start_time": "from", "host": "hosts", "timezon": "timezone",
		"token": "", "id": "", "total": "", "t": "", "too": "", "then": "", "bus": "", "ghosts": "", "who": "", "topic": "", "location": "", "minutes_of_meeting": "", "color": "", "stop": "", "tool": "", "auto": "", "notify": "",
	} {
		assert.Equal(t, want, schemas.Nearest(name, known), name)
	}
}
