package consent_test

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
)

// meeting is an act that concerns only the named person.
func meeting(slot, name, email string) consent.Act {
	act := call(slot)
	act.Attendees = []consent.Attendee{{Name: name, Email: email, Mailed: true}}
	act.Notes = "For " + name + "." + strings.Repeat(" Write to "+email+".", int(crc32.ChecksumIEEE([]byte(slot+name))%200)) // of many lengths
	return act
}

// manyWays repeats one person's path through the ledger.
func manyWays(t *testing.T, l *consent.Ledger, c *clock, prefix, name, email string) {
	t.Helper()
	for _, way := range []string{"agreed", "declined", "withdrawn", "attested", "open"} {
		act := meeting(prefix+way, name, email)
		p, err := l.Propose(t.Context(), act)
		require.NoError(t, err)
		answer := consent.Answer{Agreed: way == "agreed", By: name, Words: way + " by " + email, Method: consent.OnPage}
		switch way {
		case "agreed", "declined":
			_, err = l.Answer(t.Context(), p.ID, answer)
		case "withdrawn":
			err = l.Withdraw(t.Context(), p.ID, name+" went away")
			c.advance(consent.Lifetime)
		case "attested":
			err = l.Settle(t.Context(), sent(t, l, act), consent.Done, "bk "+email, "req", "booked for "+email)
		}
		require.NoError(t, err)
	}
}

// found counts the occurrences of text in all files of dir, in upper or lower case.
func found(t *testing.T, dir, text string) int {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	n := 0
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		n += bytes.Count(bytes.ToLower(raw), []byte(strings.ToLower(text)))
	}
	return n
}

var people = map[string]string{"Ada Lovelace": "ada@example.com", "Bob Builder": "bob@example.com", "Cleo Patra": "cleo@example.com"}

// req: O4
func TestReq_O4_ErasureLeavesNoTraceInTheFile(t *testing.T) {
	t.Parallel()
	const rounds = 4
	for name, person := range map[string]string{"by e-mail": " ADA@example.com", "by name": "ada  lovelace"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, c := t.TempDir(), newClock()
			l := ledgerIn(t, dir, c.now)
			other := ledgerIn(t, dir, c.now) // someone else has the file open
			for round := range rounds {
				for name, email := range people {
					manyWays(t, l, c, fmt.Sprint(round, name[:1]), name, email)
				}
				c.advance(consent.Lifetime)
				_, _, err := l.Erase(t.Context(), people["Cleo Patra"]) // moves what stays about in the file
				require.NoError(t, err)
			}
			traces := []string{"ada@example.com", "Ada Lovelace", meeting("0Aopen", "Ada Lovelace", "ada@example.com").Digest()}
			before, err := other.Verify(t.Context())
			require.NoError(t, err)
			for _, trace := range traces {
				require.Positive(t, found(t, dir, trace), trace)
			}

			n, _, err := l.Erase(t.Context(), person)
			require.NoError(t, err)
			assert.Equal(t, rounds*5, n)
			for _, trace := range traces {
				assert.Zero(t, found(t, dir, trace), trace)
			}
			assert.Positive(t, found(t, dir, "bob@example.com"), "others stay")
			after, err := other.Verify(t.Context())
			require.NoError(t, err)
			assert.Equal(t, before+int64(n), after, "no entry is removed from the ledger, and the erasure adds one for each act")
			n, _, err = other.Erase(t.Context(), person)
			require.NoError(t, err)
			assert.Zero(t, n)
		})
	}
}

func TestAnErasedActCannotBeAnsweredSentOrBookedTwice(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	p, err := l.Propose(t.Context(), call("asked"))
	require.NoError(t, err)
	unsent, err := l.Attest(t.Context(), call("unsent"), "Ada", "yes")
	require.NoError(t, err)
	underWay := sent(t, l, call("under way"))
	n, _, err := l.Erase(t.Context(), "ada@example.com")
	require.NoError(t, err)
	assert.Equal(t, 3, n)

	_, err = l.Answer(t.Context(), p.ID, yes)
	require.ErrorIs(t, err, consent.ErrNoProposal)
	_, err = l.Proposal(t.Context(), p.ID)
	require.ErrorIs(t, err, consent.ErrNoProposal)
	for _, g := range []consent.Grant{unsent, underWay} {
		_, err = l.Send(t.Context(), g)
		require.ErrorIs(t, err, consent.ErrNoGrant)
	}
	require.NoError(t, l.Settle(t.Context(), underWay, consent.Done, "bk_1", "req_1", "for ada@example.com"))
	_, err = l.Attest(t.Context(), call("under way"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrOtherAct, "what was sent is not sent again under another key")
	var out bytes.Buffer
	require.NoError(t, l.Export(t.Context(), &out))
	assert.NotContains(t, out.String(), "ada@example.com")
	_, err = l.Verify(t.Context())
	require.NoError(t, err)
}

func TestTheActsThatConcernAPerson(t *testing.T) {
	t.Parallel()
	const person = "Zoë O'Hara"
	with := func(change func(*consent.Act)) consent.Act {
		act := call("s1")
		change(&act)
		return act
	}
	for name, tc := range map[string]struct {
		act       consent.Act
		by, words string
		concerned bool
	}{
		"guest":           {with(func(a *consent.Act) { a.Attendees[0].Name = "ZOË O'HARA" }), "", "", true},
		"another letter":  {with(func(a *consent.Act) { a.Attendees[0].Name = "Zoe\u0308 O'Hara" }), "", "", true},
		"second guest":    {with(func(a *consent.Act) { a.Attendees = append(a.Attendees, consent.Attendee{Name: person}) }), "", "", true},
		"host":            {with(func(a *consent.Act) { a.Hosts[0].Name = person }), "", "", true},
		"who agreed":      {call("s1"), person, "", true},
		"who agreed, how": {call("s1"), person + " (on the phone)", "", true},
		"words":           {call("s1"), "", "yes, says " + person + ".", true},
		"title":           {titled(call("s1"), person+" & Ada"), "", "", true},
		"notes":           {with(func(a *consent.Act) { a.Notes = "call\n" + person + "\nfirst" }), "", "", true},
		"nobody":          {call("s1"), "", "", false},
		"a longer name":   {with(func(a *consent.Act) { a.Attendees[0].Name = person + " Smith" }), "", "", false},
		"part of a word":  {titled(call("s1"), "Zoë O'Harassment, aZoë O'Hara"), "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := newLedger(t)
			_, err := l.Attest(t.Context(), tc.act, cmp.Or(tc.by, "someone"), cmp.Or(tc.words, "yes"))
			require.NoError(t, err)
			n, _, err := l.Erase(t.Context(), person)
			require.NoError(t, err)
			assert.Equal(t, tc.concerned, n == 1)
		})
	}
	l, _ := newLedger(t)
	_, _, err := l.Erase(t.Context(), " \t")
	require.Error(t, err, "nobody's data is not everybody's")
}
