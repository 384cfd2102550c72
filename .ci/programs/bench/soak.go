package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

const (
	visitors  = 8                      // who call at once
	pace      = 100 * time.Millisecond // between the deeds of one, if they are not slower
	idle      = 10 * time.Second       // after which the server ends a session that was left
	samplings = 90                     // of a soak
)

// soaking is one server that is kept under load.
type soaking struct {
	stage  *stage
	server *child
	web    *web
	sink   *sink
	tally  *tally
	trail  trail
	calm   sync.RWMutex // held for reading during a deed, for writing while the server is looked at
}

// soak keeps a server under a mixed load for so long, and watches what it holds.
// It fails where goroutines or memory grew, or where the server did not do what
// it should.
func soak(ctx context.Context, out io.Writer, dir string, span time.Duration) error {
	fmt.Fprintln(os.Stderr, "bench: building")
	s, err := newStage(ctx, dir, true)
	if err != nil {
		return err
	}
	defer s.close()
	k := &soaking{stage: s, tally: newTally()}
	stop, err := k.open(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(os.Stderr, "bench: soaking for", span)
	before, err := k.web.gauges(ctx)
	if err != nil {
		return err
	}
	if err := k.run(ctx, span); err != nil {
		return err
	}
	rest, err := k.rest(ctx)
	if err != nil {
		return err
	}
	v := judge(k.trail, before, rest, span)
	v.write(out, k)
	return errors.Join(v.err(), k.tally.err())
}

// open starts the server as an operator would: with a sink for events, and
// subscribed at Vennio.
func (k *soaking) open(ctx context.Context, dir string) (stop func(), err error) {
	if k.sink, err = newSink(ctx); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "settings.yml")
	if err := os.WriteFile(file, []byte(k.sink.settings()), 0o600); err != nil {
		return nil, err
	}
	env := append(k.stage.withVennio(), "VENNIO_CONSENT=attested")
	p := program{env: env, path: k.stage.ours}
	k.server, err = k.stage.start(ctx, p.with("serve", "--addr", "127.0.0.1:0", "--session-idle", idle.String(), "--settings", file))
	if err != nil {
		return nil, err
	}
	k.web = newWeb(k.server.url)
	k.web.keep(visitors)
	subscribes, err := k.stage.spawn(ctx, io.Discard, p.with("webhooks", "register", "--url", k.web.at(webhooks.Path)))
	if err == nil {
		_, _ = io.Copy(io.Discard, subscribes.out)
		err = subscribes.finish()
	}
	stop = func() { k.server.stop(); k.sink.close() }
	if err != nil {
		stop()
		return nil, fmt.Errorf("webhooks register: %w", err)
	}
	return stop, nil
}

// run lets the visitors come and go, and looks at the server meanwhile.
func (k *soaking) run(ctx context.Context, span time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var all sync.WaitGroup
	for i := range visitors {
		all.Go(func() { k.visit(ctx, i) })
	}
	err := k.watch(ctx, span/samplings)
	cancel()
	all.Wait()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// watch takes a sample now and then, until ctx ends. It waits until no deed is
// under way, holds further ones back, and gives up the callers' kept connections:
// what is counted is what the server keeps, and not how many happen to call.
func (k *soaking) watch(ctx context.Context, every time.Duration) error {
	began, tick := time.Now(), time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		k.calm.Lock()
		k.web.http.CloseIdleConnections()
		held, err := k.web.gauges(context.WithoutCancel(ctx))
		k.calm.Unlock()
		if err != nil {
			return err
		}
		k.trail = append(k.trail, look{time.Since(began), held})
	}
}

// rest waits until the server has ended what was left, and looks again.
func (k *soaking) rest(ctx context.Context) (gauges, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*idle)
	defer cancel()
	k.web.http.CloseIdleConnections()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		held, err := k.web.gauges(context.WithoutCancel(ctx))
		if err != nil || held[openSessions] == 0 && held[openStreams] == 0 {
			return held, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%.0f sessions and %.0f streams are open %s after the last call", held[openSessions], held[openStreams], 3*idle)
		}
	}
}
