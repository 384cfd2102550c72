// Package schemas is the contract with the model: what each tool takes and
// gives, as Go structs. Their JSON Schemas (2020-12) are generated from them,
// their arguments are checked against those schemas, and every result knows how
// to say itself as text.
//
// Inputs are closed, so that a misspelt argument is an error the model can read
// and not a silence. Outputs are open and require nothing, so that a field
// added later breaks no client that remembers the schema, and an error is as
// valid a result as a success. Everything is inlined: some clients cannot
// follow a $ref.
package schemas

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/invopop/jsonschema"
)

// outputs keeps the schema of each type, as inputs does.
var outputs sync.Map

// Output returns the JSON Schema of T, a result. It is shared: nobody may write
// to it.
func Output[T any]() json.RawMessage {
	t := reflect.TypeFor[T]()
	if made, ok := outputs.Load(t); ok {
		return made.(json.RawMessage)
	}
	s := reflectSchema(t, true)
	s.Required = nil
	made, _ := outputs.LoadOrStore(t, marshal(s))
	return made.(json.RawMessage)
}

// Success is Output with the fields required that a success always has. It is
// for tests: the wire carries Output.
func Success[T any]() json.RawMessage {
	return marshal(reflectSchema(reflect.TypeFor[T](), true))
}

func reflectSchema(t reflect.Type, open bool) *jsonschema.Schema {
	refuseRecursion(t, nil)
	r := jsonschema.Reflector{
		Anonymous: true, DoNotReference: true, ExpandedStruct: true,
		AllowAdditionalProperties: open,
	}
	s := r.ReflectFromType(t)
	s.Version = ""
	return s
}

// refuseRecursion: a recursive type overflows the reflector's stack, which no
// recover can catch.
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
