package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// The address of an interface with a zone (RFC 4007) is no valid URL: it must contain %25 (RFC 6874).
func TestTheSandboxReachesAServerAtAnyAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080",
		"http://0.0.0.0:8080":            "http://127.0.0.1:8080",
		"http://[::]:8080":               "http://127.0.0.1:8080",
		"https://[::]:8080":              "https://127.0.0.1:8080",
		"http://192.0.2.1:8080":          "http://192.0.2.1:8080",
		"http://[fe80::1%eth0]:8080":     "http://[fe80::1%eth0]:8080",
		"http://[2001:db8::1%lo]:8080":   "http://[2001:db8::1%lo]:8080",
		"http://[::ffff:0.0.0.0]:8080":   "http://127.0.0.1:8080",
		"http://[::ffff:127.0.0.1]:8080": "http://[::ffff:127.0.0.1]:8080",
	} {
		assert.Equal(t, want, onThisMachine(address))
	}
}
