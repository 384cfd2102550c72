package approve

import (
	"fmt"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// Text is what the page shows, for a terminal: everything that will be written.
func Text(a consent.Act) string {
	var b strings.Builder
	for _, f := range facts(a) {
		text := strings.ReplaceAll(f.Text, "\n", "\n            ")
		if f.Small != "" {
			text += " (" + f.Small + ")"
		}
		fmt.Fprintf(&b, "  %-9s %s\n", f.Name, text)
	}
	return b.String()
}
