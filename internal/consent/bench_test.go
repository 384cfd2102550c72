package consent_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// The cost of one booking in the ledger.
func BenchmarkStatementSendSettle(b *testing.B) {
	for name, dir := range map[string]func() string{"file": b.TempDir, "memory": func() string { return "" }} {
		b.Run(name, func(b *testing.B) {
			l := ledgerIn(b, dir(), newClock().now)
			_, err := l.Open(b.Context())
			require.NoError(b, err)
			for i := 0; b.Loop(); i++ {
				g, err := l.Statement(b.Context(), call(fmt.Sprint("s", i)), "Ada", "yes")
				require.NoError(b, err)
				g, err = l.SendWithin(b.Context(), g, consent.Quota{})
				require.NoError(b, err)
				require.NoError(b, l.Settle(b.Context(), g, consent.Done, "bk_1", "req_1", ""))
			}
		})
	}
}

// The cost of Verify for each thousand entries.
func BenchmarkVerifyThousand(b *testing.B) {
	l := ledgerIn(b, "", newClock().now)
	for i := range 1000 {
		_, err := l.Attest(b.Context(), call(fmt.Sprint("s", i)), "Ada", "yes")
		require.NoError(b, err)
	}
	for b.Loop() {
		_, err := l.Verify(b.Context())
		require.NoError(b, err)
	}
}
