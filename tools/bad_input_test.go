package tools_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// misfit is a call that must be refused, and what the refusal says.
type misfit struct {
	tool      string
	arguments args
	says      []string
}

// misfits are such calls, some of which would book a slot that was offered.
func misfits(slot string) map[string]misfit {
	crowd := make([]any, 5000)
	for i := range crowd {
		crowd[i] = map[string]any{"email": fmt.Sprintf("guest%d@example.com", i), "name": "Guest"}
	}
	return map[string]misfit{
		"unknown argument":     {"find_slots", args{"duration": 30}, []string{"duration is not an argument, did you mean duration_minutes?"}},
		"wrong type":           {"find_slots", args{"duration_minutes": "half an hour"}, []string{"duration_minutes is of type string, want integer"}},
		"too short":            {"find_slots", args{"duration_minutes": 0}, []string{"duration_minutes is too small, the least is 5"}},
		"too long":             {"find_slots", args{"duration_minutes": 481}, []string{"the most is 480"}},
		"too many slots":       {"find_slots", args{"limit": 11}, []string{"limit is too large, the most is 10"}},
		"several at once":      {"find_slots", args{"limit": 0, "timezon": "UTC"}, []string{"limit is too small", "timezon is not an argument, did you mean timezone?"}},
		"missing":              {"book_slot", args{"slot_id": slot}, []string{"attendees is missing", "title is missing"}},
		"a bad address":        {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": "ada", "name": "Ada"}}), []string{"attendees[0].email is not a valid email address"}},
		"five thousand guests": {"book_slot", agreed(slot).with("attendees", crowd), []string{"attendees has 5000 items, the most is 20"}},
		"two addresses in one": {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": `"x> , Eve <eve"@example.com`, "name": "Ada"}}), []string{"attendees[0].email is not a plain e-mail address"}},
		"a host of 100 KB":     {"find_slots", args{"participants": []string{strings.Repeat("x", 100<<10)}}, []string{"participants[0] has 102400 characters, the most is 100"}},
		"no guests":            {"book_slot", agreed(slot).with("attendees", []any{}), []string{"attendees has 0 items, the least is 1"}},
		"a title of 1 MB":      {"book_slot", agreed(slot).with("title", strings.Repeat("a", 1<<20)), []string{"title has 1048576 characters, the most is 120"}},
		"control characters":   {"book_slot", agreed(slot).with("title", "Intro\x1b[2Jcall"), []string{"title holds the invisible character U+001B"}},
		"reversed text":        {"book_slot", agreed(slot).with("title", "Intro \u202ellac"), []string{"U+202E"}},
		"blank title":          {"book_slot", agreed(slot).with("title", "  "), []string{"title is blank"}},
		"blank name":           {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": "ada@example.com", "name": " "}}), []string{"attendees[0].name is blank"}},
		"same guest twice":     {"book_slot", agreed(slot).with("attendees", []any{map[string]any{"email": "ada@example.com", "name": "Ada"}, map[string]any{"email": "ADA@example.com", "name": "Ada"}}), []string{"attendees[1].email is the same as attendees[0].email"}},
	}
}

// bar: P4. Each is refused with what to mend; the next call works; nothing
// reaches Vennio.
func TestBar_P4_BadArgumentsAreRefusedWithWhatToMend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slot := w.slot().SlotID
	calls := w.vennio.Calls()
	for name, tc := range misfits(slot) {
		got := call[schemas.Failure](w, tc.tool, tc.arguments)
		assert.Equal(t, schemas.CodeInvalidArguments, got.Code, "%s: %s", name, got.Text)
		for _, part := range append(tc.says, "The arguments are: ") {
			assert.Contains(t, got.Text, part, name)
		}
		assert.Less(t, len(got.Text), 1500, name)
	}
	assert.Equal(t, calls, w.vennio.Calls())
	assert.False(t, w.find(args{}).IsError, "the next call works")
}

func TestWhatIsPlainlyMeantIsMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.find(args{"duration_minutes": "45", "limit": "2", "from": nil, "timezone": "europe/london"})
	assert.False(t, got.IsError, got.Text)
	assert.Equal(t, 45, got.Data.DurationMinutes)
	assert.Len(t, got.Data.Slots, 2)
	assert.Equal(t, "Europe/London", got.Data.Window.Timezone)
}

func TestNoArgumentsAtAllAreFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := call[schemas.FindSlotsResult](w, "find_slots", nil)
	assert.False(t, got.IsError, got.Text)
}
