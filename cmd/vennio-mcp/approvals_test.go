package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
)

// req: X5. One list has the questions of all tenants, and says whose each is.
func TestReq_X5_ApprovalsNamesTheTenant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := sqldb.OpenWith(dir, longWait)
	ledger := consent.New(db, time.Now)
	asked := map[string]string{}
	for _, tenant := range []string{"", "acme", "beta"} {
		start := time.Now().Add(30 * time.Hour)
		p, err := ledger.Propose(t.Context(), consent.Act{
			Tool: "book_slot", Tenant: tenant, SlotID: "s1", Start: start, End: start.Add(time.Hour), Zone: "Europe/London", Title: "Intro",
			Hosts: []consent.Host{{Name: "Alice", ID: "id-1"}}, Attendees: []consent.Attendee{{Name: "Ada", Email: "ada@example.com"}},
		})
		require.NoError(t, err)
		asked[tenant] = p.ID
	}
	require.NoError(t, db.Close())
	code, out, errs := run(t, clean(t, "VENNIO_STATE_DIR="+dir), "approvals")
	require.Zero(t, code, errs)
	assert.Regexp(t, `(?s)`+asked["acme"]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  Tenant    acme\n  When `, out)
	assert.Regexp(t, `(?s)`+asked["beta"]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  Tenant    beta\n  When `, out)
	assert.Regexp(t, `(?s)`+asked[""]+`\n  Book "Intro", .+, with Alice, for Ada\? Vennio sends no e-mail\.\n  What      "Intro"\n  When `, out)
}

// waitingIn puts n requests into the ledger of a folder, the oldest first.
func waitingIn(t *testing.T, dir string, n int) (ids []string) {
	t.Helper()
	db := sqldb.OpenWith(dir, longWait)
	defer func() { require.NoError(t, db.Close()) }()
	ledger := consent.New(db, time.Now)
	for i := range n {
		start := time.Now().Add(time.Duration(i+30) * time.Hour)
		p, err := ledger.Propose(t.Context(), consent.Act{
			Tool: "book_slot", SlotID: fmt.Sprint("s", i), Start: start, End: start.Add(time.Hour), Zone: "Europe/London", Title: fmt.Sprint("Meeting ", i),
			Hosts: []consent.Host{{Name: "Alice", ID: "id-1"}}, Attendees: []consent.Attendee{{Name: "Ada", Email: "ada@example.com"}},
		})
		require.NoError(t, err)
		ids = append(ids, p.ID)
	}
	return ids
}

// field: list of approvals in pages
func TestApprovalsAreListedInPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ids := waitingIn(t, dir, 25)
	slices.Reverse(ids)
	env := clean(t, "VENNIO_STATE_DIR="+dir)
	listed := regexp.MustCompile(`(?m)^[A-Z2-7]{26}$`)
	for _, tc := range []struct {
		args  []string
		want  []string
		after string
	}{
		{nil, ids[:20], "5 more, older: vennio-mcp approvals --after " + ids[19] + "\n"},
		{[]string{"--after", ids[19]}, ids[20:], ""},
		{[]string{"--limit", "2"}, ids[:2], "23 more, older: vennio-mcp approvals --limit 2 --after " + ids[1] + "\n"},
		{[]string{"--limit", "2", "--after", ids[22]}, ids[23:], ""},
		{[]string{"--limit", "25"}, ids, ""},
	} {
		code, out, errs := run(t, env, append([]string{"approvals"}, tc.args...)...)
		require.Zero(t, code, errs)
		assert.Equal(t, tc.want, listed.FindAllString(out, -1), tc.args)
		assert.Equal(t, tc.after != "", strings.Contains(out, "more, older:"), tc.args)
		assert.Contains(t, out, tc.after)
	}
	_, out, _ := run(t, env, "approvals", "--after", ids[24])
	assert.Equal(t, "No older request waits for an answer.\n", out)
	for want, args := range map[string][]string{
		"there is no request of this id": {"--after", "NOSUCHREQUEST"}, `--limit "0": want a number from 1 to 1000`: {"--limit", "0"}, `--limit "1001": want a number from 1 to 1000`: {"--limit", "1001"},
	} {
		code, _, errs := run(t, env, append([]string{"approvals"}, args...)...)
		assert.Equal(t, 2, code)
		assert.Contains(t, errs, want)
	}
}

// field: approvals answered in a terminal, page by page
func TestAPageOfApprovalsIsAnsweredInTheTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ids := waitingIn(t, dir, 3)
	env, _ := humanEnv(t, "VENNIO_STATE_DIR="+dir)
	code, shown := typing(t, "yes\nno\n", env, "approvals", "--limit", "2")
	assert.Zero(t, code, shown)
	assert.Contains(t, shown, "Not booked. Nothing was changed: ", "its host is made up")
	assert.Contains(t, shown, "declined: "+ids[1])
	assert.Contains(t, shown, "1 more, older: vennio-mcp approvals --limit 2 --after "+ids[1])
	_, out, _ := run(t, env, "approvals", "--after", ids[1])
	assert.Contains(t, out, ids[0])
}
