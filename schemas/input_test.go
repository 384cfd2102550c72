package schemas_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const booking = `{"slot_id":"s1","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}`

func decode(t *testing.T, arguments string) (schemas.BookSlotInput, *schemas.ValidationError) {
	t.Helper()
	in, err := schemas.NewInput[schemas.BookSlotInput]().Decode(json.RawMessage(arguments))
	violations, bad := errors.AsType[*schemas.ValidationError](err)
	require.True(t, bad || err == nil, err)
	return in, violations
}

func TestDecodeReadsWhatFits(t *testing.T) {
	t.Parallel()
	in, violations := decode(t, booking)
	require.Nil(t, violations)
	assert.Equal(t, "Intro", in.Title)
	assert.Equal(t, []schemas.Attendee{{Email: "ada@example.com", Name: "Ada"}}, in.Attendees)
	assert.Equal(t, schemas.Consent{Granted: true, GivenBy: "Ada", Statement: "yes"}, in.Consent)
}

func TestTheErrorNamesEveryViolationAndTheRightNames(t *testing.T) {
	t.Parallel()
	_, violations := decode(t, `{"slot":"s1","title":7,"attendees":[{"mail":"x"}]}`)
	require.NotNil(t, violations)
	assert.Equal(t, "attendees[0].email is missing (required); attendees[0].mail is not an argument, did you mean email?; "+
		"consent is missing (required): send {granted: false} to see what would be written; slot is not an argument, did you mean slot_id?; "+
		"slot_id is missing (required); title is of type number, want string. "+
		`attendees is a list of objects with email (required), name, for example [{"email": "ada@example.com", "name": "Ada Byron"}]. `+
		`consent is an object with granted (required), given_by, statement, for example {"granted": false}. `+
		"The arguments are: slot_id (required), title (required), attendees (required), consent (required), notes, hosts, repeat.", violations.Error())
}

func TestManyViolationsAreCounted(t *testing.T) {
	t.Parallel()
	_, violations := decode(t, `{"a1":1,"b2":1,"c3":1,"d4":1,"e5":1,"f6":1,"g7":1,"h8":1,"i9":1}`)
	require.NotNil(t, violations)
	assert.Contains(t, violations.Error(), "; and more.")
}

func TestAnInvalidConsentIsAViolation(t *testing.T) {
	t.Parallel()
	_, wrong := decode(t, `{"slot_id":"s","title":"t","attendees":[{"email":"a@example.com","name":"A"}],"consent":{"given_by":"Ada"}}`)
	require.NotNil(t, wrong)
	assert.Contains(t, wrong.Error(), "consent.granted is missing")
}

func TestNumbersAreReadInEverySpelling(t *testing.T) {
	t.Parallel()
	find := schemas.NewInput[schemas.FindSlotsInput]()
	in, err := find.Decode(json.RawMessage(`{"duration_minutes":"45","limit":null,"from":null}`))
	require.NoError(t, err)
	assert.Equal(t, schemas.FindSlotsInput{DurationMinutes: 45}, in)
	for _, whole := range []string{`{"limit":3.0}`, `{"limit":"3.0"}`, `{"limit":" 3 "}`, `{"limit":[3]}`, `{"limit":0.3e1}`} {
		in, err := find.Decode(json.RawMessage(whole))
		require.NoError(t, err, whole)
		assert.Equal(t, 3, in.Limit)
	}
	for _, bad := range []string{`{"limit":"3x"}`, `{"limit":"NaN"}`, `{"limit":2.5}`, `{"limit":1e400}`} {
		_, err := find.Decode(json.RawMessage(bad))
		require.Error(t, err, bad)
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		`[1]`: "the arguments must be one JSON object. ", `{"a":`: "the arguments are not valid JSON. ", `{} {}`: "the arguments are not valid JSON. ",
	} {
		_, violations := decode(t, arguments)
		require.NotNil(t, violations, arguments)
		assert.True(t, strings.HasPrefix(violations.Error(), want+"The arguments are: "), violations)
	}
	for _, none := range []string{"", " ", "null", "{}", "[]", `""`, `" "`, `"{}"`, `"null"`} {
		_, err := schemas.NewInput[schemas.FindSlotsInput]().Decode(json.RawMessage(none))
		require.NoError(t, err)
	}
}

// field: number beyond a limit, as text
func TestTextThatIsNoSensibleNumberStaysText(t *testing.T) {
	t.Parallel()
	find := schemas.NewInput[schemas.FindSlotsInput]()
	for _, text := range []string{"1e400", "1e-999999", strings.Repeat("7", 1_000_000), "0.5" + strings.Repeat("0", 1_000_000), "-" + strings.Repeat("0", 1_000_000)} {
		_, err := find.Decode(json.RawMessage(`{"limit":"` + text + `"}`))
		require.EqualError(t, err, "limit is of type string, want integer. The arguments are: when, from, to, duration_minutes, timezone, guest_timezone, hosts, team, reschedule_of, prefer, busy, ignore_preferences, limit (all optional).")
	}
}

// req: X7
// field: validation of many errors
func TestReq_X7_ValidationStopsAtTheNinthError(t *testing.T) {
	t.Parallel()
	find := schemas.NewInput[schemas.FindSlotsInput]()
	for name, tc := range map[string]struct{ arguments, says string }{
		"objects": {`{"busy":[` + strings.Repeat("{},", 9_000) + `{}]}`, "busy has 9001 items, the most is 50; busy[0].end is missing (required); busy[0].start is missing (required); busy[1].end is missing (required); " +
			"busy[1].start is missing (required); busy[2].end is missing (required); busy[2].start is missing (required); busy[3].end is missing (required); and more. "},
		"numbers": {`{"hosts":[` + strings.Repeat("1,", 9_000) + `1]}`, "hosts has 9001 items, the most is 5; hosts[0] is of type number, want string; "},
		"strings": {`{"prefer":{"days":[` + strings.Repeat(`"xyz",`, 9_000) + `"xyz"]}}`, "prefer.days has 9001 items, the most is 7; prefer.days[0] must be one of "},
		"hidden characters": {
			`{"hosts":[` + strings.Repeat(`"\u202e",`, 9_000) + `"x"]}`,
			"hosts has 9001 items, the most is 5; hosts[0] holds the invisible character U+202E, remove it; ",
		},
	} {
		_, err := find.Decode(json.RawMessage(tc.arguments))
		violations, bad := errors.AsType[*schemas.ValidationError](err)
		require.True(t, bad, name)
		assert.Len(t, violations.Violations, 9, name)
		assert.True(t, strings.HasPrefix(err.Error(), tc.says), "%s: %s", name, err)
		assert.Contains(t, err.Error(), "; and more. ", name)
	}
}

// probe has every kind of rule that our schemas have.
type probe struct {
	A string `json:"a" jsonschema:"maxLength=3,minLength=1"`
	B int    `json:"b,omitempty" jsonschema:"minimum=1,maximum=9"`
	C string `json:"c,omitempty" jsonschema:"enum=x,enum=yy"`
	D []leaf `json:"d,omitempty" jsonschema:"minItems=1,maxItems=2"`
	E *leaf  `json:"e,omitempty"`
	F bool   `json:"f,omitempty"`
	G []int  `json:"g,omitempty" jsonschema:"maxItems=2,uniqueItems=true"`
}

type leaf struct {
	A string `json:"a"`
	B string `json:"b,omitempty" jsonschema:"format=date-time"`
}

// The check that can stop accepts what the library accepts, which checks everything; and what it
// accepts, with the help of coercion, is valid once it is coerced.
func TestTheCheckAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	input := schemas.ReflectInput[probe]()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(input.Schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("probe.json", schema))
	library := compiler.MustCompile("probe.json")
	fit := 0
	rapid.Check(t, func(t *rapid.T) {
		raw := object(t)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
		require.NoError(t, err)
		in, err := input.Decode(json.RawMessage(raw))
		if library.Validate(doc) == nil {
			require.NoError(t, err, raw)
			fit++
		}
		if err == nil {
			require.NoError(t, library.Validate(encoded(t, in)), raw)
		}
	})
	assert.NotZero(t, fit)
}

func encoded(t *rapid.T, v any) any {
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return doc
}

// right are members that fit a probe.
var right = map[string]string{
	"a": `"x"`, "b": `9`, "c": `"yy"`, "d": `[{"a":"x"},{"a":"x","b":"2026-05-14T09:00:00Z"}]`, "e": `{"a":"x"}`, "f": `true`, "g": `[1,2]`,
}

// object is some of these members, some with another value, and perhaps one more.
func object(t *rapid.T) string {
	values := append(slices.Sorted(maps.Values(right)), `""`, `"long"`, `10`, `1.5`, `[]`, `{}`, `[1,1]`, `[1,2,3]`, `[{"a":1}]`, `[{},{"z":[]}]`, `{"z":1}`)
	var all []string
	for _, name := range append(slices.Sorted(maps.Keys(right)), "z") {
		switch rapid.IntRange(0, 9).Draw(t, name) {
		case 0:
			all = append(all, fmt.Sprintf("%q:%s", name, rapid.SampledFrom(values).Draw(t, "value")))
		case 1, 2, 3:
		default:
			if name != "z" {
				all = append(all, fmt.Sprintf("%q:%s", name, right[name]))
			}
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// A recursive type would overflow the stack of the reflector, which ends the
// process: see docs/library-notes.md on invopop/jsonschema.
func TestARecursiveTypeIsRefusedBeforeItIsReflected(t *testing.T) {
	t.Parallel()
	type tree struct{ Branches []*struct{ Tree *tree } }
	assert.PanicsWithValue(t, "schemas: schemas_test.tree is recursive", func() { schemas.ReflectInput[tree]() })
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{booking, `{}`, `null`, `[]`, `{"limit":"3"}`, `{"attendees":[[[]]]}`, `{"consent":[]}`, `{"slot_id":"\u202e","\u0000":1}`} {
		f.Add(seed)
	}
	input := schemas.NewInput[schemas.BookSlotInput]()
	f.Fuzz(func(t *testing.T, arguments string) {
		_, err := input.Decode(json.RawMessage(arguments))
		if err == nil {
			return
		}
		_, unsafe := sanitize.Unsafe(err.Error())
		assert.False(t, unsafe, "%q", err.Error())
		assert.Less(t, len(err.Error()), 2000)
	})
}
