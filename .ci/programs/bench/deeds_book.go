package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// book finds a slot, books it with a person's consent, looks at the booking and
// cancels it, so that the calendar stays as it was.
func book(ctx context.Context, v *visitor) error {
	var found struct {
		Slots []struct {
			SlotID string `json:"slot_id"`
		} `json:"slots"`
	}
	day := time.Now().AddDate(0, 0, 1+(v.number*7+v.done)%50).Format(time.DateOnly)
	if err := v.call(ctx, "find_slots", fmt.Sprintf(`{"from":%q,"limit":10,"timezone":"Europe/London"}`, day), &found); err != nil {
		return err
	}
	if len(found.Slots) == 0 {
		return fmt.Errorf("no slots in the week from %s", day)
	}
	const consent = `"consent":{"granted":true,"given_by":"Ada","statement":"Yes"}`
	title := fmt.Sprintf("Soak %d.%d", v.number, v.done)
	slot := found.Slots[(v.number+v.done)%len(found.Slots)].SlotID
	var booked struct {
		BookingID string `json:"booking_id"`
	}
	err := v.call(ctx, "book_slot", fmt.Sprintf(`{"slot_id":%q,"title":%q,"attendees":[{"email":"ada@example.com","name":"Ada"}],%s}`, slot, title, consent), &booked)
	if err != nil {
		if strings.Contains(err.Error(), "slot_taken") { // by another visitor
			return nil
		}
		return err
	}
	if err := v.call(ctx, "get_booking", fmt.Sprintf(`{"booking_id":%q}`, booked.BookingID), &booked); err != nil {
		return err
	}
	return v.call(ctx, "cancel_booking", fmt.Sprintf(`{"booking_id":%q,%s}`, booked.BookingID, consent), &booked)
}

// call calls a tool in the visitor's session.
func (v *visitor) call(ctx context.Context, tool, arguments string, into any) error {
	if err := v.mine(ctx); err != nil {
		return err
	}
	body, err := v.web.ask(ctx, v.session, question{tool: tool, arguments: arguments})
	if err != nil {
		return err
	}
	if _, data, streamed := strings.Cut(string(body), "data: "); streamed { // something was told before the answer
		body = []byte(data)
	}
	var told struct {
		Result struct {
			StructuredContent json.RawMessage `json:"structuredContent"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return fmt.Errorf("%s: %w: %.300s", tool, err, body)
	}
	return json.Unmarshal(told.Result.StructuredContent, into)
}
