package vennioclient

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Calendar is a calendar that is connected to the account.
type Calendar struct {
	ID, Name string
	Provider string // such as "google"
	Primary  bool
	Selected bool // whether it counts for availability
}

// CalendarProvider is a provider of calendars, connected or not.
type CalendarProvider struct {
	Name      string // such as "google"
	Connected bool
	Calendars int // the number of connected calendars
}

// CalendarList is the answer of Calendars.
type CalendarList struct {
	Calendars []Calendar
	Providers []CalendarProvider
}

// Calendars returns the calendars and providers of the account. If no provider is connected, a
// KindNotFound of other calls may mean that (vennio-api.md, Errors).
func (c *Client) Calendars(ctx context.Context) (*CalendarList, error) {
	return call(ctx, c, get(pathCalendars, nil), func(raw json.RawMessage) (*CalendarList, error) {
		calendars, _, err := listOf(raw, "calendars", func(raw json.RawMessage) (Calendar, error) {
			o, err := objectFrom(raw)
			return Calendar{
				ID: o.text("id", "calendar_id"), Name: o.text("name"), Provider: o.text("provider"),
				Primary: o.text("primary", "is_primary") == "true", Selected: o.text("selected", "is_selected") == "true",
			}, err
		})
		if err != nil {
			return nil, err
		}
		o, err := payload(raw)
		if err != nil { // a list of calendars alone
			return &CalendarList{Calendars: calendars}, nil
		}
		providers, err := listIn(o, "providers", func(raw json.RawMessage) (CalendarProvider, error) {
			o, err := objectFrom(raw)
			return CalendarProvider{o.text("name", "provider"), o.text("connected") == "true", o.count("calendar_count", 0)}, err
		})
		return &CalendarList{calendars, providers}, err
	})
}

// CalendarSync is the answer of SyncCalendars.
type CalendarSync struct {
	Events   int       // the number of events that were read
	LastSync time.Time // UTC
}

// SyncCalendars makes Vennio read the connected calendars now; it does so every 15 minutes anyway.
// Vennio documents no idempotency key for it, so it is sent once.
func (c *Client) SyncCalendars(ctx context.Context) (*CalendarSync, error) {
	return call(ctx, c, request{method: http.MethodPost, path: pathCalendars + "/sync"}, func(raw json.RawMessage) (*CalendarSync, error) {
		o, err := payload(raw)
		if err != nil {
			return nil, err
		}
		out := &CalendarSync{Events: o.count("events_synced", 0)}
		out.LastSync, err = o.time("last_sync", "last_synced_at")
		return out, err
	})
}
