package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/internal/scheduling"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

// askHosts lets the person choose among the hosts that the key can see, and checks each choice.
func (s *setup) askHosts(ctx context.Context) error {
	t, err := s.target()
	if err != nil || t.Config.Sandbox() {
		return err
	}
	seen := s.seen
	q := question{text: "Hosts, by number or id; the first is that of calls that name none", flag: "hosts", given: s.flag("hosts")}
	if s.console.in != nil && q.given == "" {
		s.say("Whose calendars may be booked?")
		for i, h := range seen {
			state := ""
			if !h.Connected {
				state = "  (calendar not connected)"
			}
			s.say("  %d  %s%s", i+1, hostName(h), state)
		}
		if len(seen) == 0 {
			s.say("  Type the host's id, a UUID: business_id or principal_id in Vennio's API.")
		}
	}
	q.fallback = present(t.Config.Hosts, seen)
	q.accept = func(answer string) error {
		hosts := t.Config.Hosts
		if q.given == "" {
			if hosts, err = chooseHosts(answer, seen, t.Config.Hosts); err != nil {
				return err
			}
		}
		return s.acceptHosts(ctx, hosts)
	}
	return s.console.ask(ctx, q)
}

// hostName returns the name of a host in the list of the hosts.
func hostName(h vennioclient.Host) string {
	return cmp.Or(scheduling.SafeName(h.Name), "calendar "+consent.ShortID(h.ID)+", without a name")
}

// present returns the answer that keeps the hosts of the settings, or the first host that can be booked.
func present(set scheduling.Directory, seen []vennioclient.Host) string {
	var words []string
	for _, h := range set {
		i := slices.IndexFunc(seen, func(s vennioclient.Host) bool { return strings.EqualFold(s.ID, h.ID) })
		if i < 0 {
			words = append(words, h.ID)
			continue
		}
		words = append(words, strconv.Itoa(i+1))
	}
	if i := slices.IndexFunc(seen, func(h vennioclient.Host) bool { return h.Connected }); len(words) == 0 && i >= 0 {
		return strconv.Itoa(i + 1)
	}
	return strings.Join(words, ",")
}

// chooseHosts reads numbers and ids with commas between. Names and prices of hosts that are set already stay.
func chooseHosts(answer string, seen []vennioclient.Host, set scheduling.Directory) (all scheduling.Directory, err error) {
	for word := range strings.SplitSeq(answer, ",") {
		word = strings.TrimSpace(word)
		h := scheduling.Host{ID: word}
		if n, err := strconv.Atoi(word); err == nil {
			if n < 1 || n > len(seen) {
				return nil, fmt.Errorf("there is no host number %d; there are 1 to %d", n, len(seen))
			}
			h = scheduling.Host{Name: settingName(scheduling.SafeName(seen[n-1].Name)), ID: seen[n-1].ID}
		} else if i := slices.IndexFunc(seen, func(s vennioclient.Host) bool {
			return strings.EqualFold(s.ID, word) || strings.EqualFold(hostName(s), word)
		}); i >= 0 {
			h = scheduling.Host{Name: settingName(scheduling.SafeName(seen[i].Name)), ID: seen[i].ID}
		}
		if i := slices.IndexFunc(set, func(s scheduling.Host) bool { return strings.EqualFold(s.ID, h.ID) }); i >= 0 {
			h = set[i]
		}
		if strings.ContainsAny(h.ID, " \t=;/?#") || h.ID == "" {
			return nil, fmt.Errorf("%s is neither a number of the list nor an id", sanitize.Quote(word, 40))
		}
		h.Name = cmp.Or(h.Name, h.ID)
		if !slices.ContainsFunc(all, func(o scheduling.Host) bool { return strings.EqualFold(o.ID, h.ID) }) {
			all = append(all, h)
		}
	}
	return all, nil
}

// settingName removes from a name what separates names in VENNIO_HOSTS.
func settingName(name string) string {
	return strings.TrimSpace(strings.NewReplacer(",", " ", "=", " ", ";", " ").Replace(name))
}

// named asks for the name of a host that Vennio does not name, because people agree to meetings with a person.
func (s *setup) named(ctx context.Context, h scheduling.Host) (scheduling.Host, error) {
	if s.console.in == nil || !h.Unnamed() {
		return h, nil
	}
	err := s.console.ask(ctx, question{text: "Name of the person whose calendar is " + consent.ShortID(h.ID), accept: func(answer string) error {
		h.Name = settingName(scheduling.SafeName(answer))
		if h.Unnamed() {
			return errors.New("type a name, such as Ada Byron")
		}
		return nil
	}})
	return h, err
}

// acceptHosts checks the hosts and stores them, and the dialect that Vennio understands.
func (s *setup) acceptHosts(ctx context.Context, hosts scheduling.Directory) error {
	t, err := s.target()
	if err != nil {
		return err
	}
	var pairs []string
	names := map[string]bool{}
	for _, h := range hosts {
		dialect, found := t.Host(ctx, h)
		if p := s.show(found); p != nil {
			return problemError(p)
		}
		t.Config.Dialect = dialect
		if h, err = s.named(ctx, h); err != nil {
			return err
		}
		if names[strings.ToLower(h.Name)] {
			h.Name += " " + consent.ShortID(h.ID)
		}
		names[strings.ToLower(h.Name)] = true
		pair := h.Name + "=" + h.ID
		if h.Price != "" {
			pair += ";" + h.Price
		}
		pairs = append(pairs, pair)
	}
	s.answers["VENNIO_HOSTS"], s.answers["VENNIO_BUSINESS_ID"] = strings.Join(pairs, ","), ""
	s.answers["VENNIO_API_DIALECT"] = ""
	if t.Config.Dialect != vennioclient.Reference {
		s.answers["VENNIO_API_DIALECT"] = string(t.Config.Dialect)
	}
	s.say("Free times can be searched; Vennio understands the dialect %s.", t.Config.Dialect)
	return nil
}
