package prompts

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// Completer completes prompt arguments: time zones, host names, days and
// usual lengths. It implements mcp-go's PromptCompletionProvider.
type Completer struct {
	Hosts func(context.Context) []string // returns the names of the configured hosts
}

// most is the most values one completion may carry (MCP, completion/complete).
const most = 100

// CompletePromptArgument returns what the argument could become.
func (c Completer) CompletePromptArgument(
	ctx context.Context, _ string, a mcp.CompleteArgument, _ mcp.CompleteContext,
) (*mcp.Completion, error) {
	var values []string
	switch a.Name {
	case zone.name:
		values = times.SuggestZones(a.Value, most)
	case host.name:
		values = beginning(c.Hosts(ctx), a.Value)
	case scope.name:
		values = beginning([]string{"single", "series"}, a.Value)
	case day.name:
		values = beginning([]string{"today", "tomorrow", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}, a.Value)
	case duration.name:
		values = beginning([]string{"15", "30", "45", "60", "90"}, a.Value)
	}
	return &mcp.Completion{Values: values[:min(len(values), most)], Total: len(values), HasMore: len(values) == most}, nil
}

// beginning keeps the names that contain a word beginning so.
func beginning(names []string, prefix string) []string {
	found := []string{}
	for _, name := range names {
		if strings.Contains(" "+strings.ToLower(name), " "+strings.ToLower(prefix)) {
			found = append(found, name)
		}
	}
	return found
}
