package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

const (
	claimName  = "follow-ups" // of the one process that works
	claimAgain = time.Second  // between attempts at the claim
)

// workAlone works while no other process of the state folder does.
func (q *Queue) workAlone(ctx context.Context, pool *sql.DB, do func(context.Context, Task) error) error {
	release, err := q.claim(ctx)
	if err != nil {
		return err
	}
	if release == nil {
		return nil
	}
	defer func() { _ = release() }()
	if err := q.takeOver(ctx); err != nil {
		return err
	}
	return q.run(ctx, driver(q.db, pool), "", do)
}

// claim waits until no other process works; nil means that ctx ended first.
func (q *Queue) claim(ctx context.Context) (func() error, error) {
	for {
		release, err := q.db.TryLock(ctx, claimName)
		if !errors.Is(err, sqldb.ErrLocked) {
			return release, err
		}
		q.note(nil) // another process works
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(claimAgain):
		}
	}
}

// takeOver queues again what a process that died was doing: with the claim in
// hand nobody is doing it. River by itself would wait an hour to be sure, and
// 15 s for the dead one's leadership to lapse. The interrupted try is not
// counted. Tasks of a lane that is no more get where they are refused.
func (q *Queue) takeOver(ctx context.Context) error {
	return q.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, statement := range []string{
			`DELETE FROM river_leader`,
			`UPDATE river_job SET state = 'available', attempt = max(attempt - 1, 0) WHERE state = 'running'`,
		} {
			if _, err := tx.SQL().ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("take over the tasks of a process that died: %w", err)
			}
		}
		return q.reroute(ctx, tx)
	})
}
