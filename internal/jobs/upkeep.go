package jobs

import (
	"context"

	"github.com/riverqueue/river"
)

// upkeep is the task that comes every hour, and when work begins.
type upkeep struct{}

func (upkeep) Kind() string { return "upkeep" }

type keeper struct {
	river.WorkerDefaults[upkeep]
	keep func(context.Context) error // nil: nothing to do
}

func (k *keeper) Work(ctx context.Context, _ *river.Job[upkeep]) error {
	if k.keep == nil {
		return nil
	}
	return k.keep(ctx)
}
