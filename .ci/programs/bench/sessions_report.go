package main

import (
	"fmt"
	"io"
)

const kib = 1 << 10

// each is what one session took, in KiB.
func (d *crowd) each() figures {
	each := make(figures, len(d.with))
	for i := range each {
		each[i] = (d.with[i] - d.before[i]) / (crowded - 1) / kib
	}
	return each
}

func (r *report) writeSessions(w io.Writer) {
	heading(w, "Sessions")
	header(w, fmt.Sprintf("%d sessions, one call made in each", crowded), "resident before", "with them", "a session")
	for _, d := range r.crowds {
		if len(d.with) == 0 {
			line(w, d.name, "n/a", "n/a", "n/a")
			continue
		}
		each := d.each()
		line(w, d.name, fmt.Sprintf("%.0f MB", d.before.median()/megabyte), fmt.Sprintf("%.0f MB", d.with.median()/megabyte),
			fmt.Sprintf("%.0f KiB (%.0f–%.0f)", each.median(), each.at(0), each.at(1)))
	}
}

// writeGrowth compares a caller beside many sessions with the same beside none.
func (r *report) writeGrowth(w io.Writer) {
	_, _ = fmt.Fprintln(w)
	header(w, "open SSE sessions", "vennio-mcp: calls/s, × with one", "p50", "p99", "mcp-go echo: calls/s, × with one", "p50", "p99")
	first := r.growth[0]
	for i, g := range r.growth {
		line(w, fmt.Sprint(sizes[i]),
			g.ours.over(first.ours), brief(g.ours.median.median()), brief(g.ours.worst.median()),
			g.echo.over(first.echo), brief(g.echo.median.median()), brief(g.echo.worst.median()))
	}
}
