package slots_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

var (
	now    = time.Date(2026, 5, 13, 8, 0, 30, 0, time.UTC)
	alice  = []string{"7b0c1a2e-0000-4000-8000-000000000001"}
	secret = []byte("a secret of at least sixteen bytes")
)

func signer(at time.Time) *slots.Signer {
	return slots.NewSigner(tenant.NewKeyring(secret), "sandbox", func() time.Time { return at })
}

func offer() slots.Offer {
	return slots.Offer{Start: now.Add(26 * time.Hour).Truncate(time.Minute), Duration: 30 * time.Minute, Hosts: alice, Zone: "Europe/London"}
}

func TestAnIDCarriesTheWholeOffer(t *testing.T) {
	t.Parallel()
	zones := times.Zones()
	rapid.Check(t, func(t *rapid.T) {
		o := slots.Offer{
			Start:    now.Truncate(time.Minute).Add(time.Duration(rapid.IntRange(0, 728*24*60-1).Draw(t, "ahead")) * time.Minute),
			Duration: time.Duration(rapid.IntRange(1, 511).Draw(t, "minutes")) * time.Minute,
			Hosts:    rapid.SliceOfN(rapid.StringN(1, 40, -1), 1, 5).Draw(t, "hosts"),
			Zone:     rapid.SampledFrom(zones).Draw(t, "zone"),
			Guest:    rapid.SampledFrom(append([]string{""}, zones...)).Draw(t, "guest"),
		}
		id, err := signer(now).Sign(o)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(id), 33)
		assert.Equal(t, id, strings.ToLower(id))
		got, err := signer(now.Add(slots.Lifetime-time.Minute)).Open(id, o.Hosts)
		require.NoError(t, err)
		assert.Equal(t, o, got)
	})
}

func TestWhatAnIDCannotCarryIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*slots.Offer){
		"past":               func(o *slots.Offer) { o.Start = now.Add(-time.Hour).Truncate(time.Minute) },
		"seconds":            func(o *slots.Offer) { o.Start = o.Start.Add(time.Second) },
		"too far":            func(o *slots.Offer) { o.Start = o.Start.AddDate(3, 0, 0) },
		"no duration":        func(o *slots.Offer) { o.Duration = 0 },
		"long duration":      func(o *slots.Offer) { o.Duration = 512 * time.Minute },
		"seconds' duration":  func(o *slots.Offer) { o.Duration = 90 * time.Second },
		"unknown zone":       func(o *slots.Offer) { o.Zone = "Mars/Olympus" },
		"unknown guest zone": func(o *slots.Offer) { o.Guest = "Mars/Olympus" },
		"negative durations": func(o *slots.Offer) { o.Duration = -time.Minute },
	} {
		o := offer()
		change(&o)
		_, err := signer(now).Sign(o)
		assert.Error(t, err, name)
	}
	for _, wrong := range []time.Time{time.Unix(0, 0), time.Date(2025, 12, 31, 23, 59, 0, 0, time.UTC), time.Date(2057, 12, 31, 0, 0, 0, 0, time.UTC)} {
		o := offer()
		o.Start = wrong.Add(time.Hour).Truncate(time.Minute)
		_, err := signer(wrong).Sign(o)
		assert.ErrorContains(t, err, "the clock is wrong", wrong)
	}
}

func TestAnIDServesOnlyWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	id, err := signer(now).Sign(offer())
	require.NoError(t, err)
	clock := func() time.Time { return now }
	for name, open := range map[string]func() (slots.Offer, error){
		"another host": func() (slots.Offer, error) {
			return signer(now).Open(id, []string{"7b0c1a2e-0000-4000-8000-000000000002"})
		},
		"one host more": func() (slots.Offer, error) { return signer(now).Open(id, append(alice[:1:1], "x")) },
		"no host":       func() (slots.Offer, error) { return signer(now).Open(id, nil) },
		"another Vennio": func() (slots.Offer, error) {
			return slots.NewSigner(tenant.NewKeyring(secret), "https://api.vennio.app", clock).Open(id, alice)
		},
		"another secret": func() (slots.Offer, error) {
			return slots.NewSigner(tenant.NewKeyring([]byte("another secret of sixteen bytes")), "sandbox", clock).Open(id, alice)
		},
	} {
		_, err := open()
		assert.ErrorIs(t, err, slots.ErrUnknown, name)
	}
}

func TestAnIDExpires(t *testing.T) {
	t.Parallel()
	id, err := signer(now).Sign(offer())
	require.NoError(t, err)
	_, err = signer(now.Add(slots.Lifetime-time.Minute)).Open(id, alice)
	require.NoError(t, err)
	_, err = signer(now.Add(slots.Lifetime+time.Minute)).Open(id, alice)
	require.ErrorIs(t, err, slots.ErrExpired)
}

// field: slot id from the future
// req: C7
func TestReq_C7_AnIDFromTheFutureIsRejected(t *testing.T) {
	t.Parallel()
	next := []byte("the next secret of sixteen bytes")
	for ahead, want := range map[time.Duration]error{
		0: nil, time.Minute: nil, 10 * time.Minute: nil, 15 * time.Minute: nil,
		16 * time.Minute: slots.ErrFuture, time.Hour: slots.ErrFuture, slots.Lifetime: slots.ErrFuture,
		24 * time.Hour: slots.ErrFuture, 365 * 24 * time.Hour: slots.ErrFuture,
	} {
		o := offer()
		o.Start = o.Start.Add(ahead)
		issuer := signer(now.Add(ahead))
		id, err := issuer.Sign(o)
		require.NoError(t, err)
		_, err = signer(now).Open(id, alice)
		assert.ErrorIs(t, err, want, "%s ahead", ahead)
		rotated := slots.NewSigner(tenant.NewKeyring(next, secret), "sandbox", func() time.Time { return now })
		_, err = rotated.Open(id, alice)
		assert.ErrorIs(t, err, want, "%s ahead, signed with the secret before a rotation", ahead)
		_, err = issuer.Open(id, alice)
		assert.NoError(t, err, "the process that issued it")
	}
}

func TestAnIDSurvivesCapitalsAndBlanks(t *testing.T) {
	t.Parallel()
	id, err := signer(now).Sign(offer())
	require.NoError(t, err)
	got, err := signer(now).Open(" "+strings.ToUpper(id)+"\n", alice)
	require.NoError(t, err)
	assert.Equal(t, offer(), got)
}

// The same time offered twice is two intentions: see requirement I6.
func TestEachOfferIsItsOwnIntention(t *testing.T) {
	t.Parallel()
	a, err1 := signer(now).Sign(offer())
	b, err2 := signer(now).Sign(offer())
	require.NoError(t, err1)
	require.NoError(t, err2)
	assert.NotEqual(t, a, b)
}

// req: C7 for slot ids: forged, cut or swapped is refused, and nothing panics.
// What opens can only be what this secret signed: the one offer of the seed.
func FuzzOpen(f *testing.F) {
	genuine, err := signer(now).Sign(offer())
	require.NoError(f, err)
	for _, seed := range []string{genuine, "", "s", genuine[:29], genuine + "0", "s00000000000000000000000000000", strings.Replace(genuine, "s", "t", 1), "ſ" + genuine[1:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		got, err := signer(now).Open(id, alice)
		if err == nil {
			assert.Equal(t, offer(), got)
		}
	})
}

// Every single-character change of a genuine id is refused.
func TestNoCharacterOfAnIDCanBeChanged(t *testing.T) {
	t.Parallel()
	genuine, err := signer(now).Sign(offer())
	require.NoError(t, err)
	for i := range genuine {
		for _, c := range "0123456789abcdefghijklmnopqrstuvwxyz" {
			forged := genuine[:i] + string(c) + genuine[i+1:]
			_, err := signer(now).Open(forged, alice)
			assert.Equal(t, forged == genuine, err == nil, forged)
		}
	}
}

func TestTheSecretIsRotated(t *testing.T) {
	t.Parallel()
	clock, next := func() time.Time { return now }, []byte("the next secret of sixteen bytes")
	before, after := signer(now), slots.NewSigner(tenant.NewKeyring(next), "sandbox", clock)
	during := slots.NewSigner(tenant.NewKeyring(next, secret), "sandbox", clock)
	old, err := before.Sign(offer())
	require.NoError(t, err)
	_, err = during.Open(old, alice)
	require.NoError(t, err, "both are taken")
	_, err = after.Open(old, alice)
	require.ErrorIs(t, err, slots.ErrUnknown)
	fresh, err := during.Sign(offer())
	require.NoError(t, err)
	_, err = after.Open(fresh, alice)
	require.NoError(t, err, "the first signs")
}
