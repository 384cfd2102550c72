package tools_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// onDisk lets a world keep its ledger in a file, which change changes as another
// program would.
func onDisk(t *testing.T) (o option, change func(statement string)) {
	t.Helper()
	dir := t.TempDir()
	change = func(statement string) {
		t.Helper()
		other, err := sql.Open("sqlite", filepath.Join(dir, "vennio-mcp.db")+"?_busy_timeout=60000")
		require.NoError(t, err)
		done, err := other.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		n, err := done.RowsAffected()
		require.NoError(t, err)
		require.Positive(t, n, statement)
		require.NoError(t, other.Close())
	}
	return func(w *world) {
		db := sqldb.OpenWith(dir, longWait)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		w.deps.Ledger = consent.New(db, func() time.Time { return w.clock })
	}, change
}

// tampered asserts that nothing was sent, that the answer says what to do, and
// that the ledger does not verify.
func (w *world) tampered(got schemas.Code, text string) {
	w.t.Helper()
	assert.Equal(w.t, schemas.CodeInternal, got, text)
	assert.Contains(w.t, text, "sent nothing to Vennio")
	assert.Contains(w.t, text, "vennio-mcp ledger verify")
	_, err := w.deps.Ledger.Verify(w.t.Context())
	_, broken := errors.AsType[*consent.BrokenError](err)
	assert.True(w.t, broken, "%v", err)
}

// field: consent changed on disk
// req: O4. A person agreed to one booking; the record of it in the file is changed
// before it is sent.
func TestReq_O4_AConsentChangedOnDiskIsNotSent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		statement string
		after     time.Duration // of the person's answer
	}{
		"who agreed":            {`UPDATE grants SET given_by = 'Mallory'`, 0},
		"in what words":         {`UPDATE grants SET words = 'whatever'`, 0},
		"how they were asked":   {`UPDATE grants SET rung = 'asked in the client'`, 0},
		"when":                  {`UPDATE grants SET at = '2026-05-13T09:00:00.000Z', expires = '2026-05-13T09:10:00.000Z'`, 0},
		"a longer life":         {`UPDATE grants SET expires = '2027-01-01T00:00:00.000Z'`, time.Hour},
		"done already":          {`UPDATE grants SET outcome = 'done', booking = 'bk_other'`, 0},
		"under way already":     {`UPDATE grants SET outcome = 'sent'`, 0},
		"another question":      {`UPDATE grants SET proposal = 'another'`, 0},
		"another slot":          {`UPDATE grants SET slot = 'another'`, 0},
		"another tenant":        {`UPDATE grants SET tenant = 'another'`, 0},
		"an attempt":            {`INSERT INTO sends SELECT id, 1, 'unknown' FROM grants`, 0},
		"another act":           {`UPDATE acts SET json = replace(json, 'Intro call', 'Outro call')`, 0},
		"no booking to count":   {`UPDATE grants SET bookings = 0`, 0},
		"an answer nobody gave": {`UPDATE grants SET id = 'forged'`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, change := onDisk(t)
			w := newWorld(t, disk)
			booking := agreed(w.slot().SlotID)
			w.approve(w.waiting(booking).ID, true, consent.OnPage)
			w.clock = w.clock.Add(tc.after)
			change(tc.statement)
			got := w.book(booking)
			w.tampered(got.Code, got.Text)
			assert.Zero(t, w.vennio.Writes())
		})
	}
}

// field: consent added on disk
// req: O4, C5. A question that nobody answered, and a grant in the file.
func TestReq_O4_AConsentAddedOnDiskIsNotSent(t *testing.T) {
	t.Parallel()
	disk, change := onDisk(t)
	w := newWorld(t, disk)
	booking := agreed(w.slot().SlotID)
	w.waiting(booking)
	change(`INSERT INTO grants (id, act, proposal, tenant, slot, given_by, words, rung, at, expires, outcome, booking, request, detail)
		SELECT 'forged', p.act, p.id, '', json_extract(a.json, '$.slot_id'), 'Ada', 'yes', 'approved on the page', p.at, p.expires, '', '', '', '' FROM proposals p JOIN acts a ON a.id = p.act`)
	got := w.book(booking)
	w.tampered(got.Code, got.Text)
	assert.Zero(t, w.vennio.Writes())
}

// field: consent changed on disk
// req: O4, C10
func TestReq_O4_AConsentToAChangeThatWasChangedOnDiskIsNotSent(t *testing.T) {
	t.Parallel()
	for tool, arguments := range changes {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			disk, change := onDisk(t)
			w := newWorld(t, disk)
			made := w.booked()
			call := arguments(w, made.BookingID)
			w.deps.Policy = consent.PolicyHuman
			w.connect()
			require.Equal(t, schemas.CodeApprovalNeeded, w.change(tool, call).Code)
			open, err := w.deps.Ledger.Open(t.Context())
			require.NoError(t, err)
			w.approve(open[0].ID, true, consent.InTerminal)
			before := w.vennio.Writes()
			change(`UPDATE grants SET words = 'whatever' WHERE outcome = ''`)
			got := w.change(tool, call)
			w.tampered(got.Code, got.Text)
			assert.Equal(t, before, w.vennio.Writes())
		})
	}
}

// field: question changed on disk
// req: O4. A question that was answered is opened again in the file.
func TestReq_O4_AQuestionChangedOnDiskIsNotAnswered(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"opened again":  `UPDATE proposals SET state = 'open'`,
		"a longer life": `UPDATE proposals SET state = 'open', expires = '2027-01-01T00:00:00.000Z'`,
		"another act":   `UPDATE acts SET json = replace(json, 'Intro call', 'Outro call')`,
		"another id":    `UPDATE proposals SET state = 'open', id = 'forged'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk, change := onDisk(t)
			w := newWorld(t, disk)
			id := w.waiting(agreed(w.slot().SlotID)).ID
			w.approve(id, false, consent.OnPage)
			change(statement)
			if name == "another id" {
				id = "forged"
			}
			_, err := w.deps.Ledger.Answer(t.Context(), id, consent.Answer{Agreed: true, By: "Mallory", Words: "yes", Method: consent.OnPage})
			require.ErrorIs(t, err, consent.ErrTampered)
		})
	}
}

// field: expired consent, clock set back
// req: C6. A booking, a move and a cancellation that a person agreed to and whose
// consent was seen expired.
func TestReq_C6_AConsentOnceSeenExpiredIsNotSentWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	calls := map[string]func(w *world) (tool string, call args){
		"book_slot": func(w *world) (string, args) { return "book_slot", agreed(w.slot().SlotID) },
	}
	for tool, arguments := range changes {
		calls[tool] = func(w *world) (string, args) { return tool, arguments(w, w.booked().BookingID) }
	}
	for name, prepare := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tool, arguments := prepare(w)
			before := w.vennio.Writes()
			w.deps.Policy = consent.PolicyHuman
			w.connect()
			require.Equal(t, schemas.CodeApprovalNeeded, call[map[string]any](w, tool, arguments).Code)
			open, err := w.deps.Ledger.Open(t.Context())
			require.NoError(t, err)
			w.approve(open[0].ID, true, consent.OnPage)
			for _, step := range []time.Duration{consent.Lifetime, -consent.Lifetime, -consent.Lifetime} {
				w.clock = w.clock.Add(step)
				got := call[map[string]any](w, tool, arguments)
				assert.Equal(t, schemas.CodeApprovalNeeded, got.Code, got.Text)
			}
			assert.Equal(t, before, w.vennio.Writes())
		})
	}
}

// req: E1, I3. While the store is unavailable, the result says that nothing was sent
// and that the same call may succeed; once it is back, it does.
func TestReq_E1_AStoreThatIsAwayIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	booking, here := agreed(w.slot().SlotID), w.deps.Ledger
	nobody := sqldb.OpenWith("postgres://vennio@127.0.0.1:1/none?sslmode=disable", sqldb.Options{Patience: time.Millisecond})
	t.Cleanup(func() { require.NoError(t, nobody.Close()) })
	w.deps.Ledger = consent.New(nobody, w.deps.Now)
	w.connect()
	refused := w.book(booking)
	assert.Equal(t, schemas.CodeStoreAway, refused.Code, refused.Text)
	assert.Contains(t, refused.Text, "sent nothing to Vennio")
	assert.Contains(t, refused.Text, "retryable: the same call may succeed later")
	assert.NotContains(t, refused.Text, "127.0.0.1", "req: E3: no internal address")
	assert.Zero(t, w.vennio.Writes())
	require.ErrorIs(t, w.failed, consent.ErrUnavailable, "the operator sees the cause")
	w.deps.Ledger = here
	w.connect()
	assert.Equal(t, "confirmed", w.book(booking).Data.Status)
}

// field: read-only database; full disk. Every tool that writes says that nothing was
// sent and that the same call may succeed.
func TestAStoreThatTakesNoWritesIsNotAnInternalError(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"query_only = 1", "max_page_count = 1"} {
		for _, policy := range []consent.Policy{consent.PolicyAttested, consent.PolicyHuman} {
			w, db := newWorld(t), sqldb.OpenWith("", longWait)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			w.deps.Ledger, w.deps.Policy = consent.New(db, w.deps.Now), policy
			w.connect()
			booking := agreed(w.slot().SlotID)
			require.NoError(t, db.Probe(t.Context()))
			storetest.Pragma(t, db, fault)
			booking["notes"] = strings.Repeat("x", 2000)
			for range 20 { // a page may have room left
				if refused := w.book(booking); refused.Code == schemas.CodeStoreAway {
					break
				}
				booking = agreed(w.slot().SlotID)
				booking["notes"] = strings.Repeat("x", 2000)
			}
			before := w.vennio.Writes()
			refused := w.book(booking)
			assert.Equal(t, schemas.CodeStoreAway, refused.Code, "%s, %s: %s", fault, policy, refused.Text)
			assert.Contains(t, refused.Text, "retryable: the same call may succeed later")
			assert.Equal(t, before, w.vennio.Writes())
		}
	}
}
