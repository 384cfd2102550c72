package slots_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// benchNow is when ids of the benchmarks are made.
var benchNow = time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)

func benchSigner() (*slots.Signer, slots.Offer) {
	return slots.NewSigner(tenant.NewKeyring([]byte("a secret only tests know")), "bench", func() time.Time { return benchNow }), slots.Offer{
		Start: benchNow.Add(30 * time.Hour), Duration: 30 * time.Minute,
		Hosts: []string{"619c8492-3849-4201-abd3-6d668d3f30b3"}, Zone: "Europe/London",
	}
}

func BenchmarkSign(b *testing.B) {
	s, offer := benchSigner()
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Sign(offer)
		require.NoError(b, err)
	}
}

func BenchmarkOpen(b *testing.B) {
	s, offer := benchSigner()
	id, err := s.Sign(offer)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Open(id, offer.Hosts)
		require.NoError(b, err)
	}
}

// BenchmarkPick chooses 3 of a week's 150 candidates.
func BenchmarkPick(b *testing.B) {
	london, err := time.LoadLocation("Europe/London")
	require.NoError(b, err)
	var candidates []vennioclient.Slot
	for day := range 5 {
		for quarter := range 30 {
			start := benchNow.AddDate(0, 0, day).Add(time.Duration(quarter) * 15 * time.Minute)
			candidates = append(candidates, vennioclient.Slot{Start: start, End: start.Add(30 * time.Minute)})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p := slots.Pick(candidates, 3, slots.Wishes{Zone: london, People: []slots.Person{{Zone: london}}})
		require.Len(b, p.Choices, 3)
		require.True(b, p.More)
	}
}
