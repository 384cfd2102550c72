package main

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// liveHeap returns the most memory that is in use while do runs, in bytes. It counts what the garbage collector found in
// use: how much garbage is added until it is read depends on the machine.
func liveHeap(do func()) (most uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		runtime.GC()
		metrics.Read(live)
		most = max(most, live[0].Value.Uint64())
		select {
		case <-done:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// The ledgers that the benchmark writes verify, and verification needs as much memory for a long one as for a short one.
// Not parallel: it measures the memory of the process.
//
// req: O5
// field: memory of verification
func TestReq_O5_VerificationTakesBoundedMemory(t *testing.T) {
	var used []uint64
	for _, entries := range []int{3_000, 30_000} {
		where := t.TempDir()
		require.NoError(t, fillLedger(t.Context(), where, entries))
		db := sqldb.Open(where)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		used = append(used, liveHeap(func() {
			n, err := consent.New(db, nil).Verify(t.Context())
			assert.NoError(t, err)
			assert.EqualValues(t, entries, n)
		}))
	}
	t.Logf("%.1f MB, and %.1f MB for ten times as many entries", float64(used[0])/megabyte, float64(used[1])/megabyte)
	assert.Less(t, used[1], used[0]+8*megabyte, "the entries alone take 20 MB")
}
