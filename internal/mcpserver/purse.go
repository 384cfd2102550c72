package mcpserver

import (
	"golang.org/x/sync/semaphore"

	"github.com/vennio-mcp/vennio-mcp/internal/jsonlimits"
)

// small is how long a body is, in bytes, that long ones cannot keep out: a quarter
// of every purse is for such bodies alone.
const small = 64 << 10

// purse is the memory that bodies may take together, while they are read and until
// their requests are over. Nobody waits for it, so that who waits holds nothing.
type purse struct {
	all, long *semaphore.Weighted
	bytes     int
	of        *purse // whose memory this is a share of; nil: it is its own
}

func newPurse(bytes int) *purse {
	return &purse{bytes: bytes, all: semaphore.NewWeighted(int64(bytes)), long: semaphore.NewWeighted(int64(bytes) / 4 * 3)}
}

// share is a purse whose memory is part of that of p: who has a share cannot take
// it all.
func (p *purse) share(bytes int) *purse {
	s := newPurse(bytes)
	s.of = p
	return s
}

// part is a share of so many parts.
func (p *purse) part(parts, of int) *purse { return p.share(p.bytes / of * parts) }

// loan is memory that was taken from a purse. A nil loan is of nothing.
type loan struct {
	from *purse
	size int64
	long bool
}

// valueSize is about the memory in bytes that a decoded value takes besides its
// text, in the two forms in which the arguments of a call exist at once.
const valueSize = 256

// footprint is the memory that a message takes while it is read and answered. Its
// bytes alone would not do: 30 KB of empty objects take over a megabyte.
func footprint(bytes, values int64) int64 { return bytes + valueSize*values }

// mostValues is how many values a message of so many bytes can have.
func mostValues(bytes int64) int64 { return min(bytes/2+1, jsonlimits.MaxValues) }

// lend takes memory, also from the purses behind, or reports that there is not
// enough. long is memory for a long body.
func (p *purse) lend(size int64, long bool) (*loan, bool) {
	l := &loan{p, size, long}
	for q := p; q != nil; q = q.of {
		if !q.take(size, l.long) {
			l.back(size, q)
			return nil, false
		}
	}
	return l, true
}

func (p *purse) take(size int64, long bool) bool {
	if !p.all.TryAcquire(size) {
		return false
	}
	if long && !p.long.TryAcquire(size) {
		p.all.Release(size)
		return false
	}
	return true
}

// keep gives back all but so many bytes.
func (l *loan) keep(size int64) {
	if l == nil {
		return
	}
	size = min(size, l.size)
	l.back(l.size-size, nil)
	l.size = size
}

// back gives memory back to every purse before end.
func (l *loan) back(size int64, end *purse) {
	for q := l.from; q != end; q = q.of {
		q.all.Release(size)
		if l.long {
			q.long.Release(size)
		}
	}
}
