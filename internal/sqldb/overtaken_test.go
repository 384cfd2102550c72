package sqldb_test

import (
	"context"
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
	t        *testing.T
	location string
	db       *sqldb.DB
	other    *consent.Ledger // of the other process
	before   func()          // runs once, after the next transaction has begun
}

func newOvertaken(t *testing.T) *overtaken {
	t.Helper()
	location := storetest.Folder(t)
	o := &overtaken{t: t, location: location, db: open(t, location), other: consent.New(open(t, location), func() time.Time { return monday })}
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
	return consent.Act{Tool: "book_slot", SlotID: slot, Start: monday.Add(time.Hour), Title: "Meeting", Hosts: []consent.Host{{ID: "h"}}, Attendees: []consent.Attendee{{Name: "Ada Byron"}}}
}

func statement(t *testing.T, l *consent.Ledger, act consent.Act) consent.Grant {
	t.Helper()
	g, err := l.Statement(t.Context(), act, "Ada Byron", "yes")
	require.NoError(t, err)
	return g
}

func onPage(agreed bool) consent.Answer {
	return consent.Answer{Agreed: agreed, By: "Ada Byron", Words: "Yes", Method: consent.OnPage}
}

// approved returns the grant of an act that a person approved.
func (o *overtaken) approved() consent.Grant {
	o.t.Helper()
	p := o.ask("s")
	_, err := o.Answer(o.t.Context(), p.ID, onPage(true))
	require.NoError(o.t, err)
	g, _, err := o.FindConsent(o.t.Context(), p.Act)
	require.NoError(o.t, err)
	return *g
}

// sent returns a grant that was sent.
func (o *overtaken) sent(g consent.Grant) consent.Grant {
	o.t.Helper()
	g, err := o.SendWithin(o.t.Context(), g, consent.Quota{})
	require.NoError(o.t, err)
	return g
}

// decisions are about an act that another process erases.
var decisions = map[string]struct {
	prepare func(*overtaken) (decide func(context.Context) error)
	want    error
}{
	"approve": {answerOnPage(true), consent.ErrNoProposal},
	"decline": {answerOnPage(false), consent.ErrNoProposal},
	"withdraw": {func(o *overtaken) func(context.Context) error {
		p := o.ask("s")
		return func(ctx context.Context) error { return o.Withdraw(ctx, p.ID, "cancelled in the client") }
	}, consent.ErrNoProposal},
	"issue a card key": {func(o *overtaken) func(context.Context) error {
		p := o.ask("s")
		return func(ctx context.Context) error {
			_, err := o.IssueCardKey(ctx, p.ID, "caller")
			return err
		}
	}, consent.ErrNoProposal},
	"send": {func(o *overtaken) func(context.Context) error { return o.sending(o.approved()) }, consent.ErrNoGrant},
	"send a statement again": {func(o *overtaken) func(context.Context) error {
		g := statement(o.t, o.Ledger, meetingWithAda(""))
		o.sent(g)
		return o.sending(g)
	}, consent.ErrNoGrant},
	"abandon": {func(o *overtaken) func(context.Context) error {
		g := o.approved()
		return func(ctx context.Context) error { return o.Abandon(ctx, g, "slot_expired") }
	}, nil},
	"settle": {func(o *overtaken) func(context.Context) error {
		g := o.sent(o.approved())
		return func(ctx context.Context) error { return o.Settle(ctx, g, consent.Done, "bk_1", "", "for Ada Byron") }
	}, nil},
	"resolve": {func(o *overtaken) func(context.Context) error {
		g := o.sent(o.approved())
		return func(ctx context.Context) error {
			return o.Resolve(ctx, g, consent.Unknown, "", "Ada Byron has no booking")
		}
	}, nil},
	"give up": {func(o *overtaken) func(context.Context) error {
		g := o.sent(o.approved())
		return func(ctx context.Context) error { return o.GiveUp(ctx, g, "Ada Byron has no booking") }
	}, nil},
	"close": {func(o *overtaken) func(context.Context) error {
		o.ask("s")
		return func(ctx context.Context) error {
			_, err := o.CloseForHost(ctx, "", consent.HostIdentity{ID: "h"}, "Ada Byron revoked access")
			return err
		}
	}, nil},
}

func answerOnPage(agreed bool) func(*overtaken) func(context.Context) error {
	return func(o *overtaken) func(context.Context) error {
		p := o.ask("s")
		return func(ctx context.Context) error {
			_, err := o.Answer(ctx, p.ID, onPage(agreed))
			return err
		}
	}
}

func (o *overtaken) sending(g consent.Grant) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := o.SendWithin(ctx, g, consent.Quota{})
		return err
	}
}

// field: act that is erased by another process while something about it is decided
// req: O4, C6. The decision is made again and names what is missing; no data of the person is stored again.
func TestReq_O4_WhatIsErasedMeanwhileIsNotDecided(t *testing.T) {
	t.Parallel()
	for name, tc := range decisions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOvertaken(t)
			decide := tc.prepare(o)
			err := o.by(o.erase, func() error { return decide(t.Context()) })
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

// withCardKey returns an open proposal with a card key.
func withCardKey(t *testing.T) (o *overtaken, p consent.Proposal, key string) {
	t.Helper()
	o = newOvertaken(t)
	p = o.ask("s")
	key, err := o.IssueCardKey(t.Context(), p.ID, "caller")
	require.NoError(t, err)
	return o, p, key
}

func approveByCard(ctx context.Context, l *consent.Ledger, p consent.Proposal, key string) error {
	_, err := l.Answer(ctx, p.ID, consent.Answer{
		Agreed: true, By: "Ada", Words: "Approve", Method: consent.OnCard, Card: consent.CardKey{Key: key, Holder: "caller"},
	})
	return err
}

// field: several guesses of a card key at once
// req: C5. Every wrong key counts, and after three the right one is void, also for an answer that has
// found it valid before.
func TestReq_C5_CardKeysThatAreTriedAtOnce(t *testing.T) {
	t.Parallel()
	o, p, key := withCardKey(t)
	o.refused(consent.ErrCardKey, o.by(func(l *consent.Ledger) {
		for i := range 3 {
			assert.ErrorIs(t, approveByCard(t.Context(), l, p, fmt.Sprint("wrong ", i)), consent.ErrCardKey)
		}
	}, func() error { return approveByCard(t.Context(), o.Ledger, p, key) }))
	g, _, err := o.FindConsent(t.Context(), p.Act)
	require.NoError(t, err)
	assert.Equal(t, o.db.Shared(), g == nil)

	o, p, _ = withCardKey(t)
	require.ErrorIs(t, o.by(func(l *consent.Ledger) {
		assert.ErrorIs(t, approveByCard(t.Context(), l, p, "wrong"), consent.ErrCardKey)
	}, func() error { return approveByCard(t.Context(), o.Ledger, p, "another") }), consent.ErrCardKey)
	misses, err := o.db.Texts(t.Context(), `SELECT CAST(card_misses AS TEXT) FROM proposals`)
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, misses)
}

// field: card key that is replaced while another process uses it, or the answer on the page while a key is issued
// req: C5
func TestReq_C5_CardKeysThatAreReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	o, p, key := withCardKey(t)
	o.refused(consent.ErrCardKey, o.by(func(l *consent.Ledger) {
		_, err := l.IssueCardKey(t.Context(), p.ID, "caller")
		assert.Equal(t, o.db.Shared(), err == nil, "on SQLite the proposal was answered before: %v", err)
	}, func() error { return approveByCard(t.Context(), o.Ledger, p, key) }))

	o, p, _ = withCardKey(t)
	o.refused(consent.ErrAnswered, o.by(func(l *consent.Ledger) {
		_, err := l.Answer(t.Context(), p.ID, onPage(false))
		assert.NoError(t, err)
	}, func() error {
		_, err := o.IssueCardKey(t.Context(), p.ID, "caller")
		return err
	}))
}

// field: answer that is committed while the statement that stores a new card key waits for it
// req: C5. Only PostgreSQL has such a moment.
func TestReq_C5_NoCardKeyIsIssuedForAnAnsweredRequest(t *testing.T) {
	t.Parallel()
	o := newOvertaken(t)
	p, issued := o.ask("s"), make(chan error, 1)
	issue := func() {
		_, err := o.IssueCardKey(t.Context(), p.ID, "caller")
		issued <- err
	}
	require.NoError(t, open(t, o.location).Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := tx.Exec(`UPDATE proposals SET state = 'declined' WHERE id = ?`, p.ID); err != nil || !o.db.Shared() {
			return err
		}
		go issue()
		for len(issued) == 0 {
			waiting, err := sqldb.One(tx, sqldb.Column[int], `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
			if err != nil || *waiting > 0 {
				return err
			}
		}
		return nil
	}))
	if !o.db.Shared() {
		issue()
	}
	require.ErrorIs(t, <-issued, consent.ErrAnswered)
}

// withPasskeys returns a ledger with the passkeys of two people.
func withPasskeys(t *testing.T) (o *overtaken, ada, grace *signer) {
	t.Helper()
	o, ada, grace = newOvertaken(t), newSigner(t, "Ada Byron"), newSigner(t, "Grace Hopper")
	ada.add(o.Ledger, nil)
	grace.add(o.Ledger, ada)
	return o, ada, grace
}

// removal returns the removal of a passkey, with a signature of another one.
func (o *overtaken) removal(s, by *signer) func(*consent.Ledger) error {
	o.t.Helper()
	token, err := o.NewPasskeyLink(o.t.Context(), consent.PasskeyLink{Remove: s.passkey.ID})
	require.NoError(o.t, err)
	link, err := o.PasskeyLink(o.t.Context(), token)
	require.NoError(o.t, err)
	signed := by.sign(link.Statement(s.passkey))
	return func(l *consent.Ledger) error { return l.RemovePasskey(o.t.Context(), token, *signed, testSite) }
}

// signedAnswer returns an answer that is already signed.
func (o *overtaken) signedAnswer(s *signer, agreed bool) func(*consent.Ledger) error {
	o.t.Helper()
	p, err := o.Ask(o.t.Context(), meetingWithAda(fmt.Sprint(agreed)), consent.Asker{Policy: consent.PolicySigned})
	require.NoError(o.t, err)
	a := consent.Answer{Agreed: agreed, Method: consent.Signed, Assertion: s.sign(p.Statement(agreed)), Site: testSite}
	return func(l *consent.Ledger) error {
		_, err := l.Answer(o.t.Context(), p.ID, a)
		return err
	}
}

// field: passkey that is removed or erased, or signs again, while another process checks its signature
// req: C13. Nothing is signed by a passkey after its removal, and its counter increases.
func TestReq_C13_SignaturesByPasskeysThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	for _, agreed := range []bool{true, false} {
		o, ada, grace := withPasskeys(t)
		answer, remove := o.signedAnswer(grace, agreed), o.removal(grace, ada)
		o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) { assert.NoError(t, remove(l)) }, func() error { return answer(o.Ledger) }))

		o, ada, grace = withPasskeys(t)
		answer, remove = o.signedAnswer(grace, agreed), o.removal(grace, ada)
		require.NoError(t, o.by(func(l *consent.Ledger) {
			err := answer(l)
			assert.Equal(t, o.db.Shared(), err == nil, "on SQLite the passkey was removed before: %v", err)
		}, func() error { return remove(o.Ledger) }))

		o, _, grace = withPasskeys(t)
		answer = o.signedAnswer(grace, agreed)
		o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) {
			_, _, err := l.Erase(t.Context(), "Grace Hopper")
			assert.NoError(t, err)
		}, func() error { return answer(o.Ledger) }))
	}
	o, ada, _ := withPasskeys(t)
	first, second := o.signedAnswer(ada, true), o.signedAnswer(ada, false)
	o.refused(passkey.ErrCounter, o.by(func(l *consent.Ledger) { assert.NoError(t, second(l)) }, func() error { return first(o.Ledger) }))
}

// field: two passkeys that remove each other, and a link that is erased while another process uses it
// req: C13
func TestReq_C13_PasskeysThatChangeMeanwhile(t *testing.T) {
	t.Parallel()
	o, ada, grace := withPasskeys(t)
	first, second := o.removal(grace, ada), o.removal(ada, grace)
	o.refused(consent.ErrNoPasskey, o.by(func(l *consent.Ledger) { _ = second(l) }, func() error { return first(o.Ledger) }))
	all, err := o.Passkeys(t.Context(), "")
	require.NoError(t, err)
	assert.Len(t, all, 1)

	o, ada = newOvertaken(t), newSigner(t, "Ada Byron")
	token, err := o.NewPasskeyLink(t.Context(), consent.PasskeyLink{Name: "Ada Byron"})
	require.NoError(t, err)
	o.refused(consent.ErrNoLink, o.by(o.erase, func() error { return o.AddPasskey(t.Context(), token, ada.passkey, nil, testSite) }))
	all, err = o.Passkeys(t.Context(), "")
	require.NoError(t, err)
	assert.Empty(t, all)
}

// field: answers, erasures and revocations about the same acts by two processes at once
// req: O5. All decisions lock in one order, so PostgreSQL ends none of them because of a deadlock.
func TestReq_O5_DecisionsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	location := storetest.Folder(t)
	dbs := []*sqldb.DB{open(t, location), open(t, location)}
	ledgers := make([]*consent.Ledger, len(dbs))
	for i, db := range dbs {
		ledgers[i] = consent.New(db, func() time.Time { return monday })
	}
	const rounds, acts, callers = 8, 12, 10
	for round := range rounds {
		asked := make([]consent.Proposal, acts)
		for i := range asked {
			act := meetingWithAda(fmt.Sprint(round, " ", i))
			act.Start = monday.Add(time.Duration(round*acts+i) * time.Hour)
			var err error
			asked[i], err = ledgers[0].Propose(t.Context(), act)
			require.NoError(t, err)
		}
		var running sync.WaitGroup
		for i := range callers {
			running.Go(func() {
				var err error
				switch l := ledgers[i%len(ledgers)]; i % 5 {
				case 0:
					_, err = l.CloseForHost(t.Context(), "", consent.HostIdentity{ID: "h"}, "revoked")
				case 1:
					_, _, err = l.Erase(t.Context(), "Ada Byron")
				default:
					for j := range asked {
						_, _ = l.Answer(t.Context(), asked[(i*j+i)%acts].ID, onPage(j%2 == 0))
					}
				}
				assert.NoError(t, err)
			})
		}
		running.Wait()
	}
	for _, db := range dbs {
		require.NoError(t, db.Close()) // the server then counts what happened on the connections
	}
	if db := open(t, location); db.Shared() {
		require.Eventually(t, func() bool {
			counted, err := db.Texts(t.Context(), `SELECT 'counted' FROM pg_stat_database WHERE datname = current_database() AND xact_commit > 100`)
			return assert.NoError(t, err) && len(counted) == 1
		}, time.Minute, 100*time.Millisecond)
		deadlocks, err := db.Texts(t.Context(), `SELECT CAST(deadlocks AS TEXT) FROM pg_stat_database WHERE datname = current_database()`)
		require.NoError(t, err)
		assert.Equal(t, []string{"0"}, deadlocks)
	}
}
