package vennioclient

// DefaultBaseURL is Vennio's production API (vennio-api.md, Hosts and authentication).
const DefaultBaseURL = defaultBaseURL

// CheckBaseURL tells whether WithBaseURL would take raw, so that a program can
// report all its settings' mistakes at once. The error does not repeat raw.
func CheckBaseURL(raw string) error { return WithBaseURL(raw)(new(Client)) }
