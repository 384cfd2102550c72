package vennioclient

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
)

// flight watches how far an attempt got.
type flight struct{ asked, connected, unanswered, repeated atomic.Bool }

func (f *flight) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { f.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			f.connected.Store(true)
			if f.unanswered.Load() {
				f.repeated.Store(true)
			}
		},
		WroteHeaders:         func() { f.unanswered.Store(true) },
		GotFirstResponseByte: func() { f.unanswered.Store(false) },
	}
}

// sent reports whether a failed attempt may have reached Vennio. A request is
// written only to a connection; a transport that does not tell about its
// connections is believed only where dialling is what failed.
func (f *flight) sent(err error) bool {
	if f.asked.Load() {
		return f.connected.Load()
	}
	op, ok := errors.AsType[*net.OpError](err)
	return !ok || op.Op != "dial"
}

// told notes on the error of a write whether an earlier copy of it may have
// taken effect: net/http repeats by itself what carries an Idempotency-Key, where
// a connection that was used before breaks without an answer.
func (f *flight) told(r request, e *Error) *Error {
	if e != nil && r.write() && f.repeated.Load() {
		return e.under(true)
	}
	return e
}

// noAnswer is the error of an attempt that ended without a (whole) answer. It
// drops the URL, whose query may name people.
func (c *Client) noAnswer(ctx context.Context, err error, sent bool) *Error {
	if ctx.Err() != nil {
		return &Error{Kind: KindCanceled, Sent: sent, Err: ctx.Err()}
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if strings.Contains(err.Error(), c.key()) { // a careless transport
		err = errors.New(c.clean(err.Error(), maxDetail))
	}
	return &Error{Kind: KindNetwork, Sent: sent, Err: err}
}
