package schemas_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const booking = `{"slot_id":"s1","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}`

func decode(t *testing.T, arguments string) (schemas.BookSlotInput, *schemas.Misfits) {
	t.Helper()
	in, err := schemas.NewInput[schemas.BookSlotInput]().Decode(json.RawMessage(arguments))
	misfits, bad := errors.AsType[*schemas.Misfits](err)
	require.True(t, bad || err == nil, err)
	return in, misfits
}

func TestDecodeReadsWhatFits(t *testing.T) {
	t.Parallel()
	in, misfits := decode(t, booking)
	require.Nil(t, misfits)
	assert.Equal(t, "Intro", in.Title)
	assert.Equal(t, []schemas.Attendee{{Email: "ada@example.com", Name: "Ada"}}, in.Attendees)
	require.NotNil(t, in.Consent)
	assert.Equal(t, schemas.Consent{Granted: true, GivenBy: "Ada", Statement: "yes"}, *in.Consent)
}

func TestTheSentenceNamesEveryMisfitAndTheRightNames(t *testing.T) {
	t.Parallel()
	_, misfits := decode(t, `{"slot":"s1","title":7,"attendees":[{"mail":"x"}]}`)
	require.NotNil(t, misfits)
	assert.Equal(t, "attendees[0].email is missing; attendees[0].mail is not an argument, did you mean email?; attendees[0].name is missing; "+
		"consent is missing; slot is not an argument, did you mean slot_id?; slot_id is missing; title is of type number, want string. "+
		"The arguments are: slot_id, title, attendees, consent (required), notes, participants, repeat.", misfits.Error())
}

func TestManyMisfitsAreCounted(t *testing.T) {
	t.Parallel()
	_, misfits := decode(t, `{"a1":1,"b2":1,"c3":1,"d4":1,"e5":1,"f6":1,"g7":1,"h8":1,"i9":1}`)
	require.NotNil(t, misfits)
	assert.Contains(t, misfits.Error(), "; and 5 more.")
}

func TestAMisfitOfTheConsentAloneIsLeftToTheTool(t *testing.T) {
	t.Parallel()
	in, misfits := decode(t, strings.Replace(booking, `"granted":true,`, "", 1))
	require.Nil(t, misfits)
	assert.Nil(t, in.Consent, "half a consent is none")
	assert.Equal(t, "consent.granted is missing", in.Misfit)
	assert.Equal(t, "Intro", in.Title)
	_, misfits = decode(t, strings.Replace(strings.Replace(booking, `"granted":true,`, "", 1), `"title":"Intro",`, "", 1))
	require.NotNil(t, misfits, "with another misfit beside it, both are named")
	assert.Contains(t, misfits.Error(), "consent.granted is missing; title is missing")
}

func TestOnlyNumbersAndNullsAreMended(t *testing.T) {
	t.Parallel()
	find := schemas.NewInput[schemas.FindSlotsInput]()
	in, err := find.Decode(json.RawMessage(`{"duration_minutes":"45","limit":null,"from":null}`))
	require.NoError(t, err)
	assert.Equal(t, schemas.FindSlotsInput{DurationMinutes: 45}, in)
	for _, whole := range []string{`{"limit":3.0}`, `{"limit":"3.0"}`, `{"limit":0.3e1}`} {
		in, err := find.Decode(json.RawMessage(whole))
		require.NoError(t, err, whole)
		assert.Equal(t, 3, in.Limit)
	}
	for _, bad := range []string{`{"limit":"3x"}`, `{"limit":"NaN"}`, `{"limit":" 3"}`, `{"limit":2.5}`, `{"limit":1e400}`, `{"limit":99999999999999999999}`, `{"participants":"Alice"}`} {
		_, err := find.Decode(json.RawMessage(bad))
		require.Error(t, err, bad)
	}
}

func TestWhatIsNoObjectIsRefused(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		`[1]`: "the arguments must be one JSON object.", `{"a":`: "the arguments are not valid JSON.", `{} {}`: "the arguments are not valid JSON.",
	} {
		_, misfits := decode(t, arguments)
		require.NotNil(t, misfits, arguments)
		assert.Equal(t, want, misfits.Error())
	}
	for _, none := range []string{"", " ", "null", "{}"} {
		_, err := schemas.NewInput[schemas.FindSlotsInput]().Decode(json.RawMessage(none))
		require.NoError(t, err)
	}
}

// A recursive type would overflow the stack of the reflector, which ends the
// process: see docs/library-notes.md on invopop/jsonschema.
func TestARecursiveTypeIsRefusedBeforeItIsReflected(t *testing.T) {
	t.Parallel()
	type tree struct{ Branches []*struct{ Tree *tree } }
	assert.PanicsWithValue(t, "schemas: schemas_test.tree is recursive", func() { schemas.NewInput[tree]() })
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
		_, unsafe := plain.Unsafe(err.Error())
		assert.False(t, unsafe, "%q", err.Error())
		assert.Less(t, len(err.Error()), 2000)
	})
}
