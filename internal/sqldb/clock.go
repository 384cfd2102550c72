package sqldb

import (
	"context"
	"fmt"
	"time"
)

// Processes that share a database use its clock to decide, for example, whether a
// consent has expired: their own clocks may differ by minutes. The clock of a SQLite
// database is the machine's.

// reading is what the database's clock said.
type reading struct {
	at    time.Time // by the database, with a monotonic part, so that it can be advanced
	local time.Time // by this machine, at that moment
}

func newReading(database, local time.Time) *reading {
	return &reading{local.Add(database.Sub(local.Round(0))), local}
}

// now is the database's time now, even if this machine's clock was changed since.
func (r *reading) now() time.Time { return r.at.Add(time.Since(r.local)) }

// skew is how far this machine's clock was ahead.
func (r *reading) skew() time.Duration { return r.local.Round(0).Sub(r.at.Round(0)) }

// MaxSkew is the largest difference between two clocks that is not reported.
const MaxSkew = 2 * time.Second

// SkewText says how far this machine's clock is ahead of the database's.
func SkewText(ahead time.Duration) string {
	ahead = ahead.Round(time.Second)
	if ahead < 0 {
		return fmt.Sprintf("this machine's clock is %s behind the database's", -ahead)
	}
	return fmt.Sprintf("this machine's clock is %s ahead of the database's", ahead)
}

const (
	maxReadingAge = 10 * time.Second // before Now reads the clock again
	clockTimeout  = 5 * time.Second
)

// Now is the time by the database's clock, computed from a recent reading. Before the
// first reading it is this machine's: Now does not wait.
func (db *DB) Now() time.Time {
	if !db.Shared() {
		return time.Now()
	}
	last := db.clock.Load()
	if (last == nil || time.Since(last.local) > maxReadingAge) && db.readingClock.CompareAndSwap(false, true) {
		go func() {
			defer db.readingClock.Store(false)
			ctx, done := context.WithTimeout(context.Background(), clockTimeout)
			defer done()
			_, _ = db.Skew(ctx) // calls that need the database report that it is unavailable
		}()
	}
	if last == nil {
		return time.Now()
	}
	return last.now()
}

// Skew reads the database's clock and returns how far this machine's is ahead of it.
func (db *DB) Skew(ctx context.Context) (time.Duration, error) {
	if !db.Shared() {
		return 0, nil
	}
	err := db.Read(ctx, func(tx *Tx) error {
		_, err := tx.Now()
		return err
	})
	if err != nil {
		return 0, err
	}
	return db.clock.Load().skew(), nil
}

// LastSkew is the last result of Skew; 0 before the first.
func (db *DB) LastSkew() time.Duration {
	if last := db.clock.Load(); last != nil {
		return last.skew()
	}
	return 0
}

// Now is the time by the database's clock: in a transaction that writes, when it
// began to exclude others; in one that reads, when Now was first called.
func (tx *Tx) Now() (time.Time, error) {
	if tx.now.IsZero() {
		defer tx.watch.step()()
		now, err := tx.db.dialect.now(tx.ctx, tx.sql)
		if err != nil {
			return time.Time{}, err
		}
		tx.setNow(now)
	}
	return tx.now, nil
}

func (tx *Tx) setNow(now time.Time) {
	tx.now = now
	if tx.db.Shared() {
		tx.db.clock.Store(newReading(now, time.Now()))
	}
}
