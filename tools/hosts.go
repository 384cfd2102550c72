package tools

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/plain"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// Host is somebody whose time can be booked.
type Host struct {
	Name string // as a person would say it
	ID   string // Vennio's principal id: a UUID, or an address in the guide's dialect
	// Price is what the operator says one booking costs, as a person would read
	// it; Vennio tells it only when it is to be paid. Empty: nothing is known of one.
	Price string
}

// Directory is the hosts the operator has named. The first is the default.
type Directory []Host

// Resolve returns the hosts that are meant, in the order given: all or part of
// a name, or an id. None means the default host. The error names the hosts
// there are.
func (d Directory) Resolve(wanted []schemas.HostRef) ([]Host, error) {
	if len(wanted) == 0 {
		if len(d) == 0 {
			return nil, refuse(schemas.CodeUnknownHost, "No host is configured and hosts names none.",
				"Ask the user whose calendar it is and pass the id in hosts, or have the operator set VENNIO_BUSINESS_ID.")
		}
		return []Host{d[0]}, nil
	}
	var hosts []Host
	for _, name := range wanted {
		host, err := d.one(strings.TrimSpace(string(name)))
		if err != nil {
			return nil, err
		}
		if slices.Contains(hosts, host) {
			return nil, refuse(schemas.CodeUnknownHost, fmt.Sprintf("hosts names %s twice.", host.Name), "Name each host once.")
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

func (d Directory) one(name string) (Host, error) {
	var near []Host
	for _, h := range d {
		switch {
		case strings.EqualFold(h.Name, name), strings.EqualFold(bare(h.ID), bare(name)):
			return h, nil
		case partOf(h.Name, name):
			near = append(near, h)
		}
	}
	switch {
	case len(near) == 1:
		return near[0], nil
	case len(near) > 1:
		return Host{}, d.unknown(fmt.Sprintf("hosts: %s could be %s.", plain.Quote(name, 60), names(near)))
	case principal().MatchString(name):
		return Host{Name: name, ID: name}, nil
	}
	return Host{}, d.unknown(fmt.Sprintf("hosts: nobody here is called %s.", plain.Quote(name, 60)))
}

// bare is an id without its kind: "alice@example.com" of "user:alice@example.com".
func bare(id string) string { return id[strings.Index(id, ":")+1:] }

// partOf: the words stand side by side in the name, in any case.
func partOf(name, words string) bool {
	return words != "" && strings.Contains(" "+strings.ToLower(name)+" ", " "+strings.ToLower(words)+" ")
}

// principal is what Vennio takes for a person without our naming them: a UUID
// (vennio-api.md, Availability), or an address, with or without its kind before
// it, as the guide writes it.
var principal = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|([a-z]{1,20}:)?[a-z0-9._%+-]{1,60}@[a-z0-9.-]{1,60}|[a-z]{1,20}:[a-z0-9._%+-]{1,100})$`)
})

// has tells whether the operator named this id.
func (d Directory) has(id string) bool {
	return slices.ContainsFunc(d, func(h Host) bool { return strings.EqualFold(h.ID, id) })
}

func (d Directory) unknown(message string) error {
	if len(d) == 0 {
		return refuse(schemas.CodeUnknownHost, message, "Pass the host's Vennio id (a UUID, or an address in the guide's dialect); no host names are configured.")
	}
	return refuse(schemas.CodeUnknownHost, message, "Use one of: "+names(d)+"; or leave hosts out for "+d[0].Name+".")
}

func names(hosts []Host) string { return strings.Join(hostNames(hosts), ", ") }

func hostNames(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.Name
	}
	return all
}

func hostIDs(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.ID
	}
	return all
}
