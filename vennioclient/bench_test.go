package vennioclient_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// BenchmarkSlots is a read and its answer of so many slots: 1 shows what a call
// costs, 150 is a week of one host.
func BenchmarkSlots(b *testing.B) {
	for _, n := range []int{1, 150} {
		b.Run(fmt.Sprintf("answered=%d", n), func(b *testing.B) {
			c := instantly(b, slotsOf(n))
			b.ReportAllocs()
			for b.Loop() {
				found, err := c.Slots(b.Context(), aQuery)
				require.NoError(b, err)
				require.Len(b, found, n)
			}
		})
	}
}

// BenchmarkCreateBooking is a write and its answer.
func BenchmarkCreateBooking(b *testing.B) {
	c := instantly(b, aBooking)
	b.ReportAllocs()
	for b.Loop() {
		_, err := c.CreateBooking(b.Context(), "vmcp:bench", aRequest)
		require.NoError(b, err)
	}
}

// slotsOf is an answer of n slots, every quarter of an hour.
func slotsOf(n int) string {
	body := []byte(`{"duration_minutes":30,"timezone":"Europe/London","slots":[`)
	for i := range n {
		start := monday.Add(time.Duration(i) * 15 * time.Minute)
		body = fmt.Appendf(body, `{"start":%q,"end":%q,"description":"Monday, 18 May, at some time"},`,
			start.Format(time.RFC3339), start.Add(30*time.Minute).Format(time.RFC3339))
	}
	return string(bytes.TrimSuffix(body, []byte(","))) + `]}`
}

// instantly returns a client whose every call is answered with body at once.
func instantly(b *testing.B, body string) *vennioclient.Client {
	b.Helper()
	c, err := vennioclient.New(canary, vennioclient.WithHTTPClient(&http.Client{Transport: atOnce(body)}))
	require.NoError(b, err)
	return c
}

// atOnce is an answer that takes no time.
type atOnce string

func (a atOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader([]byte(a))), ContentLength: int64(len(a)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}
