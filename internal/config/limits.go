package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// limitSettings are what the operator allows, and no model can change.
func limitSettings() []Setting {
	return []Setting{
		{"guest-domains", "list", []string{"VENNIO_GUEST_DOMAINS"}, "", "domains whose addresses may attend, comma-separated; *.example.com: all below it (default: any)", setDomains},
		{"hours", "hours", []string{"VENNIO_HOURS"}, "", "when bookings may lie, in the default zone: mon-thu 09:00-17:00, fri 09:00-15:00 (default: any)", setHours},
		{"working-hours", "hours", []string{"VENNIO_WORKING_HOURS"}, "", "when hosts work, in the default zone; other times are offered last (default: mon-fri 08:00-19:00 in the zone of each search)", setWorkingHours},
		{"daily-bookings", "number", []string{"VENNIO_DAILY_BOOKINGS"}, "0", "most bookings a day, by the day of consent; 0: any number", setDaily},
		{"max-price", "price", []string{"VENNIO_MAX_PRICE"}, "", "highest price of a booking, as set for hosts, such as 100 EUR (default: any)", setMaxPrice},
		{"caller-requests", "numbers", []string{"VENNIO_CALLER_REQUESTS"}, "20, 30", "most requests of a caller to people: open, and an hour; 0: any", setCallerRequests},
		{"tenant-requests", "numbers", []string{"VENNIO_TENANT_REQUESTS"}, "100, 300", "the same for a whole tenant", setTenantRequests},
	}
}

func setDomains(c *Config, v string) (err error) {
	c.Limits.GuestDomains, err = scheduling.ParseDomains(v)
	return err
}

func setHours(c *Config, v string) (err error) {
	c.Limits.Hours, err = times.ParseOpening(v)
	return err
}

func setWorkingHours(c *Config, v string) (err error) {
	c.WorkingHours, err = times.ParseOpening(v)
	return err
}

func setDaily(c *Config, v string) (err error) {
	if c.Limits.Daily, err = strconv.Atoi(v); err != nil || c.Limits.Daily < 0 {
		return fmt.Errorf("%q: want a number, or 0 for any", v)
	}
	return nil
}

func setCallerRequests(c *Config, v string) (err error) {
	c.Limits.Asking.Open, c.Limits.Asking.Hourly, err = openAndHourly(v)
	return err
}

func setTenantRequests(c *Config, v string) (err error) {
	c.Limits.Asking.TenantOpen, c.Limits.Asking.TenantHourly, err = openAndHourly(v)
	return err
}

// openAndHourly reads "20, 30".
func openAndHourly(v string) (open, hourly int, err error) {
	first, second, two := strings.Cut(v, ",")
	open, err = strconv.Atoi(strings.TrimSpace(first))
	if err == nil {
		hourly, err = strconv.Atoi(strings.TrimSpace(second))
	}
	const most = 100_000
	if !two || err != nil || min(open, hourly) < 0 || max(open, hourly) > most {
		return 0, 0, fmt.Errorf("%q: want two numbers up to %d, such as 20, 30: requests open at once, and within an hour; 0 for any", v, most)
	}
	return open, hourly, nil
}

func setMaxPrice(c *Config, v string) error {
	p, err := scheduling.ParsePrice(v)
	if err != nil {
		return err
	}
	c.Limits.MaxPrice = &p
	return nil
}
