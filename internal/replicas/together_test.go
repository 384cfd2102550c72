package replicas_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/schemas"
)

// database returns an empty database on a server for this test.
func database(t *testing.T) (*storetest.Server, string) {
	t.Helper()
	server := postgres(t, storetest.Careless)
	where, err := storetest.Create(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	return server, where
}

func open(t *testing.T, where string) *sqldb.DB {
	t.Helper()
	db := sqldb.Open(where)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// req: C3, C9. One replica asks, a second shows the page, a third books. The link leads to the public address.
func TestAPersonAgreesAtAnotherReplicaThanTheOneThatAsks(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	box, vennio := vennio(t)
	const public = "http://localhost:9" // where nobody listens: the test goes to the replicas themselves
	env := environment(t, vennio, where, "VENNIO_CONSENT=human", "VENNIO_MCP_PUBLIC_URL="+public)
	asks, shows, books := startReplica(t, env), startReplica(t, env), startReplica(t, env)
	o := offers(t, vennio, 1)[0]
	wanted := o.arguments("ada")
	got, err := call(t.Context(), asks.url(), "book_slot", wanted)
	require.NoError(t, err)
	require.Equal(t, schemas.StatusAwaiting, got.Status)
	link := regexp.MustCompile(public + `(/approvals/[A-Z2-7]+)`).FindStringSubmatch(got.ApprovalURL)
	require.NotEmpty(t, link, "%+v", got)

	approve(t, where, shows.url(), link[1])
	assert.Len(t, box.Bookings(), 1, "the replica that took the approval made the booking")
	got, err = call(t.Context(), books.url(), "book_slot", wanted)
	require.NoError(t, err)
	require.Nil(t, got.Error)
	assert.Equal(t, string(consent.OnPage), got.Consent.Method)
	assert.Len(t, box.Bookings(), 1)
}

// req: C7. During a rotation, replicas with the old and the new secret accept each other's slot IDs. Afterwards they
// refuse those signed with the old one.
func TestTheSigningSecretIsRotatedReplicaByReplica(t *testing.T) {
	t.Parallel()
	_, where := database(t)
	_, vennio := vennio(t)
	all := offers(t, vennio, 2)
	const next = "the next secret of all replicas"
	both := startReplica(t, environment(t, vennio, where, "VENNIO_SIGNING_SECRET="+next+", "+secret))
	after := startReplica(t, environment(t, vennio, where, "VENNIO_SIGNING_SECRET="+next))
	got, err := call(t.Context(), both.url(), "book_slot", all[0].arguments("ada"))
	require.NoError(t, err)
	assert.Equal(t, "confirmed", got.Status)
	got, err = call(t.Context(), after.url(), "book_slot", all[1].arguments("bob"))
	require.NoError(t, err)
	require.NotNil(t, got.Error)
	assert.Equal(t, schemas.CodeUnknownSlot, got.Error.Code)
}

func TestAServerThatIsAwayForAMomentIsWaitedFor(t *testing.T) {
	t.Parallel()
	server, where := database(t)
	db := open(t, where)
	keep := func(id string) error {
		return db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Exec(`INSERT INTO acts (id, digest) VALUES (?, ?)`, id, id) })
	}
	require.NoError(t, keep("before"))
	restarted := make(chan error, 1)
	var once sync.Once
	for i := 0; ; i++ {
		once.Do(func() { go func() { restarted <- server.Restart(t.Context()) }() })
		// Between transactions nothing is lost; an interrupted transaction returns an error.
		if err := keep(strings.Repeat("x", i+1)); err != nil {
			assert.NotErrorIs(t, err, context.DeadlineExceeded)
		}
		select {
		case err := <-restarted:
			require.NoError(t, err)
			require.NoError(t, keep("after"))
			return
		default:
		}
	}
}

func TestWhatCannotBeMendedByWaitingIsToldAtOnce(t *testing.T) {
	t.Parallel()
	server, _ := database(t)
	began := time.Now()
	db := sqldb.OpenWith(server.URL("nosuchdatabase"), sqldb.Options{Patience: 10 * time.Minute})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	err := db.Read(t.Context(), func(*sqldb.Tx) error { return nil })
	require.ErrorContains(t, err, `database "nosuchdatabase" does not exist`)
	assert.Less(t, time.Since(began), time.Minute, "it is not waited for")
	undone := errors.New("undone")
	require.ErrorIs(t, open(t, server.URL("postgres")).Write(t.Context(), func(*sqldb.Tx) error { return undone }), undone)
}

// req: O4. No file of the tables contains erased data. The write-ahead log and backups are up to the operator.
func TestReq_O4_ErasureLeavesNoTraceInTheTables(t *testing.T) {
	t.Parallel()
	server, where := database(t)
	l := consent.New(open(t, where), time.Now)
	for _, name := range []string{"Ada Lovelace", "Bob Builder"} {
		_, err := l.Propose(t.Context(), consent.Act{Tool: "book_slot", SlotID: name, Attendees: []consent.Attendee{{Name: name, Email: name + "@example.com"}}})
		require.NoError(t, err)
	}
	traces := func(of string) int {
		n, err := server.Traces(t.Context(), where, of)
		require.NoError(t, err)
		return n
	}
	require.Positive(t, traces("Ada Lovelace"))
	n, _, err := l.Erase(t.Context(), "Ada Lovelace")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Zero(t, traces("Ada Lovelace"))
	assert.Positive(t, traces("Bob Builder"), "others stay")
}

func fetch(t *testing.T, browser *http.Client, method, address string, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(raw))
	return string(raw)
}
