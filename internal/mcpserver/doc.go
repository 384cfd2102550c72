// Package mcpserver puts one MCP server on a transport and takes it off again:
// standard input and output ([Stdio]), or HTTP with Server-Sent Events and
// Streamable HTTP side by side ([HTTP]).
//
// It speaks MCP 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28;
// mcp-go decides per request. What mcp-go's own transports leave open is closed
// here: lines and bodies have a limit, so have calls running and calls waiting;
// a call cancelled while it waits never starts; when the client hangs up, what
// it asked before is still answered; a stop lets calls finish and ends within
// five seconds; a panic ends one call, and its text never reaches the client.
//
// Stdio and SSE share one core, the peer: one client, the calls it has open,
// what we asked it and what is on its way to it. Streamable HTTP is mcp-go's,
// behind a front that checks, bounds and, at the end, drains.
//
// Nothing here retries, decides or knows what a tool does.
package mcpserver
