package vennioclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

var errNoSlots = errors.New("the answer holds no list of slots")

// ErrOtherHost is the cause (errors.Is) of a KindMalformed: Vennio answered with the
// free times of another host than the one that was asked for.
var ErrOtherHost = errors.New("the answer is about another host than the one asked for")

// slotsAlone reads the slots of one host, if the answer does not name another: it need
// not name any, and in the guide's dialect hosts are addresses and answers hold ids.
func slotsAlone[T any](hosts []string, decode func(json.RawMessage) (T, error)) func(json.RawMessage) (T, error) {
	return func(raw json.RawMessage) (T, error) {
		var none T
		if len(hosts) == 1 && namesOtherHost(raw, hosts[0]) {
			return none, ErrOtherHost
		}
		return decode(raw)
	}
}

func namesOtherHost(raw json.RawMessage, host string) bool {
	var envelope struct { // read in one pass, which the list of slots is skipped in
		BusinessID  json.RawMessage `json:"business_id"`
		PrincipalID json.RawMessage `json:"principal_id"`
		Data        struct {
			BusinessID  json.RawMessage `json:"business_id"`
			PrincipalID json.RawMessage `json:"principal_id"`
		} `json:"data"`
	}
	if !opens(raw, '{') {
		return false
	}
	_ = json.Unmarshal(raw, &envelope) // data may be a list
	named := 0
	for _, id := range []json.RawMessage{envelope.BusinessID, envelope.PrincipalID, envelope.Data.BusinessID, envelope.Data.PrincipalID} {
		switch id := bareID(scalar(id)); {
		case id == "" || strings.Contains(id, "@") != strings.Contains(host, "@"):
		case strings.EqualFold(id, bareID(host)):
			return false
		default:
			named++
		}
	}
	return named > 0
}

// bareID is an id without its kind: "alice@example.com" of "user:alice@example.com".
func bareID(id string) string { return id[strings.Index(id, ":")+1:] }

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
		return slotsOf(out, raw, depth)
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

// slotsOf reads a list of slots, or of days that hold slots. It decodes one after the
// other, so that what is no slot ends it before the rest takes memory.
func slotsOf(out []Slot, raw json.RawMessage, depth int) ([]Slot, error) {
	items := json.NewDecoder(bytes.NewReader(raw))
	if _, err := items.Token(); err != nil {
		return nil, errNoSlots
	}
	for i := 0; items.More(); i++ {
		var o object
		err := items.Decode(&o)
		if err != nil {
			return nil, errNoSlots
		}
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
