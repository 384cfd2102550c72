package vennioclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Find a free time and book it.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"slots":[{"start":"2026-05-18T09:00:00Z","end":"2026-05-18T09:30:00Z","description":"Monday morning"}]}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"booking":{"id":"b-1","status":"confirmed"}}`)
	}))
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := vennioclient.New("vennio_sk_test_example", vennioclient.WithBaseURL(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	from := time.Date(2026, 5, 18, 0, 0, 0, 0, time.UTC)
	free, err := c.Slots(ctx, vennioclient.SlotsQuery{
		Hosts: []string{"619c8492-3849-4201-abd3-6d668d3f30b3"}, Duration: 30 * time.Minute, From: from, To: from.AddDate(0, 0, 1),
	})
	if err != nil || len(free) == 0 {
		fmt.Println("no free time", err)
		return
	}
	made, err := c.CreateBooking(ctx, "order-4711", vennioclient.BookingRequest{
		Hosts:    []string{"619c8492-3849-4201-abd3-6d668d3f30b3"},
		Customer: vennioclient.Person{Email: "alice@example.com"},
		Start:    free[0].Start, End: free[0].End,
	})
	if err != nil {
		fmt.Println(err, vennioclient.OutcomeOf(err))
		return
	}
	fmt.Println(free[0].Description, made.ID, made.Status)
	// Output: Monday morning b-1 confirmed
}

// Ask what became of a write before saying that it failed.
func ExampleOutcomeOf() {
	taken := &vennioclient.Error{Kind: vennioclient.KindSlotTaken, Status: http.StatusConflict}
	lost := &vennioclient.Error{Kind: vennioclient.KindNetwork, Sent: true, Err: errors.New("connection reset")}
	fmt.Println(vennioclient.OutcomeOf(nil), vennioclient.OutcomeOf(taken), vennioclient.OutcomeOf(lost))
	// Output: done not_done unknown
}
