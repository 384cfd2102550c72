package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	staticText   = "test://static-text"
	staticBinary = "test://static-binary"
	watched      = "test://watched-resource"
)

// known reports whether clients can subscribe to a resource.
func known(uri string) bool { return uri == staticText || uri == staticBinary || uri == watched }

func addResources(s *server.MCPServer) {
	text := func(uri, text string) {
		s.AddResource(mcp.NewResource(uri, strings.TrimPrefix(uri, "test://"), mcp.WithMIMEType("text/plain")),
			holds(mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text}))
	}
	text(staticText, "This is the content of the static text resource.")
	text(watched, "This resource can be subscribed to.")
	s.AddResource(mcp.NewResource(staticBinary, "static-binary", mcp.WithMIMEType("image/png")),
		holds(mcp.BlobResourceContents{URI: staticBinary, MIMEType: "image/png", Blob: onePixel}))
	s.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template", mcp.WithTemplateMIMEType("application/json")), fill)
}

func holds(contents mcp.ResourceContents) server.ResourceHandlerFunc {
	return func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{contents}, nil
	}
}

func fill(_ context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(r.Params.URI, "test://template/"), "/data")
	return []mcp.ResourceContents{mcp.TextResourceContents{
		URI: r.Params.URI, MIMEType: "application/json",
		Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id),
	}}, nil
}
