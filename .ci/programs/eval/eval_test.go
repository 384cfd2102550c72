package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// req: Q7. A scripted agent solves each case.
func TestReq_Q7_ScriptedAgentsReachTheEndStates(t *testing.T) {
	t.Parallel()
	cases, err := Cases()
	require.NoError(t, err)
	for i, c := range cases {
		v := Variants[i%len(Variants)]
		t.Run(c.ID+" "+v.Name, func(t *testing.T) {
			t.Parallel()
			solve(t, c, v)
		})
	}
}

func solve(t *testing.T, c *Case, v Variant) *Run {
	t.Helper()
	r, _ := converse(t.Context(), c, v, 1, &script{c.Agent})
	raw, err := json.MarshalIndent(r, "", " ")
	require.NoError(t, err)
	assert.Empty(t, r.Error)
	assert.Empty(t, r.Findings, "%s", raw)
	return r
}

func TestReq_Q7_ScriptedAgentsSolveEveryVariant_Slow(t *testing.T) {
	t.Parallel()
	cases, err := Cases()
	require.NoError(t, err)
	for _, c := range cases {
		for _, v := range Variants {
			t.Run(c.ID+" "+v.Name, func(t *testing.T) {
				t.Parallel()
				solve(t, c, v)
			})
		}
	}
}

// req: Q7. Each planted bad transcript is rejected by exactly the graders that the case names, and each grader has one.
func TestReq_Q7_EveryGraderRejectsPlantedBadTranscripts(t *testing.T) {
	t.Parallel()
	cases, err := Cases()
	require.NoError(t, err)
	planted := map[string]int{}
	for _, c := range cases {
		for _, bad := range c.Bad {
			for _, name := range bad.Finds {
				planted[name]++
			}
			t.Run(c.ID+" "+bad.About, func(t *testing.T) {
				t.Parallel()
				r, err := converse(t.Context(), c, Variants[0], 1, &script{bad.Agent})
				require.NoError(t, err)
				assert.ElementsMatch(t, bad.Finds, slices.Collect(maps.Keys(r.Findings)), "%v", r.Findings)
			})
		}
	}
	for _, g := range graders {
		assert.Positive(t, planted[g.name], "no case plants a transcript that %s must reject", g.name)
		delete(planted, g.name)
	}
	assert.Empty(t, planted, "there are no graders of these names")
}
