package tools

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
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
	how, err := times.ParseRepeat(text, start.In(loc))
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
// first of them, or stands for the series where Vennio lists none.
func (d Deps) bookSeries(ctx context.Context, key vennioclient.IdempotencyKey, b booking) (*vennioclient.Booking, *vennioclient.Series, error) {
	b.request.Recurrence = b.repeat.recurrence(b.loc)
	series, err := d.Vennio.CreateSeries(ctx, key, b.request)
	switch {
	case err != nil:
		return nil, nil, err
	case series.Created == 0 && len(series.Bookings) == 0:
		return nil, nil, &vennioclient.Error{Kind: vennioclient.KindSlotTaken, Status: http.StatusConflict, Detail: "no day of the series is free"}
	}
	first := vennioclient.Booking{ID: series.ID, SeriesID: series.ID, Status: vennioclient.StatusConfirmed}
	if all := inOrder(series.Bookings); len(all) > 0 {
		series.Bookings, first = all, all[0]
	}
	return &first, series, nil
}

// furtherOf are the bookings that were made with the first of a series.
func furtherOf(s *vennioclient.Series, first string) (all []schemas.Written) {
	for _, one := range s.Bookings {
		if one.ID != first {
			all = append(all, schemas.Written{ID: one.ID, Status: one.Status, Start: times.UTC(one.Start), End: times.UTC(one.End), New: true})
		}
	}
	return all
}

// tellSeries says which days were booked, and which were not.
func (b booking) tellSeries(out *schemas.BookSlotResult, s *vennioclient.Series) {
	out.SeriesID = sanitize.Line(s.ID, 100)
	booked, unsure := make([]string, len(s.Bookings)), 0
	for i, one := range s.Bookings {
		booked[i] = times.Day(one.Start, b.loc)
		if one.Status != vennioclient.StatusConfirmed {
			unsure++
		}
	}
	out.Repeat = fmt.Sprintf("%s; %d booked: %s", b.repeat.Text(), max(s.Created, len(booked)), some(booked))
	if len(booked) == 0 {
		out.Repeat = fmt.Sprintf("%s; %d booked, whose days Vennio did not name", b.repeat.Text(), s.Created)
	}
	if unsure > 0 {
		out.Repeat += fmt.Sprintf("; %d of them NOT confirmed", unsure)
	}
	missing := slices.DeleteFunc(daysOf(b.repeat.starts, b.loc), func(day string) bool { return slices.Contains(booked, day) })
	switch {
	case s.Created == len(booked): // every one that was made is named
		out.Skipped = missing
	case s.Skipped > 0:
		out.Skipped = []string{fmt.Sprintf("%d days that Vennio did not name", s.Skipped)}
	}
}
