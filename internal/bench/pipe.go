package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// pipe is a client over standard input and output, for many callers at once.
type pipe struct {
	mu      sync.Mutex
	w       io.Writer
	last    int // id given out
	waiting map[int]chan []byte
	gone    chan struct{} // closed when the server says no more
}

// newPipe greets the server behind w and r.
func newPipe(w io.Writer, r io.Reader) (*pipe, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	if _, err := io.WriteString(w, hello+"\n"); err != nil {
		return nil, err
	}
	if first, err := lines.ReadBytes('\n'); err != nil {
		return nil, fmt.Errorf("no answer to initialize: %w (%s)", err, first)
	}
	if _, err := io.WriteString(w, ready+"\n"); err != nil {
		return nil, err
	}
	p := &pipe{w: w, waiting: map[int]chan []byte{}, gone: make(chan struct{})}
	go p.listen(lines)
	return p, nil
}

func (p *pipe) listen(lines *bufio.Reader) {
	defer close(p.gone)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var a answer
		if json.Unmarshal(line, &a) != nil {
			return
		}
		p.mu.Lock()
		caller := p.waiting[a.ID]
		delete(p.waiting, a.ID)
		p.mu.Unlock()
		if caller != nil {
			caller <- a.Result
		}
	}
}

func (p *pipe) ask(ctx context.Context, q question) error {
	mine := make(chan []byte, 1)
	if err := p.say(q, mine); err != nil {
		return err
	}
	select {
	case result := <-mine:
		return q.check(result)
	case <-p.gone:
		return errors.New("the server has gone")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) say(q question, mine chan []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.waiting[p.last] = mine
	_, err := p.w.Write(append(q.message(p.last), '\n'))
	return err
}
