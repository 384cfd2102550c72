package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
)

// slowBooking is the duration of a booking call above which Vennio's guidelines alert (vennio-api.md,
// Webhooks: team guidelines).
const slowBooking = 2 * time.Second

// Verdicts of a run. Incomplete means that nothing failed but the events were not checked.
const (
	passed     = "passed"
	failed     = "failed"
	incomplete = "incomplete"
)

// smokeResult is the result as --json shows it. Times are in milliseconds.
type smokeResult struct {
	Version   string      `json:"version"`
	Verdict   string      `json:"verdict"`
	Sandbox   bool        `json:"sandbox"`
	Summary   string      `json:"summary"`
	Bookings  []trialLine `json:"bookings"`
	Latencies []latency   `json:"latencies"`
	Problems  []string    `json:"problems"`
}

type trialLine struct {
	BookingID string  `json:"booking_id,omitempty"`
	Status    string  `json:"status,omitempty"`
	Start     string  `json:"start"`
	Find      float64 `json:"find_ms"`
	Book      float64 `json:"book_ms,omitempty"`
	Event     float64 `json:"event_ms,omitempty"`
	Cancel    float64 `json:"cancel_ms,omitempty"`
}

type latency struct {
	Step   string  `json:"step"`
	Min    float64 `json:"min_ms"`
	Median float64 `json:"median_ms"`
	Max    float64 `json:"max_ms"`
}

// steps are the timed steps in order. The time of an event counts from the booking call.
var steps = []struct {
	name string
	of   func(*trial) time.Duration
}{
	{"find", func(t *trial) time.Duration { return t.find }},
	{"book", func(t *trial) time.Duration { return t.book }},
	{"event", func(t *trial) time.Duration { return t.event }},
	{"cancel", func(t *trial) time.Duration { return t.cancel }},
}

// report prints the result, and returns an error if the run did not pass.
func (r *smokeRun) report() error {
	out := smokeResult{Version: version(), Sandbox: r.onSandbox, Problems: []string{}, Bookings: []trialLine{}, Latencies: r.latencies()}
	for i, t := range r.trials {
		out.Bookings = append(out.Bookings, trialLine{t.booking, t.status, t.slot.Start, ms(t.find), ms(t.book), ms(t.event), ms(t.cancel)})
		for _, why := range t.failed {
			out.Problems = append(out.Problems, fmt.Sprintf("%d: %s", i+1, sanitize.Line(why, 300)))
		}
	}
	out.Verdict, out.Summary = r.verdict(len(out.Problems))
	if r.asJSON {
		if err := r.printJSON(out); err != nil {
			return err
		}
	} else {
		r.table(out)
	}
	if out.Verdict != passed {
		return errors.New("the smoke run did not pass: " + out.Verdict)
	}
	return nil
}

func (r *smokeRun) latencies() []latency {
	all := []latency{}
	for _, s := range steps {
		var took []time.Duration
		for _, t := range r.trials {
			if d := s.of(t); d > 0 {
				took = append(took, d)
			}
		}
		if slices.Sort(took); len(took) > 0 {
			all = append(all, latency{s.name, ms(took[0]), ms((took[(len(took)-1)/2] + took[len(took)/2]) / 2), ms(took[len(took)-1])})
		}
	}
	return all
}

func (r *smokeRun) verdict(problems int) (verdict, summary string) {
	slow := 0
	for _, t := range r.trials {
		if t.book > slowBooking {
			slow++
		}
	}
	summary = fmt.Sprintf("%d booked, each booking.created within %s, all cancelled", len(r.trials), r.within)
	switch verdict = passed; {
	case problems > 0:
		verdict, summary = failed, fmt.Sprintf("%d bookings, %d problems", len(r.trials), problems)
	case r.events.disabled:
		verdict, summary = incomplete, fmt.Sprintf("%d booked and cancelled, but their events were not checked", len(r.trials))
	}
	if slow > 0 {
		summary += fmt.Sprintf("; %d took longer than %d ms, which alerts", slow, slowBooking.Milliseconds())
	}
	return verdict, summary
}

func (r *smokeRun) table(out smokeResult) {
	r.row("ms", func(i int) string { return steps[i].name })
	for n, t := range r.trials {
		r.row(fmt.Sprint(n+1), func(i int) string { return cell(ms(steps[i].of(t))) })
	}
	for _, line := range []struct {
		name string
		of   func(latency) float64
	}{{"min", func(l latency) float64 { return l.Min }}, {"median", func(l latency) float64 { return l.Median }}, {"max", func(l latency) float64 { return l.Max }}} {
		r.row(line.name, func(i int) string {
			if n := slices.IndexFunc(out.Latencies, func(l latency) bool { return l.Step == steps[i].name }); n >= 0 {
				return cell(line.of(out.Latencies[n]))
			}
			return cell(0)
		})
	}
	_, _ = fmt.Fprintf(r.out, "\nevent: from the booking call to its booking.created\n\n%s: %s.\n", out.Verdict, out.Summary)
	for _, problem := range out.Problems {
		_, _ = fmt.Fprintln(r.out, "  "+problem)
	}
}

func (r *smokeRun) row(name string, of func(step int) string) {
	_, _ = fmt.Fprintf(r.out, "%8s", name)
	for i := range steps {
		_, _ = fmt.Fprintf(r.out, "%10s", of(i))
	}
	_, _ = fmt.Fprintln(r.out)
}

func cell(milliseconds float64) string {
	if milliseconds == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", milliseconds)
}

// ms returns milliseconds, rounded to a tenth; a positive duration is at least 0.1.
func ms(d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return max(float64(d.Round(100*time.Microsecond).Microseconds())/1000, 0.1)
}
