package vennioclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

var errNoSlots = errors.New("the answer holds no list of slots")

// maxNesting bounds envelopes within envelopes.
const maxNesting = 4

// slotsFrom reads slots: a list, one under `slots` or `data`, or lists under
// their dates (the shape of group_by_day is not published).
func slotsFrom(raw json.RawMessage) ([]Slot, error) { return slotsIn([]Slot{}, raw, 0) }

// slotsIn appends the slots in raw to out.
func slotsIn(out []Slot, raw json.RawMessage, depth int) ([]Slot, error) {
	if depth > maxNesting {
		return nil, errNoSlots
	}
	if opens(raw, '[') {
		if plain, ok := plainSlots(out, raw); ok {
			return plain, nil
		}
		var items []object // in one go: each decoding of a part scans it twice more
		if json.Unmarshal(raw, &items) != nil {
			return nil, errNoSlots
		}
		return slotsOf(out, items, depth)
	}
	o, err := objectFrom(raw)
	if err != nil {
		return nil, errNoSlots
	}
	for _, name := range []string{"slots", "data"} {
		if inner, ok := o[name]; ok {
			if none(inner) {
				return out, nil
			}
			return slotsIn(out, inner, depth+1)
		}
	}
	return slotsByDay(out, o, depth)
}

// slotsOf reads a list of slots, or of days that hold slots.
func slotsOf(out []Slot, items []object, depth int) ([]Slot, error) {
	for i, o := range items {
		var err error
		switch {
		case o.field("slots") != nil:
			out, err = slotsIn(out, o["slots"], depth+1)
		default:
			var s Slot
			s, err = slotFrom(o)
			out = append(out, s)
		}
		if err != nil {
			return nil, fmt.Errorf("slots[%d]: %w", i, err)
		}
	}
	return out, nil
}

// slotsByDay reads an object of lists under dates. An empty one is an answer
// only inside an envelope: {} alone says nothing.
func slotsByDay(out []Slot, o object, depth int) ([]Slot, error) {
	days := 0
	for name, inner := range sorted(o) {
		if _, err := time.Parse(time.DateOnly, name); err != nil {
			continue
		}
		days++
		if none(inner) {
			continue
		}
		var err error
		if out, err = slotsIn(out, inner, depth+1); err != nil {
			return nil, err
		}
	}
	if days == 0 && (depth == 0 || len(o) > 0) {
		return nil, errNoSlots
	}
	return out, nil
}

// nextFrom reads a single slot: flat, in an envelope, or the first of a list. 204,
// null, an empty envelope and `available: false` say that there is none.
func nextFrom(raw json.RawMessage) (*Slot, error) {
	if none(raw) {
		return nil, nil
	}
	o, err := payload(raw)
	if err != nil {
		return nil, err
	}
	if o.field("start", "start_time") != nil {
		s, err := slotFrom(o)
		return &s, err
	}
	for _, name := range []string{"slot", "next_slot", "next_available", "next"} {
		if inner, ok := o[name]; ok {
			return oneSlot(inner)
		}
	}
	if scalar(o["available"]) == "false" {
		return nil, nil
	}
	all, err := slotsFrom(raw)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func oneSlot(raw json.RawMessage) (*Slot, error) {
	if none(raw) {
		return nil, nil
	}
	o, err := objectFrom(raw)
	if err != nil {
		return nil, err
	}
	s, err := slotFrom(o)
	return &s, err
}
