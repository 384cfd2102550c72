package scheduling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/lazyregexp"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/schemas"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// Host is a person whose time can be booked.
type Host struct {
	Name string // as a person would say it; the id if no name is known
	ID   string // Vennio's principal id: a UUID, or an address in the guide's dialect
	// Price is the price of one booking according to the operator, as a person would read it. Vennio
	// shows a price only when it is to be paid. Empty: no price is known.
	Price string

	foreign bool // the name was chosen by somebody other than the operator
}

// Shown is the host's name for people and models. Names that others chose are quoted where they
// could be read as anything but a name.
func (h Host) Shown() string {
	if h.foreign {
		return h.party().Label(100, consent.PersonName)
	}
	return h.party().Label(100, func(name string, _ int) string { return name })
}

// Unnamed reports whether no name of the host is known.
func (h Host) Unnamed() bool { return h.party().Unnamed() }

func (h Host) party() consent.Host { return consent.Host{Name: h.Name, ID: h.ID} }

func parties(hosts []Host) (all []consent.Host) {
	for _, h := range hosts {
		all = append(all, h.party())
	}
	return all
}

// ShownNames lists the names of hosts for people and models.
func ShownNames(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.Shown()
	}
	return all
}

// HostIDs lists the ids of hosts.
func HostIDs(hosts []Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.ID
	}
	return all
}

// Directory is the hosts that the operator has set. The first is the default.
type Directory []Host

// Find returns the host that the operator set with this id, in any spelling of the id.
func (d Directory) Find(id string) (Host, bool) {
	i := slices.IndexFunc(d, func(h Host) bool { return idKey(h.ID) == idKey(id) })
	if i < 0 || id == "" {
		return Host{}, false
	}
	return d[i], true
}

// resolve returns the hosts that are meant, in the order given, by all or part of a name or by id;
// without any, the default host. lookUp finds hosts outside the directory by their whole name. The
// error lists the hosts of the directory.
func (d Directory) resolve(wanted []schemas.HostRef, lookUp func(name string) ([]Host, error)) ([]Host, error) {
	if len(wanted) == 0 {
		if len(d) == 0 {
			return nil, refuse(schemas.CodeUnknownHost, "No host is configured and hosts names none.",
				"Ask the user whose calendar it is and pass the id in hosts, or have the operator set VENNIO_BUSINESS_ID.")
		}
		return []Host{d[0]}, nil
	}
	var hosts []Host
	for _, name := range d.split(wanted, lookUp) {
		host, err := d.resolveOne(strings.TrimSpace(string(name)), lookUp)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(hosts, func(h Host) bool { return idKey(h.ID) == idKey(host.ID) }) {
			return nil, refuse(schemas.CodeUnknownHost, fmt.Sprintf("hosts names %s twice.", host.Shown()), "Name each host once.")
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

var hostSeparator = lazyregexp.New(`\s*(?:[,;&+]|\band\b)+\s*`)

// split separates one text that names several hosts, "Alice and Bob", if each of them is known and
// the text as a whole is not.
func (d Directory) split(wanted []schemas.HostRef, lookUp func(name string) ([]Host, error)) []schemas.HostRef {
	if len(wanted) != 1 {
		return wanted
	}
	const most = 5 // the maximum of the argument hosts
	parts := hostSeparator().Split(string(wanted[0]), most+1)
	if len(parts) == 1 || len(parts) > most {
		return wanted
	}
	if _, err := d.resolveOne(strings.TrimSpace(string(wanted[0])), lookUp); err == nil {
		return wanted
	}
	var each []schemas.HostRef
	for _, part := range parts {
		if _, err := d.resolveOne(strings.TrimSpace(part), lookUp); err != nil {
			return wanted
		}
		each = append(each, schemas.HostRef(part))
	}
	return each
}

func (d Directory) resolveOne(name string, lookUp func(name string) ([]Host, error)) (Host, error) {
	var near []Host
	for _, h := range d {
		switch {
		case strings.EqualFold(h.Name, name), strings.EqualFold(h.Shown(), name), idKey(h.ID) == idKey(name):
			return h, nil
		case !h.Unnamed() && containsWords(h.Name, name):
			near = append(near, h)
		}
	}
	if len(near) == 0 && principal().MatchString(name) {
		return Host{Name: name, ID: name}, nil
	}
	if len(near) == 0 {
		var err error
		if near, err = lookUp(name); err != nil {
			return Host{}, err
		}
	}
	switch {
	case len(near) == 1:
		return near[0], nil
	case len(near) > 1:
		return Host{}, d.unknown(fmt.Sprintf("hosts: %s could be %s.", sanitize.Quote(name, 60), strings.Join(ShownNames(near), ", ")))
	}
	return Host{}, d.unknown(fmt.Sprintf("hosts: nobody here is called %s.", sanitize.Quote(name, 60)))
}

// principal matches what Vennio accepts as a person without a name of ours: a UUID (vennio-api.md,
// Availability), or an address, with or without its kind in front, as the guide writes it.
var principal = lazyregexp.New(`^(?i:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|([a-z]{1,20}:)?[a-z0-9._%+-]{1,60}@[a-z0-9.-]{1,60}|[a-z]{1,20}:[a-z0-9._%+-]{1,100})$`)

func containsWords(name, words string) bool {
	return words != "" && strings.Contains(" "+strings.ToLower(name)+" ", " "+strings.ToLower(words)+" ")
}

func (d Directory) unknown(message string) error {
	if len(d) == 0 {
		return refuse(schemas.CodeUnknownHost, message, "Pass the host's Vennio id (a UUID, or an address in the guide's dialect); no host names are configured.")
	}
	return refuse(schemas.CodeUnknownHost, message, "Use one of: "+strings.Join(ShownNames(d), ", ")+"; or leave hosts out for "+d[0].Shown()+".")
}

// ResolveHosts returns the hosts that an argument means, with the names that people see.
func (s *Service) ResolveHosts(ctx context.Context, wanted []schemas.HostRef) ([]Host, error) {
	hosts, err := s.FindHosts(ctx, wanted)
	if err != nil {
		return nil, err
	}
	return s.WithNames(ctx, hosts)
}

// FindHosts returns the hosts that an argument means. It asks Vennio only if the argument contains a name that
// may be one of Vennio's; WithNames adds the names to hosts that were found by their ids.
func (s *Service) FindHosts(ctx context.Context, wanted []schemas.HostRef) ([]Host, error) {
	if s.Approved != nil {
		return s.approvedHosts(), nil
	}
	known := s.Hosts
	isName := func(h schemas.HostRef) bool { return !(Host{Name: string(h)}).Unnamed() }
	if slices.ContainsFunc(wanted, isName) && slices.ContainsFunc(known, Host.Unnamed) {
		named, err := s.WithNames(ctx, known)
		if err != nil {
			return nil, err
		}
		known = named
	}
	return known.resolve(wanted, func(name string) ([]Host, error) {
		found, err := s.Names.Called(ctx, name)
		return found, s.namesUnavailable(ctx, err)
	})
}

// WithNames gives the hosts the names that Vennio has for them; a name that the operator set stays.
// The error says that Vennio could not be asked: a question to a person must not depend on whether
// Vennio answers.
func (s *Service) WithNames(ctx context.Context, hosts []Host) ([]Host, error) {
	if s.Approved != nil {
		return withApprovedNames(hosts, s.Approved.Hosts), nil
	}
	var ids []string
	for _, h := range hosts {
		if s.nameFromVennio(h) {
			ids = append(ids, h.ID)
		}
	}
	found, err := s.Names.Find(ctx, ids...)
	if err != nil {
		return nil, s.namesUnavailable(ctx, err)
	}
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		if name := found[idKey(h.ID)]; name != "" {
			hosts[i].Name, hosts[i].foreign = name, true
		}
		if hosts[i].foreign && (s.Hosts.otherNamed(hosts[i]) || s.Names.otherNamed(hosts[i])) {
			hosts[i].Name = consent.Qualified(hosts[i].Name, h.ID)
		}
	}
	return hosts, nil
}

// approvedHosts are the hosts of the approved act, whichever hosts the operator has set here.
func (s *Service) approvedHosts() (all []Host) {
	for _, h := range s.Approved.Hosts {
		set, _ := s.Hosts.Find(h.ID)
		all = append(all, Host{Name: h.Name, ID: h.ID, Price: set.Price, foreign: true})
	}
	return all
}

// withApprovedNames gives the hosts the names under which an act was approved: the process that
// asked may have other names in its settings.
func withApprovedNames(hosts []Host, approved []consent.Host) []Host {
	hosts = slices.Clone(hosts)
	for i, h := range hosts {
		for _, a := range approved {
			if idKey(a.ID) == idKey(h.ID) {
				hosts[i].Name = a.Name
			}
		}
	}
	return hosts
}

// nameFromVennio reports whether Vennio is asked for the host's name: the operator set none, and the
// id is not an address, which identifies a person by itself.
func (s *Service) nameFromVennio(h Host) bool {
	set, _ := s.Hosts.Find(h.ID)
	return !strings.Contains(h.ID, "@") && (set.ID == "" || set.Unnamed())
}

// otherNamed reports whether the operator gave the name of h to another host.
func (d Directory) otherNamed(h Host) bool {
	return slices.ContainsFunc(d, func(set Host) bool { return nameKey(set.Name) == nameKey(h.Name) && idKey(set.ID) != idKey(h.ID) })
}

// namesUnavailable is the error of a call that needs a host's name while Vennio cannot be asked.
func (s *Service) namesUnavailable(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || vennioclient.KindOf(err) == vennioclient.KindUnauthorized {
		return err
	}
	code, setting := schemas.CodeUnavailable, "VENNIO_HOSTS"
	switch kind := vennioclient.KindOf(err); {
	case kind == vennioclient.KindRateLimited:
		code = schemas.CodeRateLimited
	case kind == vennioclient.KindCanceled, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = schemas.CodeCanceled
	}
	if s.Tenant != "" {
		setting = "the tenant's hosts"
	}
	return &Refusal{
		Code: code, Cause: err,
		Message: "Vennio could not be asked for the host's name, so this call changed nothing.",
		Next:    "Make the same call again in a minute. If it fails again, tell the user that the operator can set the host's name in " + setting + ".",
	}
}

// HostNames lists the names of the hosts that the operator set, the default host first, for people.
// It also answers when Vennio cannot be asked.
func (s *Service) HostNames(ctx context.Context) []string {
	hosts, err := s.WithNames(ctx, s.Hosts)
	if err == nil {
		return ShownNames(hosts)
	}
	all := make([]string, len(s.Hosts))
	for i, h := range s.Hosts {
		if all[i] = h.Shown(); h.Unnamed() {
			all[i] = "the owner of calendar " + consent.ShortID(h.ID) + " (Vennio cannot be asked for the name now)"
		}
	}
	return all
}

// idKey makes spellings of an id equal: "user:Alice@example.com" and "alice@example.com".
func idKey(id string) string {
	id = strings.TrimSpace(id)
	return strings.ToLower(id[strings.Index(id, ":")+1:])
}
