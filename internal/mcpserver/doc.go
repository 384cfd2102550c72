// Package mcpserver serves MCP servers over standard input and output ([Stdio]),
// and over HTTP with Streamable HTTP and Server-Sent Events side by side ([HTTP]).
// It speaks MCP 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28,
// decided per request.
//
// Bytes take the same path on every transport:
//
//   - Adapters: stdio.go reads lines, sse.go and streamable.go read HTTP bodies.
//     Before them, HTTP requests pass Host and Origin (hostpolicy.go), time and
//     memory (middleware.go, limits.go), authentication and rates (callers.go).
//   - parseAny (message.go) checks the limits of JSON and reads the envelope.
//   - conn.receive (conn.go) is the core and the only way in: it dispatches
//     batches, responses, cancellations, calls and all other messages. conn.handle
//     calls mcp-go's MCPServer.HandleMessage, turns errors into those that the
//     client receives (errors.go) and encodes the response.
//   - encode (errors.go) makes every message to the client. Nothing changes it
//     after that.
//   - skills.go answers the methods of the skills extension, which mcp-go refuses.
//   - writer (writer.go) orders the messages: notifications and requests to the
//     client before the response that they belong to.
//   - Sinks write them: as lines, as events, or as a JSON body.
//
// A session (session.go) is a client as mcp-go sees it. A stdio process and an SSE
// stream have one; over Streamable HTTP each request has a view of the session with
// a separate writer.
//
// The package limits what mcp-go's own transports do not: message sizes, calls that
// run and wait, sessions, streams and memory. A call that is cancelled while it
// waits never starts; when the client closes its end, the calls received before are
// still answered; a stop lets calls finish and ends within five seconds; a panic
// ends one call and its text never reaches the client.
//
// Beside the endpoints, HTTP serves health checks (health.go), the server card and the
// AI catalog (discovery.go), and the pages and deliveries of other packages.
//
// The package knows nothing of the tools that it serves.
package mcpserver
