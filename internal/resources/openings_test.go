package resources_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/resources"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// req: W4. Subscribers learn of an earlier time, at a bounded cost, which is nothing without subscribers.
func TestReq_W4_SubscribersLearnOfAnEarlierOpening(t *testing.T) {
	t.Parallel()
	const uri = "vennio://openings/default/30/2026-05-20T10:00:00Z"
	now := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	first := now.Add(96 * time.Hour)
	var subscribed, notified []string
	var failed error
	searches := 0
	o := &resources.Openings{
		Subscribed: func(string) []string { return append([]string{}, subscribed...) },
		Updated:    func(uris ...string) { notified = append(notified, uris...) },
		Earliest: func(_ context.Context, in schemas.FindSlotsInput) (time.Time, error) {
			searches++
			assert.Equal(t, 30, in.DurationMinutes)
			assert.Equal(t, "2026-05-20T10:00:00Z", in.To)
			return first, failed
		},
		Now: func() time.Time { return now },
	}
	check := func(after time.Duration) {
		now = now.Add(after)
		o.Check(t.Context())
	}
	check(0)
	check(time.Hour)
	assert.Zero(t, searches, "nobody subscribes")
	subscribed = []string{uri}
	check(time.Minute)
	require.Equal(t, 1, searches, "a new one is searched at once")
	check(time.Minute)
	assert.Equal(t, 1, searches)

	first = first.Add(-time.Hour)
	o.BookingChanged()
	check(time.Minute)
	assert.Empty(t, notified, "at most every five minutes")
	check(5 * time.Minute)
	assert.Equal(t, []string{uri}, notified)
	check(5 * time.Minute)
	assert.Equal(t, 2, searches, "no event")
	check(10 * time.Minute)
	assert.Equal(t, 3, searches, "every quarter of an hour without one")
	assert.Len(t, notified, 1, "nothing earlier")

	first, failed = first.Add(-time.Hour), errors.New("away")
	check(15 * time.Minute)
	assert.Len(t, notified, 1)
	failed = nil
	check(15 * time.Minute)
	assert.Len(t, notified, 2)
	now = time.Date(2026, 5, 20, 10, 0, 0, 0, time.UTC)
	before := searches
	check(time.Hour)
	assert.Equal(t, before, searches, "the instant has passed")
}

func TestOpeningsAreKnownByTheirAddress(t *testing.T) {
	t.Parallel()
	for uri, known := range map[string]bool{
		"vennio://openings/default/30/2026-05-20T10:00:00Z": true, "vennio://openings/Alice%20Marlow/45/2026-05-20T10:00:00%2B02:00": true, "vennio://openings/default/4/2026-05-20T10:00:00Z": false,
		"vennio://openings/default/30/tomorrow": false, "vennio://openings/": false, "vennio://openings/default/30": false,
	} {
		assert.Equal(t, known, resources.Known(uri), uri)
	}
}
