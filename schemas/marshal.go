package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/invopop/jsonschema"
)

// marshal writes what json.Marshal does, node by node: json.Marshal reads the text
// of every schema again for each schema above it, which was a tenth of the
// program's start.
func marshal(s *jsonschema.Schema) json.RawMessage {
	var b bytes.Buffer
	writeSchema(&b, s)
	return b.Bytes()
}

// bare is a schema without its MarshalJSON, which writes extras and booleans
// too; ours have none.
type bare jsonschema.Schema

func writeSchema(b *bytes.Buffer, s *jsonschema.Schema) {
	rest := bare(*s)
	if s.Items == nil && s.Properties.Len() == 0 {
		b.Write(mustJSON(&rest))
		return
	}
	b.WriteByte('{')
	if s.Items != nil {
		b.WriteString(`"items":`)
		writeSchema(b, s.Items)
		b.WriteByte(',')
	}
	if s.Properties.Len() > 0 {
		writeProperties(b, s)
	}
	rest.Items, rest.Properties = nil, nil // the rest comes after those two; a type, at least
	b.Write(mustJSON(&rest)[1:])
}

func writeProperties(b *bytes.Buffer, s *jsonschema.Schema) {
	b.WriteString(`"properties":{`)
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		b.Write(mustJSON(p.Key))
		b.WriteByte(':')
		writeSchema(b, p.Value)
		if p.Next() != nil {
			b.WriteByte(',')
		}
	}
	b.WriteString("},")
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("schemas: %w", err)) // a type of ours that cannot be a schema is a bug
	}
	return raw
}
