package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Storage stores the account. Several processes may use the same one at once.
//
// A revision identifies what was stored by one Update, and never occurs again. It is "" while
// nothing is stored.
type Storage interface {
	// Load returns the revision that is stored now and, unless it is known, the account.
	Load(known string) (revision string, account []byte, err error)
	// Update calls change with what Load returns, and stores what change returns under a new
	// revision. It excludes all other updates, in all processes, from before the call of change
	// until the account is stored. If change returns nil, nothing is stored.
	Update(known string, change func(revision string, account []byte) ([]byte, error)) (revision string, err error)
}

// accountData is everything that is stored of an account, and all of it. It is stored as JSON, so
// every field and every type in it needs exported fields only; a test checks that.
type accountData struct {
	Created      time.Time
	Serial       int                    // of generated ids
	Disconnected map[string]bool        // by host id
	Taken        map[string][]takenTime // by host id
	Bookings     []*Booking             // in order of creation
	Consents     []*consent             // in order of creation
	Webhooks     []*Webhook             // in order of creation
	Proposals    []*proposal            // in order of creation
	VennLinks    []*vennLink            // in order of creation
	Series       []*series              // in order of creation
	Checkouts    map[string]*checkout   // by booking id
	StoredWrites map[string]*storedWrite
	Swept        time.Time // when old idempotency keys were last deleted
}

type takenTime struct{ Start, End time.Time }

// newAccount returns an account without bookings.
func newAccount(now time.Time) *accountData {
	a := &accountData{Created: now, Consents: initialConsents(now)}
	a.makeMaps()
	for _, h := range hosts {
		a.Disconnected[h.ID] = !h.Connected
	}
	return a
}

// makeMaps replaces nil maps by empty ones: an account that an older version stored lacks newer fields.
func (a *accountData) makeMaps() {
	if a.Disconnected == nil {
		a.Disconnected = map[string]bool{}
	}
	if a.Taken == nil {
		a.Taken = map[string][]takenTime{}
	}
	if a.Checkouts == nil {
		a.Checkouts = map[string]*checkout{}
	}
	if a.StoredWrites == nil {
		a.StoredWrites = map[string]*storedWrite{}
	}
}

// decodeAccount refuses unknown fields: a newer version of the program wrote them, and this one
// would lose them.
func decodeAccount(stored []byte) (*accountData, error) {
	d := json.NewDecoder(bytes.NewReader(stored))
	d.DisallowUnknownFields()
	a := new(accountData)
	err := d.Decode(a)
	if err == nil && (!json.Valid(stored) || a.Created.IsZero() || a.hasNull()) {
		err = errors.New("it is incomplete")
	}
	if err != nil {
		return nil, fmt.Errorf("the stored account is damaged, or a newer version of the program wrote it (%w): delete it with vennio-mcp sandbox reset", err)
	}
	a.makeMaps()
	return a, nil
}

// hasNull reports whether a record is null, which the handlers do not expect.
func (a *accountData) hasNull() bool {
	return slices.Contains(a.Bookings, nil) || slices.Contains(a.Consents, nil) || slices.Contains(a.Webhooks, nil) ||
		slices.Contains(a.Proposals, nil) || slices.Contains(a.VennLinks, nil) || slices.Contains(a.Series, nil) ||
		slices.Contains(slices.Collect(maps.Values(a.Checkouts)), nil) || slices.Contains(slices.Collect(maps.Values(a.StoredWrites)), nil)
}

// unknownRevision is the revision of data that must be read again.
const unknownRevision = "unknown"

// use makes a loaded account the current one.
func (s *Server) use(revision string, stored []byte) (err error) {
	if revision == s.revision {
		return nil
	}
	s.data, s.revision = newAccount(s.now()), revision
	if revision != "" {
		s.data, err = decodeAccount(stored)
	}
	if err != nil {
		s.data, s.revision = newAccount(s.now()), unknownRevision
	}
	return err
}

// read runs do on the newest account, while holding s.mu. do must not change the account. The
// error is a problem.
func (s *Server) read(do func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.storage != nil {
		revision, stored, err := s.storage.Load(s.revision)
		if err == nil {
			err = s.use(revision, stored)
		}
		if err != nil {
			return storageFailed(err)
		}
	}
	if s.data.overdue(s.now()) {
		if err := s.update(func() bool { return false }); err != nil {
			return err
		}
	}
	do()
	return nil
}

// overdue reports whether an unpaid booking or an open proposal must end.
func (a *accountData) overdue(now time.Time) bool {
	return slices.ContainsFunc(a.Bookings, func(b *Booking) bool { return b.overdue(now) }) ||
		slices.ContainsFunc(a.Proposals, func(p *proposal) bool { return p.overdue(now) })
}

// expire ends what is overdue, and reports whether there was anything. Only s.update may call it.
func (s *Server) expire(now time.Time) bool {
	bookings, proposals := s.expireUnpaid(now), s.expireProposals(now)
	return bookings || proposals
}

// change runs do on the newest account, while holding s.mu, and stores the account if do reports
// that it changed it. Meanwhile no other process changes the account. If the account cannot be
// stored, nothing has changed; the error is a problem.
func (s *Server) change(do func() (changed bool)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.update(do)
}

// update is change for callers that hold s.mu.
func (s *Server) update(do func() (changed bool)) error {
	if s.storage == nil {
		s.expire(s.now())
		do()
		return nil
	}
	waiting := len(s.outbox)
	revision, err := s.storage.Update(s.revision, func(revision string, stored []byte) ([]byte, error) {
		if err := s.use(revision, stored); err != nil {
			return nil, err
		}
		s.revision = unknownRevision // until the change is stored
		expired := s.expire(s.now())
		if changed := do(); !changed && !expired {
			return nil, nil
		}
		return json.Marshal(s.data)
	})
	if err != nil {
		s.outbox = s.outbox[:waiting]
		return storageFailed(err)
	}
	s.revision = revision
	return nil
}

func storageFailed(err error) error {
	return refuse(serviceUnavailable, "The state of the sandbox cannot be used: "+err.Error()+".")
}
