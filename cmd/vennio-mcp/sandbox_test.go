package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

// free returns ids of several slots of next week.
func (c *conversation) free() []string {
	c.t.Helper()
	found := regexp.MustCompile(`s[0-9a-z]{32}`).FindAllString(c.call("find_slots", map[string]any{"when": "next week", "limit": 10}).Text, -1)
	require.Greater(c.t, len(found), 5)
	return found
}

// verified runs ledger verify and returns what it says.
func verified(t *testing.T, env []string) string {
	t.Helper()
	code, out, errs := run(t, env, "ledger", "verify")
	require.Zero(t, code, out+errs)
	return out
}

// req: Q1
func TestTheSandboxIsSharedByAllProcessesAndOutlivesThem(t *testing.T) {
	t.Parallel()
	env := clean(t)
	one, two := converse(t, env), converse(t, env)
	booking := one.booking()
	assert.Contains(t, two.call("list_bookings", nil).Text, "No bookings")
	made := two.call("book_slot", booking).Data // offered by the one, booked through the other
	require.NotEmpty(t, made.BookingID)
	assert.Contains(t, one.call("list_bookings", nil).Text, made.BookingID)
	assert.Contains(t, one.call("book_slot", booking).Text, made.BookingID, "a repeated call returns the same booking")
	assert.Contains(t, verified(t, env), "3 entries")
	for _, c := range []*conversation{one, two} {
		require.NoError(t, c.stdin.Close())
		require.Zero(t, c.wait())
	}
	again := converse(t, env)
	assert.Contains(t, again.call("list_bookings", nil).Text, made.BookingID)
	assert.Contains(t, again.call("cancel_booking", map[string]any{
		"booking_id": made.BookingID, "consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "cancel it"},
	}).Text, "Cancelled")
	_, out, _ := run(t, env, "ledger", "list")
	assert.Contains(t, out, made.BookingID)
}

// req: Q1
func TestARequestInTheSandboxIsApprovedInATerminal(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"while the client runs": true, "after it has ended": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := clean(t, "VENNIO_CONSENT=human", "USER=ada")
			c := converse(t, env)
			booking := c.booking()
			c.call("book_slot", booking)
			_, listed, _ := run(t, env, "approvals", "--json")
			id := regexp.MustCompile(`"id":"([A-Z2-7]+)"`).FindStringSubmatch(listed)
			require.NotNil(t, id, listed)
			if !running {
				require.NoError(t, c.cmd.Process.Kill())
				c.end()
			}
			code, shown := inTerminal(t, env, "approvals", "approve", id[1])
			require.Zero(t, code, shown)
			assert.Contains(t, shown, "Booked")
			if !running {
				c = converse(t, env)
			}
			assert.NotEmpty(t, c.call("book_slot", booking).Data.BookingID)
			assert.Contains(t, c.call("list_bookings", nil).Text, "1 booking,")
			verified(t, env)
		})
	}
}

func TestOneOfTwoProcessesGetsASlot(t *testing.T) {
	t.Parallel()
	env := clean(t)
	processes := []*conversation{converse(t, env), converse(t, env)}
	for _, slot := range processes[0].free()[:5] {
		got := make([]told, len(processes))
		var both sync.WaitGroup
		for i, c := range processes {
			booking := map[string]any{
				"slot_id": slot, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": []string{"Ada", "Bea"}[i]}},
				"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"},
			}
			both.Go(func() { got[i] = c.call("book_slot", booking) })
		}
		both.Wait()
		won := 0
		for _, g := range got {
			if g.Data.BookingID != "" && g.Data.Error == nil {
				won++
			}
		}
		assert.Equal(t, 1, won, got)
	}
	assert.Contains(t, processes[1].call("list_bookings", nil).Text, "5 bookings,")
	verified(t, env)
}

// field: kill -9 during a write to the sandbox
func TestAKilledProcessLeavesTheSandboxIntact(t *testing.T) {
	t.Parallel()
	env := clean(t)
	free := converse(t, env).free()
	for i, slot := range free[:5] {
		c := converse(t, env)
		_, err := c.stdin.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"book_slot","arguments":{"slot_id":"` + slot +
			`","title":"Intro","attendees":[{"email":"ada@example.com","name":"Ada"}],"consent":{"granted":true,"given_by":"Ada","statement":"yes"}}}}` + "\n"))
		require.NoError(t, err)
		require.Eventually(t, func() bool { // in the middle of the call: the ledger of this booking has begun
			_, out, _ := run(t, env, "ledger", "list", "--json")
			return strings.Count(out, `"sent"`) > i || strings.Count(out, `"attested"`) > i
		}, patience, time.Millisecond)
		require.NoError(t, c.cmd.Process.Kill())
		c.end()
		verified(t, env)
	}
	c := converse(t, env)
	for _, slot := range free[:5] {
		done := c.call("book_slot", map[string]any{
			"slot_id": slot, "title": "Intro", "attendees": []any{map[string]any{"email": "ada@example.com", "name": "Ada"}},
			"consent": map[string]any{"granted": true, "given_by": "Ada", "statement": "yes"},
		})
		assert.NotEmpty(t, done.Data.BookingID, done.Text)
	}
	assert.Contains(t, c.call("list_bookings", nil).Text, "5 bookings,", "each of them once")
}

// stateDir returns the state folder of an environment that clean made.
func stateDir(env []string) string {
	for _, setting := range slices.Backward(env) {
		if dir, ok := strings.CutPrefix(setting, "VENNIO_STATE_DIR="); ok {
			return dir
		}
	}
	return filepath.Join(strings.TrimPrefix(env[0], "HOME="), ".local", "state", "vennio-mcp")
}

// req: Q1
func TestEventsOfAllProcessesAreReceivedOnce(t *testing.T) {
	t.Parallel()
	env := clean(t)
	servers := []*process{start(t, env, "serve", "--addr", "127.0.0.1:0"), start(t, env, "serve", "--addr", "127.0.0.1:0")}
	for _, s := range servers {
		s.receives()
	}
	bookedAndReceivedOnce := func() {
		c := converse(t, env)
		id := c.call("book_slot", c.booking()).Data.BookingID
		require.NotEmpty(t, id)
		var out string
		require.Eventually(t, func() bool { // before the process ends: then it sends events for a second at most
			_, out, _ = run(t, env, "events", "list")
			return strings.Contains(out, id)
		}, patience, tick)
		assert.Equal(t, 1, strings.Count(out, id), out)
		require.NoError(t, c.stdin.Close())
		require.Zero(t, c.wait())
	}
	bookedAndReceivedOnce()
	require.NoError(t, servers[0].cmd.Process.Kill()) // leaves its subscription
	servers[0].end()
	third := start(t, env, "serve", "--addr", "127.0.0.1:0")
	third.receives()
	bookedAndReceivedOnce()
	box := start(t, env, "sandbox", "--addr", "127.0.0.1:0")
	line, err := box.stdout.ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	require.Eventually(t, func() bool { return strings.Contains(get(t, url+"/_sandbox/state").body, `"webhooks":2`) }, patience, 10*tick,
		"that of the killed server is deleted, unless another program has taken its port for a while")
	servers[1].terminate()
	require.Zero(t, servers[1].wait(), servers[1].stderr)
	leaves(t, env, third, url, 0)
}

// receives waits until a server receives the sandbox's events.
func (p *process) receives() {
	p.t.Helper()
	p.address()
	require.Eventually(p.t, func() bool { return strings.Contains(p.stderr.String(), "receiving the sandbox's events") }, patience, tick)
}

// leaves ends a server, after which the sandbox at url has so many webhooks. A server tries for a second to delete its own
// before it ends; what a slow machine then leaves, the next server deletes.
func leaves(t *testing.T, env []string, s *process, url string, webhooks int) {
	t.Helper()
	want := fmt.Sprintf(`"webhooks":%d`, webhooks)
	for range 20 {
		s.terminate()
		require.Zero(t, s.wait(), s.stderr)
		if strings.Contains(get(t, url+"/_sandbox/state").body, want) {
			return
		}
		s = start(t, env, "serve", "--addr", "127.0.0.1:0")
		s.receives()
	}
	assert.Contains(t, get(t, url+"/_sandbox/state").body, want)
}

// A receiver may be down, or behind a name that this machine cannot reach.
//
// field: webhook of another program at the shared sandbox
func TestAServerDeletesNoWebhookOfOthers(t *testing.T) {
	t.Parallel()
	env := clean(t)
	box := start(t, env, "sandbox", "--addr", "127.0.0.1:0")
	line, err := box.stdout.ReadString('\n')
	require.NoError(t, err)
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(line)
	for _, receiver := range []string{"https://hooks.example.com/webhooks/vennio", "http://127.0.0.1:1/webhooks/vennio"} {
		made := post(t, url+"/v1/webhooks", `{"url":"`+receiver+`","events":["booking.created"],"description":"vennio-mcp"}`, "Authorization", "Bearer "+sandbox.DefaultKey())
		require.Equal(t, 201, made.status, made.body)
	}
	s := start(t, env, "serve", "--addr", "127.0.0.1:0")
	s.receives()
	assert.Contains(t, get(t, url+"/_sandbox/state").body, `"webhooks":3`)
	leaves(t, env, s, url, 2)
}

// field: reset while a process uses the sandbox, and beside an account's ledger
func TestTheSandboxIsResetAndNothingElse(t *testing.T) {
	t.Parallel()
	env := clean(t)
	code, out, _ := run(t, env, "sandbox", "reset")
	assert.Zero(t, code)
	assert.Contains(t, out, "Nothing to delete")
	c := converse(t, env)
	require.NotEmpty(t, c.call("book_slot", c.booking()).Data.BookingID)
	withKey := append(env, "VENNIO_API_KEY=vennio_sk_test_c4n4ry_reset", "VENNIO_API_URL="+startSandboxProcess(t), "VENNIO_HOSTS="+sandboxHostsSetting())
	account := converse(t, withKey)
	require.NotEmpty(t, account.call("book_slot", account.booking()).Data.BookingID)

	code, out, errs := run(t, env, "sandbox", "reset")
	require.Zero(t, code, errs)
	assert.Contains(t, out, "1 booking, 3 ledger entries, 0 events")
	assert.Contains(t, c.call("list_bookings", nil).Text, "No bookings")
	require.NotEmpty(t, c.call("book_slot", c.booking()).Data.BookingID)
	assert.Contains(t, verified(t, withKey), "3 entries")
	_, _, errs = run(t, env, "ledger", "list")
	assert.Contains(t, errs, "The sandbox has its own", "without a key the account's ledger is read, because the key may be in the settings of a client")

	for _, name := range []string{"signing-secret", "vennio-mcp.db.backup", "vennio-mcp.db-copy"} {
		foreign := filepath.Join(stateDir(env), "sandbox", name)
		require.NoError(t, os.WriteFile(foreign, nil, 0o600))
		code, _, errs = run(t, env, "sandbox", "reset")
		assert.NotZero(t, code)
		assert.Contains(t, errs, name+"\", which the sandbox did not create")
		require.NoError(t, os.Remove(foreign))
	}
	require.NoError(t, os.WriteFile(filepath.Join(stateDir(env), "sandbox", ".probe.123"), nil, 0o600)) // of a process that was killed
	code, _, errs = run(t, env, "sandbox", "reset")
	assert.Zero(t, code, errs)
}

// field: state folder deleted, damaged and reset under running clients
func TestRunningClientsFollowTheStoredSandbox(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(env []string, dir string){
		"deleted": func(_ []string, dir string) { // while a process may write to it
			require.Eventually(t, func() bool { return os.RemoveAll(dir) == nil }, patience, tick)
		},
		"damaged and reset": func(env []string, dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, sqldb.DatabaseFile), 0))
			linked := filepath.Join(filepath.Dir(filepath.Dir(dir)), "linked")
			require.NoError(t, os.Rename(dir, linked))
			require.NoError(t, os.Symlink(linked, dir))
			code, out, errs := run(t, env, "sandbox", "reset")
			require.Zero(t, code, errs)
			assert.Contains(t, out, "could not be read")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := clean(t)
			one := converse(t, env)
			require.NotEmpty(t, one.call("book_slot", one.booking()).Data.BookingID)
			change(env, filepath.Join(stateDir(env), "sandbox"))
			assert.Contains(t, one.call("list_bookings", nil).Text, "No bookings")
			made := one.call("book_slot", one.booking()).Data
			require.NotEmpty(t, made.BookingID)
			two := converse(t, env)
			assert.Contains(t, two.call("list_bookings", nil).Text, made.BookingID)
			assert.Contains(t, verified(t, env), "3 entries")
			left, err := os.ReadDir(stateDir(env))
			require.NoError(t, err)
			assert.Len(t, left, 2, "the signing secret and the folder of the sandbox: %v", left)
		})
	}
}

// field: damaged, newer and unwritable state of the sandbox
func TestStoredSandboxesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"damaged": func(t *testing.T, dir string) {
			t.Helper()
			require.NoError(t, os.WriteFile(filepath.Join(dir, sqldb.DatabaseFile), []byte(strings.Repeat("damaged ", 1000)), 0o600))
		},
		"newer tables": func(t *testing.T, dir string) {
			t.Helper()
			spoilTable(t, dir, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
		},
		"newer account": func(t *testing.T, dir string) {
			t.Helper()
			spoilTable(t, dir, `UPDATE sandbox SET revision = 'x', account = '{"Unheard":1}'`)
		},
		"empty account": func(t *testing.T, dir string) {
			t.Helper()
			spoilTable(t, dir, `UPDATE sandbox SET revision = 'x', account = 'null'`)
		},
		"damaged account": func(t *testing.T, dir string) {
			t.Helper()
			spoilTable(t, dir, `UPDATE sandbox SET revision = 'x', account = '{"Book'`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := clean(t)
			c := converse(t, env)
			require.NotEmpty(t, c.call("book_slot", c.booking()).Data.BookingID)
			require.NoError(t, c.stdin.Close())
			require.Zero(t, c.wait())
			spoil(t, filepath.Join(stateDir(env), "sandbox"))
			c = converse(t, env)
			assert.Contains(t, c.call("find_slots", map[string]any{"when": "next week"}).Text, "vennio-mcp sandbox reset")
			code, out, errs := run(t, env, "sandbox", "reset")
			require.Zero(t, code, errs)
			assert.Contains(t, out, "Deleted")
			require.NotEmpty(t, c.call("book_slot", c.booking()).Data.BookingID)
		})
	}
}

func spoilTable(t *testing.T, dir, statement string) {
	t.Helper()
	db := sqldb.OpenWith(dir, longWait)
	require.NoError(t, db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.Exec(statement) }))
	require.NoError(t, db.Close())
}

func TestWithoutAWritableFolderTheSandboxIsInMemory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	c := converse(t, clean(t, "VENNIO_STATE_DIR="+filepath.Join(file, "state")))
	require.NotEmpty(t, c.call("book_slot", c.booking()).Data.BookingID)
	assert.Contains(t, c.call("list_bookings", nil).Text, "1 booking,")
	require.Eventually(t, func() bool {
		return strings.Contains(c.stderr.String(), "keeps its data in memory") && strings.Contains(c.stderr.String(), "set VENNIO_STATE_DIR")
	}, patience, tick)
}

func TestSmokeAndDemoUseSandboxesOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"smoke", "demo"} {
		env := clean(t)
		code, out, errs := runPlain(t, env, command)
		require.Zero(t, code, out+errs)
		left, err := os.ReadDir(strings.TrimPrefix(env[0], "HOME="))
		require.NoError(t, err)
		assert.Empty(t, left, command)
	}
}
