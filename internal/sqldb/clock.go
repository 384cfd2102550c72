package sqldb

import (
	"context"
	"fmt"
	"time"
)

// What several processes judge, such as whether a consent has expired, is judged by
// the database's clock: theirs may differ by minutes. That of a database in a file
// is the machine's.

// reading is what the database's clock said.
type reading struct {
	at    time.Time // of the database, with a monotonic part, so that it goes on by itself
	local time.Time // of this machine, at that moment
}

func newReading(database, local time.Time) *reading {
	return &reading{local.Add(database.Sub(local.Round(0))), local}
}

// now is what the database's clock says by now, whatever happened to this machine's.
func (r *reading) now() time.Time { return r.at.Add(time.Since(r.local)) }

// skew is how far this machine's clock was ahead.
func (r *reading) skew() time.Duration { return r.local.Round(0).Sub(r.at.Round(0)) }

// MaxSkew is how far two clocks may differ without being mentioned.
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
	// clockFresh is how old a reading may be before Now takes another one.
	clockFresh = 10 * time.Second
	// clockWait bounds taking one.
	clockWait = 5 * time.Second
)

// Now is the time by the database's clock, as it was read a moment ago. Until it was
// read for the first time it is this machine's: Now does not wait.
func (db *DB) Now() time.Time {
	if !db.Shared() {
		return time.Now()
	}
	last := db.clock.Load()
	if (last == nil || time.Since(last.local) > clockFresh) && db.reading.CompareAndSwap(false, true) {
		go func() {
			defer db.reading.Store(false)
			ctx, done := context.WithTimeout(context.Background(), clockWait)
			defer done()
			_, _ = db.Skew(ctx) // whoever needs the database says that it is away
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

// LastSkew is what Skew returned last; 0 before.
func (db *DB) LastSkew() time.Duration {
	if last := db.clock.Load(); last != nil {
		return last.skew()
	}
	return 0
}

// Now is the time by the database's clock: in a transaction that writes, since it
// excludes others; in one that reads, when it was first asked for.
func (tx *Tx) Now() (time.Time, error) {
	if tx.now.IsZero() {
		defer tx.watch.step()()
		now, err := tx.kind.now(tx.ctx, tx.sql)
		if err != nil {
			return time.Time{}, err
		}
		tx.note(now)
	}
	return tx.now, nil
}

func (tx *Tx) note(now time.Time) {
	tx.now = now
	if tx.db.Shared() {
		tx.db.clock.Store(newReading(now, time.Now()))
	}
}
