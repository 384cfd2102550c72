package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// evaluation runs all chosen cases in all chosen variants.
type evaluation struct {
	cases    []*Case
	variants []Variant
	runs     int
	parallel int // runs at the same time
	model    func(*Case) Model
	budget   *budget
	report   *Report
	failures int       // runs in a row that the endpoint failed
	out      string    // folder of the report, which is written after each run; empty: it is not written
	progress io.Writer // a line for each run; nil: none
}

// errFatal is the error of an endpoint that will refuse every request, such as one with a wrong key.
var errFatal = errors.New("the endpoint refuses all requests")

// execute runs everything until the budget is exhausted, ctx ends, or the endpoint refuses all requests. The error says
// why it stopped early.
func (e *evaluation) execute(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	type task struct {
		c      *Case
		v      Variant
		number int
	}
	tasks := make(chan task)
	go func() {
		defer close(tasks)
		for number := range e.runs { // first every case once, so that a partial report covers all of them
			for _, v := range e.variants {
				for _, c := range e.cases {
					select {
					case tasks <- task{c, v, number + 1}:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	}()
	var mu sync.Mutex
	var working sync.WaitGroup
	for range e.parallel {
		working.Go(func() {
			for t := range tasks {
				r, err := converse(ctx, t.c, t.v, t.number, metered{e.model(t.c), e.budget})
				if err != nil && ctx.Err() != nil {
					err = ctx.Err()
				}
				mu.Lock()
				if err = e.keep(r, err); err != nil {
					stop(err)
				}
				mu.Unlock()
			}
		})
	}
	working.Wait()
	e.report.Stopped = ""
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("the evaluation was cancelled: %w", err)
	}
	if err != nil {
		e.report.Stopped = err.Error()
	}
	return err
}

// mostFailures is the number of runs in a row after whose failure the evaluation ends, because the endpoint is down.
const mostFailures = 5

// keep adds a run to the report. The error ends the evaluation.
func (e *evaluation) keep(r *Run, err error) error {
	stopped := errors.Is(err, context.Canceled) || errors.Is(err, errBudget)
	if stopped && len(r.Findings) == 0 {
		return err // the run is not complete, and nothing in it must never happen
	}
	e.report.Results = append(e.report.Results, r)
	if e.progress != nil {
		fmt.Fprintf(e.progress, "%s %s %d: %s\n", r.Variant, r.Case, r.Number, r.verdict())
	}
	if e.out != "" {
		if err := errors.Join(e.report.write(e.out), e.report.appendTranscript(e.out, r)); err != nil {
			return err
		}
	}
	switch {
	case stopped:
		return err
	case err == nil:
		e.failures = 0
		return nil
	}
	e.failures++
	if refused, ok := errors.AsType[*statusError](err); ok && !refused.repeatable() && (refused.refusesAll() || !slices.ContainsFunc(e.report.Results, (*Run).answered)) {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	if e.failures == mostFailures {
		return fmt.Errorf("%d runs in a row failed: %w", e.failures, err)
	}
	return nil
}

// answered reports whether the model took part in the run.
func (r *Run) answered() bool {
	return slices.ContainsFunc(r.Events, func(e Event) bool { return e.Model != "" || e.Call != "" })
}

// budget limits the tokens and the time of all runs together.
type budget struct {
	now    func() time.Time
	tokens int       // 0: no limit
	until  time.Time // zero: no limit

	mu   sync.Mutex
	used int
}

var errBudget = errors.New("the budget is exhausted")

func (b *budget) check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.tokens > 0 && b.used >= b.tokens:
		return fmt.Errorf("%w: %d of %d tokens were used (EVAL_MAX_TOKENS)", errBudget, b.used, b.tokens)
	case !b.until.IsZero() && !b.now().Before(b.until):
		return fmt.Errorf("%w: the time is over (EVAL_MAX_TIME)", errBudget)
	}
	return nil
}

// metered is a model within a budget.
type metered struct {
	Model
	budget *budget
}

// Next implements Model.
func (m metered) Next(ctx context.Context, r Request) (Reply, error) {
	if err := m.budget.check(); err != nil {
		return Reply{}, err
	}
	reply, err := m.Model.Next(ctx, r)
	m.budget.mu.Lock()
	defer m.budget.mu.Unlock()
	m.budget.used += reply.Usage.Total()
	if err == nil && m.budget.tokens > 0 && reply.Usage.Total() == 0 {
		err = fmt.Errorf("%w: the endpoint reports no tokens, so that EVAL_MAX_TOKENS cannot be obeyed; set EVAL_MAX_TIME instead", errBudget)
	}
	return reply, err
}
