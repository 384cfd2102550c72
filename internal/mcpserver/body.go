package mcpserver

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// faultNoBody: what comes with a method that has no use for it may be a request
// in hiding (RFC 9110, 9.3.1).
var faultNoBody = fault{mcp.INVALID_REQUEST, "send a body with POST alone"}

// faultEncoded refuses a compressed body: how large it is would show only once it
// is decompressed.
var faultEncoded = fault{mcp.INVALID_REQUEST, "the request body has a Content-Encoding; send it uncompressed, without that header"}

// encoded reports whether the body has a content coding (RFC 9110, 8.4.1);
// "identity" is none.
func encoded(r *http.Request) bool {
	for _, v := range r.Header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(v, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return true
			}
		}
	}
	return false
}

// frame bounds the body of a request in time, whoever reads it and whether it is
// read or not: net/http reads on after an answer, and then waits without end.
//
// A body in chunks is the last on its connection. net/http takes a length beside
// them out without a word, and such a request must be the last (RFC 9112, 6.1).
func (g *guard) frame(r *http.Request) {
	g.carries, g.last = r.ContentLength != 0, len(r.TransferEncoding) > 0
	if g.carries {
		_ = g.control.SetReadDeadline(time.Now().Add(g.bodyTime))
	}
}

// hasten bounds what net/http still reads of a body after its answer, whatever
// bound a page has set or lifted.
func (g *guard) hasten() {
	if g.carries {
		_ = g.control.SetReadDeadline(time.Now().Add(min(g.bodyTime, time.Second)))
	}
}

// leaves tells whether nothing more is read on the connection after an answer: the
// body was not read to its end, so that what follows is the rest of it; or the
// request was wrong, so that what follows may be. Who came too soon was not wrong;
// whom a page refuses may be, whatever it says.
func (g *guard) leaves(status int) bool {
	wrong := 400 <= status && status < 500 && status != http.StatusTooManyRequests
	return g.last || wrong || g.page && status >= 400 || g.carries && !g.ended.Load()
}

// timed returns r with a body that lifts the bound on its time at its end: what
// net/http reads after that tells whether the client is still there.
func (g *guard) timed(r *http.Request) *http.Request {
	if !g.carries {
		return r
	}
	r = r.WithContext(r.Context()) // net/http looks at the body of its own
	r.Body = &timedBody{r.Body, g}
	return r
}

type timedBody struct {
	io.ReadCloser
	g *guard
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.g.ended.Store(true)
		_ = b.g.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// reserve sets aside the memory for a body of at most so many bytes before it is
// read, until the request is over, or refuses. One in chunks may take them all.
func (g *guard) reserve(p *purse, r *http.Request, most int) (ok bool) {
	size := int64(most)
	if 0 <= r.ContentLength && r.ContentLength < size {
		size = r.ContentLength
	}
	if g.loan, ok = p.lend(footprint(size, mostValues(size)), size > small); !ok {
		g.busy(fault{codeBusy, "too many long messages are being read; try again in a second"})
	}
	return ok
}

// body reads a request's body, or refuses it.
func (h *host) body(g *guard, r *http.Request) ([]byte, bool) {
	if !g.reserve(h.bodies, r, h.o.MaxBody) {
		return nil, false
	}
	raw, err := io.ReadAll(io.LimitReader(g.timed(r).Body, int64(h.o.MaxBody)+1))
	switch {
	case err != nil:
		g.refuse(http.StatusBadRequest, fault{mcp.PARSE_ERROR, "the request body could not be read"})
	case len(raw) > h.o.MaxBody:
		g.refuse(http.StatusRequestEntityTooLarge, faultTooLong(h.o.MaxBody))
	default:
		g.loan.keep(footprint(int64(len(raw)), mostValues(int64(len(raw)))))
		return bytes.TrimPrefix(raw, byteOrderMark), true
	}
	return nil, false
}
