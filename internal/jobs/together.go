package jobs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river/riverdriver/riverdatabasesql"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// restsToPatrol is how many rests lie between two looks for what dead processes
// left: 5 s.
const restsToPatrol = 100

// workTogether works beside every other process that uses the database. The
// engine shares the tasks out, and one leader among them does what only one may.
func (q *Queue) workTogether(ctx context.Context, pool *sql.DB, do func(context.Context, Task) error) error {
	if err := q.db.Write(ctx, func(tx *sqldb.Tx) error { return q.reroute(ctx, tx) }); err != nil {
		return err
	}
	ears, err := q.db.Listener(ctx) // new tasks are told of, so that none waits to be found
	if err != nil {
		return err
	}
	defer ears.Close()
	me := rand.Text()
	leave, err := q.join(context.WithoutCancel(ctx), pool, me)
	if err != nil {
		return err
	}
	defer leave() // when nothing runs any more
	return q.run(ctx, riverdatabasesql.NewWithPgxListener(pool, ears), me, do)
}

// join makes this process known as alive until leave: by a lock that is named
// after it and held by a connection of its own, so that the server lets go of it
// however the process ends. River records who tries a task under the same name.
func (q *Queue) join(ctx context.Context, pool *sql.DB, me string) (leave func(), err error) {
	conn, err := stand(ctx, pool, me)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var rounds sync.WaitGroup
	rounds.Go(func() { q.patrol(ctx, pool, me, conn) })
	return func() {
		cancel()
		rounds.Wait()
	}, nil
}

// stand takes the lock of a process.
func stand(ctx context.Context, pool *sql.DB, me string) (*sql.Conn, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("join those who work: %w", err)
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(2, hashtext($1))`, me); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("join those who work: %w", err)
	}
	return conn, nil
}

// patrol looks for what dead processes left, over the connection that holds the
// lock; if that breaks, another one takes it.
func (q *Queue) patrol(ctx context.Context, pool *sql.DB, me string, conn *sql.Conn) {
	again := time.NewTicker(restsToPatrol * q.o.Rest)
	defer again.Stop()
	for {
		err := q.gather(ctx, conn, me)
		select {
		case <-ctx.Done():
			part(context.WithoutCancel(ctx), conn)
			return
		case <-again.C:
		}
		if err == nil {
			continue
		}
		q.o.Log.WarnContext(ctx, "the database cannot be asked who works", "err", err)
		if next, err := stand(ctx, pool, me); err == nil {
			_ = conn.Close()
			conn = next
		}
	}
}

// part gives the lock back; a connection that cannot is closed by the server.
func part(ctx context.Context, conn *sql.Conn) {
	ctx, done := context.WithTimeout(ctx, time.Second)
	defer done()
	_, _ = conn.ExecContext(ctx, `SELECT pg_advisory_unlock_all()`)
	_ = conn.Close()
}

// gather queues again what processes were doing whose lock nobody holds. The
// interrupted try is not counted. River's own rescue, after four times the limit
// of a try, is left for machines that vanish without closing their connections.
func (q *Queue) gather(ctx context.Context, conn *sql.Conn, me string) error {
	_, err := conn.ExecContext(ctx, `WITH running AS MATERIALIZED (
			SELECT id, attempted_by[array_upper(attempted_by, 1)] AS who FROM river_job WHERE state = 'running'
		), left_alone AS MATERIALIZED (
			SELECT id FROM running WHERE who <> $1 AND pg_try_advisory_xact_lock(2, hashtext(who))
		)
		UPDATE river_job SET state = 'available', attempt = greatest(attempt - 1, 0)
		FROM left_alone WHERE river_job.id = left_alone.id AND state = 'running'`, me)
	if err != nil {
		return fmt.Errorf("take over the tasks of a process that died: %w", err)
	}
	return nil
}
