package scheduling

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"
	"golang.org/x/text/unicode/norm"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sanitize"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
)

const (
	nameLife  = time.Hour        // how long a name is used before it is read again
	nameRetry = time.Minute      // how long a list without a name for an id is used
	nameStale = 24 * time.Hour   // how long a name is used while Vennio cannot be asked again
	namesTime = 30 * time.Second // limit for reading one of the lists, all attempts and pages included
	namePages = 10               // the maximum number of pages read of a list
	namesKept = 2_000            // the maximum number of names kept of a list
	nameLimit = 56               // characters of a name; with the additions of a label it is shown in 80

	namePageSize = 100 // the most that Vennio lists in one answer (vennio-api.md, Consents)
)

// HostNames looks up the names that Vennio has for the hosts of one account. It reads them when they
// are first needed and keeps them for an hour. It is safe for concurrent use. A nil *HostNames knows
// no names.
type HostNames struct {
	account nameList // the account's own hosts (GET /v1/hosts)
	access  nameList // people who opened their calendar to the account (GET /v1/consents)
}

// NewHostNames looks up names in the account of the client.
func NewHostNames(c *vennioclient.Client, now func() time.Time) *HostNames {
	return &HostNames{
		account: nameList{now: now, read: func(ctx context.Context) (map[string]string, error) { return namesOfAccount(ctx, c) }},
		access:  nameList{now: now, read: func(ctx context.Context) (map[string]string, error) { return namesOfAccess(ctx, c) }},
	}
}

// Find returns the names that Vennio has for the ids, keyed by the id in lower case without its kind.
// A name that several hosts share is qualified. An id without a name is absent: Vennio has no name
// for it, or this key may not see it. The error says that Vennio could not be asked; a later call
// may find the name.
func (n *HostNames) Find(ctx context.Context, ids ...string) (map[string]string, error) {
	found := map[string]string{}
	if n == nil || len(ids) == 0 {
		return found, nil
	}
	account, stale := n.account.kept()
	access, _ := n.access.kept()
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			name := account.name(id)
			if name == "" {
				name = access.nameBeside(account, id)
			}
			found[idKey(id)] = name
			return name != ""
		})
	}
	var err error
	if left := missing(); len(left) > 0 || stale {
		if n.account.lackedNames(left) { // the account had no names for them last time either, so the second list is needed again
			go func(ids []string) { _, _ = n.access.get(ctx, ids) }(left) // the call of access.get below waits for this one
		}
		if account, err = n.account.get(ctx, ids); err != nil {
			return nil, err
		}
		if left = missing(); len(left) > 0 {
			if access, err = n.access.get(ctx, left); err != nil {
				return nil, err
			}
			missing()
		}
	}
	for id, name := range found {
		if name == "" {
			delete(found, id)
		}
	}
	return found, nil
}

// Called returns the hosts whose name at Vennio is exactly this one.
func (n *HostNames) Called(ctx context.Context, name string) ([]Host, error) {
	if n == nil || !mayBeName(name) {
		return nil, nil
	}
	unknown := []string{""} // an id that no list contains, so that a list older than nameRetry is read again
	account, _ := n.account.kept()
	if all := account.called(name, nameTable{}); len(all) > 0 {
		return all, nil
	}
	account, err := n.account.get(ctx, unknown)
	if err != nil {
		return nil, err
	}
	if all := account.called(name, nameTable{}); len(all) > 0 {
		return all, nil
	}
	access, _ := n.access.kept()
	if all := access.called(name, account); len(all) > 0 {
		return all, nil
	}
	if access, err = n.access.get(ctx, unknown); err != nil {
		return nil, err
	}
	return access.called(name, account), nil
}

// otherNamed reports whether Vennio has another host of the same name as h.
func (n *HostNames) otherNamed(h Host) bool {
	if n == nil {
		return false
	}
	account, _ := n.account.kept()
	access, _ := n.access.kept()
	other := func(id string) bool { return id != idKey(h.ID) }
	return slices.ContainsFunc(account.ids[nameKey(h.Name)], other) || account.names[idKey(h.ID)] == "" && slices.ContainsFunc(access.ids[nameKey(h.Name)], other)
}

// nameList is one of Vennio's lists that contain names, cached.
type nameList struct {
	read   func(context.Context) (map[string]string, error) // names by idKey
	now    func() time.Time
	flight singleflight.Group
	mu     sync.Mutex
	table  nameTable
}

// kept returns the cached table, and whether it must be read again before use.
func (l *nameList) kept() (t nameTable, stale bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.now().Sub(l.table.at)
	if l.table.at.IsZero() || age < 0 || age >= nameLife {
		return nameTable{}, true
	}
	return l.table, false
}

// lackedNames reports whether the list was read before, however long ago, and had no name for one of the ids.
func (l *nameList) lackedNames(ids []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.table.at.IsZero() && slices.ContainsFunc(ids, func(id string) bool { return l.table.name(id) == "" })
}

// get returns a table that has names for all the ids, or that was read within nameRetry.
func (l *nameList) get(ctx context.Context, ids []string) (nameTable, error) {
	l.mu.Lock()
	old, age := l.table, l.now().Sub(l.table.at)
	l.mu.Unlock()
	complete := !slices.ContainsFunc(ids, func(id string) bool { return old.name(id) == "" })
	if !old.at.IsZero() && age >= 0 && (age < nameRetry || complete && age < nameLife) {
		return old, nil
	}
	if err := ctx.Err(); err != nil {
		return nameTable{}, err
	}
	reading := l.flight.DoChan("", func() (any, error) {
		l.mu.Lock()
		t := l.table
		l.mu.Unlock()
		if t.at != old.at { // another call has read it in the meantime
			return t, nil
		}
		// Other callers may wait for the same answer when this one is cancelled.
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), namesTime)
		defer done()
		names, err := l.read(ctx)
		if err != nil {
			return nameTable{}, err
		}
		t = newNameTable(names, l.now())
		l.mu.Lock()
		l.table = t
		l.mu.Unlock()
		return t, nil
	})
	select {
	case <-ctx.Done():
		return nameTable{}, ctx.Err()
	case got := <-reading:
		switch t, _ := got.Val.(nameTable); {
		case got.Err == nil:
			return t, nil
		case complete && !old.at.IsZero() && age < nameStale && vennioclient.KindOf(got.Err) != vennioclient.KindUnauthorized:
			return old, nil // the act that a person agreed to must not change because Vennio fails
		}
		return nameTable{}, got.Err
	}
}

// nameTable is an immutable snapshot of a list of names.
type nameTable struct {
	names map[string]string // by idKey
	ids   map[string][]string
	at    time.Time // zero: never
}

func newNameTable(names map[string]string, at time.Time) nameTable {
	t := nameTable{names: names, ids: map[string][]string{}, at: at}
	for id, name := range names {
		t.ids[nameKey(name)] = append(t.ids[nameKey(name)], id)
	}
	return t
}

// name returns the name of an id, qualified if another id has the same name.
func (t nameTable) name(id string) string {
	name := t.names[idKey(id)]
	if name != "" && len(t.ids[nameKey(name)]) > 1 {
		return consent.Qualified(name, id)
	}
	return name
}

// nameBeside returns the name of an id, qualified if another id in t or an id in first has the same name.
func (t nameTable) nameBeside(first nameTable, id string) string {
	name := t.names[idKey(id)]
	if name != "" && len(first.ids[nameKey(name)]) > 0 {
		return consent.Qualified(name, id)
	}
	return t.name(id)
}

// called returns the hosts of a name, which may be qualified, ordered by id.
func (t nameTable) called(name string, first nameTable) (all []Host) {
	for id := range t.names {
		full := t.nameBeside(first, id)
		if nameKey(full) == nameKey(name) || nameKey(t.names[id]) == nameKey(name) {
			all = append(all, Host{Name: full, ID: id, foreign: true})
		}
	}
	slices.SortFunc(all, func(a, b Host) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// mayBeName reports whether a text can be a name: it consists of characters that occur in names, or
// it is in quotation marks, in which unusual names are shown.
func mayBeName(s string) bool {
	quoted := len(s) > 2 && strings.HasPrefix(s, `"`)
	return strings.ContainsFunc(s, unicode.IsLetter) && !strings.ContainsFunc(s, func(r rune) bool {
		usual := unicode.In(r, unicode.L, unicode.M, unicode.N) || strings.ContainsRune(" -.'’@_+,()&…", r)
		return !usual && (!quoted || unicode.IsControl(r))
	})
}

// nameKey makes names equal that people can hardly distinguish: it ignores case, blanks, quotation
// marks, invisible characters and the Unicode form of letters.
func nameKey(name string) string {
	name = strings.NewReplacer(`"`, "", "'", "", "’", "").Replace(norm.NFKC.String(sanitize.Line(name, 200)))
	return strings.ToLower(sanitize.Line(name, 200))
}

// SafeName makes a name that somebody else chose safe to keep: one line of at most 56 visible
// characters without credentials and without quotation marks around it. It is empty for an id.
func SafeName(s string) string {
	name := strings.Trim(sanitize.Line(sanitize.Mask(s), nameLimit), `" `)
	if (consent.Host{Name: name}).Unnamed() {
		return ""
	}
	return name
}

// namesOfAccount reads the names of the account's own hosts. Only some keys and plans may list
// hosts, so a refusal means that this key sees no names.
func namesOfAccount(ctx context.Context, c *vennioclient.Client) (map[string]string, error) {
	names, q := map[string]string{}, vennioclient.HostsQuery{}
	for range namePages {
		page, err := c.Hosts(ctx, q)
		if err != nil {
			return noneIfRefused(err)
		}
		for _, h := range page.Hosts {
			keepName(names, h.ID, h.Name)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	return names, nil
}

// namesOfAccess reads the names of the people who opened their calendars to the account.
func namesOfAccess(ctx context.Context, c *vennioclient.Client) (map[string]string, error) {
	names, q := map[string]string{}, vennioclient.ConsentsQuery{Role: "grantee", Limit: namePageSize}
	for range namePages {
		page, err := c.ListConsents(ctx, q)
		if err != nil {
			return noneIfRefused(err)
		}
		for _, k := range page.Consents {
			keepName(names, k.Grantor.ID, k.Grantor.Name)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	return names, nil
}

func keepName(names map[string]string, id, name string) {
	if id, name = idKey(id), SafeName(name); id != "" && name != "" && len(names) < namesKept {
		names[id] = name
	}
}

// noneIfRefused treats a definite refusal as a list without names: the key may not see them, or
// Vennio has no such operation. The same holds for an answer in an unknown form, because Vennio does
// not document it and bookings must not depend on it. Everything else stays an error.
func noneIfRefused(err error) (map[string]string, error) {
	none := map[string]string{}
	switch vennioclient.KindOf(err) {
	case vennioclient.KindForbidden, vennioclient.KindNotFound, vennioclient.KindCalendarNotConnected, vennioclient.KindInvalid:
		return none, nil
	default:
	}
	e, _ := errors.AsType[*vennioclient.Error](err)
	if e != nil && (errors.Is(err, vennioclient.ErrForm) || slices.Contains([]int{http.StatusPaymentRequired, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented}, e.Status)) {
		return none, nil
	}
	return nil, err
}
