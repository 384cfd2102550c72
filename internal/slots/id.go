// Package slots signs and opens slot ids, and chooses the few free times that are offered to a person.
//
// A slot id contains everything that book_slot needs, so that the server does not store its offers and
// every replica accepts every id:
//
//	s + base32( 24 bits minute of issue | 20 bits minutes from issue to start |
//	            9 bits minutes of duration | 11 bits zone | 11 bits guest's zone |
//	            21 bits nonce | 64 bits MAC )
//
// The guest's zone is 0 if there is none, and otherwise the zone's index plus 1.
//
// The MAC also covers the hosts and the realm (the account at Vennio), so an id is valid only for the
// hosts for which it was offered. The nonce distinguishes offers: the idempotency key of a booking is
// derived from the slot id, so the same time can be booked again after a cancellation.
package slots

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// Lifetime is the time after its issue in which a slot id can be booked. Vennio keeps an idempotency key
// for 24 hours (vennio-api.md, Idempotency), so an id never outlives the protection against a second
// booking.
const Lifetime = 2 * time.Hour

// MaxSkew is the maximum difference by which a slot id may have been issued ahead of this process's
// clock. Replicas share a secret but not a clock, so a small difference is normal. An id from further
// ahead would be valid longer than Lifetime, so Open rejects it.
const MaxSkew = 15 * time.Minute

// Errors of Open.
var (
	ErrUnknown = errors.New("not a slot id that was offered for these hosts")
	ErrExpired = errors.New("the slot id has expired")
	ErrFuture  = errors.New("the slot id was issued more than 15 minutes in the future")
)

// Offer is the content of a slot id.
type Offer struct {
	Start    time.Time // a whole minute
	Duration time.Duration
	Hosts    []string // principal ids; the first owns the booking
	Zone     string   // IANA zone in which the slot was shown
	Guest    string   // IANA zone of the guest; empty if not known
}

// End is the instant at which the slot ends.
func (o Offer) End() time.Time { return o.Start.Add(o.Duration) }

// Signer makes slot ids and opens them again. It is safe for concurrent use.
type Signer struct {
	keys tenant.Keyring
	now  func() time.Time
}

// NewSigner returns a Signer for one realm: ids of another realm, or signed with
// other keys, are unknown to it.
func NewSigner(keys tenant.Keyring, realm string, now func() time.Time) *Signer {
	return &Signer{keys: keys.Derive(tenant.Join("vennio-mcp slot id v2", realm)), now: now}
}

var (
	epoch    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding) // Crockford's
)

const (
	prefix                                          = "s"
	payloadLen, macLen                              = 12, tenant.ShortMAC
	issuedBits, offsetBits, durationBits, zonesBits = 24, 20, 9, 11
	guestShift                                      = 32 - zonesBits // the guest's zone leads the last four bytes
)

// Sign returns the id of o, 33 lower-case letters and digits. It returns an error for an offer that an id
// cannot contain: a start that is not a whole minute or is more than 728 days ahead, a duration over
// 511 minutes or an unknown zone; also if the clock is before 2026 or 31 years later.
func (s *Signer) Sign(o Offer) (string, error) {
	issued := minutes(s.now())
	offset := minutes(o.Start) - issued
	duration := int64(o.Duration / time.Minute)
	zone, known := times.ZoneIndex(o.Zone)
	guest, guestKnown := guestIndex(o.Guest)
	switch {
	case !known, !guestKnown:
		return "", fmt.Errorf("slots: zone %q or %q is unknown", o.Zone, o.Guest)
	case !o.Start.Equal(o.Start.Truncate(time.Minute)), o.Duration%time.Minute != 0:
		return "", errors.New("slots: not whole minutes")
	case issued < 0, issued >= 1<<issuedBits:
		return "", errors.New("slots: the clock is wrong")
	case offset < 0, offset >= 1<<offsetBits, duration <= 0, duration >= 1<<durationBits, zone >= 1<<zonesBits, guest >= 1<<zonesBits:
		return "", errors.New("slots: out of range")
	}
	var payload [payloadLen]byte
	packed := uint64(issued)<<(offsetBits+durationBits+zonesBits) | uint64(offset)<<(durationBits+zonesBits) | uint64(duration)<<zonesBits | uint64(zone) //nolint:gosec // G115: each part was just bounded
	binary.BigEndian.PutUint64(payload[:8], packed)
	_, _ = rand.Read(payload[8:]) // never fails
	nonce := binary.BigEndian.Uint32(payload[8:]) & (1<<guestShift - 1)
	binary.BigEndian.PutUint32(payload[8:], uint32(guest)<<guestShift|nonce) //nolint:gosec // G115: bounded above
	return prefix + encoding.EncodeToString(append(payload[:], s.keys.SignShort(message(payload[:], o))...)), nil
}

// Open returns the content of an id that this server, or one with the same secret, made for these hosts.
// The error is ErrUnknown, ErrExpired or ErrFuture.
func (s *Signer) Open(id string, hosts []string) (Offer, error) {
	id = Normalize(id)
	raw, err := encoding.DecodeString(strings.TrimPrefix(id, prefix))
	if err != nil || len(raw) != payloadLen+macLen || prefix+encoding.EncodeToString(raw) != id {
		return Offer{}, ErrUnknown
	}
	payload, sum := raw[:payloadLen], raw[payloadLen:]
	packed := binary.BigEndian.Uint64(payload)
	field := func(shift, bits uint) int64 { return int64(packed >> shift & (1<<bits - 1)) } //nolint:gosec // G115: at most 24 bits
	issued := epoch.Add(time.Duration(field(offsetBits+durationBits+zonesBits, issuedBits)) * time.Minute)
	o := Offer{
		Start:    issued.Add(time.Duration(field(durationBits+zonesBits, offsetBits)) * time.Minute),
		Duration: time.Duration(field(zonesBits, durationBits)) * time.Minute,
		Hosts:    hosts,
	}
	o.Zone, _ = times.ZoneAt(int(field(0, zonesBits)))
	o.Guest = guestAt(binary.BigEndian.Uint32(payload[8:]) >> guestShift)
	if !s.keys.VerifyShort(message(payload, o), sum) {
		return Offer{}, ErrUnknown
	}
	switch age := s.now().Sub(issued); {
	case age > Lifetime:
		return o, ErrExpired
	case age < -MaxSkew:
		return o, ErrFuture
	}
	return o, nil
}

// Normalize returns the canonical spelling of a slot id: people and models return ids in capitals or
// with blanks around them.
func Normalize(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

// message is what the MAC covers: the payload, and the zones and hosts, which it
// does not contain.
func message(payload []byte, o Offer) string {
	return tenant.Join(append([]string{string(payload), o.Zone, o.Guest}, o.Hosts...)...)
}

// guestIndex returns 0 for no zone.
func guestIndex(zone string) (int, bool) {
	if zone == "" {
		return 0, true
	}
	i, known := times.ZoneIndex(zone)
	return i + 1, known
}

func guestAt(i uint32) string {
	if i == 0 {
		return ""
	}
	zone, _ := times.ZoneAt(int(i) - 1)
	return zone
}

func minutes(t time.Time) int64 { return int64(t.Sub(epoch) / time.Minute) }
