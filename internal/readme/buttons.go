package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
)

// started is the server as a button installs it: the program on the person's PATH,
// in the sandbox. Its fields are those of docs/install.md.
type started struct {
	Type    string `json:"type,omitempty"` // VS Code wants it
	Command string `json:"command"`
}

// Buttons are the links that add the server to a client. GitHub shows no link to
// another scheme than http, so the clients' own sites pass them on.
func Buttons() string {
	return fmt.Sprintf("[![Add to Cursor](https://cursor.com/deeplink/mcp-install-dark.svg)](%s)\n[![Add to VS Code](https://img.shields.io/badge/VS_Code-Install_Server-0098FF)](%s)\n",
		cursor("https://cursor.com/en/install-mcp"), vscode("https://vscode.dev/redirect/mcp/install"))
}

// cursor is a link as https://cursor.com/docs/mcp/install-links has it.
func cursor(at string) string {
	config := base64.StdEncoding.EncodeToString(asJSON(started{Command: "vennio-mcp"}))
	return at + "?" + url.Values{"name": {"vennio"}, "config": {config}}.Encode()
}

// vscode is a link as VS Code's MCP developer guide has it.
func vscode(at string) string {
	return at + "?" + url.Values{"name": {"vennio"}, "config": {string(asJSON(started{Type: "stdio", Command: "vennio-mcp"}))}}.Encode()
}

func asJSON(s started) []byte {
	raw, _ := json.Marshal(s) // two texts
	return raw
}
