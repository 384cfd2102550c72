package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/webhooks"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/webhook"
)

// shell runs a command of this program on the demo's settings, and shows it and
// the first paragraph of what it prints.
func (d *demo) shell(ctx context.Context, args ...string) (string, error) {
	out, errs, p := new(bytes.Buffer), new(bytes.Buffer), d.here
	p.out, p.errs = out, errs
	if p.run(ctx, args) != 0 {
		return "", fmt.Errorf("vennio-mcp %s: %s", strings.Join(args, " "), strings.TrimSpace(errs.String()))
	}
	printed, _, _ := strings.Cut(out.String(), "\n\n")
	d.command(args, printed)
	return printed, nil
}

func (d *demo) subscribes(ctx context.Context) error {
	d.narrate("The operator of the server subscribes it to Vennio's events.")
	_, err := d.shell(ctx, "webhooks", "register", "--url", d.agent.url+webhooks.Path)
	return err
}

// hears: what was booked comes back as an event, stored and told on. One without
// the signature does not.
func (d *demo) hears(ctx context.Context, _ []schemas.Slot) error {
	d.narrate("Vennio tells of it by webhook. The server checks the signature, stores the event, and tells a sink: here a CRM.")
	if err := d.isTold(ctx, webhook.BookingCreated); err != nil {
		return err
	}
	listed, err := d.shell(ctx, "events", "list")
	if err != nil {
		return err
	}
	status, err := d.forges(ctx)
	switch {
	case err != nil:
		return err
	case strings.Count(listed, d.held()[0].ID) != 1:
		return errors.New("the event is not in the inbox")
	case status != http.StatusUnauthorized:
		return fmt.Errorf("an event without Vennio's signature was answered with %d", status)
	}
	return d.proved("stored once, and told on; the same without Vennio's signature is refused (%d)", status)
}

// isTold waits for what the sink is told next.
func (d *demo) isTold(ctx context.Context, want webhook.Type) error {
	ctx, done := context.WithTimeout(ctx, 20*time.Second)
	defer done()
	select {
	case got := <-d.sink.told:
		d.webhook(got.String())
		if got.Type != string(want) {
			return fmt.Errorf("the sink was told of %s, not of %s", got.Type, want)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the sink was not told of %s", want)
	}
}

// forges posts an event that Vennio did not sign.
func (d *demo) forges(ctx context.Context) (status int, err error) {
	forged := `{"id":"evt_forged","type":"booking.created","data":{}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.agent.url+webhooks.Path, strings.NewReader(forged))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func (d *demo) moves(ctx context.Context, _ []schemas.Slot) error {
	d.person("Ada cannot come that day. What is free after it?")
	old := d.held()[0]
	found, err := call[schemas.FindSlotsResult](ctx, d.stage, d.agent, "find_slots", schemas.FindSlotsInput{
		RescheduleOf: old.ID, From: old.Start.AddDate(0, 0, 1).Format(time.DateOnly), Timezone: "Europe/London", Limit: 1,
	})
	if err != nil {
		return err
	}
	if len(found.Slots) != 1 {
		return errors.New("no other time was offered")
	}
	d.person("That one, please.")
	got, err := callApproved[schemas.ChangeResult](ctx, d, "reschedule_booking", schemas.RescheduleBookingInput{BookingID: old.ID, SlotID: found.Slots[0].SlotID}, "Moved")
	if err != nil {
		return err
	}
	if now := d.held(); got.Error != nil || len(now) != 1 || now[0].ID != old.ID || now[0].Start.Equal(old.Start) {
		return errors.New("the booking was not moved")
	}
	if err := d.isTold(ctx, webhook.BookingUpdated); err != nil {
		return err
	}
	return d.proved("moved, under a consent of its own, and told on")
}

func (d *demo) cancels(ctx context.Context, _ []schemas.Slot) error {
	d.person("Now she is ill. Cancel it, please.")
	got, err := callApproved[schemas.ChangeResult](ctx, d, "cancel_booking", schemas.CancelBookingInput{BookingID: d.held()[0].ID}, "Cancelled")
	if err != nil {
		return err
	}
	if got.Error != nil || len(d.held()) != 0 {
		return errors.New("the booking was not cancelled")
	}
	if err := d.isTold(ctx, webhook.BookingCancelled); err != nil {
		return err
	}
	if _, err := d.shell(ctx, "ledger", "verify"); err != nil {
		return err
	}
	return d.proved("cancelled, and every approval and refusal is on record")
}
