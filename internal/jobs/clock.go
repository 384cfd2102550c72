package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// clock gives River the database's time, by which all processes judge alike: when a
// task may be tried, and who leads. River takes it in the part of its configuration
// that is named after tests; what it says of implementations for production is kept:
// the monotonic part stays.
type clock struct{ db *sqldb.DB }

func (c clock) Now() time.Time { return c.db.Now() }

// NowOrNil: River's driver would else put this machine's time into new tasks.
func (c clock) NowOrNil() *time.Time { return new(c.db.Now().UTC()) }

// timeOf: in a folder there is one machine, and River's own time is the store's.
func timeOf(db *sqldb.DB) (t river.TestConfig) {
	if db.Shared() {
		t.Time = clock{db}
	}
	return t
}

// skewEach is how often this machine's clock is compared with the database's.
const skewEach = 10 * time.Second

// steady returns a context that ends when this machine's clock is no longer as far
// ahead of the database's as it was, within the time of a try: River's rescuer
// takes this machine's time, and settings makes up for the difference.
func (q *Queue) steady(ctx context.Context) (steady context.Context, ahead time.Duration, end func(), err error) {
	if ahead, err = q.db.Skew(ctx); err != nil {
		return nil, 0, nil, fmt.Errorf("compare clocks: %w", err)
	}
	steady, cancel := context.WithCancel(ctx)
	go func() {
		again := time.NewTicker(skewEach)
		defer again.Stop()
		for {
			select {
			case <-steady.Done():
				return
			case <-again.C:
			}
			if now, err := q.db.Skew(steady); err == nil && (now-ahead).Abs() > q.o.Timeout {
				q.o.Log.WarnContext(ctx, "this machine's clock was set; the job engine starts again", "ahead_of_database", now)
				cancel()
			}
		}
	}()
	return steady, ahead, cancel, nil
}
