package tools

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Host is somebody whose time can be booked.
type Host struct {
	Name string // as a person would say it; the id where no name is known
	ID   string // Vennio's principal id: a UUID, or an address in the guide's dialect
	// Price is what the operator says one booking costs, as a person would read
	// it; Vennio tells it only when it is to be paid. Empty: nothing is known of one.
	Price string

	foreign bool // the name was chosen by somebody other than the operator
}

// shown is how people and models see the host. Names that others chose are quoted where they could
// be read as anything but a name.
func (h Host) shown() string {
	if h.foreign {
		return h.label(consent.PersonName)
	}
	return h.label(func(name string, _ int) string { return name })
}

func (h Host) label(as func(string, int) string) string {
	return consent.Party{Name: h.Name, ID: h.ID}.Label(100, as)
}

func (h Host) unnamed() bool { return consent.Party{Name: h.Name, ID: h.ID}.Unnamed() }

// Directory is the hosts that the operator has set. The first is the default.
type Directory []Host

// resolve returns the hosts that are meant, in the order given: all or part of
// a name, or an id. None means the default host. Where no host of the directory is meant, beyond
// finds hosts by their whole name. The error names the hosts there are.
func (d Directory) resolve(wanted []schemas.HostRef, beyond func(name string) ([]Host, error)) ([]Host, error) {
	if len(wanted) == 0 {
		if len(d) == 0 {
			return nil, refuse(schemas.CodeUnknownHost, "No host is configured and hosts names none.",
				"Ask the user whose calendar it is and pass the id in hosts, or have the operator set VENNIO_BUSINESS_ID.")
		}
		return []Host{d[0]}, nil
	}
	var hosts []Host
	for _, name := range d.eachOf(wanted, beyond) {
		host, err := d.one(strings.TrimSpace(string(name)), beyond)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(hosts, func(h Host) bool { return idKey(h.ID) == idKey(host.ID) }) {
			return nil, refuse(schemas.CodeUnknownHost, fmt.Sprintf("hosts names %s twice.", host.shown()), "Name each host once.")
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// eachOf splits one text that names several hosts, "Alice and Bob", where each of them is known and
// the text as a whole is not.
func (d Directory) eachOf(wanted []schemas.HostRef, beyond func(name string) ([]Host, error)) []schemas.HostRef {
	if len(wanted) != 1 {
		return wanted
	}
	const most = 5 // as hosts may have items
	parts := betweenHosts().Split(string(wanted[0]), most+1)
	if len(parts) == 1 || len(parts) > most {
		return wanted
	}
	if _, err := d.one(strings.TrimSpace(string(wanted[0])), beyond); err == nil {
		return wanted
	}
	var each []schemas.HostRef
	for _, part := range parts {
		if _, err := d.one(strings.TrimSpace(part), beyond); err != nil {
			return wanted
		}
		each = append(each, schemas.HostRef(part))
	}
	return each
}

var betweenHosts = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\s*(?:[,;&+]|\band\b)+\s*`) })

func (d Directory) one(name string, beyond func(name string) ([]Host, error)) (Host, error) {
	var near []Host
	for _, h := range d {
		switch {
		case strings.EqualFold(h.Name, name), strings.EqualFold(h.shown(), name), idKey(h.ID) == idKey(name):
			return h, nil
		case !h.unnamed() && partOf(h.Name, name):
			near = append(near, h)
		}
	}
	if len(near) == 0 && principal().MatchString(name) {
		return Host{Name: name, ID: name}, nil
	}
	if len(near) == 0 {
		var err error
		if near, err = beyond(name); err != nil {
			return Host{}, err
		}
	}
	switch {
	case len(near) == 1:
		return near[0], nil
	case len(near) > 1:
		return Host{}, d.unknown(fmt.Sprintf("hosts: %s could be %s.", sanitize.Quote(name, 60), names(near)))
	}
	return Host{}, d.unknown(fmt.Sprintf("hosts: nobody here is called %s.", sanitize.Quote(name, 60)))
}

// hostsMeant returns the hosts that are meant by an argument, by the names that people see.
func (d Deps) hostsMeant(ctx context.Context, wanted []schemas.HostRef) ([]Host, error) {
	if d.executing != nil {
		return d.approvedHosts(), nil
	}
	known := d.Hosts
	if len(wanted) > 0 && slices.ContainsFunc(known, Host.unnamed) {
		named, err := d.named(ctx, known)
		if err != nil {
			return nil, err
		}
		known = named
	}
	hosts, err := known.resolve(wanted, func(name string) ([]Host, error) {
		called, err := d.Names.Called(ctx, name)
		return called, d.unasked(ctx, err)
	})
	if err != nil {
		return nil, err
	}
	return d.named(ctx, hosts)
}

// named gives the hosts the names that Vennio has for them. A name that the operator set stays. The
// error says that Vennio could not be asked: what is put to a person must not depend on that.
func (d Deps) named(ctx context.Context, hosts []Host) ([]Host, error) {
	if d.executing != nil {
		return asApproved(hosts, *d.executing), nil
	}
	var ids []string
	for _, h := range hosts {
		if d.asksName(h) {
			ids = append(ids, h.ID)
		}
	}
	found, err := d.Names.Find(ctx, ids...)
	if err != nil {
		return nil, d.unasked(ctx, err)
	}
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		if name := found[idKey(h.ID)]; name != "" {
			hosts[i].Name, hosts[i].foreign = name, true
		}
		if hosts[i].foreign && (d.hasOther(hosts[i]) || d.Names.hasOther(hosts[i])) {
			hosts[i].Name = consent.Qualified(hosts[i].Name, h.ID)
		}
	}
	return hosts, nil
}

// approvedHosts are those of the act that is carried out, whichever hosts the operator has set here.
func (d Deps) approvedHosts() (all []Host) {
	for _, h := range d.executing.Hosts {
		set, _ := d.Hosts.find(h.ID)
		all = append(all, Host{Name: h.Name, ID: h.ID, Price: set.Price, foreign: true})
	}
	return all
}

// asApproved gives the hosts the names under which an act was approved: the settings of the process
// that asked may name them otherwise than those of this one.
func asApproved(hosts []Host, act consent.Act) []Host {
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		for _, approved := range act.Hosts {
			if idKey(approved.ID) == idKey(h.ID) {
				hosts[i].Name = approved.Name
			}
		}
	}
	return hosts
}

// asksName: the operator set no name, and an address says who it is.
func (d Deps) asksName(h Host) bool {
	set, _ := d.Hosts.find(h.ID)
	return !strings.Contains(h.ID, "@") && (set.ID == "" || set.unnamed())
}

// hasOther: the operator gave this name to another host.
func (d Deps) hasOther(h Host) bool {
	return slices.ContainsFunc(d.Hosts, func(set Host) bool { return nameKey(set.Name) == nameKey(h.Name) && idKey(set.ID) != idKey(h.ID) })
}

// unasked is the error of a call that cannot say who a host is because Vennio could not be asked.
func (d Deps) unasked(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || vennioclient.KindOf(err) == vennioclient.KindUnauthorized {
		return err
	}
	code, setting := CodeOf(err), "VENNIO_HOSTS"
	if !table[code].retryable {
		code = schemas.CodeUnavailable
	}
	if d.Tenant != "" {
		setting = "the tenant's hosts"
	}
	return &Refusal{
		Code: code, Cause: err,
		Message: "Vennio could not be asked for the host's name, so this call changed nothing.",
		Next:    "Make the same call again in a minute. If it fails again, tell the user that the operator can set the host's name in " + setting + ".",
	}
}

// HostNames are the names of the hosts that are set, the default one first, for people to read. They
// are told even where Vennio cannot be asked.
func (d Deps) HostNames(ctx context.Context) []string {
	hosts, err := d.named(ctx, d.Hosts)
	if err == nil {
		return hostNames(hosts)
	}
	all := make([]string, len(d.Hosts))
	for i, h := range d.Hosts {
		if all[i] = h.shown(); h.unnamed() {
			all[i] = "the owner of calendar " + consent.ShortID(h.ID) + " (Vennio cannot be asked for the name now)"
		}
	}
	return all
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

// find returns the host of this id that the operator set, however the id is spelled.
func (d Directory) find(id string) (Host, bool) {
	i := slices.IndexFunc(d, func(h Host) bool { return idKey(h.ID) == idKey(id) })
	if i < 0 || id == "" {
		return Host{}, false
	}
	return d[i], true
}

// has tells whether the operator named this id.
func (d Directory) has(id string) bool {
	return slices.ContainsFunc(d, func(h Host) bool { return strings.EqualFold(h.ID, id) })
}

func (d Directory) unknown(message string) error {
	if len(d) == 0 {
		return refuse(schemas.CodeUnknownHost, message, "Pass the host's Vennio id (a UUID, or an address in the guide's dialect); no host names are configured.")
	}
	return refuse(schemas.CodeUnknownHost, message, "Use one of: "+names(d)+"; or leave hosts out for "+d[0].shown()+".")
}

func names(hosts []Host) string { return strings.Join(hostNames(hosts), ", ") }

func hostNames(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.shown()
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
