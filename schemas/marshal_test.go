package schemas

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMarshalWritesWhatTheJSONPackageWrites(t *testing.T) {
	t.Parallel()
	for _, of := range []reflect.Type{
		reflect.TypeFor[FindSlotsInput](), reflect.TypeFor[BookSlotInput](), reflect.TypeFor[ListBookingsInput](),
		reflect.TypeFor[FindSlotsResult](), reflect.TypeFor[BookSlotResult](), reflect.TypeFor[ListBookingsResult](), reflect.TypeFor[Problem](),
		reflect.TypeFor[struct{}](), reflect.TypeFor[struct {
			Odd [][]struct {
				Name string `json:"name,omitempty" jsonschema:"enum=<&>"`
			} `json:"odd"`
		}](),
	} {
		for _, open := range []bool{true, false} {
			want, err := json.Marshal(reflectSchema(of, open))
			require.NoError(t, err)
			assert.Equal(t, string(want), string(marshal(reflectSchema(of, open))), of)
		}
	}
}
