package vennioclient_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// errRefused is what dialling a closed port gives.
var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

// waits records the waits of a policy whose other fields are r's.
func waits(r vennioclient.Retry) (vennioclient.Option, *[]time.Duration) {
	var all []time.Duration
	r.Sleep = func(_ context.Context, d time.Duration) error {
		all = append(all, d)
		return nil
	}
	return vennioclient.WithRetry(r), &all
}

func TestBackoffDoublesUnderJitter(t *testing.T) {
	t.Parallel()
	const attempts = 8
	steps := make([]http.HandlerFunc, attempts)
	for i := range steps {
		steps[i] = answers(500, "")
	}
	retry, waited := waits(vennioclient.Retry{Attempts: attempts, Base: time.Second, Max: 10 * time.Second})
	_, err := play(t, steps...).client(retry).Slots(t.Context(), aQuery)
	require.Error(t, err)
	require.Len(t, *waited, attempts-1)
	distinct := map[time.Duration]bool{}
	for i, wait := range *waited {
		distinct[wait] = true
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		assert.LessOrEqual(t, wait, min(time.Second<<i, 10*time.Second), "wait %d", i)
	}
	assert.Greater(t, len(distinct), 1, "waits are random")
}

func TestBackoffNeverOverflows(t *testing.T) {
	t.Parallel()
	const longest = time.Duration(1<<63 - 1)
	retry, waited := waits(vennioclient.Retry{Attempts: 3, Base: longest - 1, Max: longest})
	_, err := play(t, answers(500, ""), answers(500, ""), answers(500, "")).client(retry).Slots(t.Context(), aQuery)
	require.Error(t, err)
	assert.Len(t, *waited, 2)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return date.Add(d).Format(http.TimeFormat) }
	for name, row := range map[string]struct {
		status      int
		header, say string
		want        time.Duration
	}{
		"seconds":         {429, "Retry-After", "2", 2 * time.Second},
		"of a 503":        {503, "Retry-After", "3", 3 * time.Second},
		"date":            {503, "Retry-After", at(4 * time.Second), 4 * time.Second},
		"reset, seconds":  {429, "X-RateLimit-Reset", "3", 3 * time.Second},
		"reset, Unix":     {429, "X-RateLimit-Reset", strconv.FormatInt(date.Unix()+4, 10), 4 * time.Second},
		"reset of a 503":  {503, "X-RateLimit-Reset", "3000", 0},
		"a past date":     {503, "Retry-After", at(-time.Hour), 0},
		"negative":        {429, "Retry-After", "-7", 0},
		"words":           {429, "Retry-After", "soon", 0},
		"hours":           {429, "Retry-After", "3600", time.Hour},
		"longer than all": {429, "Retry-After", "9223372036854775807", 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const longest = 5 * time.Second
			step := answers(row.status, "", row.header, row.say, "Date", at(0))
			retry, waited := waits(vennioclient.Retry{Attempts: 2, Base: 1, Max: longest})
			_, err := play(t, step, step).client(retry).Slots(t.Context(), aQuery)
			e := asError(t, err)
			assert.Equal(t, row.want, e.RetryAfter)
			if row.want > longest {
				assert.Empty(t, *waited, "given up at once")
				assert.Equal(t, 1, e.Attempts)
			} else {
				assert.Equal(t, []time.Duration{row.want}, *waited)
			}
		})
	}
}

// A wait that the context would not survive is not begun: the caller learns
// sooner, and learns what was wrong.
func TestDeadlineBeforeTheWaitEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	retry, waited := waits(vennioclient.Retry{Max: 2 * time.Hour})
	_, err := play(t, answers(429, "", "Retry-After", "3600")).client(retry).Slots(ctx, aQuery)
	e := asError(t, err)
	assert.Equal(t, vennioclient.KindRateLimited, e.Kind)
	assert.Equal(t, time.Hour, e.RetryAfter)
	assert.Empty(t, *waited)
}

func TestRealTimer(t *testing.T) {
	t.Parallel()
	v := play(t, answers(500, ""), answers(200, `{"slots":[]}`))
	_, err := v.client(vennioclient.WithRetry(vennioclient.Retry{Base: time.Microsecond})).Slots(t.Context(), aQuery)
	require.NoError(t, err)
}
