package config

import (
	"fmt"
	"strconv"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
	"github.com/vennio-mcp/vennio-mcp/tools"
)

// limitSettings are what the operator allows, and no model can change.
func limitSettings() []Setting {
	return []Setting{
		{"guest-domains", []string{"VENNIO_GUEST_DOMAINS"}, "", "domains whose addresses may attend, with commas between; *.example.com: all below it (default: any)", setDomains},
		{"hours", []string{"VENNIO_HOURS"}, "", "when bookings may lie, in the default zone: mon-thu 09:00-17:00, fri 09:00-15:00 (default: any time)", setHours},
		{"working-hours", []string{"VENNIO_WORKING_HOURS"}, "", "when hosts work, in the default zone; other times are offered last (default: mon-fri 08:00-19:00 in the zone of each search)", setWorkingHours},
		{"daily-bookings", []string{"VENNIO_DAILY_BOOKINGS"}, "0", "most bookings a day, counted by the day of the person's yes; 0: any number", setDaily},
		{"max-price", []string{"VENNIO_MAX_PRICE"}, "", "most that a booking may cost by the prices set for hosts, such as 100 EUR (default: anything)", setMaxPrice},
	}
}

func setDomains(c *Config, v string) (err error) {
	c.Limits.GuestDomains, err = tools.ParseDomains(v)
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

func setMaxPrice(c *Config, v string) error {
	p, err := tools.ParsePrice(v)
	if err != nil {
		return err
	}
	c.Limits.MaxPrice = &p
	return nil
}
