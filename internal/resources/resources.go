// Package resources provides the MCP resources, which an agent reads without
// calling a tool: one booking, the upcoming bookings, the operator's policy, and the
// files of the skills. A
// resource about bookings calls the tool that reads them and exists only where that
// tool is enabled, so that both always return the same.
package resources

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/vennio-mcp/vennio-mcp/internal/approval"
	"github.com/vennio-mcp/vennio-mcp/internal/cards"
	"github.com/vennio-mcp/vennio-mcp/internal/rpcerr"
	"github.com/vennio-mcp/vennio-mcp/prompts"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

const (
	uriUpcoming = bookings + "upcoming"
	uriPolicy   = "vennio://policy"
	uriBooking  = bookings + "{id}"
	uriCalendar = calendars + "{id}"
	bookings    = "vennio://bookings/"
	calendars   = "vennio://calendars/"

	// codeUnreadable is defined here: JSON-RPC leaves -32000 to -32019 to
	// implementations.
	codeUnreadable = -32010

	maxURI   = 300
	jsonType = "application/json"
	markdown = "text/markdown"

	calendarType = "text/calendar"
)

// Register adds the resources to s. It must be called before s is served: later
// additions race with the lists (docs/library-notes.md, 24). enabled are the tools
// of s as they are served.
func Register(s *server.MCPServer, p Policy, enabled ...server.ServerTool) {
	s.AddResource(mcp.NewResource(uriPolicy, "policy", mcp.WithResourceTitle("Policy"), mcp.WithMIMEType(jsonType),
		mcp.WithResourceDescription("The operator's policy: what counts as consent, enabled tools, default time zone, hosts, limits")), p.read)
	for _, t := range enabled {
		switch t.Tool.Name {
		case "find_slots":
			s.AddResourceTemplate(mcp.NewResourceTemplate(uriOpenings, "openings", mcp.WithTemplateTitle("Openings"), mcp.WithTemplateMIMEType(jsonType),
				mcp.WithTemplateDescription("Free times of a host (name, id or default) of so many minutes before an RFC 3339 time; subscribers are notified when an earlier one opens")), opening(t))
		case "list_bookings":
			s.AddResource(mcp.NewResource(uriUpcoming, "upcoming_bookings", mcp.WithResourceTitle("Upcoming bookings"), mcp.WithMIMEType(jsonType),
				mcp.WithResourceDescription("The next 10 bookings of this account's hosts; subscribers are notified of changes")), upcoming(t))
		case "get_booking":
			s.AddResourceTemplate(mcp.NewResourceTemplate(uriBooking, "booking", mcp.WithTemplateTitle("Booking"), mcp.WithTemplateMIMEType(jsonType),
				mcp.WithTemplateDescription("The current state of one booking, by its booking_id; subscribers are notified of changes")), booking(t))
			s.AddResourceTemplate(mcp.NewResourceTemplate(uriCalendar, "booking_calendar", mcp.WithTemplateTitle("Calendar file of a booking"), mcp.WithTemplateMIMEType(calendarType),
				mcp.WithTemplateDescription("A confirmed booking as a file for calendar programs (RFC 5545), by its booking_id")), calendar(t))
		}
	}
}

// RegisterSkills adds the SKILL.md of each skill, which is read like any resource
// (SEP-2640, Resource Mapping). Like Register, it must be called before s is served.
func RegisterSkills(s *server.MCPServer, skills ...prompts.Skill) {
	for _, skill := range skills {
		s.AddResource(mcp.NewResource(skill.URI(), skill.Name, mcp.WithResourceTitle(skill.Title), mcp.WithMIMEType(markdown), mcp.WithResourceDescription(skill.Description)),
			func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				return []mcp.ResourceContents{mcp.TextResourceContents{URI: skill.URI(), MIMEType: markdown, Text: skill.Text()}}, nil
			})
	}
}

// RegisterCards adds the cards to s. Clients show them with the results of tools.
func RegisterCards(s *server.MCPServer) {
	for uri, card := range cards.All() {
		ui := map[string]any{"ui": map[string]any{"csp": map[string]any{"connectDomains": []string{}, "resourceDomains": []string{}}, "prefersBorder": true}}
		r := mcp.NewResource(uri, card.Name, mcp.WithResourceTitle(card.Title), mcp.WithMIMEType(cards.MIMEType), mcp.WithResourceDescription(card.Description))
		r.Meta = mcp.NewMetaFromMap(ui)
		s.AddResource(r, func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: uri, MIMEType: cards.MIMEType, Text: card.HTML(), Meta: ui}}, nil
		})
	}
}

// Known reports whether uri names a resource that clients can subscribe to. It does
// not check whether Vennio has a booking with that id.
func Known(uri string) bool {
	isSkill := slices.ContainsFunc(prompts.SkillNames, func(name string) bool { return uri == prompts.Skill{Name: name}.URI() })
	_, isOpening := openingSearch(uri)
	return uri == uriPolicy || isSkill || len(uri) <= maxURI && isOpening || len(uri) <= maxURI && bookingID(uri) != ""
}

// bookingID returns the id in the URI of a booking; "" for other URIs.
func bookingID(uri string) string { return idAfter(uri, bookings) }

func idAfter(uri, prefix string) string {
	escaped, isBooking := strings.CutPrefix(uri, prefix)
	id, err := url.PathUnescape(escaped)
	if !isBooking || err != nil || strings.Contains(escaped, "/") {
		return ""
	}
	return id
}

// Changes notifies subscribers of changes.
type Changes struct {
	Notify func(uris ...string) // the subscribers of these resources; must not wait
}

// BookingChanged notifies the subscribers of these bookings and of the upcoming
// bookings. The ids are Vennio's. It may be called from any goroutine.
func (c Changes) BookingChanged(ids ...string) {
	uris := make([]string, 0, len(ids)+1)
	for _, id := range ids {
		uris = append(uris, bookings+url.PathEscape(id))
	}
	c.Notify(append(uris, uriUpcoming)...)
}

func upcoming(list server.ServerTool) server.ResourceHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return read(ctx, r.Params.URI, list, schemas.ListBookingsInput{Limit: 10})
	}
}

func booking(get server.ServerTool) server.ResourceTemplateHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return read(ctx, r.Params.URI, get, schemas.GetBookingInput{BookingID: bookingID(r.Params.URI)})
	}
}

// calendar returns the file that the approval pages offer too.
func calendar(get server.ServerTool) server.ResourceTemplateHandlerFunc {
	return func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		found, _, err := result(ctx, get, schemas.GetBookingInput{BookingID: idAfter(r.Params.URI, calendars)})
		if err != nil {
			return nil, err
		}
		b, _ := found.(*schemas.GetBookingResult)
		file := ""
		if b != nil {
			file = approval.BookingFile(b, time.Now())
		}
		if file == "" {
			return nil, protocolError(ctx, schemas.Problem{
				Code: schemas.CodeNotFound, Message: "There is no calendar file, because this booking is not confirmed.", Next: "Read the booking itself, and tell the person its status.",
			})
		}
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: r.Params.URI, MIMEType: calendarType, Text: file}}, nil
	}
}

// read calls a tool and returns its result as JSON and as text.
func read(ctx context.Context, uri string, t server.ServerTool, arguments any) ([]mcp.ResourceContents, error) {
	structured, text, err := result(ctx, t, arguments)
	if err != nil {
		return nil, err
	}
	return contents(uri, structured, text)
}

func result(ctx context.Context, t server.ServerTool, arguments any) (schemas.Result, string, error) {
	req := mcp.CallToolRequest{}
	req.Params.Name, req.Params.Arguments = t.Tool.Name, arguments
	got, err := t.Handler(ctx, req)
	if err != nil {
		return nil, "", err
	}
	structured, ok := got.StructuredContent.(schemas.Result)
	if !ok || len(got.Content) == 0 {
		return nil, "", errNoResult
	}
	if problem := structured.Common().Error; problem != nil {
		return nil, "", protocolError(ctx, *problem)
	}
	return structured, mcp.GetTextFromContent(got.Content[0]), nil
}

var errNoResult = &rpcerr.Error{Code: codeUnreadable, Message: "The tool behind this resource returned no result."}

// protocolError converts the error of a tool, whose text names the next step. The
// code for a missing resource changed with MCP 2026-07-28.
func protocolError(ctx context.Context, p schemas.Problem) error {
	code := codeUnreadable
	if p.Code == schemas.CodeNotFound || p.Code == schemas.CodeInvalidArguments {
		code = mcp.RESOURCE_NOT_FOUND
		if mcp.IsModernProtocol(server.RequestProtocolVersion(ctx)) {
			code = mcp.INVALID_PARAMS
		}
	}
	return &rpcerr.Error{Code: code, Message: p.Text()}
}

func contents(uri string, structured any, text string) ([]mcp.ResourceContents, error) {
	raw, err := json.Marshal(structured)
	if err != nil {
		return nil, err
	}
	return []mcp.ResourceContents{
		mcp.TextResourceContents{URI: uri, MIMEType: jsonType, Text: string(raw)},
		mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text},
	}, nil
}
