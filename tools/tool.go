// Package tools is what an agent can do with Vennio: one file a tool, one list
// of them all (Catalog), one place where errors become results.
//
// A tool is a plain typed function func(ctx, In) (Out, error). The generic
// define puts the protocol on it; schemas, checks, hints, golden files and the
// README's table all derive from the one catalogue entry.
package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Effect is what a call does to the world. It becomes the four MCP hints.
type Effect int

// The effects.
const (
	Reads Effect = iota + 1
	Adds
	Changes
)

// Spec is a tool's face: all that the model sees of it but the schemas.
type Spec struct {
	Name, Title, Description string
	Effect                   Effect
	Needs                    string // a sibling without which the tool is of no use, so that it may be named; empty: none
}

// Run answers one call. Its failure is still a Go error beside the result made
// of it: middleware sees causes, the model sees advice.
type Run func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error)

// Middleware wraps every tool alike: to log, to time, to trace.
type Middleware func(tool string, next Run) Run

// Tool is a definition and the code behind it.
type Tool struct {
	mcp.Tool
	run   Run
	needs string
}

// Bind makes t servable. The first middleware is the outermost. The handler
// returns no Go error ever: mcp-go would show its text to the client.
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

// define is the one place where a typed handler meets the protocol.
func define[In any, Out schemas.Result](d Deps, s Spec, handle func(context.Context, In) (Out, error)) Tool {
	in := schemas.NewInput[In]()
	t := Tool{Tool: mcp.NewToolWithRawSchema(s.Name, s.Description, in.Schema), needs: s.Needs}
	t.Title = s.Title
	t.RawOutputSchema = schemas.Output[Out]()
	t.Annotations = hints(s)
	t.Meta = meta(d.Policy, s)
	t.run = func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if s.Effect != Reads && d.MayWrite != nil && !d.MayWrite(ctx) {
			err := notAllowed("the caller's token may only read.")
			return result(d, failure(err)), err
		}
		ctx, answered := d.withProgress(withAnswer(ctx, req), req)
		defer answered()
		if err := d.genuine(ctx); err != nil {
			return result(d, failure(err)), err
		}
		out, err := recovered(ctx, handle, in, req)
		if wrong, ok := errors.AsType[*schemas.Misfits](err); ok && d.Now != nil {
			wrong.Year = d.Now().Year() // of the dates in examples
		}
		if q, asks := errors.AsType[*question](err); asks {
			return asking(q), nil
		}
		if a, waits := errors.AsType[*Awaiting](err); waits {
			return result(d, a.result()), err
		}
		if err != nil {
			return result(d, failure(err)), err
		}
		if w, writes := any(out).(schemas.Writing); writes && d.Changed != nil {
			d.Changed(w.Wrote())
		}
		return result(d, out), nil
	}
	return t
}

// meta is what clients of Anthropic read. requiresUserInteraction makes them show a prompt of their
// own, and refuse the tool where nobody can be prompted; so it is left out where the operator takes
// the agent's word. alwaysLoad keeps a tool from being left out by tool search.
func meta(p consent.Policy, s Spec) *mcp.Meta {
	fields := map[string]any{}
	if s.Effect != Reads && p != consent.PolicyAttested {
		fields["anthropic/requiresUserInteraction"] = true
	}
	if s.Name == toolFind || s.Name == toolBook {
		fields["anthropic/alwaysLoad"] = true
	}
	if len(fields) == 0 {
		return nil
	}
	return &mcp.Meta{AdditionalFields: fields}
}

func hints(s Spec) mcp.ToolAnnotation {
	return mcp.ToolAnnotation{
		Title:           s.Title,
		ReadOnlyHint:    new(s.Effect == Reads),
		DestructiveHint: new(s.Effect == Changes), // what stood before is gone
		IdempotentHint:  new(true),                // the same call again does nothing more
		OpenWorldHint:   new(true),                // Vennio, and the people it writes to
	}
}

func recovered[In any, Out schemas.Result](
	ctx context.Context, handle func(context.Context, In) (Out, error), in schemas.Input[In], req mcp.CallToolRequest,
) (out Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %T", panicked(), p) // the value may hold anything
		}
	}()
	if excess := jsonlimits.From(ctx); excess != nil {
		return out, in.Refuse("the message with these arguments " + excess.Error())
	}
	raw, err := arguments(req)
	if err != nil {
		return out, err
	}
	args, err := in.Decode(raw)
	if err != nil {
		return out, err
	}
	return handle(ctx, args)
}

// panicked names the function and line that panicked: a stack would hold more
// than a log should.
func panicked() string {
	const skip, depth = 3, 16 // Callers, this function, the deferred one
	pcs := make([]uintptr, depth)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
	}
}

func arguments(req mcp.CallToolRequest) (json.RawMessage, error) {
	if raw := req.Params.RawArguments; len(raw) > 0 || req.Params.Arguments == nil {
		return raw, nil
	}
	return json.Marshal(req.Params.Arguments)
}

func result(d Deps, r schemas.Result) *mcp.CallToolResult {
	if d.Sandbox {
		r.Enclose().InSandbox()
	}
	if p := r.Enclose().Error; p != nil {
		p.Next = d.sayable(p.Next, "")
	}
	answer := mcp.NewToolResultStructured(r, schemas.Render(r))
	answer.IsError = r.Enclose().Error != nil
	return answer
}
