package schemas_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// BenchmarkDecode reads and checks arguments as models send them.
func BenchmarkDecode(b *testing.B) {
	b.Run("find_slots", func(b *testing.B) {
		benchmarkDecode[schemas.FindSlotsInput](b, `{"from":"2026-05-14","duration_minutes":"45","timezone":"Europe/London","hosts":["Alice"]}`, false)
	})
	b.Run("book_slot", func(b *testing.B) {
		benchmarkDecode[schemas.BookSlotInput](b, `{"slot_id":"s0123456789abcdefghjkmnpqrstvw","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],`+
			`"consent":{"granted":true,"given_by":"Ada","statement":"Yes, book it"}}`, false)
	})
	b.Run("violations", func(b *testing.B) {
		benchmarkDecode[schemas.FindSlotsInput](b, `{"duration":"half an hour","time_zone":"CET","limit":99}`, true)
	})
}

func benchmarkDecode[In any](b *testing.B, arguments string, refused bool) {
	in := schemas.NewInput[In]()
	b.ReportAllocs()
	for b.Loop() {
		_, err := in.Decode(json.RawMessage(arguments))
		require.Equal(b, refused, err != nil)
	}
}
