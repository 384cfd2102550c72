package main

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// trail is what a server held, look by look.
type trail []look

// between are the values of a gauge in a part of the trail.
func (t trail) between(name string, from, to time.Duration) (values, hours figures) {
	for _, l := range t {
		if v, told := l.gauges[name]; told && l.at >= from && l.at < to {
			values, hours = append(values, v), append(hours, l.at.Hours())
		}
	}
	return values, hours
}

// tolerance is by how much the last third, and what is left at rest, may be above
// the middle one: a part of it, and something on top for connections that are kept.
type tolerance struct {
	name, what, unit string
	unitOf           float64
	part, more       float64
}

var tolerances = []tolerance{
	{goroutines, "goroutines", "", 1, 0.10, 5},
	{heap, "heap in use", " MB", megabyte, 0.10, 2 * megabyte},
	{collects, "heap that starts the next collection", " MB", megabyte, 0.10, 2 * megabyte},
	{residentSet, "resident memory", " MB", megabyte, 0.10, 2 * megabyte},
	{openFiles, "open files", "", 1, 0.10, 5},
}

// finding is how one gauge went.
type finding struct {
	tolerance
	before, middle, last, rest, anHour float64
	told, grew                         bool
}

// verdict is what a soak showed.
type verdict struct {
	span     time.Duration
	findings []finding
}

// judge leaves the first third out, as a warm-up, and compares the medians of the
// other two; the growth an hour is the slope of a straight line through both.
// What was held before, and is at rest, is told beside it.
func judge(t trail, before, rest gauges, span time.Duration) verdict {
	v := verdict{span: span}
	for _, limit := range tolerances {
		middle, _ := t.between(limit.name, span/3, 2*span/3)
		last, _ := t.between(limit.name, 2*span/3, 2*span)
		values, hours := t.between(limit.name, span/3, 2*span)
		f := finding{
			tolerance: limit, before: before[limit.name], middle: middle.median(), last: last.median(), rest: rest[limit.name],
			anHour: slope(hours, values), told: len(middle) > 0 && len(last) > 0,
		}
		most := f.middle*(1+limit.part) + limit.more
		f.grew = f.last > most || f.rest > most
		v.findings = append(v.findings, f)
	}
	return v
}

// slope is that of the straight line with the least squares.
func slope(x, y figures) float64 {
	var sumX, sumY, top, bottom float64
	for i := range x {
		sumX, sumY = sumX+x[i], sumY+y[i]
	}
	for i := range x {
		dx := x[i] - sumX/float64(len(x))
		top, bottom = top+dx*(y[i]-sumY/float64(len(y))), bottom+dx*dx
	}
	if bottom == 0 {
		return 0
	}
	return top / bottom
}

// err says what grew.
func (v verdict) err() error {
	var grown []error
	for _, f := range v.findings {
		if f.grew {
			grown = append(grown, fmt.Errorf("%s grew from %s to %s, and %s are left at rest", f.what, f.show(f.middle), f.show(f.last), f.show(f.rest)))
		}
	}
	return errors.Join(grown...)
}

func (f finding) show(v float64) string {
	if f.unitOf == 1 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f%s", v/f.unitOf, f.unit)
}

// write prints the table of docs/performance.md.
func (v verdict) write(w io.Writer, k *soaking) {
	heading(w, "Soak")
	header(w, "", "before", "middle third", "last third", "may differ by", "fitted growth an hour", "afterwards, all sessions ended", "grew")
	for _, f := range v.findings {
		if !f.told {
			line(w, f.what, "n/a", "n/a", "n/a", "", "n/a", "n/a", "n/a")
			continue
		}
		line(w, f.what, f.show(f.before), f.show(f.middle), f.show(f.last), fmt.Sprintf("%.0f %% + %s", 100*f.part, f.show(f.more)),
			f.show(f.anHour), f.show(f.rest), map[bool]string{true: "YES", false: "no"}[f.grew])
	}
	_, _ = fmt.Fprintf(w, "\n%s, %d visitors. %s. Events told to the sink: %d.\n", v.span, visitors, k.tally.told(), k.sink.told.Load())
}
