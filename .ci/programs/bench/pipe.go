package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// pipe is a client over standard input and output, for many callers at once.
type pipe struct {
	*waits
	writing sync.Mutex
	w       io.Writer
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
	p := &pipe{waits: newWaits(), w: w}
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
		p.answer(a)
	}
}

func (p *pipe) ask(ctx context.Context, q question) error {
	id, mine := p.enter()
	if err := p.say(q, id); err != nil {
		return err
	}
	return p.wait(ctx, mine, q)
}

func (p *pipe) say(q question, id int) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := p.w.Write(append(q.message(id), '\n'))
	return err
}
