package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// stream is a client over SSE: one session, for as long as its stream is open.
type stream struct {
	*waits
	web  *web
	to   string // where messages are posted
	body io.Closer
}

// open opens a stream of the server at w, as /sse beside its /mcp, and greets it.
// The stream ends with ctx, or when it is closed.
func (w *web) open(ctx context.Context) (*stream, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.url, "/mcp")+"/sse", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := w.endless.Do(r)
	if err != nil {
		return nil, err
	}
	s := &stream{waits: newWaits(), web: w, body: resp.Body}
	lines := bufio.NewReaderSize(resp.Body, 1<<10) // a long answer is longer, and read all the same
	if err := s.meet(resp, lines); err != nil {
		return nil, errors.Join(err, resp.Body.Close())
	}
	go s.listen(lines)
	return s, s.greet(ctx)
}

// meet reads the first event, which says where messages go.
func (s *stream) meet(resp *http.Response, lines *bufio.Reader) error {
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d of the stream", resp.StatusCode)
	}
	data, err := datum(lines)
	if err != nil {
		return fmt.Errorf("no endpoint on the stream: %w", err)
	}
	to, err := url.Parse(string(data))
	if err != nil {
		return err
	}
	s.to = resp.Request.URL.ResolveReference(to).String()
	return nil
}

func (s *stream) greet(ctx context.Context) error {
	id, mine := s.enter()
	if _, _, err := s.web.postTo(ctx, s.to, "", bytes.Replace([]byte(hello), []byte(`"id":0`), fmt.Appendf(nil, `"id":%d`, id), 1)); err != nil {
		return err
	}
	if err := s.wait(ctx, mine, ping); err != nil {
		return err
	}
	_, _, err := s.web.postTo(ctx, s.to, "", []byte(ready))
	return err
}

func (s *stream) listen(lines *bufio.Reader) {
	defer close(s.gone)
	for {
		data, err := datum(lines)
		if err != nil {
			return
		}
		var a answer
		if json.Unmarshal(data, &a) == nil { // a notification has no id, and nobody has 0
			s.answer(a)
		}
	}
}

// datum reads the data of the next event that has some, on one line.
func datum(lines *bufio.Reader) ([]byte, error) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if data, found := bytes.CutPrefix(line, []byte("data: ")); found {
			return bytes.TrimSpace(data), nil
		}
	}
}

// ask asks q, and waits for the answer on the stream.
func (s *stream) ask(ctx context.Context, q question) error {
	id, mine := s.enter()
	if _, _, err := s.web.postTo(ctx, s.to, "", q.message(id)); err != nil {
		return err
	}
	return s.wait(ctx, mine, q)
}

// close drops the stream, whatever is on its way.
func (s *stream) close() { _ = s.body.Close() }
