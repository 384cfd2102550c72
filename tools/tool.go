package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// The names of the tools.
const (
	toolFind       = "find_slots"
	toolBook       = scheduling.ToolBook
	toolReschedule = scheduling.ToolReschedule
	toolCancel     = scheduling.ToolCancel
	toolGet        = "get_booking"
	toolList       = "list_bookings"
	toolAccess     = "check_calendar_access"
	toolShow       = "show_consent"
	toolAnswer     = "answer_consent"
	toolPropose    = scheduling.ToolPropose
	toolProposal   = "get_proposal"
	toolUpdate     = scheduling.ToolUpdate
	toolRespond    = scheduling.ToolRespond
	toolClosePoll  = scheduling.ToolClosePoll
	toolShare      = scheduling.ToolShare
)

// effect is what a call changes. It determines the four MCP hints.
type effect int

const (
	reads effect = iota + 1
	adds
	changes
)

// spec is what the model sees of a tool, apart from the schemas.
type spec struct {
	name, title, description string
	effect                   effect
	card                     string // the address of the card that shows the results; empty: none
	forCards                 bool   // only cards call the tool
	needs                    string // a tool without which this one is useless, so that the description may mention it; empty: none
}

// Run answers one call. A failure is returned as a Go error beside the result that describes it:
// middleware sees the cause, and the model sees the advice.
type Run func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error)

// Middleware wraps every tool: it logs, measures or traces its calls.
type Middleware func(tool string, next Run) Run

// Tool is a definition with its implementation.
type Tool struct {
	mcp.Tool
	run   Run
	needs string
}

// Bind returns the tool for a server. The first middleware is the outermost. The handler never returns
// a Go error, because mcp-go would show its text to the client.
func (t Tool) Bind(around ...Middleware) server.ServerTool {
	run := t.run
	for _, m := range slices.Backward(around) {
		run = m(t.Name, run)
	}
	return server.ServerTool{Tool: t.Tool, Handler: func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		result, _ := run(ctx, req)
		return result, nil
	}}
}

// define connects a typed handler with the protocol. It is the only place that does.
func define[In any, Out schemas.Result](d *Deps, s spec, handle func(context.Context, In) (Out, error)) Tool {
	in := schemas.NewInput[In]()
	t := Tool{Tool: mcp.NewToolWithRawSchema(s.name, s.description, in.Schema), needs: s.needs}
	t.Title = s.title
	t.RawOutputSchema = schemas.Output[Out]()
	t.Annotations = hints(s)
	t.Meta = d.meta(s)
	t.run = func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, endProgress := d.withProgress(withCardKey(withAnswer(ctx, req), req), req)
		defer endProgress()
		out, err := d.call(ctx, s, func() (schemas.Result, error) { return handled(ctx, handle, in, req) })
		if q, asks := errors.AsType[*question](err); asks {
			return q.result(), nil
		}
		if a, waits := errors.AsType[*Awaiting](err); waits {
			return d.result(s, a.result()), err
		}
		if err != nil {
			return d.result(s, d.failure(err)), err
		}
		if w, writes := out.(schemas.WriteResult); writes {
			d.Notify(w.AllWritten())
		}
		return d.result(s, out), nil
	}
	return t
}

// call runs a handler if the caller may use the tool and did not bring a foreign answer.
func (d *Deps) call(ctx context.Context, s spec, handle func() (schemas.Result, error)) (schemas.Result, error) {
	if s.effect != reads && !auth.From(ctx).May(auth.ScopeBook) { // over HTTP, mcpserver refuses it earlier, with 403
		return nil, scheduling.NotAllowed("the caller's token may only read.")
	}
	if err := d.checkAnswer(ctx); err != nil {
		return nil, err
	}
	out, err := handle()
	if wrong, ok := errors.AsType[*schemas.ValidationError](err); ok && d.Now != nil {
		wrong.Year = d.Now().Year() // of the dates in examples
	}
	return out, err
}

// handled decodes the arguments and calls the handler. A panic becomes an error.
func handled[In any, Out schemas.Result](
	ctx context.Context, handle func(context.Context, In) (Out, error), in schemas.Input[In], req mcp.CallToolRequest,
) (out Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %T", sanitize.PanicSite(), p) // the value may contain anything
		}
	}()
	if excess := jsonlimits.From(ctx); excess != nil {
		return out, in.Refuse("the message with these arguments " + excess.Error())
	}
	raw := req.Params.RawArguments
	if len(raw) == 0 && req.Params.Arguments != nil {
		if raw, err = json.Marshal(req.Params.Arguments); err != nil {
			return out, err
		}
	}
	args, err := in.Decode(raw)
	if err != nil {
		return out, err
	}
	return handle(ctx, args)
}

func (d *Deps) result(s spec, r schemas.Result) *mcp.CallToolResult {
	if d.Sandbox {
		r.Common().MarkSandbox()
	}
	if p := r.Common().Error; p != nil {
		p.Next = d.withoutMissingTools(p.Next, "")
	}
	answer := mcp.NewToolResultStructured(r, schemas.Render(r))
	answer.IsError = r.Common().Error != nil
	if fields := d.cardMeta(s, r.Common().Meta); len(fields) > 0 {
		answer.Meta = &mcp.Meta{AdditionalFields: fields}
	}
	return answer
}

// meta is the _meta of a tool: its card, and fields for the clients of Anthropic.
// requiresUserInteraction makes them show a prompt and refuse the tool if nobody can be prompted, so it
// is omitted where the operator accepts the agent's statement, and where a person has answered.
// alwaysLoad keeps tool search from omitting a tool.
func (d *Deps) meta(s spec) *mcp.Meta {
	fields := d.cardMeta(s, map[string]any{})
	if s.effect != reads && d.Policy != consent.PolicyAttested && !s.forCards {
		fields["anthropic/requiresUserInteraction"] = true
	}
	if s.name == toolFind || s.name == toolBook {
		fields["anthropic/alwaysLoad"] = true
	}
	if len(fields) == 0 {
		return nil
	}
	return &mcp.Meta{AdditionalFields: fields}
}

func hints(s spec) mcp.ToolAnnotation {
	return mcp.ToolAnnotation{
		Title:           s.title,
		ReadOnlyHint:    new(s.effect == reads),
		DestructiveHint: new(s.effect == changes), // the previous state is lost
		IdempotentHint:  new(true),                // repeating the call has no further effect
		OpenWorldHint:   new(true),                // Vennio, and the people to whom it sends e-mail
	}
}

// zone reads a time zone argument; without one it returns otherwise.
func (d *Deps) zone(argument, name string, otherwise *time.Location) (*time.Location, error) {
	if name == "" {
		return otherwise, nil
	}
	loc, err := times.ZoneNow(name, d.Now())
	if err != nil {
		return nil, &scheduling.Refusal{Code: schemas.CodeInvalidTimezone, Message: argument + strings.TrimPrefix(err.Error(), "timezone"), Cause: err}
	}
	return loc, nil
}

// defaultZoneNote says in which zone times are if the call named none.
func defaultZoneNote(loc *time.Location) string {
	return fmt.Sprintf("No timezone was given: times are in %s, the server's default.", loc)
}
