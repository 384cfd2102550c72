package main

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func allCases(t *testing.T) []*Case {
	t.Helper()
	cases, err := Cases()
	require.NoError(t, err)
	return cases
}

func TestThereAre40CasesAboutAllTopics(t *testing.T) {
	t.Parallel()
	cases, topics := allCases(t), map[string]int{}
	assert.Len(t, cases, 40)
	for _, c := range cases {
		topics[c.Topic]++
	}
	assert.ElementsMatch(t, Topics, slices.Collect(maps.Keys(topics)))
}

// req: Q7. A scripted agent solves each case. The variants take turns.
func TestReq_Q7_ScriptedAgentsReachTheEndStates(t *testing.T) {
	t.Parallel()
	for i, c := range allCases(t) {
		v := Variants[i%len(Variants)]
		t.Run(c.ID+" "+v.Name, func(t *testing.T) {
			t.Parallel()
			r, err := converse(t.Context(), c, v, 1, &script{c.Agent})
			require.NoError(t, err)
			assert.Empty(t, r.Findings, "%s\n%s", asJSON(r.Events), asJSON(r.State))
		})
	}
}

// The table of all cases in all variants.
func TestReq_Q7_ScriptedAgentsSolveEveryVariant_Slow(t *testing.T) {
	t.Parallel()
	cases := allCases(t)
	e := &evaluation{
		cases: cases, variants: Variants, runs: 1, parallel: 2, model: func(c *Case) Model { return &script{c.Agent} }, budget: &budget{now: time.Now},
		report: &Report{API: "none", Model: "scripted agents", Date: time.Now(), Runs: 1},
	}
	require.NoError(t, e.execute(t.Context()))
	var table strings.Builder
	e.report.markdown(&table)
	t.Log(table.String())
	require.Len(t, e.report.Summary, len(Variants))
	for _, s := range e.report.Summary {
		assert.Equal(t, len(cases), s.PassedAll, s.Variant)
	}
}

// req: Q7. Each planted bad transcript is rejected by exactly the graders that the case names, each grader has one, and
// unusual good transcripts are accepted.
func TestReq_Q7_EveryGraderRejectsPlantedBadTranscripts(t *testing.T) {
	t.Parallel()
	planted := map[string]int{}
	for _, c := range allCases(t) {
		for _, bad := range c.Bad {
			assert.NotEmpty(t, bad.Finds, "%s: %s", c.ID, bad.About)
		}
		for _, transcript := range slices.Concat(c.Bad, c.Good) {
			for _, name := range transcript.Finds {
				planted[name]++
			}
			t.Run(c.ID+" "+transcript.About, func(t *testing.T) {
				t.Parallel()
				r, err := converse(t.Context(), c, Variants[0], 1, &script{transcript.Agent})
				require.NoError(t, err)
				assert.ElementsMatch(t, transcript.Finds, slices.Collect(maps.Keys(r.Findings)), "%v", r.Findings)
			})
		}
	}
	for _, g := range graders {
		assert.Positive(t, planted[g.name], "no case plants a transcript that %s must reject", g.name)
		delete(planted, g.name)
	}
	assert.Empty(t, planted, "there are no graders of these names")
}

// breaksOff is a model that fails where the script would report.
type breaksOff struct {
	script
	failure error
}

// Next implements Model.
func (m *breaksOff) Next(ctx context.Context, r Request) (Reply, error) {
	if len(m.steps) == 0 || m.steps[0].Report != "" {
		return Reply{}, m.failure
	}
	return m.script.Next(ctx, r)
}

// req: Q7. What must never happen counts, even if the endpoint fails or the budget ends afterwards.
func TestReq_Q7_ARunThatEndsEarlyIsGradedForWhatMustNeverHappen(t *testing.T) {
	t.Parallel()
	found := map[string]int{}
	for _, c := range allCases(t) {
		for i, transcript := range slices.Concat(c.Good, c.Bad) {
			var finds []string // what needs no report
			for _, name := range transcript.Finds {
				if name == "consent" || name == "injected" {
					finds = append(finds, name)
					found[name]++
				}
			}
			if i >= len(c.Good) && len(finds) == 0 {
				continue
			}
			t.Run(c.ID+" "+transcript.About, func(t *testing.T) {
				t.Parallel()
				failure := []error{errMalformed, errBudget, context.Canceled}[i%3]
				r, err := converse(t.Context(), c, Variants[0], 1, &breaksOff{script{transcript.Agent}, failure})
				require.ErrorIs(t, err, failure)
				assert.ElementsMatch(t, finds, slices.Collect(maps.Keys(r.Findings)), "%v", r.Findings)
				e := &evaluation{report: &Report{Runs: 1}}
				stopped := e.keep(r, err)
				e.report.summarize()
				code, _ := e.report.result(cmp.Or(stopped, err))
				assert.Equal(t, map[bool]int{true: exitViolated, false: exitPartial}[len(finds) > 0], code)
			})
		}
	}
	assert.Len(t, found, 2)
}

// req: Q7. A model that only reports, whatever is expected, has solved no case.
func TestReq_Q7_DoingNothingSolvesNoCase(t *testing.T) {
	t.Parallel()
	for _, c := range allCases(t) {
		for _, outcome := range c.Expect.Outcome {
			t.Run(c.ID+" "+outcome, func(t *testing.T) {
				t.Parallel()
				r, err := converse(t.Context(), c, Variants[0], 1, &script{[]Step{{Report: outcome}}})
				require.NoError(t, err)
				assert.Equal(t, []string{gradeCompleted}, slices.Collect(maps.Keys(r.Findings)))
			})
		}
	}
}

// replies is a model that sends the given replies.
type replies struct{ all []Reply }

// Next implements Model.
func (m *replies) Next(context.Context, Request) (Reply, error) {
	next := m.all[0]
	m.all = m.all[1:]
	return next, nil
}

// A model that ends the conversation without a report is asked for one, and only the first report counts.
func TestTheOutcomeIsAskedForOnce(t *testing.T) {
	t.Parallel()
	c := allCases(t)[0]
	report := func(outcome string) Call { return Call{outcome, reportTool, `{"outcome":"` + outcome + `"}`} }
	silent := Reply{Text: "Ist gebucht."}
	model := &replies{[]Reply{silent, silent, silent, {Calls: []Call{report(outcomeBooked), report(outcomeNothingDone)}}}}
	r, err := converse(t.Context(), c, Variants[0], 1, model)
	require.NoError(t, err)
	assert.Equal(t, outcomeBooked, r.Reported)
	assert.Equal(t, reminder, r.Events[len(r.Events)-3].User)
	assert.True(t, r.Events[len(r.Events)-1].IsError)
	r, err = converse(t.Context(), c, Variants[0], 1, &replies{[]Reply{silent, silent, silent, silent}})
	require.NoError(t, err)
	assert.Empty(t, r.Reported)
	assert.Equal(t, []string{gradeCompleted}, slices.Collect(maps.Keys(r.Findings)))
}

// Calls that mean the same have the same act, however a model spells them.
func TestTheActOfACall(t *testing.T) {
	t.Parallel()
	s := &conversation{slots: map[string]string{"s1": "at 10", "s2": "at 10", "s3": "at 11"}, c: &Case{User: []Turn{{Say: "Engines for Ada\nByron, please."}}}}
	act := func(tool, arguments string) string {
		parsed, err := parseArguments(arguments)
		require.NoError(t, err)
		_, err = writers[tool](json.RawMessage(arguments))
		require.NoError(t, err, arguments)
		return s.actOf(tool, parsed)
	}
	booking := act("book_slot", `{"slot_id":"s1","title":"Engines","attendees":[{"name":"Ada","email":"ada@example.com"},{"email":"bob@example.com"}],"consent":{"granted":false}}`)
	for _, spelling := range []string{
		`{"slot_id":"s2","title":" engines ","attendees":["bob@example.com","Ada <ADA@example.com>"],"notes":null,"hosts":["Alice"],"consent":{"granted":true,"given_by":"Eve","statement":"Yes"}}`,
		`{"slot_id":"s1","title":"Engines","attendees":"Ada  Byron <ada@example.com>, bob@example.com","notes":"","consent":"{\"granted\":false}"}`,
	} {
		assert.Equal(t, booking, act("book_slot", spelling))
	}
	for _, other := range []string{
		`{"slot_id":"s3","title":"Engines","attendees":["ada@example.com","bob@example.com"],"consent":{"granted":true,"given_by":"Eve","statement":"Yes"}}`,
		`{"slot_id":"s1","title":"Engines","attendees":["ada@example.com"],"consent":{"granted":true,"given_by":"Eve","statement":"Yes"}}`,
		`{"slot_id":"s1","title":"Engines","attendees":["ada@example.com","bob@example.com"],"notes":"More","consent":{"granted":true,"given_by":"Eve","statement":"Yes"}}`,
		`{"slot_id":"s1","title":"Engines","attendees":["Eve <ada@example.com>","bob@example.com"],"consent":{"granted":true,"given_by":"Eve","statement":"Yes"}}`,
	} {
		assert.NotEqual(t, booking, act("book_slot", other))
	}
	assert.Equal(t, act("share_link", `{"title":"Intro","host":"Alice","consent":{"granted":false}}`), act("share_link", `{"title":"Intro","host":"Alice Marlow","duration_minutes":"30","consent":false}`))
	assert.NotEqual(t, act("cancel_booking", `{"booking_id":"b","consent":false}`), act("cancel_booking", `{"booking_id":"b","scope":"series","consent":false}`))
}

// Two runs with the same replies of the model have the same calls, answers, state and findings.
func TestARunIsReproducible(t *testing.T) {
	t.Parallel()
	random := regexp.MustCompile(`"grant":"\w+"|s[0-9a-z]{32}|127\.0\.0\.1:\d+`) // grants, slot ids and ports
	for _, c := range []*Case{allCases(t)[0], allCases(t)[21], allCases(t)[30]} {
		var runs []string
		for range 2 {
			r, err := converse(t.Context(), c, Variants[0], 1, &script{c.Bad[0].Agent})
			require.NoError(t, err)
			runs = append(runs, random.ReplaceAllString(asJSON(r)+asJSON(r.Events)+asJSON(r.State), ""))
		}
		assert.Equal(t, runs[0], runs[1])
	}
}

// What a model writes wrongly is answered with an error, and the run goes on.
func TestMalformedCallsAreAnswered(t *testing.T) {
	t.Parallel()
	wrong := []Call{
		{"1", "find_slots", "{"},
		{"2", "find_slots", "null"},
		{"3", "find_slots", `["a"]`},
		{"4", "no_such_tool", "{}"},
		{"5", reportTool, `{"outcome":"done"}`},
		{"6", "answer_consent", `{"proposal_id":"a","answer":"approve"}`},
		{"7", "book_slot", ""},
	}
	c := allCases(t)[0]
	r, err := converse(t.Context(), c, Variants[0], 1, &replies{[]Reply{{Calls: wrong}, {Calls: []Call{{"8", reportTool, `{"outcome":"nothing_done"}`}}}}})
	require.NoError(t, err)
	require.Len(t, r.Events, len(wrong)+2) // and the user, and the report
	for i := range wrong {
		assert.True(t, r.Events[i+1].IsError, r.Events[i+1].Call)
		assert.NotEmpty(t, r.Events[i+1].Answer)
	}
	assert.Equal(t, outcomeNothingDone, r.Reported)
	require.NoError(t, new(Report).appendTranscript(t.TempDir(), r))
}
