package webhooks_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
)

// req: W3
func TestReq_W3_ASinkHearsOfAnEventSigned(t *testing.T) {
	t.Parallel()
	crm := newListener(t, nil)
	r := newRig(t, crm.sink("crm", "booking.*"))
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	h := crm.wait(t, 1)[0]
	w, err := standardwebhooks.NewWebhook(sinkSecret)
	require.NoError(t, err)
	require.NoError(t, w.Verify([]byte(h.body), h.header))
	assert.Equal(t, "evt_1", h.header.Get("webhook-id"))
	assert.JSONEq(t, `{"id":"evt_1","type":"booking.created","timestamp":"2026-05-18T09:00:00Z","data":{"booking":{"id":"b-1","status":"confirmed",
		"title":"Design review","customer_name":"Bob","customer_email":"bob@example.com","start_time":"2026-05-18T14:00:00Z","end_time":"2026-05-18T14:30:00Z"}}}`, h.body)

	require.Eventually(t, func() bool {
		_, records, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		return len(records) == 1 && records[0].State == webhooks.Done
	}, patience, tick)
}

// req: W3
func TestReq_W3_WhatASinkCallsABookingIsKeptAndToldBack(t *testing.T) {
	t.Parallel()
	crm := newListener(t, func(int, received) (int, string) { return http.StatusOK, `{"id": 4711}` })
	archive := newListener(t, nil)
	r := newRig(t, crm.sink("crm"), archive.sink("archive"))
	r.run()
	r.send(booking("evt_1", "booking.created", "b-1"))
	crm.wait(t, 1)
	require.Eventually(t, func() bool {
		_, records, err := r.inbox.Show(t.Context(), "evt_1")
		require.NoError(t, err)
		return len(records) == 2 && records[0].State == webhooks.Done && records[1].State == webhooks.Done
	}, patience, tick)
	r.send(booking("evt_2", "booking.cancelled", "b-1"))
	r.send(booking("evt_3", "booking.created", "b-2"))
	for _, h := range crm.wait(t, 3)[1:] {
		var told struct {
			ID       string `json:"id"`
			External string `json:"external_id"`
		}
		require.NoError(t, json.Unmarshal([]byte(h.body), &told))
		assert.Equal(t, map[string]string{"evt_2": "4711", "evt_3": ""}[told.ID], told.External)
		if told.External != "" {
			assert.Equal(t, fields(t, strings.Replace(documented(t), `"tenant": "sales", `, "", 1)), fields(t, h.body), "docs/events.md shows what a sink gets, of the default tenant nothing to name it")
		}
	}
	for _, h := range archive.wait(t, 3) {
		assert.NotContains(t, h.body, "4711", "another sink's id")
	}
}

// documented is the body that docs/events.md shows.
func documented(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	m := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, m)
	return string(m[1])
}

func fields(t *testing.T, body string) []string {
	t.Helper()
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &object))
	return slices.Sorted(maps.Keys(object))
}
