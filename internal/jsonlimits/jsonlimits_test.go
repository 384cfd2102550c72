package jsonlimits_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

func nested(open, closed string, depth int) string {
	return strings.Repeat(open, depth) + "1" + strings.Repeat(closed, depth)
}

func list(item string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

func object(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"k%d":%d`, i, i))
	}
	return "{" + strings.Join(all, ",") + "}"
}

// req: X7
// field: limits of a JSON text
func TestReq_X7_EachLimitIsExact(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"arrays of 32 levels":          {nested("[", "]", 32), nil},
		"arrays of 33 levels":          {nested("[", "]", 33), jsonlimits.TooDeep},
		"objects of 32 levels":         {nested(`{"a":`, "}", 32), nil},
		"objects of 33 levels":         {nested(`{"a":`, "}", 33), jsonlimits.TooDeep},
		"both in turn":                 {nested(`[{"a":`, "}]", 17), jsonlimits.TooDeep},
		"never closed":                 {strings.Repeat("[", 33), jsonlimits.TooDeep},
		"brackets in a string":         {`"` + strings.Repeat("[", 50_000) + `"`, nil},
		"a string that seems to end":   {`"` + strings.Repeat(`\"[`, 50_000) + `"`, nil},
		"a string that ends":           {`"\\` + `"` + strings.Repeat(`[`, 33), jsonlimits.TooDeep},
		"many side by side":            {list("[[1]]", 3333), nil},
		"9,999 numbers":                {list("1", 9_999), nil},
		"10,000 numbers and the array": {list("1", 10_000), jsonlimits.TooMany},
		"10,000 strings":               {list(`"a"`, 10_000), jsonlimits.TooMany},
		"10,000 empty objects":         {list(`{}`, 10_000), jsonlimits.TooMany},
		"10,000 nulls with spaces":     {list(" null\n", 10_000), jsonlimits.TooMany},
		"4,999 objects of one member":  {list(`{"a":1}`, 4_999), nil},
		"5,000 objects of one member":  {list(`{"a":1}`, 5_000), jsonlimits.TooMany},
		"100 members":                  {object(100), nil},
		"101 members":                  {object(101), jsonlimits.TooWide},
		"101 members of one name":      {"{" + strings.Repeat(`"a":1,`, 100) + `"a":1}`, jsonlimits.TooWide},
		"101 members inside":           {`[1,{"a":` + object(101) + `}]`, jsonlimits.TooWide},
		"100 members around 100":       {`{"a":` + object(100) + `,` + object(99)[1:], nil},
		"a long name":                  {`{"` + strings.Repeat("k", 1<<20) + `":1}`, nil},
		"a name with escapes":          {`{"\"\\\u0041":1}`, nil},
		"invalid UTF-8":                {"[\"\xff\xc0\",\"\\ud800\"]", nil},
		"the largest number":           {`1.7976931348623157e308`, nil},
		"a number beyond it":           {`1e400`, jsonlimits.LargeNumber},
		"a number below it":            {`[-1E+999999]`, jsonlimits.LargeNumber},
		"the smallest number":          {`5e-324`, nil},
		"a number too near to zero":    {`{"a":1e-999999}`, jsonlimits.LargeNumber},
		"nothing, written large":       {`0.0e99`, nil},
		"an exponent beyond any":       {`1e99999999999999999999`, jsonlimits.LargeNumber},
		"64 digits":                    {strings.Repeat("7", 64), nil},
		"65 digits":                    {strings.Repeat("7", 65), jsonlimits.LargeNumber},
		"a million digits":             {`{"a":[0.` + strings.Repeat("7", 1_000_000) + `]}`, jsonlimits.LargeNumber},
		"a million digits as text":     {`"` + strings.Repeat("7", 1_000_000) + `"`, nil},
		"no JSON":                      {`}}]]:::,,"`, nil},
		"nothing":                      {``, nil},
	} {
		assert.Equal(t, tc.want, jsonlimits.Check([]byte(tc.raw)), name)
	}
}

// The messages name the limits that the constants set.
func TestTheMessagesNameTheLimits(t *testing.T) {
	t.Parallel()
	assert.Contains(t, jsonlimits.TooDeep.Error(), fmt.Sprint(jsonlimits.MaxDepth))
	assert.Equal(t, jsonlimits.MaxValues, 10_000)
	assert.Contains(t, jsonlimits.TooMany.Error(), "10,000")
	assert.Contains(t, jsonlimits.TooWide.Error(), fmt.Sprint(jsonlimits.MaxMembers))
	assert.Contains(t, jsonlimits.LargeNumber.Error(), fmt.Sprint(jsonlimits.MaxNumber))
}

func TestAMemberIsFoundWithoutDecoding(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		raw, want string
		path      []string
	}{
		"first":                {`{"id":7,"x":1}`, `7`, []string{"id"}},
		"last":                 {` { "x" : [1,{"id":2}] , "id" : "a\"b" } `, `"a\"b"`, []string{"id"}},
		"behind deep nesting":  {`{"x":` + nested("[", "]", 50_000) + `,"id":7}`, `7`, []string{"id"}},
		"inside":               {`{"params":{"name":"n","arguments":{"a":{}}},"id":1}`, `{"a":{}}`, []string{"params", "arguments"}},
		"twice":                {`{"id":1,"id":2}`, `2`, []string{"id"}},
		"cut off after it":     {`{"id":7,"params":{"x":"yyy`, `7`, []string{"id"}},
		"cut off in it":        {`{"id":7`, ``, []string{"id"}},
		"only inside":          {`{"x":{"id":1}}`, ``, []string{"id"}},
		"only as a value":      {`{"x":"id"}`, ``, []string{"id"}},
		"in an array":          {`[{"id":1}]`, ``, []string{"id"}},
		"in no object":         {`{"params":3}`, ``, []string{"params", "arguments"}},
		"in nothing":           {``, ``, []string{"id"}},
		"in no JSON":           {`{{{"id":1}`, ``, []string{"id"}},
		"behind what is wrong": {`{"a" 1,"id":1}`, ``, []string{"id"}},
	} {
		from, to, found := jsonlimits.Member([]byte(tc.raw), tc.path...)
		assert.Equal(t, tc.want != "", found, name)
		assert.Equal(t, tc.want, tc.raw[from:to], name)
	}
}

// req: X7. A check allocates nothing, whatever it reads.
func TestACheckAllocatesNothing(t *testing.T) {
	for _, raw := range []string{nested("[", "]", 10_000), list("{}", 1_000_000), object(300_000), list(`{"a":"b"}`, 3_000), `"` + strings.Repeat("x", 1<<20) + `"`} {
		assert.LessOrEqual(t, testing.AllocsPerRun(5, func() { _ = jsonlimits.Check([]byte(raw)) }), 1.0, "%.20s: the copy of the text at most", raw)
	}
}

// counted is what a decoder of tokens sees in a JSON text.
type counted struct{ depth, values, members int }

func count(t *testing.T, raw []byte) (c counted) {
	t.Helper()
	type level struct {
		object bool
		tokens int
	}
	var levels []level
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return c
		}
		require.NoError(t, err)
		if tok == json.Delim('}') || tok == json.Delim(']') {
			levels = levels[:len(levels)-1]
			continue
		}
		name := false
		if n := len(levels); n > 0 {
			at := &levels[n-1]
			name = at.object && at.tokens%2 == 0
			at.tokens++
			if at.object {
				c.members = max(c.members, (at.tokens+1)/2)
			}
		}
		if !name {
			c.values++
		}
		if tok == json.Delim('{') || tok == json.Delim('[') {
			levels = append(levels, level{object: tok == json.Delim('{')})
			c.depth = max(c.depth, len(levels))
		}
	}
}

// Of valid JSON, Check accepts what is within the limits and nothing else.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"b",{"c":null}]}`, nested("[", "]", 33), list("1", 10_000), object(101), `["\"",1e3]`, `{"":""}`, "\"\\\\\"", `{"a":{}}`, "[\xff]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		err := jsonlimits.Check([]byte(raw))
		values := jsonlimits.Values([]byte(raw))
		_, _, _ = jsonlimits.Member([]byte(raw), "a", "b")
		if !json.Valid([]byte(raw)) || errors.Is(err, jsonlimits.LargeNumber) {
			return // a decoder of tokens rejects it, or it goes beyond this comparison
		}
		c := count(t, []byte(raw))
		require.Equal(t, c.values, values)
		within := c.depth <= jsonlimits.MaxDepth && c.values <= jsonlimits.MaxValues && c.members <= jsonlimits.MaxMembers
		require.Equal(t, within, err == nil, "%v %+v", err, c)
	})
}

// BenchmarkCheck shows a cost that is linear in the bytes read: nanoseconds a byte
// stay the same up to the limit, and a text beyond it is refused where it exceeds it.
func BenchmarkCheck(b *testing.B) {
	for _, depth := range []int{10, 100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) { check(b, nested("[", "]", depth), depth > jsonlimits.MaxDepth) })
	}
	for _, n := range []int{10, 100, 1_000, 9_000} {
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) { check(b, list("{}", n), false) })
	}
	b.Run("text=1MiB", func(b *testing.B) { check(b, `{"notes":"`+strings.Repeat("x", 1<<20)+`"}`, false) })
}

func check(b *testing.B, raw string, refused bool) {
	b.Helper()
	text := []byte(raw)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if (jsonlimits.Check(text) != nil) != refused {
			b.Fatal("the wrong answer")
		}
	}
}
