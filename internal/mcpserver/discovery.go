package mcpserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
)

// Two documents describe the server to clients before they connect: the server card
// (SEP-2127) names its endpoints, and the AI catalog of the host names the card. Both
// are public, as the metadata of OAuth protected resources is, and contain what such a
// client needs: neither tenants nor tools. The fields are those of the schemas in
// testdata/discovery.
const (
	cardPath      = "/mcp/server-card"                  // reserved by SEP-2127
	wellKnownCard = "/.well-known/mcp/server-card.json" // an earlier draft, which some scanners read
	catalogPath   = "/.well-known/ai-catalog.json"      // AI Catalog 0.9, Well-Known URI

	cardSchema = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"
	cardType   = "application/mcp-server-card+json"

	discoveryCaching = "public, max-age=3600" // SEP-2127, discovery.md, Caching
)

// Card identifies the program in its server card.
type Card struct {
	Name        string // in the MCP registry: a domain in reverse, a slash and a name
	Title       string // for people
	Description string // at most 100 characters
	Version     string
	Repository  string // address on GitHub
}

type serverCard struct {
	Schema      string     `json:"$schema"`
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Version     string     `json:"version"`
	Repository  repository `json:"repository"`
	Remotes     []remote   `json:"remotes"`
}

type repository struct {
	URL    string `json:"url"`
	Source string `json:"source"`
}

// remote is an endpoint.
type remote struct {
	Type     string         `json:"type"` // streamable-http or sse
	URL      string         `json:"url"`
	Headers  []remoteHeader `json:"headers,omitempty"`
	Versions []string       `json:"supportedProtocolVersions"`
}

type remoteHeader struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Required    bool   `json:"isRequired,omitempty"`
	Secret      bool   `json:"isSecret"`
}

type aiCatalog struct {
	Version string         `json:"specVersion"`
	Entries []catalogEntry `json:"entries"`
}

type catalogEntry struct {
	ID   string `json:"identifier"`
	Name string `json:"displayName"`
	Type string `json:"type"`
	URL  string `json:"url"`
}

func (h *httpServer) card(address *url.URL) any {
	var headers []remoteHeader
	if a := h.o.Access; a != nil {
		if a.Required() && a.Metadata() == nil { // with OAuth, the response 401 tells clients how to get a token
			headers = append(headers, remoteHeader{"Authorization", "Bearer and the token that the operator gave you", true, true})
		}
		if a.CallerKeys() {
			headers = append(headers, remoteHeader{auth.HeaderKey, "Your API key of Vennio, unless the operator set one for you", false, true})
		}
	}
	remotes := []remote{{"streamable-http", address.JoinPath("/mcp").String(), headers, mcp.ValidProtocolVersions}}
	if !h.o.Stateless {
		remotes = append(remotes, remote{"sse", address.JoinPath("/sse").String(), headers, mcp.ValidProtocolVersions})
	}
	c := h.o.Card
	return serverCard{cardSchema, c.Name, c.Title, c.Description, c.Version, repository{c.Repository, "github"}, remotes}
}

// catalog returns the AI catalog, which contains the card alone.
func (h *httpServer) catalog(address *url.URL) any {
	card := address.JoinPath(cardPath).String()
	id := "urn:air:" + address.Hostname() + ":mcp:" + path.Base(h.o.Card.Name)
	if _, err := netip.ParseAddr(address.Hostname()); err == nil { // a publisher is named by a domain
		id = card
	}
	return aiCatalog{"0.9", []catalogEntry{{id, h.o.Card.Title, cardType, card}}}
}

// address returns that of the server: the configured one, or else the one that the
// client used, which the check of Host has allowed. The address on which the server
// listens would reveal what is behind a proxy.
func (h *httpServer) address(r *http.Request) *url.URL {
	if u, err := url.Parse(h.o.PublicURL); err == nil && u.Host != "" {
		return u
	}
	scheme := "http"
	if auth.Secure(r, h.o.Proxies) {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: strings.ToLower(r.Host)}
}

// discoverable reports whether web pages of every origin may request r: one of the
// documents, of a server that others can reach. Pages cannot find out which program
// runs on this machine.
func (h *httpServer) discoverable(r *http.Request) bool {
	switch path.Clean(r.URL.Path) {
	case cardPath, wellKnownCard, catalogPath:
		return h.o.Card != Card{} && !auth.LoopbackHost(h.address(r).Hostname())
	default:
		return false
	}
}

// document serves a document of this media type. All documents share a rate.
func (h *httpServer) document(media string, content func(address *url.URL) any) http.Handler {
	methods := []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	return endpoint(func(w *responseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Access-Control-Allow-Origin", "*") // SEP-2127, discovery.md, CORS Requirements
		if r.Method == http.MethodOptions {
			head.Set("Allow", strings.Join(methods, ", "))
			head.Set("Access-Control-Allow-Methods", "GET, HEAD")
			head.Set("Access-Control-Allow-Headers", "Content-Type, If-None-Match")
			head.Set("Access-Control-Max-Age", preflightSeconds)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if !w.paced(h.documents) {
			return
		}
		body, err := encode(content(h.address(r)))
		if err != nil {
			w.refuse(http.StatusInternalServerError, &errorInternal)
			return
		}
		sum := sha256.Sum256(body)
		head.Set("Content-Type", media)
		head.Set("Cache-Control", discoveryCaching)
		head.Set("Access-Control-Expose-Headers", "ETag")
		head.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(body, '\n')))
	}, methods...)
}
