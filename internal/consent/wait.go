package consent

import (
	"context"
	"time"
)

// lookAgain is how often Wait looks for answers given elsewhere.
const lookAgain = time.Second

// Wait returns as soon as the proposal no longer waits for an answer, or with
// the error of ctx. Answers given through this Ledger are noticed at once,
// others, as from the terminal or another replica, within a second.
func (l *Ledger) Wait(ctx context.Context, id string) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
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
		case <-again.C:
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
