package consent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/consent"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
)

// role makes the test binary one of the processes that share a store.
const role = "VENNIO_MCP_TEST_ROLE"

func TestMain(m *testing.M) {
	if do, ok := roles[os.Getenv(role)]; ok {
		if err := do(os.Getenv("VENNIO_MCP_TEST_DIR")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var roles = map[string]func(dir string) error{"racer": race, "sender": sendAndHang, "busy": neverEnd}

// process starts the test binary in a role; its input ends when in is closed.
func process(t *testing.T, as, dir string) (cmd *exec.Cmd, in io.Closer, out *bufio.Scanner) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as, "VENNIO_MCP_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, in, bufio.NewScanner(stdout)
}

const rounds = 20

// race does the same as every other process and prints its keys.
func race(dir string) error {
	db := sqldb.OpenWith(dir, longWait)
	defer func() { _ = db.Close() }()
	l, ctx := consent.New(db, newClock().now), context.Background()
	_, _ = io.ReadAll(os.Stdin) // until all are ready
	var keys []string
	for i := range rounds {
		act := call(fmt.Sprint("s", i))
		if i%2 == 0 {
			if p, err := l.Propose(ctx, act); err == nil {
				_, _ = l.Answer(ctx, p.ID, yes) // one is heard
			}
		}
		g, err := l.Attest(ctx, act, "Ada", "yes")
		if err != nil {
			return err
		}
		if g, err = l.Send(ctx, g); err != nil {
			return err
		}
		keys = append(keys, g.Key())
	}
	return json.NewEncoder(os.Stdout).Encode(keys)
}

// req: C6
func TestReq_C6_ProcessesThatRaceGetOneGrant(t *testing.T) {
	t.Parallel()
	const racers = 3
	dir := storetest.Folder(t)
	var all []func() []string
	var starts []io.Closer
	for range racers {
		cmd, in, out := process(t, "racer", dir)
		starts = append(starts, in)
		all = append(all, func() (keys []string) {
			require.True(t, out.Scan())
			require.NoError(t, json.Unmarshal(out.Bytes(), &keys))
			require.NoError(t, cmd.Wait())
			return keys
		})
	}
	for _, start := range starts {
		require.NoError(t, start.Close())
	}
	first := all[0]()
	assert.Equal(t, rounds, distinct(first))
	for _, other := range all[1:] {
		assert.Equal(t, first, other())
	}
	l := ledgerIn(t, dir, newClock().now)
	n, err := l.Verify(t.Context())
	require.NoError(t, err)
	count := map[string]int{}
	for _, kind := range kinds(t, l) {
		count[kind]++
	}
	assert.Equal(t, racers*rounds, count["sent"])
	assert.LessOrEqual(t, count["approved"]+count["attested"], rounds+rounds/2, "one grant each, raised at most once")
	assert.GreaterOrEqual(t, n, int64(racers*rounds+rounds))
}

// sendAndHang sends an act and then waits until it is killed.
func sendAndHang(dir string) error {
	l, ctx := consent.New(sqldb.OpenWith(dir, longWait), newClock().now), context.Background()
	g, err := l.Attest(ctx, call("s1"), "Ada", "yes")
	if err == nil {
		g, err = l.Send(ctx, g)
	}
	if err == nil {
		_, err = fmt.Fprintln(os.Stdout, g.Key())
	}
	_, _ = io.ReadAll(os.Stdin)
	return err
}

// req: I2, I3
func TestReq_I3_KilledBetweenSendAndAnswer(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	cmd, _, out := process(t, "sender", dir)
	require.True(t, out.Scan())
	key := out.Text()
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait(), "killed")

	c := newClock()
	c.advance(time.Hour)
	l := ledgerIn(t, dir, c.now)
	g, _, err := l.FindConsent(t.Context(), call("s1"))
	require.NoError(t, err)
	assert.Equal(t, consent.Sent, g.Outcome)
	assert.Equal(t, key, g.Key())
	_, err = l.Attest(t.Context(), titled(call("s1"), "Another"), "Ada", "yes")
	require.ErrorIs(t, err, consent.ErrOtherAct)
	again, err := l.Attest(t.Context(), call("s1"), "Ada", "yes")
	require.NoError(t, err)
	again, err = l.Send(t.Context(), again)
	require.NoError(t, err)
	assert.Equal(t, key, again.Key(), "the same key settles it")
	require.NoError(t, l.Settle(t.Context(), again, consent.Done, "bk_1", "req_1", ""))
	_, err = l.Verify(t.Context())
	require.NoError(t, err)
}

// neverEnd sends one act after the other and prints each key after it was stored.
func neverEnd(dir string) error {
	l, ctx := consent.New(sqldb.OpenWith(dir, longWait), newClock().now), context.Background()
	for i := 0; ; i++ {
		act := call(fmt.Sprint(os.Getpid(), ".", i))
		g, err := l.Attest(ctx, act, "Ada", "yes")
		if err == nil {
			g, err = l.Send(ctx, g)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, act.SlotID, g.Key())
	}
}

func TestNothingReportedIsLostByAKill(t *testing.T) {
	t.Parallel()
	dir := storetest.Folder(t)
	told := map[string]string{}
	for kill := range 5 {
		cmd, _, out := process(t, "busy", dir)
		for i := 0; out.Scan(); i++ {
			var slot, key string
			_, err := fmt.Sscan(out.Text(), &slot, &key)
			require.NoError(t, err)
			told[slot] = key
			if i == 3*kill {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait(), "killed")
	}
	l := ledgerIn(t, dir, newClock().now)
	_, err := l.Verify(t.Context())
	require.NoError(t, err)
	for slot, key := range told {
		g, _, err := l.FindConsent(t.Context(), call(slot))
		require.NoError(t, err)
		require.NotNil(t, g)
		assert.Equal(t, key, g.Key())
		assert.Equal(t, consent.Sent, g.Outcome)
	}
}
