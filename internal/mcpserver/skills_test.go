package mcpserver_test

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server without the extension refuses its methods like any that it does not know.
//
// req: P11
func TestReq_P11_WithoutTheExtensionItsMethodsAreUnknown(t *testing.T) {
	t.Parallel()
	ask := everyWay(t, newRig())
	for _, version := range []string{"", modern} {
		for _, method := range []string{"skills/list", "skills/get", "skills/none", "resources/directory/read"} {
			for way, m := range ask(version, method, `"uri":"skill://x/SKILL.md"`) {
				require.NotNil(t, m.Error, "%s %s", way, method)
				assert.Equal(t, mcp.METHOD_NOT_FOUND, m.Error.Code, "%s %s", way, method)
			}
		}
	}
}
