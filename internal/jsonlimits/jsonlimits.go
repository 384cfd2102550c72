// Package jsonlimits limits received JSON before anything decodes it.
//
// The size of a text in bytes says little about what decoding it costs: 20 KB of
// nested brackets or a million empty objects take far more memory than the text
// itself. Check therefore counts levels, values and members in one pass over the
// tokens, in linear time and without allocating. It does not check the grammar:
// what it counts is exact for valid JSON, and decoders reject the rest.
package jsonlimits

import (
	"bytes"
	"context"
	"strconv"
	"strings"
)

// The limits of one JSON text.
const (
	MaxDepth   = 32     // levels of nested objects and arrays
	MaxValues  = 10_000 // values in total: objects, arrays, strings, numbers, booleans and nulls
	MaxMembers = 100    // members of one object, duplicates included
	MaxNumber  = 64     // characters of one number
)

// Excess is the error for a text that exceeds a limit. Its message continues a
// sentence that begins with the name of the text, and quotes nothing of it.
type Excess string

func (e Excess) Error() string { return string(e) }

// One error for each limit.
const (
	TooDeep     Excess = "must not be nested more than 32 levels deep"
	TooMany     Excess = "must not contain more than 10,000 values"
	TooWide     Excess = "must not contain an object with more than 100 members"
	LargeNumber Excess = "must not contain a number that has more than 64 characters or is outside the range of a 64-bit floating-point number"
)

// Check returns the Excess of the first limit that raw exceeds, or nil.
func Check(raw []byte) error {
	_, err := Scan(raw)
	return err
}

// Scan does the same as Check and counts the values in raw up to the first Excess.
func Scan(raw []byte) (values int, err error) {
	var members [MaxDepth + 1]int
	var count counter
	depth := 0
	for at := 0; ; {
		t := next(raw, at)
		at = t.end
		count.add(t.kind)
		switch t.kind {
		case end:
			return count.values, nil
		case '{', '[':
			if depth++; depth > MaxDepth {
				return count.values, TooDeep
			}
			members[depth] = 0
		case '}', ']':
			depth = max(depth-1, 0)
		case ':':
			if members[depth]++; members[depth] > MaxMembers {
				return count.values, TooWide
			}
		case literal:
			if isNumber(raw[t.start]) && !fits(raw[t.start:t.end]) {
				return count.values, LargeNumber
			}
		}
		if count.values > MaxValues {
			return count.values, TooMany
		}
	}
}

// Values counts the values in raw, whatever their depth.
func Values(raw []byte) int {
	var count counter
	for at := 0; ; {
		t := next(raw, at)
		at = t.end
		count.add(t.kind)
		if t.kind == end {
			return count.values
		}
	}
}

// counter counts values: all tokens that begin one, without the names of members.
type counter struct {
	values int
	before byte // kind of the previous token
}

func (c *counter) add(kind byte) {
	switch {
	case kind == '{', kind == '[', kind == text, kind == literal:
		c.values++
	case kind == ':' && c.before == text: // the text was a name
		c.values--
	}
	c.before = kind
}

// Number reports whether s is within the limits of a number. The schema library
// compares numbers with arbitrary precision, which takes seconds for a million
// digits and a tenth of a second for 1e-999999.
func Number(s string) bool {
	if len(s) > MaxNumber {
		return false
	}
	if !strings.ContainsAny(s, "eE") {
		return true
	}
	f, err := strconv.ParseFloat(s, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	underflow := f == 0 && strings.ContainsAny(mantissa, "123456789")
	return (err == nil || f == 0) && !underflow // no number at all: the decoder rejects it
}

func fits(number []byte) bool {
	return len(number) <= MaxNumber && (bytes.IndexByte(number, 'e') < 0 && bytes.IndexByte(number, 'E') < 0 || Number(string(number)))
}

// Member finds a value in the object raw by the names that lead to it, and returns
// where it begins and ends. It compares names byte by byte; of several members of
// one name it returns the last, which is the one that encoding/json keeps. raw may
// be cut off: a value that its end may have cut is not found.
func Member(raw []byte, names ...string) (from, to int, found bool) {
	from, to = 0, len(raw)
	for _, name := range names {
		start, stop, ok := member(raw[from:to], name)
		if !ok {
			return 0, 0, false
		}
		from, to = from+start, from+stop
	}
	return from, to, true
}

func member(raw []byte, name string) (from, to int, found bool) {
	t := next(raw, 0)
	if t.kind != '{' {
		return 0, 0, false
	}
	for {
		key := next(raw, t.end)
		colon := next(raw, key.end)
		if key.kind != text || colon.kind != ':' {
			return from, to, found
		}
		value := next(raw, colon.end)
		stop := skip(raw, value)
		if t = next(raw, stop); t.kind == end {
			return from, to, found
		}
		if string(raw[key.start:key.end]) == `"`+name+`"` {
			from, to, found = value.start, stop, true
		}
		if t.kind != ',' {
			return from, to, found
		}
	}
}

// skip returns the end of the value that begins with t.
func skip(raw []byte, t token) int {
	if t.kind != '{' && t.kind != '[' {
		return t.end
	}
	at := t.end
	for depth := 1; depth > 0 && at < len(raw); {
		switch raw[at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			at = endOfText(raw, at+1)
			continue
		}
		at++
	}
	return at
}

// The kinds of tokens. The kind of a punctuation token is its character.
const (
	end     byte = 0
	text    byte = '"'
	literal byte = '0' // a number, true, false, null, or no JSON
)

type token struct {
	kind       byte
	start, end int
}

// next returns the first token of raw from a position on.
func next(raw []byte, at int) token {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\t' || raw[at] == '\r' || raw[at] == '\n') {
		at++
	}
	if at >= len(raw) {
		return token{end, at, at}
	}
	switch c := raw[at]; c {
	case '{', '}', '[', ']', ':', ',':
		return token{c, at, at + 1}
	case '"':
		return token{text, at, endOfText(raw, at+1)}
	}
	stop := at + 1
	for stop < len(raw) && !delimiter[raw[stop]] {
		stop++
	}
	return token{literal, at, stop}
}

var delimiter = [256]bool{'{': true, '}': true, '[': true, ']': true, ':': true, ',': true, '"': true, ' ': true, '\t': true, '\r': true, '\n': true}

// endOfText returns the position after the quotation mark that ends a string.
func endOfText(raw []byte, at int) int {
	for at < len(raw) {
		switch raw[at] {
		case '\\':
			at++ // skip the escaped character
		case '"':
			return at + 1
		}
		at++
	}
	return len(raw)
}

func isNumber(first byte) bool { return first == '-' || '0' <= first && first <= '9' }

type key struct{}

// With returns ctx with the excess for which the arguments of a call were removed;
// ctx itself where excess is nil.
func With(ctx context.Context, excess error) context.Context {
	if excess == nil {
		return ctx
	}
	return context.WithValue(ctx, key{}, excess)
}

// From returns the excess that With put into ctx, or nil.
func From(ctx context.Context) error {
	excess, _ := ctx.Value(key{}).(error)
	return excess
}
