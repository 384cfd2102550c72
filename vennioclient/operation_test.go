package vennioclient_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

func TestAnOperationIsNamedWithoutIDs(t *testing.T) {
	t.Parallel()
	for want, requests := range map[string][][2]string{
		"GET /v1/bookings":           {{"GET", "/v1/bookings"}, {"GET", "/base/v1/bookings"}},
		"PATCH /v1/bookings/{id}":    {{"PATCH", "/v1/bookings/bk_1"}, {"PATCH", "/base/v1/bookings/%2F"}},
		"DELETE /v1/webhooks/{id}":   {{"DELETE", "/v1/webhooks/wh_1"}},
		"GET /v1/availability/slots": {{"GET", "/v1/availability/slots"}},

		"GET /v1/proposals/by-token":       {{"GET", "/v1/proposals/by-token"}},
		"GET /v1/proposals/{id}":           {{"GET", "/base/v1/proposals/p-1"}},
		"POST /v1/proposals/{id}/response": {{"POST", "/v1/proposals/p-1/response"}},
		"other": {
			{"GET", "/v1/availability/else"},
			{"GET", "/v1/bookings/bk_1/more"},
			{"BREW", "/v1/bookings"},
			{"GET", "/v1/"},
			{"GET", ""},
			{"GET", "/v2/bookings"},
		},
	} {
		for _, r := range requests {
			assert.Equal(t, want, vennioclient.Operation(r[0], r[1]), r)
		}
	}
}
