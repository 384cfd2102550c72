package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// web is a client over HTTP that keeps its connections.
type web struct {
	http    *http.Client
	endless *http.Client // the same, for streams, which end with their context
	url     string
	last    atomic.Int64 // id given out
}

func newWeb(url string) *web {
	w := &web{url: url}
	w.keep(64)
	return w
}

// keep bounds the connections that are kept for the next call; each is a
// goroutine of the server.
func (w *web) keep(most int) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = most, most
	w.http, w.endless = &http.Client{Transport: t, Timeout: patience}, &http.Client{Transport: t}
}

// session greets the server, and returns the id under which it knows us.
func (w *web) session(ctx context.Context) (string, error) {
	_, header, err := w.post(ctx, "", []byte(hello))
	if err != nil {
		return "", err
	}
	id := header.Get("Mcp-Session-Id")
	_, _, err = w.post(ctx, id, []byte(ready))
	return id, err
}

func (w *web) ask(ctx context.Context, session string, q question) (body []byte, err error) {
	if body, _, err = w.post(ctx, session, q.message(int(w.last.Add(1)))); err != nil {
		return nil, err
	}
	if !bytes.Contains(body, []byte(`"result":`)) {
		return nil, fmt.Errorf("no result: %.300s", body)
	}
	return body, q.check(body)
}

func (w *web) post(ctx context.Context, session string, body []byte) ([]byte, http.Header, error) {
	return w.postTo(ctx, w.url, session, body)
}

func (w *web) postTo(ctx context.Context, url, session string, body []byte) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
	}
	return w.do(r)
}

// get asks Vennio itself.
func (w *web) get(ctx context.Context, key string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	_, _, err = w.do(r)
	return err
}

func (w *web) do(r *http.Request) ([]byte, http.Header, error) {
	resp, err := w.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("status %d: %.300s", resp.StatusCode, body)
	}
	return body, resp.Header, err
}
