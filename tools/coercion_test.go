package tools_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// req: T10
// field: arguments as JSON strings, and in other spellings
func TestReq_T10_SearchesAreCoerced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := w.find(args{"timezone": "Europe/London", "hosts": []string{"Alice"}, "prefer": args{"earliest": "09:00", "days": []string{"thu"}}, "duration_minutes": 45})
	require.False(t, want.IsError, want.Text)
	for name, sent := range map[string]any{
		"objects as strings":     args{"timezone": "Europe/London", "hosts": `["Alice"]`, "prefer": `{"earliest":"09:00","days":["thu"]}`, "duration_minutes": "45"},
		"twice encoded":          args{"timezone": "Europe/London", "hosts": `"[\"Alice\"]"`, "prefer": `"{\"earliest\":\"09:00\",\"days\":\"[\\\"thu\\\"]\"}"`, "duration_minutes": "45.0"},
		"all as one string":      `{"timezone":"Europe/London","hosts":"Alice","prefer":{"earliest":"9:00","days":"Thursday"},"duration_minutes":45.0}`,
		"wrapped":                args{"arguments": args{"timezone": "Europe/London", "hosts": "Alice", "prefer": args{"earliest": "9am", "days": []string{"Thursday"}}, "duration_minutes": "45 minutes"}},
		"wrapped in a string":    args{"name": "find_slots", "sessionId": "1", "arguments": `{"timezone":"Europe/London","hosts":["Alice"],"prefer":{"earliest":"09:00:00","days":["THU"]},"duration_minutes":"PT45M"}`},
		"wrapped three times":    args{"params": args{"input": args{"args": args{"timezone": "Europe/London", "hosts": "Alice", "prefer": args{"earliest": "09:00", "days": "Thurs"}, "duration_minutes": "45 min"}}}},
		"blanks":                 args{"timezone": " Europe/London ", "hosts": []string{" Alice\n"}, "prefer": args{"earliest": " 09:00 ", "days": []string{" thu "}}, "duration_minutes": " 45 "},
		"empty, null, undefined": args{"timezone": "Europe/London", "hosts": []any{"Alice", "", nil}, "prefer": args{"earliest": "09:00", "latest": "", "days": []string{"thu"}, "avoid_days": []any{}}, "duration_minutes": 45, "when": "", "from": nil, "to": "null", "guest_timezone": " ", "reschedule_of": "undefined", "busy": "", "limit": ""},
		"in a list":              []any{args{"timezone": "Europe/London", "hosts": []any{args{"name": "Alice"}}, "prefer": []any{args{"earliest": "0900", "days": "THU"}}, "duration_minutes": "forty-five minutes"}},
		"wrapped as a body":      args{"body": args{"timezone": "Europe/London", "hosts": args{"id": w.deps.Hosts[0].ID}, "prefer": args{"earliest": "9h", "days": []string{"TH"}}, "duration_minutes": 45}},
		"words for nothing":      args{"timezone": "Europe/London", "hosts": []any{"Alice", "None"}, "prefer": args{"earliest": "09:00", "latest": "None", "days": "thu", "avoid_days": "none"}, "duration_minutes": 45, "guest_timezone": "None", "busy": "N/A", "reschedule_of": "nil"},
		"the former name":        args{"timezone": "Europe/London", "participants": "Alice", "prefer": args{"earliest": "09:00", "days": []string{"Thursdays"}}, "duration_minutes": "0.75 hours"},
	} {
		got := call[schemas.FindSlotsResult](w, "find_slots", sent)
		assert.Equal(t, withoutIDs(want), withoutIDs(got), name)
	}
}

// slotIDs are the ids of slots, which differ from call to call.
var slotIDs = regexp.MustCompile(`slot_id \w+`)

func withoutIDs(a answer[schemas.FindSlotsResult]) string {
	return slotIDs.ReplaceAllString(a.Text, "")
}

// field: arguments that clients add
func TestReq_T10_AddedArgumentsAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	added := args{}
	for _, name := range []string{
		"toolCallId", "tool_call_id", "sessionId", "_sessionID", "action", "chatInput", "task_progress", "_meta", "random_string",
		"requestId", "threadId", "thought", "reasoning", "explanation", "requires_approval", "_anything", "request_heartbeat", "innerThoughts", "toolSummary", "waitForPreviousTools", "is_background", "abortSignal", "executionId", "$schema",
	} {
		added[name] = args{"x": 1}
	}
	for _, tool := range tools.Catalog(w.deps) {
		bare, more := call[schemas.Failure](w, tool.Name, args{}), call[schemas.Failure](w, tool.Name, added)
		assert.Equal(t, slotIDs.ReplaceAllString(bare.Text, ""), slotIDs.ReplaceAllString(more.Text, ""), tool.Name)
	}
	for misspelled, says := range map[string]string{
		"tz": "tz is not an argument, did you mean timezone?", "timezon": "did you mean timezone?", "_timezone": "did you mean timezone?", "durationMinutes": "did you mean duration_minutes?",
		"token": "token is not an argument.", "id": "id is not an argument.", "total": "total is not an argument.", "then": "then is not an argument.",
		"form": "did you mean from?", "lmit": "did you mean limit?", "start_date": "did you mean from?",
	} {
		got := w.find(args{misspelled: "1", "toolCallId": "x"})
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, misspelled)
		assert.Contains(t, got.Text, says)
	}
	for _, unsafe := range []string{"dry_run", "dryRun", "preview", "confirm", "reason"} { // to ignore these would do what was not meant
		got := w.find(args{unsafe: true})
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, unsafe)
	}
	inside := w.book(agreed(w.slot().SlotID).with("consent", args{"granted": true, "givenBy": "Ada", "statement": "yes"}))
	assert.Contains(t, inside.Text, "consent.givenBy is not an argument, did you mean given_by?")
}

// field: attendees as text
func TestReq_T10_BookingsAreCoerced(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		attendees any
		want      []schemas.Recipient
	}{
		"an address":                {"ada@example.com", []schemas.Recipient{{Email: "ada@example.com", Mailed: true}}},
		"a list of addresses":       {[]string{"ada@example.com"}, []schemas.Recipient{{Email: "ada@example.com", Mailed: true}}},
		"name and address":          {"Ada Byron <ada@example.com>", []schemas.Recipient{{Email: "ada@example.com", Name: "Ada Byron", Mailed: true}}},
		"several":                   {"Ada Byron <ada@example.com>; grace@example.com", []schemas.Recipient{{Email: "ada@example.com", Name: "Ada Byron", Mailed: true}, {Email: "grace@example.com"}}},
		"JSON text":                 {`[{"email":"ada@example.com","name":"Ada Byron"}]`, []schemas.Recipient{{Email: "ada@example.com", Name: "Ada Byron", Mailed: true}}},
		"one object":                {args{"email": " ada@example.com ", "name": ""}, []schemas.Recipient{{Email: "ada@example.com", Mailed: true}}},
		"an object as text":         {`{"email":"Ada Byron <ada@example.com>"}`, []schemas.Recipient{{Email: "ada@example.com", Name: "Ada Byron", Mailed: true}}},
		"a list of text objects":    {[]string{`{"email":"mailto:ada@example.com"}`}, []schemas.Recipient{{Email: "ada@example.com", Mailed: true}}},
		"an apostrophe":             {"John O'Shea <john.o'shea@example.com>", []schemas.Recipient{{Email: "john.o'shea@example.com", Name: "John O'Shea", Mailed: true}}},
		"a tag":                     {args{"email": "ada+vennio@example.com"}, []schemas.Recipient{{Email: "ada+vennio@example.com", Mailed: true}}},
		"an international domain":   {args{"email": "ada@bücher.example", "name": "Ada"}, []schemas.Recipient{{Email: "ada@xn--bcher-kva.example", Name: "Ada", Mailed: true}}},
		"another international one": {[]string{"Ada <ada@例え.テスト>"}, []schemas.Recipient{{Email: "ada@xn--r8jz45g.xn--zckzah", Name: "Ada", Mailed: true}}},
	} {
		w := newWorld(t)
		got := w.book(agreed(w.slot().SlotID).with("attendees", tc.attendees).with("consent", `{"granted":"true","given_by":"Ada","statement":"yes"}`))
		require.False(t, got.IsError, "%s: %s", name, got.Text)
		assert.Equal(t, tc.want, got.Data.Attendees, name)
		assert.NotContains(t, got.Text, `""`, name)
	}
}

// field: an attendee without a name
func TestAnAttendeeWithoutANameIsShownByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slot := w.slot().SlotID
	booking := agreed(slot).with("attendees", []string{"ada.byron@example.com"})
	preview := w.book(booking.with("consent", "false"))
	assert.Contains(t, preview.Text, "NOT BOOKED YET")
	assert.Contains(t, preview.Text, "Vennio e-mails ada.byron@example.com.")
	require.NotNil(t, preview.Data.Proposal)
	assert.Equal(t, []schemas.Recipient{{Email: "ada.byron@example.com", Mailed: true}}, preview.Data.Proposal.Attendees)
	got := w.book(booking)
	require.False(t, got.IsError, got.Text)
	read := w.get(args{"booking_id": got.Data.BookingID})
	assert.Equal(t, []string{"ada.byron <ada.byron@example.com>"}, read.Data.Attendees, "Vennio requires a name")
	assert.Equal(t, schemas.CodeConsentMismatch, w.book(booking.with("attendees", []any{args{"email": "ada.byron@example.com", "name": "ada.byron"}})).Code, "consent to an address is not consent to a name")
}

// field: a consent that is unclear
func TestReq_C1_AnUnclearConsentIsReportedAndNeverGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slot := w.slot().SlotID
	for consent, says := range map[string]string{
		`"yes, please"`:                    "consent is of type string, want object. consent is an object with granted (required), given_by, statement, for example",
		`"{granted: true"`:                 "consent is text, and not valid JSON.",
		`true`:                             "consent is of type boolean, want object.",
		`{"granted":"yes"}`:                "consent.granted is of type string, want boolean.",
		`{"granted":1}`:                    "consent.granted is of type number, want boolean.",
		`[{"granted":"yes"}]`:              "consent.granted is of type string, want boolean.",
		`{"granted":"1"}`:                  "consent.granted is of type string, want boolean.",
		`{"consent":{"granted":true}}`:     "consent.consent is not an argument",
		`{"granted":[true]}`:               "consent.granted is of type array, want boolean.",
		`{"granted":"maybe","given_by":1}`: "consent.given_by is of type number, want string; consent.granted is of type string, want boolean.",
		`""`:                               "consent is missing (required): send {granted: false} to see what would be written.",
		`null`:                             "consent is missing (required): send {granted: false}",
	} {
		got := w.book(agreed(slot).with("consent", json.RawMessage(consent)))
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", consent, got.Text)
		assert.Contains(t, got.Text, says)
		assert.NotContains(t, got.Text, "agreed to it")
	}
	for _, no := range []string{`{"granted":"false"}`, `{"granted":" FALSE ","given_by":"","statement":null}`, `"{\"granted\":\"False\"}"`, `false`, `"false"`} {
		got := w.book(agreed(slot).with("consent", json.RawMessage(no)))
		assert.False(t, got.IsError, "%s: %s", no, got.Text)
		assert.Contains(t, got.Text, "NOT BOOKED YET", no)
	}
	assert.Zero(t, w.vennio.Writes())
}

// field: an error in a nested argument
func TestAnErrorInANestedArgumentShowsItsShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slot := w.slot().SlotID
	for says, got := range map[string]answer[schemas.Failure]{
		`attendees[0].email is missing (required). attendees is a list of objects with email (required), name, for example [{"email": "ada@example.com", "name": "Ada Byron"}].`:               call[schemas.Failure](w, "book_slot", agreed(slot).with("attendees", []any{args{"name": "Ada"}})),
		`prefer.earlist is not an argument, did you mean earliest? prefer is an object with earliest, latest, days, avoid_days (all optional), for example {"earliest": "09:00", `:             call[schemas.Failure](w, "find_slots", args{"prefer": args{"earlist": "09:00"}}),
		`busy[0].end is missing (required). busy is a list of objects with start (required), end (required), for example [{"start": "2026-12-01T09:00", "end": "2026-12-01T10:30"}].`:          call[schemas.Failure](w, "find_slots", args{"busy": args{"start": "2026-05-14"}}),
		`consent.granted is missing (required). consent is an object with granted (required), given_by, statement, for example {"granted": false}.`:                                            call[schemas.Failure](w, "cancel_booking", args{"booking_id": "b", "consent": args{}}),
		`hosts[0] is of type object, want string. hosts is a list of strings, for example ["Alice"].`:                                                                                          call[schemas.Failure](w, "list_bookings", args{"hosts": []any{args{}}}),
		"slot_id is missing (required); title is missing (required). The arguments are: slot_id (required), title (required), attendees (required), consent (required), notes, hosts, repeat.": call[schemas.Failure](w, "book_slot", agreed(" ").with("title", "")),
	} {
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, got.Text)
		assert.Contains(t, got.Text, says)
		assert.Equal(t, strings.Contains(says, "The arguments are"), strings.Contains(got.Text, "The arguments are"), got.Text)
	}
	for _, tool := range []string{"get_booking", "cancel_booking", "reschedule_booking"} {
		got := call[schemas.Failure](w, tool, args{"booking_id": " ", "slot_id": " ", "consent": args{"granted": false}})
		if tool != "reschedule_booking" {
			got = call[schemas.Failure](w, tool, args{"booking_id": " ", "consent": args{"granted": false}})
		}
		if tool == "get_booking" {
			got = call[schemas.Failure](w, tool, args{"booking_id": " "})
		}
		assert.Contains(t, got.Text, "booking_id is missing (required)", tool)
		assert.NotContains(t, got.Text, "Vennio refused", tool)
	}
}

// field: a limit above the maximum
func TestALimitAboveTheMaximumIsReduced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, limit := range []any{50, "50", 50.0, " 50 "} {
		got := w.find(args{"limit": limit})
		require.False(t, got.IsError, got.Text)
		assert.Len(t, got.Data.Slots, 10)
		assert.Contains(t, got.Data.Note, "limit 50 was reduced to 10, the most.")
		assert.Contains(t, got.Text, "limit 50 was reduced to 10, the most.")
		list := call[schemas.ListBookingsResult](w, "list_bookings", args{"limit": limit})
		assert.Contains(t, list.Text, "limit 50 was reduced to 10, the most.")
	}
	assert.NotContains(t, w.find(args{"limit": 10}).Text, "reduced")
}

// field: busy times as dates and local times
func TestReq_S11_BusyTakesWhatFromAndToTake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	window := args{"from": "2026-05-14", "to": "2026-05-15", "timezone": "America/New_York", "limit": 10}
	want := w.find(window.with("busy", []any{args{"start": "2026-05-14T00:00:00-04:00", "end": "2026-05-15T00:00:00-04:00"}}))
	require.False(t, want.IsError, want.Text)
	require.NotEmpty(t, want.Data.Slots)
	for _, busy := range []any{
		[]any{args{"start": "2026-05-14", "end": "2026-05-14"}},
		args{"start": "2026-05-14T00:00", "end": "2026-05-15T00:00"},
		"2026-05-14",
		[]string{"2026-05-14"},
		`[{"start":"2026-05-14 00:00","end":"2026-05-15 00:00:00"}]`, "2026-05-14T00:00/2026-05-15T00:00",
		"2026-05-14/2026-05-14",
		[]any{[]string{"2026-05-14", "2026-05-14"}},
		args{"from": "2026-05-14", "to": "2026-05-14"},
		"2026-05-14T00:00 - 2026-05-15T00:00",
		args{"start": "2026-05-14T00:00:00.000-0400", "end": "2026-05-15T00:00:00-0400"},
	} {
		assert.Equal(t, withoutIDs(want), withoutIDs(w.find(window.with("busy", busy))), "%v", busy)
	}
}

// field: enumerations and repetitions in other words
func TestReq_T10_WordsAreCoerced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, status := range []string{"canceled", "Cancelled", " CANCELED "} {
		got := call[schemas.ListBookingsResult](w, "list_bookings", args{"status": status})
		assert.False(t, got.IsError, got.Text)
	}
	slot := w.slot().SlotID
	for repeat, says := range map[string]string{
		"every week": "repeat weekly has no end: ask the person how often, or until when; want for example weekly x6, biweekly x4 or monthly until 2026-12-31.",
		"hourly":     "repeat is not understood; want for example",
	} {
		got := w.book(agreed(slot).with("repeat", repeat))
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, got.Text)
		assert.Contains(t, got.Text, says)
	}
	for repeat, says := range map[string]string{
		"every week, 3 times": "weekly, 3 times", "Every two weeks x3": "biweekly, 3 times", "fortnightly for 4 weeks": "biweekly, 2 times", "RRULE:FREQ=MONTHLY;COUNT=2": "monthly, 2 times",
		"each month until 31 July 2026": "monthly, until 2026-07-31", "WEEKLY X3": "weekly, 3 times",
	} {
		got := w.book(agreed(slot).with("repeat", repeat).with("consent", args{"granted": false}))
		require.False(t, got.IsError, "%s: %s", repeat, got.Text)
		assert.Contains(t, got.Data.Proposal.Repeat, says, repeat)
	}
	for _, repeat := range []any{"none", false, "does not repeat", "Doesn't repeat", "one-time", "N/A", "once"} {
		once := w.book(agreed(slot).with("repeat", repeat).with("consent", args{"granted": false}))
		require.False(t, once.IsError, "%v: %s", repeat, once.Text)
		assert.Empty(t, once.Data.Proposal.Repeat, repeat)
	}
	for _, repeat := range []any{args{"frequency": "weekly", "count": 3}, args{"every": "week", "times": "3"}, args{"freq": "WEEKLY", "interval": 1, "count": 3, "until": nil}, `{"frequency":"weekly","count":3}`} {
		got := w.book(agreed(slot).with("repeat", repeat).with("consent", args{"granted": false}))
		require.False(t, got.IsError, "%v: %s", repeat, got.Text)
		assert.Contains(t, got.Data.Proposal.Repeat, "weekly, 3 times", repeat)
	}
	assert.Equal(t, schemas.CodeInvalidArguments, w.book(agreed(slot).with("repeat", args{"frequency": "weekly", "byday": "tu", "count": 3})).Code)
	both := w.find(args{"hosts": "Alice & Bob"})
	assert.Equal(t, []string{"Alice Marlow", "Bob Castellano"}, both.Data.Hosts, both.Text)
	assert.Contains(t, w.find(args{"hosts": "Alice and Mallory"}).Text, `nobody here is called "Alice and Mallory"`)
}

// req: X7
// field: JSON in strings beyond a limit
func TestReq_X7_JSONInStringsIsBoundedTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many := "[[" + strings.Repeat("0,", jsonlimits.MaxValues/2) + "0]]"
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, tc := range map[string]struct {
		arguments any
		says      string
	}{
		"many values":          {args{"busy": "[" + strings.Repeat("{},", jsonlimits.MaxValues) + "{}]"}, "busy must not contain more than 10,000 values"},
		"many values together": {args{"busy": many, "hosts": many}, "must not contain more than 10,000 values"},
		"depth":                {args{"busy": deep}, "busy must not be nested more than 32 levels deep"},
		"the whole":            {`{"busy":` + deep + `}`, "the arguments must not be nested more than 32 levels deep"},
	} {
		got := call[schemas.Failure](w, "find_slots", tc.arguments)
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, name)
		assert.Contains(t, got.Text, tc.says, name)
	}
}

// field: the whole arguments as a string, over the wire
func TestReq_T10_TheWholeArgumentsMayBeAString(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for over, send := range map[string]func([]byte) string{"stdio": overStdio(t, w.server()), "Streamable HTTP": overHTTP(t, w.server())} {
		for _, arguments := range []string{`"{\"duration_minutes\":45}"`, `{"arguments":"{\"duration_minutes\":\"45\"}"}`, `{"duration_minutes":"45","_meta":{"progressToken":1},"toolCallId":"x"}`} {
			for era, meta := range map[string]string{"2026-07-28": describesItself, "2025-11-25": "{}"} {
				if over != "stdio" && era != "2026-07-28" {
					continue // needs a session
				}
				got := send(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"find_slots","_meta":%s,"arguments":%s}}`, meta, arguments))
				assert.Contains(t, got, `"duration_minutes":45`, "%s %s %s", over, era, arguments)
				assert.NotContains(t, got, `"isError":true`, "%s %s %s", over, era, arguments)
			}
		}
	}
}
