package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// Unfinished returns the events of which a task is waiting, running
// or dead: those that must be kept.
func (q *Queue) Unfinished(ctx context.Context, tx *sqldb.Tx) ([]sqldb.EventKey, error) {
	rows, err := tx.SQL().QueryContext(ctx, `SELECT DISTINCT coalesce(args ->> 'tenant', ''), args ->> 'event' FROM river_job
		WHERE state IN ('available', 'cancelled', 'discarded', 'pending', 'retryable', 'running', 'scheduled') AND kind = $1`, Task{}.Kind())
	if err != nil {
		return nil, fmt.Errorf("list unfinished tasks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var events []sqldb.EventKey
	for rows.Next() {
		var event sqldb.EventKey
		if err := rows.Scan(&event.Tenant, &event.ID); err != nil {
			return nil, fmt.Errorf("list unfinished tasks: %w", err)
		}
		events = append(events, event)
	}
	return events, rows.Err()
}

// reroute sends the waiting tasks of lanes that are no more to the one lane
// that is always there, where they are refused and show as dead letters.
func (q *Queue) reroute(ctx context.Context, tx *sqldb.Tx) error {
	lanes := make(map[string]bool, len(q.o.Lanes)) // as an object: both databases list its keys under one name
	for _, l := range q.o.Lanes {
		lanes[lane(l.Tenant, l.Name)] = true
	}
	known, err := json.Marshal(lanes)
	if err != nil {
		return fmt.Errorf("encode lanes: %w", err)
	}
	_, err = tx.SQL().ExecContext(ctx, `UPDATE river_job SET queue = 'default'
		WHERE kind = $1 AND state IN ('available', 'retryable', 'scheduled') AND queue NOT IN (SELECT key FROM json_each($2))`,
		Task{}.Kind(), string(known))
	if err != nil {
		return fmt.Errorf("refuse tasks that nobody does: %w", err)
	}
	return nil
}
