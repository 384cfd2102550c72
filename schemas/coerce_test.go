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
		`"PT1H30M"`: 90, `"half an hour"`: 30, `["45"]`: 45,
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
	} {
		in, err := find.Decode(json.RawMessage(`{"prefer":{"days":` + sent + `}}`))
		require.NoError(t, err, sent)
		assert.Equal(t, want, strings.Join(in.Prefer.Days, " "), sent)
	}
	for sent, want := range map[string]string{"9:00": "09:00", "9am": "09:00", "5:30 p.m.": "17:30", "12 am": "00:00", "noon": "12:00", "09:00:00": "09:00", "24:00": "23:59"} {
		in, err := find.Decode(json.RawMessage(`{"prefer":{"earliest":"` + sent + `"}}`))
		require.NoError(t, err, sent)
		assert.Equal(t, want, in.Prefer.Earliest, sent)
	}
	for _, unclear := range []string{"9", "13pm", "25:00", "9:75", "later"} {
		_, err := find.Decode(json.RawMessage(`{"prefer":{"earliest":"` + unclear + `"}}`))
		require.Error(t, err, unclear)
	}
}

// field: addresses in text
func TestAddressesAreReadInText(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]schemas.Attendee{
		`"Byron, Ada <ada@example.com>"`:       {Email: "ada@example.com", Name: "Byron, Ada"},
		`"\"Byron, Ada\" <ada@example.com>"`:   {Email: "ada@example.com", Name: "Byron, Ada"},
		`"ada@example.com (Ada)"`:              {Email: "ada@example.com", Name: "Ada"},
		`{"email":"<ada@example.com>"}`:        {Email: "ada@example.com"},
		`{"email":"Ada <a@b.org>","name":"X"}`: {Email: "a@b.org", Name: "X"},
		`"zoe@MÜNCHEN.de"`:                     {Email: "zoe@xn--mnchen-3ya.de"},
		`"x@ドメイン名例。jp"`:                        {Email: "x@xn--eckwd4c7cu47r2wf.jp"},
	} {
		in, misfits := decode(t, strings.Replace(booking, `[{"email":"ada@example.com","name":"Ada"}]`, sent, 1))
		require.Nil(t, misfits, sent)
		assert.Equal(t, []schemas.Attendee{want}, in.Attendees, sent)
	}
	for _, bad := range []string{`"Ada Byron"`, `"a@exa mple.com"`, `"a@-bad-.ü"`, `"a@b@ü.org"`, `"o'neil@o'neil.com"`, `"<a@b.org> <c@d.org>"`} {
		_, misfits := decode(t, strings.Replace(booking, `[{"email":"ada@example.com","name":"Ada"}]`, bad, 1))
		require.NotNil(t, misfits, bad)
		assert.Contains(t, misfits.Error(), "attendees[0].email is not a plain e-mail address", bad)
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
