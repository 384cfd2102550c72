package vennioclient_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	nine = `{"start":"2026-05-18T11:00:00+02:00","end":"2026-05-18T09:30:00Z"}`
	ten  = `{"start_time":"2026-05-18T10:00:00.000Z","end_time":"2026-05-18T10:30:00.000Z","extra":{"deep":[1]}}`
	fri  = `{"start":"2026-05-22T09:00:00Z","end":"2026-05-22T09:30:00Z"}`
)

func at(hour int) vennioclient.Slot {
	start := time.Date(2026, 5, 18, hour, 0, 0, 0, time.UTC)
	return vennioclient.Slot{Start: start, End: start.Add(30 * time.Minute)}
}

var friday = vennioclient.Slot{Start: at(9).Start.AddDate(0, 0, 4), End: at(9).End.AddDate(0, 0, 4)}

func TestSlotsInEveryForm(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]vennioclient.Slot{
		`{"slots":[` + nine + `,` + ten + `],"timezone":"UTC"}`: {at(9), at(10)},
		`[` + nine + `,` + ten + `]`:                            {at(9), at(10)},
		` {"data":{"slots":[` + nine + `]}}`:                    {at(9)},
		`{"data":[` + ten + `]}`:                                {at(10)},
		`{"slots":{"2026-05-22":[` + fri + `],"2026-05-18":[` + nine + `],"2026-05-19":[]}}`:   {at(9), friday},
		`{"2026-05-22":[` + fri + `],"2026-05-18":[` + nine + `],"timezone":"UTC"}`:            {at(9), friday},
		`{"slots":{"2026-05-18":{"slots":[` + nine + `]},"2026-05-19":null}}`:                  {at(9)},
		`{"slots":[{"date":"2026-05-18","slots":[` + nine + `,` + ten + `]},{"slots":[]}]}`:    {at(9), at(10)},
		`{"slots":[{"date":"2026-05-18","slots":[` + nine + `]},` + fri + `],"consents":[{}]}`: {at(9), friday},
		`{"slots":[]}`:   {},
		`{"slots":{}}`:   {},
		`{"slots":null}`: {},
		`[]`:             {},
	} {
		got, err := play(t, answers(200, body)).client().Slots(t.Context(), aQuery)
		require.NoError(t, err, body)
		assert.Equal(t, want, got, body)
	}
}

// An answer that does not say what is free is an error, never an empty list.
func TestNotSlots(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `null`, `"none"`, `7`, `{"slots":"none"}`, `{"slots":[null]}`, `{"slots":[7]}`, `{"slots":{"monday":[]}}`, `{"slots":{"2026-05-18":7}}`,
		`{"slots":[{}]}`, `{"slots":[{"start":"2026-05-18T09:00:00Z"}]}`,
		`{"slots":[{"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:00:00Z"}]}`,
		`{"slots":{"slots":{"slots":{"slots":{"slots":{"slots":[]}}}}}}`,
	} {
		got, err := play(t, answers(200, body)).client().Slots(t.Context(), aQuery)
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
		assert.Nil(t, got)
	}
}

// Only RFC 3339 with an offset is a time; the zone of the query is no substitute.
func TestTimesAreStrict(t *testing.T) {
	t.Parallel()
	slot := func(start string) string { return `[{"start":` + start + `,"end":"2026-05-18T23:00:00Z"}]` }
	for start, good := range map[string]bool{
		`"2026-05-18T09:00:00Z"`:           true,
		`"2026-05-18T11:00:00+02:00"`:      true,
		`"2026-05-18T09:00:00.000Z"`:       true,
		`"2026-05-18T09:00:00.000000000Z"`: true,
		`"2026-05-18T09:00:00"`:            false,
		`"2026-05-18 09:00:00Z"`:           false,
		`"2026-05-18T9:00:00Z"`:            false,
		`"2026-05-18T09:00Z"`:              false,
		`"2026-05-18T09:00:00,0Z"`:         false,
		`"2026-05-18T09:00:00+0200"`:       false,
		`"2026-05-18"`:                     false,
		`"2026-02-30T09:00:00Z"`:           false,
		`"soon"`:                           false,
		`1779094800`:                       false,
		`{}`:                               false,
	} {
		q := aQuery
		q.Timezone = "UTC"
		got, err := play(t, answers(200, slot(start))).client().Slots(t.Context(), q)
		if !good {
			assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, start)
			assert.Contains(t, err.Error(), "slots[0]: start")
			continue
		}
		require.NoError(t, err, start)
		assert.Equal(t, at(9).Start, got[0].Start, start)
	}
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	const all = `"display":"5","label":"4","human_readable":"3","natural_language":"2","description":"1"`
	for fields, want := range map[string]string{
		all:                                        "1",
		all[:len(all)-len(`,"description":"1"`)]:   "2",
		`"description":"","label":"Monday"`:        "Monday",
		`"display":"5","human_readable":"3"`:       "3",
		`"display":"5"`:                            "5",
		`"description":null`:                       "",
		`"description":{"en":"Monday"}`:            "",
		`"title":"Lunch","description":"Mon 9 am"`: "Mon 9 am",
	} {
		body := `[{"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:30:00Z",` + fields + `}]`
		got, err := play(t, answers(200, body)).client().Slots(t.Context(), aQuery)
		require.NoError(t, err, fields)
		assert.Equal(t, want, got[0].Description, fields)
	}
}

func TestNextSlotInEveryForm(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*vennioclient.Slot{
		nine:                                    new(at(9)),
		`{"slot":` + ten + `}`:                  new(at(10)),
		`{"next_slot":` + nine + `}`:            new(at(9)),
		`{"data":{"slot":` + nine + `}}`:        new(at(9)),
		`{"data":` + nine + `}`:                 new(at(9)),
		`{"slots":[` + nine + `,` + ten + `]}`:  new(at(9)),
		`{"available":true,"slot":` + ten + `}`: new(at(10)),
		`{"slot":null,"message":"none"}`:        nil,
		`{"data":null}`:                         nil,
		`{"available":false}`:                   nil,
		`{"slots":[]}`:                          nil,
		`null`:                                  nil,
	} {
		got, err := play(t, answers(200, body)).client().NextSlot(t.Context(), vennioclient.NextSlotQuery{Host: "h-1"})
		require.NoError(t, err, body)
		assert.Equal(t, want, got, body)
	}
	got, err := play(t, answers(204, "")).client().NextSlot(t.Context(), vennioclient.NextSlotQuery{Host: "h-1"})
	require.NoError(t, err)
	assert.Nil(t, got)
	for _, body := range []string{`{}`, `[7]`, `7`, `{"slot":{}}`, `{"slot":"tomorrow"}`, `{"available":true}`} {
		got, err := play(t, answers(200, body)).client().NextSlot(t.Context(), vennioclient.NextSlotQuery{Host: "h-1"})
		assert.Equal(t, vennioclient.KindMalformed, asError(t, err).Kind, body)
		assert.Nil(t, got)
	}
}

// The guide documents no parameter for the limit, so the client applies it.
func TestMutualLimit(t *testing.T) {
	t.Parallel()
	v := play(t, answers(200, `[`+nine+`,`+ten+`,`+fri+`]`))
	got, err := v.client(vennioclient.WithDialect(vennioclient.Guide)).MutualSlots(t.Context(), vennioclient.MutualQuery{Hosts: []string{"a", "b"}, Limit: 2})
	require.NoError(t, err)
	assert.Equal(t, []vennioclient.Slot{at(9), at(10)}, got)
}
