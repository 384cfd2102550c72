package consent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

func anyAct(t *rapid.T) consent.Act {
	text := rapid.String()
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 4102444800000).Draw(t, "ms")).UTC()
	})
	party := rapid.Custom(func(t *rapid.T) consent.Host {
		return consent.Host{Name: text.Draw(t, "name"), ID: text.Draw(t, "id")}
	})
	guest := rapid.Custom(func(t *rapid.T) consent.Attendee {
		return consent.Attendee{Name: text.Draw(t, "name"), Email: text.Draw(t, "email"), Mailed: rapid.Bool().Draw(t, "mailed")}
	})
	return consent.Act{
		Tool: text.Draw(t, "tool"), Tenant: text.Draw(t, "tenant"), SlotID: text.Draw(t, "slot"),
		Start: instant.Draw(t, "start"), End: instant.Draw(t, "end"), Zone: text.Draw(t, "zone"), GuestZone: text.Draw(t, "guest zone"),
		Hosts: rapid.SliceOfN(party, 1, 3).Draw(t, "hosts"), Attendees: rapid.SliceOfN(guest, 1, 3).Draw(t, "attendees"),
		Title: text.Draw(t, "title"), Notes: text.Draw(t, "notes"), Price: text.Draw(t, "price"),
		BookingID: text.Draw(t, "booking"), WasStart: instant.Draw(t, "was start"), WasEnd: instant.Draw(t, "was end"), Repeat: text.Draw(t, "repeat"),
	}
}

// req: C2
func TestReq_C2_AnyChangeChangesTheDigest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		act, other := anyAct(t), anyAct(t)
		assert.Equal(t, reflect.DeepEqual(act, other), act.Digest() == other.Digest())
		for i := range reflect.TypeFor[consent.Act]().NumField() {
			changed := act
			reflect.ValueOf(&changed).Elem().Field(i).Set(reflect.ValueOf(other).Field(i))
			name := reflect.TypeFor[consent.Act]().Field(i).Name
			assert.Equal(t, reflect.DeepEqual(act, changed), act.Digest() == changed.Digest(), name)
		}
	})
}

func TestTheSameInstantInAnotherZoneHasTheSameDigest(t *testing.T) {
	t.Parallel()
	act := call("s1")
	elsewhere := act
	elsewhere.Start = act.Start.In(time.FixedZone("", 3600))
	assert.Equal(t, act.Digest(), elsewhere.Digest())
	none := call("s1")
	none.Hosts, none.Attendees = nil, nil
	empty := none
	empty.Hosts, empty.Attendees = []consent.Host{}, []consent.Attendee{}
	assert.Equal(t, none.Digest(), empty.Digest())
	assert.Regexp(t, `^[0-9a-f]{64}$`, act.Digest())
}

func TestAProposalContainsTheWholeAct(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	rapid.Check(t, func(rt *rapid.T) {
		act := anyAct(rt)
		asked, err := l.Propose(t.Context(), act)
		require.NoError(rt, err)
		told, err := l.Proposal(t.Context(), asked.ID)
		require.NoError(rt, err)
		assert.Equal(rt, act, told.Act)
		assert.Equal(rt, act.Digest(), told.Act.Digest())
	})
}

// recordedDigest is an act and the digest that the program computed for it on 30 November 2026.
type recordedDigest struct {
	Name   string
	Act    consent.Act
	Digest string
}

// A stored consent is found by the digest of its act, so a digest must never change.
//
// field: digest of a stored act
func TestDigestsOfRecordedActsAreUnchanged(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/digests.json")
	require.NoError(t, err)
	var recorded []recordedDigest
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&recorded))
	require.GreaterOrEqual(t, len(recorded), 8)
	seen := map[string]string{}
	for _, r := range recorded {
		assert.Equal(t, r.Digest, r.Act.Digest(), r.Name)
		assert.Empty(t, seen[r.Digest], "%s has the digest of another act", r.Name)
		seen[r.Digest] = r.Name
	}
}
