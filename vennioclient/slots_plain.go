package vennioclient

import "encoding/json"

// plainSlot is a slot as almost every answer holds it. Reading a list of these
// takes one pass; reading every plausible form takes several, and a week of
// overlapping candidates is hundreds of slots.
type plainSlot struct {
	Start           *string         `json:"start"`
	StartTime       *string         `json:"start_time"`
	End             *string         `json:"end"`
	EndTime         *string         `json:"end_time"`
	Description     *string         `json:"description"`
	NaturalLanguage *string         `json:"natural_language"`
	HumanReadable   *string         `json:"human_readable"`
	Label           *string         `json:"label"`
	Display         *string         `json:"display"`
	Slots           json.RawMessage `json:"slots"`
}

// plainSlots appends a list of plain slots to out. It reports false where
// anything in it is less plain, for slotsOf to read or to refuse with a reason.
func plainSlots(out []Slot, raw json.RawMessage) ([]Slot, bool) {
	var list []plainSlot
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	for _, p := range list {
		start, ok1 := instant(firstText(p.Start, p.StartTime))
		end, ok2 := instant(firstText(p.End, p.EndTime))
		if !ok1 || !ok2 || !end.After(start) || p.Slots != nil {
			return nil, false
		}
		out = append(out, Slot{
			Start: start.UTC(), End: end.UTC(),
			Description: firstText(p.Description, p.NaturalLanguage, p.HumanReadable, p.Label, p.Display),
		})
	}
	return out, true
}

// firstText is the first text that is there and not empty.
func firstText(candidates ...*string) string {
	for _, c := range candidates {
		if c != nil && *c != "" {
			return *c
		}
	}
	return ""
}
