package consent

import "context"

// Wait returns as soon as the proposal no longer waits for an answer, or with
// the error of ctx. Answers given through this Ledger are noticed at once; of
// others, as from another process, it knows only what stood when it began and
// what stands when ctx ends.
func (l *Ledger) Wait(ctx context.Context, id string) error {
	for {
		next := l.next()
		switch p, err := l.Proposal(context.WithoutCancel(ctx), id); {
		case err != nil:
			return err
		case p.State != StateOpen:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		select {
		case <-next:
		case <-ctx.Done():
		}
	}
}

func (l *Ledger) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// announce wakes all who wait.
func (l *Ledger) announce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.answered)
	l.answered = make(chan struct{})
}
