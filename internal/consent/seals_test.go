package consent_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// sealing runs KeepSealed in a bubble, on a new ledger in memory, until the returned function is called.
func sealing(t *testing.T, first time.Duration) (l *consent.Ledger, stop func()) {
	t.Helper()
	db := sqldb.Open("")
	l = consent.New(db, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go l.KeepSealed(ctx, first)
	return l, func() {
		cancel()
		synctest.Wait()
		require.NoError(t, db.Close())
	}
}

// after waits in a bubble and returns the report on a ledger.
func after(t *testing.T, l *consent.Ledger, period time.Duration) consent.Report {
	t.Helper()
	<-time.After(period)
	synctest.Wait()
	report, err := l.Inspect(t.Context())
	require.NoError(t, err)
	return report
}

func attested(t *testing.T, l *consent.Ledger, slot string) {
	t.Helper()
	_, err := l.Attest(t.Context(), call(slot), "Ada", "yes")
	require.NoError(t, err)
}

// req: O4. An entry is sealed a second later, also while further ones follow, and nothing happens without
// new entries.
func TestReq_O4_EntriesAreSealedASecondLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, stop := sealing(t, 15*time.Second)
		defer stop()
		attested(t, l, "s")
		assert.EqualValues(t, 1, after(t, l, 900*time.Millisecond).Unsealed)
		report := after(t, l, 200*time.Millisecond)
		assert.Equal(t, []int64{1, 0}, []int64{report.Seals, report.Unsealed})
		for i := range 30 {
			attested(t, l, fmt.Sprint("s", i))
			assert.LessOrEqual(t, after(t, l, 100*time.Millisecond).Unsealed, int64(11))
		}
		seals := after(t, l, time.Second).Seals
		assert.InDelta(t, 4, seals, 1)
		assert.Equal(t, seals, after(t, l, time.Hour).Seals)
	})
}

// field: process that ends, and one that was killed, before an entry was sealed
// req: O4
func TestReq_O4_WhatAProcessLeavesIsSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for slot, sealing := range map[string]bool{"command": false, "server": true} {
			db := sqldb.Open(dir)
			ended := consent.New(db, nil)
			ctx, end := context.WithCancel(t.Context())
			if sealing {
				go ended.KeepSealed(ctx, time.Hour)
			}
			attested(t, ended, slot)
			end()
			synctest.Wait()
			require.NoError(t, db.Close())
		}
		db := sqldb.Open(dir)
		killed, next := consent.New(db, nil), consent.New(db, nil)
		assert.Equal(t, []int64{2, 0}, []int64{after(t, next, 0).Entries, after(t, next, 0).Unsealed})
		attested(t, killed, "s2")
		ctx, end := context.WithCancel(t.Context())
		go next.KeepSealed(ctx, 15*time.Second)
		assert.EqualValues(t, 1, after(t, next, 14*time.Second).Unsealed)
		assert.Zero(t, after(t, next, 2*time.Second).Unsealed)
		end()
		synctest.Wait()
		require.NoError(t, db.Close())
	})
}

// field: database that is unavailable when entries are to be sealed
func TestSealingIsTriedAgainAndCreatesNoDatabase(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		db := sqldb.Open(dir)
		ctx, end := context.WithCancel(t.Context())
		go consent.New(db, nil).KeepSealed(ctx, time.Second)
		<-time.After(time.Minute)
		end()
		synctest.Wait()
		assert.NoDirExists(t, dir)
		require.NoError(t, db.Close())
	})
}
