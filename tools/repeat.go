package tools

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// repeat is how a booking repeats.
type repeat struct {
	times.Repeat
	starts []time.Time
}

// repeated reads a repetition of a meeting that begins at start; nil where there
// is none.
func repeated(text string, start time.Time, loc *time.Location) (*repeat, error) {
	if text == "" {
		return nil, nil
	}
	how, err := times.ParseRepeat(text)
	if err != nil {
		return nil, refuse(schemas.CodeInvalidArguments, err.Error()+".", "")
	}
	starts, err := how.Starts(start, loc)
	if err != nil {
		return nil, refuse(schemas.CodeInvalidArguments, err.Error()+".", "")
	}
	return &repeat{how, starts}, nil
}

// text names each day, for a person to agree to.
func (r *repeat) text(loc *time.Location) string {
	if r == nil {
		return ""
	}
	return r.Text() + ": " + some(daysOf(r.starts, loc))
}

func daysOf(starts []time.Time, loc *time.Location) []string {
	days := make([]string, len(starts))
	for i, at := range starts {
		days[i] = times.Day(at, loc)
	}
	return days
}

func (r *repeat) recurrence(loc *time.Location) *vennioclient.Recurrence {
	return &vennioclient.Recurrence{Frequency: r.Every, Count: r.Count, Until: r.Until, Timezone: loc.String()}
}

// bookSeries books each occurrence that is free. The booking it returns is the
// first of them, or stands for the series where Vennio told of none.
func (d Deps) bookSeries(ctx context.Context, key vennioclient.IdempotencyKey, b booking) (*vennioclient.Booking, *vennioclient.Series, error) {
	b.request.Recurrence = b.repeat.recurrence(b.loc)
	series, err := d.Vennio.CreateSeries(ctx, key, b.request)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(series.Bookings, func(a, b vennioclient.Booking) int { return a.Start.Compare(b.Start) })
	first := vennioclient.Booking{ID: series.ID, SeriesID: series.ID}
	if len(series.Bookings) > 0 {
		first = series.Bookings[0]
	}
	return &first, series, nil
}

// tellSeries says which days were booked, and which were not.
func (b booking) tellSeries(out *schemas.BookSlotResult, s *vennioclient.Series) {
	out.SeriesID = plain.Line(s.ID, 100)
	booked := make([]time.Time, len(s.Bookings))
	for i, one := range s.Bookings {
		booked[i] = one.Start
	}
	out.Repeat = fmt.Sprintf("%s; %d booked: %s", b.repeat.Text(), len(booked), some(daysOf(booked, b.loc)))
	missing := slices.DeleteFunc(slices.Clone(b.repeat.starts), func(at time.Time) bool {
		return slices.ContainsFunc(booked, at.Equal)
	})
	if out.Skipped = daysOf(missing, b.loc); len(missing) == 0 && s.Skipped > 0 {
		out.Skipped = []string{fmt.Sprintf("%d days that Vennio did not name", s.Skipped)}
	}
}
