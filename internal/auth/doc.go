// Package auth tells who is calling over HTTP, and for whom: by bearer tokens
// whose hashes the operator keeps, or by JWT access tokens of an authorization
// server (MCP 2025-11-25, Authorization: an OAuth 2.1 protected resource).
//
// A caller's credential opens this server and nothing else: it is never sent to
// Vennio, and a Vennio key is never taken for it. Where the operator allows it,
// callers bring the Vennio key to use beside their credential, in a header of
// its own.
package auth
