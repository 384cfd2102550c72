package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Run is one run of a case: what was said and called, the state afterwards, and what the graders found.
type Run struct {
	Case    string `json:"case"`
	Topic   string `json:"topic"`
	Variant string `json:"variant"`
	Number  int    `json:"run"`

	Events   []Event             `json:"-"`        // in the file of transcripts
	State    State               `json:"-"`        // in the file of transcripts
	Reported string              `json:"reported"` // the outcome that the model reported; empty: none
	Usage    Usage               `json:"tokens"`
	Calls    int                 `json:"calls"` // of tools, without report_outcome
	Findings map[string][]string `json:"findings,omitempty"`
	Error    string              `json:"error,omitempty"` // of the endpoint or the harness: only what must never happen is graded
}

// Event is one step of a conversation.
type Event struct {
	User      string          `json:"user,omitempty"`
	Model     string          `json:"model,omitempty"`
	Call      string          `json:"call,omitempty"` // name of the tool
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Answer    string          `json:"answer,omitempty"`
	Status    string          `json:"status,omitempty"` // of the structured content
	Act       string          `json:"act,omitempty"`    // what the call would write, whatever its consent: calls with the same one mean the same
	IsError   bool            `json:"is_error,omitempty"`
	Card      string          `json:"card,omitempty"` // the button that the person pressed on the card of this result
	// Attested is the number of consents that this call made the ledger record on the model's word alone, and
	// Permitted whether the user had agreed to exactly this act before.
	Attested  int  `json:"attested,omitempty"`
	Permitted bool `json:"permitted,omitempty"`
	Written   int  `json:"written,omitempty"`   // number of writes that succeeded during this call
	Withdrawn bool `json:"withdrawn,omitempty"` // the words of the user declined, or took back, what was previewed
}

// The outcomes that a model can report.
const (
	reportTool         = "report_outcome"
	outcomeBooked      = "booked"
	outcomeMoved       = "moved"
	outcomeCancelled   = "cancelled"
	outcomeUpdated     = "updated"
	outcomeProposed    = "proposed"
	outcomeShared      = "shared"
	outcomePayment     = "awaiting_payment"
	outcomeAwaiting    = "awaiting_consent"
	outcomeUnknown     = "unknown"
	outcomeNothingDone = "nothing_done"
)

var outcomes = []string{
	outcomeBooked, outcomeMoved, outcomeCancelled, outcomeUpdated, outcomeProposed, outcomeShared,
	outcomePayment, outcomeAwaiting, outcomeUnknown, outcomeNothingDone,
}

// reportDefinition is the tool with which a model ends a conversation. The harness answers it, so that what the
// model believes is graded without reading its words.
var reportDefinition = Tool{
	Name: reportTool,
	Description: "Ends the task. Call it exactly once, when the task is finished or cannot be finished. " +
		"outcome is the state that really holds now: booked (a meeting is booked and confirmed), awaiting_payment (booked, but not confirmed until it is paid), " +
		"moved, cancelled, updated, proposed (a poll or proposal was sent), shared (a booking link was made), " +
		"awaiting_consent (nothing was written, because a person has not agreed yet), unknown (it is not known whether it was written), " +
		"or nothing_done (nothing was written, for any other reason).",
	Schema: json.RawMessage(`{"type":"object","properties":{"outcome":{"type":"string","enum":["` + strings.Join(outcomes, `","`) + `"]}},"required":["outcome"],"additionalProperties":false}`),
}

const (
	maxTurns   = 30 // messages of the model in one run
	maxRepeats = 2  // how often the user says the words of "otherwise" before the run ends

	// reminder follows when the user has nothing more to say and the model has not reported.
	reminder = "(The conversation is over. Call " + reportTool + " now, and nothing else.)"
)

// conversation is a run in progress.
type conversation struct {
	c       *Case
	v       Variant
	w       *world
	run     *Run
	request Request

	turns    []Turn // not used yet
	repeats  int
	awaiting bool                // a tool has answered awaiting_consent since the user last spoke
	previews map[string]struct{} // acts that were previewed
	allowed  map[string]struct{} // acts to which the user has agreed
	slots    map[string]string   // the time and the hosts of each slot, by its id
	reminded bool
	attested int // consents in the ledger on the model's word alone
	written  int // successful writes in the ledger
}

// converse runs a case with a model, and grades it. If an error of the endpoint or the harness ended it, only what must
// never happen is graded, and the error is returned, too.
func converse(ctx context.Context, c *Case, v Variant, number int, model Model) (*Run, error) {
	run := &Run{Case: c.ID, Topic: c.Topic, Variant: v.Name, Number: number}
	w, err := newWorld(ctx, c, v)
	if err != nil {
		run.Error = err.Error()
		return run, err
	}
	defer w.close()
	s := &conversation{c: c, v: v, w: w, run: run, turns: slices.Clone(c.User), previews: map[string]struct{}{}, allowed: map[string]struct{}{}, slots: map[string]string{}}
	err = s.talk(ctx, model)
	var unread error
	run.State, unread = w.state(context.WithoutCancel(ctx))
	if err = cmp.Or(err, unread); err != nil {
		run.Error = err.Error()
	}
	if unread == nil {
		run.grade(c)
	}
	return run, err
}

func (s *conversation) talk(ctx context.Context, model Model) error {
	s.request = Request{System: s.system(), Tools: s.tools()}
	s.addUserTurn()
	for range maxTurns {
		reply, err := model.Next(ctx, s.request)
		s.run.Usage.add(reply.Usage)
		if err != nil {
			return err
		}
		s.request.Messages = append(s.request.Messages, Message{Model: true, Text: reply.Text, Calls: reply.Calls, Thinking: reply.Thinking})
		if reply.Text != "" {
			s.run.Events = append(s.run.Events, Event{Model: reply.Text})
		}
		if len(reply.Calls) == 0 {
			if !s.addUserTurn() {
				return nil
			}
			continue
		}
		var answers []Answer
		for _, call := range reply.Calls {
			answer, err := s.call(ctx, call)
			if err != nil {
				return err
			}
			answers = append(answers, answer)
		}
		s.request.Messages = append(s.request.Messages, Message{Answers: answers})
		if s.run.Reported != "" {
			return nil
		}
	}
	return nil
}

func (s *conversation) system() string {
	zone, _ := time.LoadLocation(s.c.Timezone)
	return fmt.Sprintf("You are an assistant with tools. Do what the user asks, with as few calls as it needs. It is %s for the user, in the time zone %s. "+
		"Ask the user in a message without calls when you need to know something. When the task is finished or cannot be finished, call %s.\n\n%s",
		s.c.now().In(zone).Format("Monday, 2 January 2006, 15:04"), s.c.Timezone, reportTool, s.w.server.Instructions)
}

// tools returns the tools of the server, of the variant and of the harness.
func (s *conversation) tools() []Tool {
	var all []Tool
	for _, t := range s.w.tools {
		schema := t.RawInputSchema
		if len(schema) == 0 {
			schema, _ = json.Marshal(t.InputSchema)
		}
		all = append(all, Tool{t.Name, t.Description, schema})
	}
	if s.v.Unrelated {
		all = append(all, unrelatedTools()...)
	}
	return append(all, reportDefinition)
}

// addUserTurn adds the next words of the user, and at last the reminder to report. It returns false if nothing is left
// to say.
func (s *conversation) addUserTurn() bool {
	next := slices.IndexFunc(s.turns, func(t Turn) bool {
		return t.After == "" || t.After == afterAwaiting && s.awaiting
	})
	say, withdrawn := s.c.Otherwise, false
	switch {
	case next >= 0:
		turn := s.turns[next]
		s.turns = slices.Delete(s.turns, next, next+1)
		say, withdrawn = turn.Say, turn.Withdraws
		s.consent(turn)
	case s.reminded:
		return false
	case say == "" || s.repeats == maxRepeats:
		say, s.reminded = reminder, true
	default:
		s.repeats++
	}
	s.awaiting = false
	s.request.Messages = append(s.request.Messages, Message{Text: say})
	s.run.Events = append(s.run.Events, Event{User: say, Withdrawn: withdrawn})
	return true
}

// consent records what the user agrees to, which is what was previewed and nothing else.
func (s *conversation) consent(t Turn) {
	if t.Withdraws {
		clear(s.allowed)
		clear(s.previews)
	}
	if t.Consents {
		maps.Copy(s.allowed, s.previews)
	}
}

// call executes a call of the model.
func (s *conversation) call(ctx context.Context, call Call) (Answer, error) {
	arguments, err := parseArguments(call.Arguments)
	event := Event{Call: call.Name, Arguments: json.RawMessage(asJSON(arguments))}
	if err != nil {
		event.Arguments = json.RawMessage(asJSON(call.Arguments))
		event.Answer, event.IsError = "The arguments are not a JSON object.", true
	}
	if call.Name != reportTool {
		s.run.Calls++
	}
	switch {
	case event.IsError:
	case call.Name == reportTool:
		s.report(arguments, &event)
	case s.v.Unrelated && strings.HasPrefix(call.Name, unrelatedPrefix):
		event.Answer = `{"items":[]}`
	default:
		err = s.callServer(ctx, call.Name, arguments, &event)
		if ctx.Err() != nil {
			return Answer{}, ctx.Err()
		}
		if err != nil {
			event.Answer, event.IsError = err.Error(), true
		}
	}
	s.run.Events = append(s.run.Events, event)
	return Answer{ID: call.ID, Text: event.Answer, IsError: event.IsError}, nil
}

func parseArguments(text string) (arguments map[string]any, err error) {
	if strings.TrimSpace(text) == "" {
		return map[string]any{}, nil
	}
	err = json.Unmarshal([]byte(text), &arguments)
	if err == nil && arguments == nil {
		err = errors.New("null")
	}
	return arguments, err
}

func (s *conversation) report(arguments map[string]any, event *Event) {
	outcome, _ := arguments["outcome"].(string)
	switch {
	case s.run.Reported != "":
		event.Answer, event.IsError = "The outcome was reported before. The first report counts.", true
	case !slices.Contains(outcomes, outcome):
		event.Answer, event.IsError = "outcome must be one of "+strings.Join(outcomes, ", ")+".", true
	default:
		s.run.Reported, event.Answer = outcome, "Recorded."
	}
}

// callServer calls a tool of the server, and records its effects on consent.
func (s *conversation) callServer(ctx context.Context, tool string, arguments map[string]any, event *Event) error {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = tool, arguments
	result, err := s.w.mcp.CallTool(ctx, req)
	if err != nil {
		return err
	}
	structured, _ := result.StructuredContent.(map[string]any)
	event.Status, _ = structured["status"].(string)
	event.IsError = result.IsError
	event.Answer = s.v.show(result)
	s.recordSlots(structured, nil)
	event.Act = s.actOf(tool, arguments)
	_, event.Permitted = s.allowed[event.Act]
	if event.Status == schemas.StatusAwaiting {
		s.awaiting = true
		s.previews[event.Act] = struct{}{}
		if s.v.Cards {
			if event.Card, err = s.w.pressCard(ctx, result); err != nil {
				return err
			}
		}
	}
	entries, err := s.w.ledger(ctx)
	state := State{Ledger: entries}
	attested, written := state.count("attested", ""), state.count("settled", consent.Done)
	event.Attested, event.Written = attested-s.attested, written-s.written
	s.attested, s.written = attested, written
	return err
}

// recordSlots records the time and the hosts of each slot when it is first seen, because another search gives the same
// slot another id.
func (s *conversation) recordSlots(v, hosts any) {
	switch v := v.(type) {
	case map[string]any:
		if v["hosts"] != nil {
			hosts = v["hosts"]
		}
		id, _ := v["slot_id"].(string)
		if id != "" && s.slots[id] == "" && v["start"] != nil {
			s.slots[id] = asJSON([]any{v["start"], v["end"], s.normal(hosts)})
		}
		for _, inner := range v {
			s.recordSlots(inner, hosts)
		}
	case []any:
		for _, inner := range v {
			s.recordSlots(inner, hosts)
		}
	}
}

// ignoredArguments are arguments that do not affect what is written, or only repeat what the slot id implies.
var ignoredArguments = []string{"consent", "timezone", "hosts"}

// defaultArguments mean the same as if they were absent.
var defaultArguments = map[string]any{"scope": "single", "response": "accept", "duration_minutes": 30}

// writers decode the arguments of the tools that write. The server coerces arguments whose meaning is clear, such as an
// e-mail address in the place of an attendee.
var writers = map[string]func(json.RawMessage) (any, error){
	"book_slot":           decode[schemas.BookSlotInput],
	"reschedule_booking":  decode[schemas.RescheduleBookingInput],
	"cancel_booking":      decode[schemas.CancelBookingInput],
	"update_booking":      decode[schemas.UpdateBookingInput],
	"propose_times":       decode[schemas.ProposeTimesInput],
	"respond_to_proposal": decode[schemas.RespondToProposalInput],
	"close_poll":          decode[schemas.ClosePollInput],
	"share_link":          decode[schemas.ShareLinkInput],
}

func decode[T any](arguments json.RawMessage) (any, error) {
	return schemas.NewInput[T]().Decode(arguments)
}

// coerced returns the arguments of a tool as the server understands them; unchanged if it refuses them.
func coerced(tool string, arguments map[string]any) map[string]any {
	if writers[tool] == nil {
		return arguments
	}
	in, err := writers[tool](json.RawMessage(asJSON(arguments)))
	if err != nil {
		return arguments
	}
	understood, _ := parseArguments(asJSON(in))
	return understood
}

// actOf identifies what a call would write, whatever its consent, the spelling of its arguments, slot ids and names, and
// the order of its lists.
func (s *conversation) actOf(tool string, arguments map[string]any) string {
	act := map[string]any{"tool": tool}
	for name, value := range coerced(tool, arguments) {
		value = s.normal(value)
		if full, ok := value.(string); ok && name == "host" {
			value, _, _ = strings.Cut(full, " ") // the first name is enough
		}
		absent := slices.Contains([]string{"null", `""`, "[]", "0", asJSON(defaultArguments[name])}, asJSON(value))
		if !absent && !slices.Contains(ignoredArguments, name) {
			act[name] = value
		}
	}
	return strings.ToLower(asJSON(act))
}

// normal replaces slot ids by what they identify, and people by their address, with their name only if the user never
// says it, and sorts lists.
func (s *conversation) normal(value any) any {
	switch value := value.(type) {
	case string:
		return cmp.Or(s.slots[value], strings.Join(strings.Fields(value), " "))
	case map[string]any:
		email, ok := value["email"].(string)
		if !ok {
			return value
		}
		name, _ := value["name"].(string)
		if name = strings.Join(strings.Fields(name), " "); s.c.says(name) {
			return email
		}
		return name + " <" + email + ">"
	case []any:
		all := make([]any, len(value))
		for i, v := range value {
			all[i] = s.normal(v)
		}
		slices.SortFunc(all, func(a, b any) int { return strings.Compare(asJSON(a), asJSON(b)) })
		return all
	}
	return value
}
