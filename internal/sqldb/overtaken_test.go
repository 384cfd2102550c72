package sqldb_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/passkey"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// overtaken is a ledger on which a decision is overtaken by another process.
type overtaken struct {
	*consent.Ledger
	t      *testing.T
	db     *sqldb.DB
	other  *consent.Ledger // of the other process
	before func()          // runs once, after the next transaction has begun
}

func newOvertaken(t *testing.T) *overtaken {
	t.Helper()
	location := storetest.Folder(t)
	o := &overtaken{t: t, db: open(t, location), other: consent.New(open(t, location), func() time.Time { return monday })}
	o.Ledger = consent.New(o.db, func() time.Time { // called when the transaction has its snapshot
		if do := o.before; do != nil {
			o.before = nil
			do()
		}
		return monday
	})
	return o
}

// by runs do, of the other process, after the snapshot of decide was taken and before its changes are
// stored. On SQLite it waits for the end of decide: then both happen one after the other.
func (o *overtaken) by(do func(*consent.Ledger), decide func() error) error {
	o.t.Helper()
	var running sync.WaitGroup
	o.before = func() {
		running.Go(func() { do(o.other) })
		if o.db.Shared() {
			running.Wait()
		}
	}
	err := decide()
	running.Wait()
	_, verified := o.Verify(o.t.Context())
	require.NoError(o.t, verified)
	return err
}

// refused checks the error of a decision that was overtaken. On SQLite there is none.
func (o *overtaken) refused(want, got error) {
	o.t.Helper()
	if o.db.Shared() {
		require.ErrorIs(o.t, got, want)
	} else {
		require.NoError(o.t, got)
	}
}

func (o *overtaken) erase(l *consent.Ledger) {
	_, _, err := l.Erase(o.t.Context(), "Ada Byron")
	assert.NoError(o.t, err)
}

func (o *overtaken) ask(slot string) consent.Proposal {
	o.t.Helper()
	p, err := o.Propose(o.t.Context(), meetingWithAda(slot))
	require.NoError(o.t, err)
	return p
}

func meetingWithAda(slot string) consent.Act {
	return consent.Act{Tool: "book_slot", SlotID: slot, Start: monday.Add(time.Hour), Title: "Meeting", Attendees: []consent.Attendee{{Name: "Ada Byron"}}}
}

func statement(t *testing.T, l *consent.Ledger, act consent.Act) consent.Grant {
	t.Helper()
	g, err := l.Statement(t.Context(), act, "Ada Byron", "yes")
	require.NoError(t, err)
	return g
}

// field: act that is erased by another process while something about it is decided
// req: O4, C6. The decision is made again and names what is missing; no data of the person is stored again.
func TestReq_O4_WhatIsErasedMeanwhileIsNotDecided(t *testing.T) {
	t.Parallel()
	onPage := func(agreed bool) consent.Answer {
		return consent.Answer{Agreed: agreed, By: "Ada Byron", Words: "Yes", Method: consent.OnPage}
	}
	approved := func(o *overtaken) consent.Grant {
		p := o.ask("s")
		_, err := o.Answer(o.t.Context(), p.ID, onPage(true))
		require.NoError(o.t, err)
		g, _, err := o.FindConsent(o.t.Context(), p.Act)
		require.NoError(o.t, err)
		return *g
	}
	sent := func(o *overtaken) consent.Grant {
		g, err := o.SendWithin(o.t.Context(), approved(o), consent.Quota{})
		require.NoError(o.t, err)
		return g
	}
	answer := func(agreed bool) func(*overtaken) func() error {
		return func(o *overtaken) func() error {
			p := o.ask("s")
			return func() error {
				_, err := o.Answer(o.t.Context(), p.ID, onPage(agreed))
				return err
			}
		}
	}
	for name, tc := range map[string]struct {
		prepare func(*overtaken) (decide func() error)
		want    error
	}{
		"approve": {answer(true), consent.ErrNoProposal},
		"decline": {answer(false), consent.ErrNoProposal},
		"withdraw": {func(o *overtaken) func() error {
			p := o.ask("s")
			return func() error { return o.Withdraw(o.t.Context(), p.ID, "cancelled in the client") }
		}, consent.ErrNoProposal},
		"issue a card key": {func(o *overtaken) func() error {
			p := o.ask("s")
			return func() error {
				_, err := o.IssueCardKey(o.t.Context(), p.ID, "caller")
				return err
			}
		}, consent.ErrNoProposal},
		"send": {func(o *overtaken) func() error {
			g := approved(o)
			return func() error {
				_, err := o.SendWithin(o.t.Context(), g, consent.Quota{})
				return err
			}
		}, consent.ErrNoGrant},
		"send a statement again": {func(o *overtaken) func() error {
			g := statement(o.t, o.Ledger, meetingWithAda(""))
			_, err := o.SendWithin(o.t.Context(), g, consent.Quota{})
			require.NoError(o.t, err)
			return func() error {
				_, err := o.SendWithin(o.t.Context(), g, consent.Quota{})
				return err
			}
		}, consent.ErrNoGrant},
		"abandon": {func(o *overtaken) func() error {
			g := approved(o)
			return func() error { return o.Abandon(o.t.Context(), g, "slot_expired") }
		}, nil},
		"settle": {func(o *overtaken) func() error {
			g := sent(o)
			return func() error { return o.Settle(o.t.Context(), g, consent.Done, "bk_1", "", "for Ada Byron") }
		}, nil},
		"resolve": {func(o *overtaken) func() error {
			g := sent(o)
			return func() error { return o.Resolve(o.t.Context(), g, consent.Unknown, "", "Ada Byron has no booking") }
		}, nil},
		"give up": {func(o *overtaken) func() error {
			g := sent(o)
			return func() error { return o.GiveUp(o.t.Context(), g, "Ada Byron has no booking") }
		}, nil},
		"close": {func(o *overtaken) func() error {
			o.ask("s")
			return func() error {
				_, err := o.CloseForHost(o.t.Context(), "", consent.HostIdentity{}, "Ada Byron revoked access")
				return err
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOvertaken(t)
			err := o.by(o.erase, tc.prepare(o))
			if tc.want == nil {
				require.NoError(t, err)
			} else {
				o.refused(tc.want, err)
			}
			for table, columns := range map[string]string{"acts": "json", "details": "json", "grants": "given_by || words || detail", "proposals": "unanswered"} {
				rows, err := o.db.Texts(t.Context(), `SELECT 'a row of `+table+`' FROM `+table+` WHERE `+columns+` LIKE '%Ada Byron%'`)
				require.NoError(t, err)
				assert.Empty(t, rows)
			}
			n, _, err := o.Erase(t.Context(), "Ada Byron")
			require.NoError(t, err)
			assert.Zero(t, n, "nothing about the person was stored again")
		})
	}
}

// field: statement whose act was erased after it was sent, and that is sent once more
// req: O4. The error says at once that the consent does not exist, with and without a slot id.
func TestReq_O4_AnErasedStatementIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]consent.Outcome{"sent": "", "done": consent.Done, "not done": consent.NotDone} {
		for _, slot := range []string{"", "s"} {
			t.Run(fmt.Sprint(name, " ", slot), func(t *testing.T) {
				t.Parallel()
				l := consent.New(open(t, storetest.Memory(t)), func() time.Time { return monday })
				g := statement(t, l, meetingWithAda(slot))
				sent, err := l.SendWithin(t.Context(), g, consent.Quota{})
				require.NoError(t, err)
				if outcome != "" {
					require.NoError(t, l.Settle(t.Context(), sent, outcome, "bk_1", "", ""))
				}
				_, _, err = l.Erase(t.Context(), "Ada Byron")
				require.NoError(t, err)
				_, err = l.SendWithin(t.Context(), g, consent.Quota{})
				require.ErrorIs(t, err, consent.ErrNoGrant)
				n, err := l.Verify(t.Context())
				require.NoError(t, err)
				assert.LessOrEqual(t, n, int64(4), "nothing was recorded")
			})
		}
	}
}

// field: several guesses of a card key at once
// req: C5. Every wrong key counts, and after three the right one is void, also for an answer that has
// found it valid before.
func TestReq_C5_CardKeysThatAreTriedAtOnce(t *testing.T) {
	t.Parallel()
	byCard := func(l *consent.Ledger, p consent.Proposal, key string) error {
		_, err := l.Answer(t.Context(), p.ID, consent.Answer{
			Agreed: true, By: "Ada", Words: "Approve", Method: consent.OnCard, Card: consent.CardKey{Key: key, Holder: "caller"},
		})
		return err
	}
	t.Run("three wrong ones before the right one", func(t *testing.T) {
		t.Parallel()
		o := newOvertaken(t)
		p := o.ask("s")
		key, err := o.IssueCardKey(t.Context(), p.ID, "caller")
		require.NoError(t, err)
		err = o.by(func(l *consent.Ledger) {
			for i := range 3 {
				assert.ErrorIs(t, byCard(l, p, fmt.Sprint("wrong ", i)), consent.ErrCardKey)
			}
		}, func() error { return byCard(o.Ledger, p, key) })
		o.refused(consent.ErrCardKey, err)
		g, _, err := o.FindConsent(t.Context(), p.Act)
		require.NoError(t, err)
		assert.Equal(t, o.db.Shared(), g == nil)
	})
	t.Run("a new key before the right one", func(t *testing.T) {
		t.Parallel()
		o := newOvertaken(t)
		p := o.ask("s")
		key, err := o.IssueCardKey(t.Context(), p.ID, "caller")
		require.NoError(t, err)
		o.refused(consent.ErrCardKey, o.by(func(l *consent.Ledger) {
			_, err := l.IssueCardKey(t.Context(), p.ID, "caller")
			if o.db.Shared() {
				assert.NoError(t, err)
			} else {
				assert.ErrorIs(t, err, consent.ErrAnswered)
			}
		}, func() error { return byCard(o.Ledger, p, key) }))
	})
	t.Run("a new key before a wrong one", func(t *testing.T) {
		t.Parallel()
		o := newOvertaken(t)
		p := o.ask("s")
		_, err := o.IssueCardKey(t.Context(), p.ID, "caller")
		require.NoError(t, err)
		var key string
		require.ErrorIs(t, o.by(func(l *consent.Ledger) {
			key, err = l.IssueCardKey(t.Context(), p.ID, "caller")
			assert.NoError(t, err)
		}, func() error { return byCard(o.Ledger, p, "wrong") }), consent.ErrCardKey)
		for range 2 {
			require.ErrorIs(t, byCard(o.Ledger, p, "wrong"), consent.ErrCardKey)
		}
		if o.db.Shared() { // the decision was made again, about the new key
			require.ErrorIs(t, byCard(o.Ledger, p, key), consent.ErrCardKey)
		} else {
			require.NoError(t, byCard(o.Ledger, p, key))
		}
	})
	t.Run("an answer on the page before a new key", func(t *testing.T) {
		t.Parallel()
		o := newOvertaken(t)
		p := o.ask("s")
		o.refused(consent.ErrAnswered, o.by(func(l *consent.Ledger) {
			_, err := l.Answer(t.Context(), p.ID, consent.Answer{By: "Ada", Words: "No", Method: consent.OnPage})
			assert.NoError(t, err)
		}, func() error {
			_, err := o.IssueCardKey(t.Context(), p.ID, "caller")
			return err
		}))
	})
}

// field: passkey that is removed, or a link that is erased, while another process uses it
// req: C13. Nothing is signed by a passkey after its removal, and an erased link adds none.
func TestReq_C13_PasskeysThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	prepared := func(t *testing.T) (o *overtaken, ada, grace *signer) {
		t.Helper()
		o, ada, grace = newOvertaken(t), newSigner(t, "Ada Byron"), newSigner(t, "Grace Hopper")
		ada.add(o.Ledger, nil)
		grace.add(o.Ledger, ada)
		return o, ada, grace
	}
	// removal returns the removal of a passkey, with a signature of another one.
	removal := func(t *testing.T, o *overtaken, s, by *signer) func(*consent.Ledger) error {
		t.Helper()
		token, err := o.NewPasskeyLink(t.Context(), consent.PasskeyLink{Remove: s.passkey.ID})
		require.NoError(t, err)
		link, err := o.PasskeyLink(t.Context(), token)
		require.NoError(t, err)
		signed := by.sign(link.Statement(s.passkey))
		return func(l *consent.Ledger) error { return l.RemovePasskey(t.Context(), token, *signed, testSite) }
	}
	answer := func(t *testing.T, o *overtaken, s *signer, agreed bool) func(*consent.Ledger) error {
		t.Helper()
		p, err := o.Ask(t.Context(), meetingWithAda(fmt.Sprint(agreed)), consent.Asker{Policy: consent.PolicySigned})
		require.NoError(t, err)
		a := consent.Answer{Agreed: agreed, Method: consent.Signed, Assertion: s.sign(p.Statement(agreed)), Site: testSite}
		return func(l *consent.Ledger) error {
			_, err := l.Answer(t.Context(), p.ID, a)
			return err
		}
	}
	for _, agreed := range []bool{true, false} {
		t.Run(fmt.Sprint("an answer by a removed one: ", agreed), func(t *testing.T) {
			t.Parallel()
			o, ada, grace := prepared(t)
			answer, remove := answer(t, o, grace, agreed), removal(t, o, grace, ada)
			o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) { assert.NoError(t, remove(l)) }, func() error { return answer(o.Ledger) }))
		})
		t.Run(fmt.Sprint("an answer before the removal: ", agreed), func(t *testing.T) {
			t.Parallel()
			o, ada, grace := prepared(t)
			answer, remove := answer(t, o, grace, agreed), removal(t, o, grace, ada)
			if o.db.Shared() {
				require.NoError(t, o.by(func(l *consent.Ledger) { assert.NoError(t, answer(l)) }, func() error { return remove(o.Ledger) }))
				return
			}
			require.NoError(t, o.by(func(l *consent.Ledger) { assert.ErrorIs(t, answer(l), consent.ErrNoPasskey) }, func() error { return remove(o.Ledger) }))
		})
		t.Run(fmt.Sprint("an answer by an erased one: ", agreed), func(t *testing.T) {
			t.Parallel()
			o, _, grace := prepared(t)
			answer := answer(t, o, grace, agreed)
			o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) {
				_, _, err := l.Erase(t.Context(), "Grace Hopper")
				assert.NoError(t, err)
			}, func() error { return answer(o.Ledger) }))
		})
	}
	t.Run("an answer before another one with a smaller counter", func(t *testing.T) {
		t.Parallel()
		o, ada, _ := prepared(t)
		first, second := answer(t, o, ada, true), answer(t, o, ada, false)
		o.refused(passkey.ErrCounter, o.by(func(l *consent.Ledger) { assert.NoError(t, second(l)) }, func() error { return first(o.Ledger) }))
	})
	t.Run("a link that is erased", func(t *testing.T) {
		t.Parallel()
		o := newOvertaken(t)
		ada := newSigner(t, "Ada Byron")
		token, err := o.NewPasskeyLink(t.Context(), consent.PasskeyLink{Name: "Ada Byron"})
		require.NoError(t, err)
		o.refused(consent.ErrNoLink, o.by(o.erase, func() error { return o.AddPasskey(t.Context(), token, ada.passkey, nil, testSite) }))
		all, err := o.Passkeys(t.Context(), "")
		require.NoError(t, err)
		assert.Empty(t, all)
	})
	t.Run("two passkeys that remove each other", func(t *testing.T) {
		t.Parallel()
		o, ada, grace := prepared(t)
		first, second := removal(t, o, grace, ada), removal(t, o, ada, grace)
		o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) { _ = second(l) }, func() error { return first(o.Ledger) }))
		all, err := o.Passkeys(t.Context(), "")
		require.NoError(t, err)
		assert.Len(t, all, 1)
	})
}
