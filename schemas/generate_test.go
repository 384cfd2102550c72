package schemas

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated schemas")

var (
	inputTypes = []reflect.Type{
		reflect.TypeFor[FindSlotsInput](), reflect.TypeFor[BookSlotInput](), reflect.TypeFor[RescheduleBookingInput](), reflect.TypeFor[CancelBookingInput](),
		reflect.TypeFor[GetBookingInput](), reflect.TypeFor[ListBookingsInput](), reflect.TypeFor[CheckCalendarAccessInput](),
		reflect.TypeFor[ShowConsentInput](), reflect.TypeFor[AnswerConsentInput](),
		reflect.TypeFor[ProposeTimesInput](), reflect.TypeFor[GetProposalInput](), reflect.TypeFor[RespondToProposalInput](), reflect.TypeFor[ClosePollInput](), reflect.TypeFor[UpdateBookingInput](), reflect.TypeFor[ShareLinkInput](),
	}
	resultTypes = []reflect.Type{
		reflect.TypeFor[FindSlotsResult](), reflect.TypeFor[BookSlotResult](), reflect.TypeFor[ChangeResult](),
		reflect.TypeFor[GetBookingResult](), reflect.TypeFor[ListBookingsResult](), reflect.TypeFor[CheckCalendarAccessResult](), reflect.TypeFor[ConsentResult](),
		reflect.TypeFor[ProposeTimesResult](), reflect.TypeFor[GetProposalResult](), reflect.TypeFor[ProposalChangeResult](), reflect.TypeFor[ShareLinkResult](),
	}
)

// With -update it writes the schemas: this is what go generate does.
func TestTheGeneratedSchemasMatchTheStructs(t *testing.T) {
	t.Parallel()
	want := map[string]string{}
	for _, in := range inputTypes {
		want[in.Name()+".json"] = schemaText(t, reflectSchema(in, false))
	}
	for _, out := range resultTypes {
		s := reflectSchema(out, true)
		s.Required = nil
		want[out.Name()+".json"] = schemaText(t, s)
	}
	if *update {
		require.NoError(t, os.RemoveAll("generated"))
		require.NoError(t, os.Mkdir("generated", 0o755))
		for name, text := range want {
			require.NoError(t, os.WriteFile(filepath.Join("generated", name), []byte(text), 0o644))
		}
	}
	files, err := os.ReadDir("generated")
	require.NoError(t, err)
	got := map[string]string{}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join("generated", f.Name()))
		require.NoError(t, err)
		got[f.Name()] = string(raw)
	}
	assert.Equal(t, want, got, "changed on purpose? run go generate ./schemas and read the diff")
}

func schemaText(t *testing.T, s *jsonschema.Schema) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw) + "\n"
}

// reflectSchema makes the JSON Schema of a type; open allows additional properties.
func reflectSchema(t reflect.Type, open bool) *jsonschema.Schema {
	refuseRecursion(t, nil)
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true, ExpandedStruct: true, AllowAdditionalProperties: open}
	s := r.ReflectFromType(t)
	s.Version = ""
	return s
}

// refuseRecursion panics for a recursive type, which would overflow the reflector's stack: no recover
// can catch that.
func refuseRecursion(t reflect.Type, above []reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		refuseRecursion(t.Elem(), above)
	case reflect.Struct:
		if slices.Contains(above, t) {
			panic(fmt.Sprintf("schemas: %s is recursive", t))
		}
		for field := range t.Fields() {
			refuseRecursion(field.Type, append(above, t))
		}
	default:
	}
}

// ReflectInput is the Input of a type of the tests, which has no generated schema.
func ReflectInput[T any]() Input[T] {
	raw, err := json.Marshal(reflectSchema(reflect.TypeFor[T](), false))
	if err != nil {
		panic(err)
	}
	return newInput[T](raw)
}
