// Package resources is what an agent can read without calling a tool: a booking,
// the bookings to come, and what the operator has decided. A resource that tells
// of bookings is answered by the tool that tells of them, and is there only where
// that tool is: one rendering, one selection.
package resources

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	uriUpcoming = bookings + "upcoming"
	uriPolicy   = "vennio://policy"
	uriBooking  = bookings + "{id}"
	bookings    = "vennio://bookings/"

	// codeUnread is ours: JSON-RPC leaves -32000 to -32019 to implementations.
	codeUnread = -32010

	maxURI   = 300
	jsonType = "application/json"
)

// Register declares the resources, before s is served: what is added later races
// with the lists (docs/library-notes.md, 24). offered are the tools there are, as
// they are served.
func Register(s *server.MCPServer, p Policy, offered ...server.ServerTool) {
	s.AddResource(mcp.NewResource(uriPolicy, "policy", mcp.WithResourceTitle("Policy"), mcp.WithMIMEType(jsonType),
		mcp.WithResourceDescription("What the operator decided: whose yes counts, which tools there are, default zone, hosts, limits")), p.read)
	for _, t := range offered {
		switch t.Tool.Name {
		case "list_bookings":
			s.AddResource(mcp.NewResource(uriUpcoming, "upcoming_bookings", mcp.WithResourceTitle("Bookings to come"), mcp.WithMIMEType(jsonType),
				mcp.WithResourceDescription("The next 10 bookings of this account's hosts; changes are told to subscribers")), upcoming(t))
		case "get_booking":
			s.AddResourceTemplate(mcp.NewResourceTemplate(uriBooking, "booking", mcp.WithTemplateTitle("Booking"), mcp.WithTemplateMIMEType(jsonType),
				mcp.WithTemplateDescription("One booking as it stands now, by its booking_id; changes are told to subscribers")), booking(t))
		}
	}
}

// Known reports whether uri is a resource to subscribe to. Whether there is a
// booking by that id only Vennio knows.
func Known(uri string) bool {
	return uri == uriPolicy || len(uri) <= maxURI && idIn(uri) != ""
}

// idIn is the booking's id in the URI of a booking; "" in others.
func idIn(uri string) string {
	escaped, ours := strings.CutPrefix(uri, bookings)
	id, err := url.PathUnescape(escaped)
	if !ours || err != nil || strings.Contains(escaped, "/") {
		return ""
	}
	return id
}

// Changes tells subscribers what changed.
type Changes struct {
	Tell func(uris ...string) // whoever subscribed to them; must not wait
}

// BookingChanged notifies all who subscribed to one of those bookings or to the
// bookings to come. The ids are Vennio's; it may be called from any goroutine.
func (c Changes) BookingChanged(ids ...string) {
	uris := make([]string, 0, len(ids)+1)
	for _, id := range ids {
		uris = append(uris, bookings+url.PathEscape(id))
	}
	c.Tell(append(uris, uriUpcoming)...)
}

func upcoming(list server.ServerTool) server.ResourceHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return answer(ctx, r.Params.URI, list, schemas.ListBookingsInput{Limit: 10})
	}
}

func booking(get server.ServerTool) server.ResourceTemplateHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return answer(ctx, r.Params.URI, get, schemas.GetBookingInput{BookingID: idIn(r.Params.URI)})
	}
}

// answer calls a tool and tells its result: as JSON, and as text to read.
func answer(ctx context.Context, uri string, t server.ServerTool, arguments any) ([]mcp.ResourceContents, error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = t.Tool.Name, arguments
	result, err := t.Handler(ctx, req)
	if err != nil {
		return nil, err
	}
	facts, ok := result.StructuredContent.(schemas.Result)
	if !ok || len(result.Content) == 0 {
		return nil, errUnanswered
	}
	if problem := facts.Common().Error; problem != nil {
		return nil, refusal(ctx, *problem)
	}
	return contents(uri, facts, mcp.GetTextFromContent(result.Content[0]))
}

var errUnanswered = &rpcerr.Error{Code: codeUnread, Message: "The tool behind this resource gave no answer."}

// refusal is a tool's problem as an error of the protocol: its words say what to
// do. What there is not has a code of its own, which 2026-07-28 changed.
func refusal(ctx context.Context, p schemas.Problem) error {
	code := codeUnread
	if p.Code == schemas.CodeNotFound || p.Code == schemas.CodeInvalidArguments {
		code = mcp.RESOURCE_NOT_FOUND
		if mcp.IsModernProtocol(server.RequestProtocolVersion(ctx)) {
			code = mcp.INVALID_PARAMS
		}
	}
	return &rpcerr.Error{Code: code, Message: p.Text()}
}

func contents(uri string, facts any, text string) ([]mcp.ResourceContents, error) {
	raw, err := json.Marshal(facts)
	if err != nil {
		return nil, err
	}
	return []mcp.ResourceContents{
		mcp.TextResourceContents{URI: uri, MIMEType: jsonType, Text: string(raw)},
		mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text},
	}, nil
}
