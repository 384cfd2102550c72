package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/descope/virtualwebauthn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// device is a browser with an authenticator, as a person uses it.
type device struct {
	browser
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

// newKey returns a key of the virtual authenticator, which drops leading zero bytes of coordinates
// (docs/library-notes.md): such keys are not used.
func newKey() virtualwebauthn.Credential {
	const length = 77 // of a COSE key with two coordinates of 32 bytes
	for {
		if key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(key.Key.AttestationData()) == length {
			return key
		}
	}
}

func newDevice(t *testing.T) *device {
	t.Helper()
	return &device{newBrowser(t), virtualwebauthn.NewAuthenticator(), newKey()}
}

func (d *device) id() string { return base64.RawURLEncoding.EncodeToString(d.key.ID) }

// rp is the site of a page.
func (d *device) rp(address string) virtualwebauthn.RelyingParty {
	d.t.Helper()
	u, err := url.Parse(address)
	require.NoError(d.t, err)
	return virtualwebauthn.RelyingParty{ID: u.Hostname(), Origin: u.Scheme + "://" + u.Host}
}

// field is an unescaped attribute of a page.
func (d *device) field(page, before string) string {
	d.t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(before) + `"([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(d.t, found, "%s in %s", before, page)
	return html.UnescapeString(found[1])
}

func (d *device) assertion(address, options string) string {
	d.t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(options)
	require.NoError(d.t, err)
	return virtualwebauthn.CreateAssertionResponse(d.rp(address), d.auth, d.key, *o)
}

// signed opens the page of a request and returns the form of an answer.
func (d *device) signed(address, decision string) url.Values {
	d.t.Helper()
	_, page := d.open(address)
	button := map[string]string{"approve": `value="approve"`, "decline": `value="decline" formnovalidate`}[decision]
	return url.Values{
		"decision": {decision}, "nonce": {d.field(page, `name="nonce" value=`)},
		"passkey": {d.assertion(address, d.field(page, button+` data-into="passkey" data-sign=`))},
	}
}

// answers opens the page of a request and answers it.
func (d *device) answers(address, decision string) (int, string) {
	d.t.Helper()
	return d.do(http.MethodPost, address, d.signed(address, decision))
}

var passkeyLinks = regexp.MustCompile(`http://\S+/approvals/passkey/[A-Z2-7]+`)

// passkeysCommand runs vennio-mcp passkeys in a terminal until it prints its link. end waits for its end and
// returns the exit code and the rest of the output.
func passkeysCommand(t *testing.T, env []string, args ...string) (address string, end func() (int, string)) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, append([]string{"passkeys"}, args...)...)
	cmd.Env = env
	return linkInTerminal(t, cmd)
}

// linkInTerminal is passkeysCommand for a command that runs it. The address is empty if it prints none.
func linkInTerminal(t *testing.T, cmd *exec.Cmd) (address string, end func() (int, string)) {
	t.Helper()
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = terminal.Close() })
	var shown strings.Builder
	lines := bufio.NewScanner(terminal)
	for address == "" && lines.Scan() {
		shown.WriteString(lines.Text() + "\n")
		address = passkeyLinks.FindString(lines.Text())
	}
	return address, func() (int, string) {
		for lines.Scan() {
			shown.WriteString(lines.Text() + "\n")
		}
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode(), shown.String()
	}
}

// makesPasskey makes a passkey on the page of a link. It returns the page that follows and the form that it sent.
func (d *device) makesPasskey(address string) (page string, form url.Values) {
	d.t.Helper()
	status, page := d.open(address)
	require.Equal(d.t, http.StatusOK, status, page)
	o, err := virtualwebauthn.ParseAttestationOptions(d.field(page, "data-create="))
	require.NoError(d.t, err)
	form = url.Values{
		"made":       {virtualwebauthn.CreateAttestationResponse(d.rp(address), d.auth, d.key, *o)},
		"made_nonce": {d.field(page, `name="made_nonce" value=`)},
	}
	_, page = d.do(http.MethodPost, address, form)
	return page, form
}

// adds adds the device's passkey; confirming signs the addition, unless it is the first one.
func (d *device) adds(env []string, confirming *device, args ...string) {
	d.t.Helper()
	address, end := passkeysCommand(d.t, env, append([]string{"add"}, args...)...)
	require.NotEmpty(d.t, address)
	page, form := d.makesPasskey(address)
	if confirming != nil {
		require.Contains(d.t, page, "Confirm the new passkey")
		form.Set("nonce", d.field(page, `name="nonce" value=`))
		form.Set("passkey", confirming.assertion(address, d.field(page, "data-sign=")))
		_, page = d.do(http.MethodPost, address, form)
	}
	require.Contains(d.t, page, "The passkey was added")
	code, shown := end()
	require.Zero(d.t, code, shown)
}

// req: C4, C13. Under signed a person signs in a browser, over every transport and in both eras. The record
// names the owner of the passkey, and the ledger can be verified.
func TestReq_C4_APersonSignsWithAPasskey(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	signatures := 0
	for over := range transports {
		for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
			c := connect(t, over, protocol, env)
			booking := aBooking(t, c)
			asked := say(t, c, "book_slot", booking)
			require.Contains(t, asked, "NOT BOOKED YET", "%s, %s", over, protocol)
			require.Contains(t, asked, "you cannot approve it for them")
			address := link.FindString(asked)
			require.NotEmpty(t, address, asked)
			require.NotContains(t, asked, "vennio-mcp ")
			status, page := newBrowser(t).answer(address, "approve")
			assert.Equal(t, http.StatusForbidden, status)
			assert.Contains(t, page, "this must be signed with a passkey")
			id := address[strings.LastIndex(address, "/")+1:]
			for _, verb := range []string{"approve", "decline"} {
				code, shown := inTerminal(t, env, "approvals", verb, id)
				assert.Equal(t, 2, code)
				assert.Contains(t, shown, "answered only with a passkey on its page")
			}
			status, page = ada.answers(address, "approve")
			require.Equal(t, http.StatusOK, status, page)
			require.Contains(t, page, ">Booked</h1>")
			signatures++
			booked := say(t, c, "book_slot", booking)
			assert.Contains(t, booked, "signed with a passkey")
			assert.Contains(t, booked, "Ada Byron")
		}
	}
	_, out, _ := run(t, env, "ledger", "verify")
	assert.Contains(t, out, fmt.Sprintf("Signatures by passkeys: %d, all valid.", signatures))
	_, out, _ = run(t, env, "ledger", "list", "--method", "passkey")
	assert.Equal(t, 3*signatures, strings.Count(out, " passkey "), out)
}

// req: C5
// field: agent with an HTTP client, its own MCP connection, commands, a terminal, and a paired browser
// Under signed none of it writes. The device with the passkey does.
func TestReq_C5_UnderSignedOnlyTheDeviceWrites(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	paired := pairedBrowser(t, env)
	var address string
	for _, over := range []string{"streamable HTTP", "SSE"} {
		for _, protocol := range []string{"2025-11-25", "2026-07-28"} {
			for _, a := range []*crawler{{browser: newBrowser(t), base: p.address()}, {browser: paired, base: p.address()}} {
				a.sees(p.stderr.String())
				c := attacksBy(t, over, p.address(), protocol, true, a)
				asked := say(t, c, "book_slot", aBooking(t, c))
				require.NotContains(t, asked, "Booked")
				address = link.FindString(asked)
				a.sees(asked)
				a.attack()
				a.runsCommands(env)
				code, _ := inTerminal(t, env, "approvals", "approve", address[strings.LastIndex(address, "/")+1:], "--name", "Ada Byron")
				assert.Equal(t, 2, code)
				require.Equal(t, "0", writesAt(t, vennio), "%s, %s", over, protocol)
			}
		}
	}
	other := newDevice(t)
	other.key.ID = ada.key.ID // the right id, and a key of the agent's
	status, _ := other.answers(address, "approve")
	assert.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "0", writesAt(t, vennio))
	status, page := ada.answers(address, "approve")
	require.Equal(t, http.StatusOK, status, page)
	assert.Equal(t, "1", writesAt(t, vennio))
}

// req: C5
// field: agent as another user of the same machine, with a web page on another port of localhost
// Browsers use the same passkeys on every port. A signature that the page of another program obtained counts
// nowhere, and no other program can listen at an address at which browsers look for the server.
func TestReq_C5_APageOnAnotherPortApprovesNothing(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	p := start(t, env, "serve", "--addr", "127.0.0.1:0")
	c := attacksBy(t, "streamable HTTP", p.address(), "2025-11-25", true, &crawler{browser: newBrowser(t), base: p.address()})
	address := link.FindString(say(t, c, "book_slot", aBooking(t, c)))
	require.NotEmpty(t, address)
	_, page := ada.open(address)
	const elsewhere = "localhost:9999"
	form := url.Values{
		"decision": {"approve"}, "nonce": {ada.field(page, `name="nonce" value=`)},
		"passkey": {ada.assertion("http://"+elsewhere, ada.field(page, `value="approve" data-into="passkey" data-sign=`))},
	}
	for _, host := range []string{"", elsewhere} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Host = host // of the address if empty
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, http.StatusForbidden, resp.StatusCode, host)
	}
	require.Equal(t, "0", writesAt(t, vennio))

	u, err := url.Parse(address)
	require.NoError(t, err)
	if onlyIPv6(t) != nil { // this machine has IPv6
		_, err = new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("::1", u.Port()))
		require.Error(t, err)
		said, explained := "", "another program uses this port at [::1]"
		for range 20 { // another program may take the port at 127.0.0.1 meanwhile
			_, port, _ := net.SplitHostPort(onlyIPv6(t).Addr().String())
			code, _, errs := run(t, env, "serve", "--addr", "127.0.0.1:"+port)
			assert.Equal(t, 1, code)
			if said = errs; strings.Contains(said, explained) {
				break
			}
		}
		assert.Contains(t, said, explained)
	}
	status, page := ada.answers(address, "approve")
	require.Equal(t, http.StatusOK, status, page)
	assert.Equal(t, "1", writesAt(t, vennio))
}

// onlyIPv6 listens at a port of ::1 that nobody uses at 127.0.0.1. It returns nil if this machine has no IPv6. The port is
// below those that systems choose by themselves: the server of another test that gets one would end.
func onlyIPv6(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(30_000 + rand.IntN(2_700))
		taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:"+port)
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = taken.Close() })
		if free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
			require.NoError(t, free.Close())
			return taken
		}
	}
	return nil
}

// req: C13
// field: a lost device, and passkeys pinned in the settings file
func TestReq_C13_PasskeysAreListedRemovedAndPinned(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=signed")
	code, _, errs := run(t, env, "passkeys", "add", "--name", "Eve")
	assert.Equal(t, 2, code)
	assert.Contains(t, errs, "run this in a terminal")
	_, out, _ := run(t, env, "passkeys", "list")
	assert.Contains(t, out, "vennio-mcp passkeys add")
	ada, phone := newDevice(t), newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	phone.adds(env, ada, "--name", "Ada Byron")
	_, out, _ = run(t, env, "passkeys", "list", "--json")
	assert.Contains(t, out, `"how":"first use"`)
	assert.Contains(t, out, `"how":"signed"`)

	address, end := passkeysCommand(t, env, "remove", ada.id())
	_, page := phone.open(address)
	status, page := phone.do(http.MethodPost, address, url.Values{
		"nonce": {phone.field(page, `name="nonce" value=`)}, "passkey": {phone.assertion(address, phone.field(page, "data-sign="))},
	})
	require.Equal(t, http.StatusOK, status, page)
	code, _ = end()
	assert.Zero(t, code)
	_, list, _ := run(t, env, "passkeys", "list")
	assert.NotContains(t, list, ada.id())
	require.Contains(t, list, phone.id())

	code, _, _ = run(t, env, "passkeys", "remove", phone.id(), "--lost")
	assert.Equal(t, 2, code, "without a terminal")
	_, out, _ = run(t, env, "ledger", "erase", "Ada Byron")
	assert.Contains(t, out, "Erased this name from 2 passkeys")
	well(t, env, "ledger", "verify")

	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, []byte(list+"    until: 2001-02-03T04:05:06Z\n"), 0o600))
	pinned := append(env, "VENNIO_MCP_SETTINGS="+settings)
	_, out, _ = run(t, pinned, "passkeys", "list")
	assert.Contains(t, out, phone.id())
	assert.Contains(t, out, "    until: 2001-02-03T04:05:06Z\n")
	_, out, _ = run(t, pinned, "doctor")
	assert.Contains(t, out, "sign nothing any more")
}

// req: C13
// field: passkeys pinned in the settings file, and an agent with the same user
func TestReq_C13_PinnedPasskeysAreTheOnlyOnes(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=signed")
	phone := newDevice(t)
	phone.adds(env, nil, "--name", "Ada Byron")
	_, list, _ := run(t, env, "passkeys", "list")
	settings := filepath.Join(t.TempDir(), "settings.yml")
	require.NoError(t, os.WriteFile(settings, []byte(list), 0o600))
	pinned := append(env, "VENNIO_MCP_SETTINGS="+settings)
	for _, args := range [][]string{{"passkeys", "add", "--name", "Eve"}, {"passkeys", "remove", phone.id()}, {"passkeys", "remove", phone.id(), "--lost"}} {
		code, shown := inTerminal(t, pinned, args...)
		assert.Equal(t, 2, code, args)
		assert.Contains(t, shown, "the settings file lists the passkeys of this tenant", args)
	}

	// Without the company's settings, somebody claims that the device is lost.
	code, shown := inTerminal(t, env, "passkeys", "remove", phone.id(), "--lost")
	require.Zero(t, code, shown)
	_, out, _ := run(t, env, "passkeys", "list")
	assert.Contains(t, out, "ATTENTION: "+phone.id()+` of "Ada Byron" was removed without a signature`)
	eve := newDevice(t)
	eve.adds(env, nil, "--name", "Ada Byron")
	_, out, _ = run(t, env, "passkeys", "list")
	assert.Contains(t, out, "ATTENTION: added without a signature")
	_, out, _ = run(t, env, "ledger", "verify")
	assert.Equal(t, 2, strings.Count(out, "Attention: entry "), out)

	c := converse(t, pinned)
	booking := c.booking()
	page := link.FindString(c.call("book_slot", booking).Text)
	status, _ := eve.answers(page, "approve")
	assert.Equal(t, http.StatusForbidden, status, "pinned passkeys are the only ones")
	status, _ = phone.answers(page, "approve")
	assert.Equal(t, http.StatusOK, status)
	code, out, errs := run(t, pinned, "ledger", "verify")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "Signatures by passkeys: 1, all valid.")

	// The agent writes with its own settings: the company's verification finds it.
	own := converse(t, append(env, "VENNIO_CONSENT=attested"))
	require.Equal(t, "confirmed", own.call("book_slot", own.booking()).Data.Status)
	code, _, errs = run(t, pinned, "ledger", "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "consents without a signature, although the policy is signed: 1.")
	theirs := converse(t, append(env, "VENNIO_CONSENT=signed"))
	page = link.FindString(theirs.call("book_slot", theirs.booking()).Text)
	status, _ = eve.answers(page, "approve")
	require.Equal(t, http.StatusOK, status)
	code, _, errs = run(t, pinned, "ledger", "verify")
	assert.Equal(t, 1, code)
	assert.Contains(t, errs, "its signature is by a passkey that the tenant did not have")
}

// req: C12
// field: process that is killed between signature and write
// What was signed is recorded or not at all; a recorded approval is executed by another process.
func TestReq_C12_KilledBetweenSignatureAndWrite(t *testing.T) {
	t.Parallel()
	env, vennio := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	c := converse(t, env)
	booking := c.booking()
	address := link.FindString(c.call("book_slot", booking).Text)
	control(t, vennio+"/_sandbox/hold", "{}")
	form := ada.signed(address, "approve")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resp, err := http.PostForm(address, form) //nolint:noctx // it ends with the process
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	require.Eventually(t, func() bool {
		_, out, _ := run(t, env, "ledger", "list", "--json")
		return strings.Contains(out, `"kind":"sent"`)
	}, patience, 200*time.Millisecond)
	require.NoError(t, c.cmd.Process.Kill())
	<-ended
	control(t, vennio+"/_sandbox/release", "{}")
	again := converse(t, env).call("book_slot", booking)
	assert.Equal(t, "confirmed", again.Data.Status, again.Text)
	assert.Equal(t, "signed with a passkey", again.Data.Consent.Method)
	assert.Equal(t, "1", writesAt(t, vennio))
	_, out, _ := run(t, env, "ledger", "verify")
	assert.Contains(t, out, "Signatures by passkeys: 1, all valid.")
}

// req: C13. One line of ledger export has everything from which the signed challenge is built.
func TestReq_C13_AnExportedSignatureHasEverything(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t, "VENNIO_CONSENT=signed")
	ada := newDevice(t)
	ada.adds(env, nil, "--name", "Ada Byron")
	c := converse(t, env)
	status, _ := ada.answers(link.FindString(c.call("book_slot", c.booking()).Text), "approve")
	require.Equal(t, http.StatusOK, status)
	_, out, _ := run(t, env, "ledger", "export")
	for line := range strings.Lines(out) {
		var entry struct{ Kind, Details string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		if entry.Kind != "approved" {
			continue
		}
		var d struct {
			Act, Proposal string
			Signature     struct {
				Credential, Nonce, Subject, Expires string
				ClientData                          string `json:"client_data"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(entry.Details), &d))
		client, err := base64.RawURLEncoding.DecodeString(d.Signature.ClientData)
		require.NoError(t, err)
		text := strings.Join([]string{"vennio-mcp passkey v1", "approve", sha256Hex(d.Act), d.Proposal, d.Signature.Expires, d.Signature.Nonce}, "\n")
		assert.Contains(t, string(client), `"challenge":"`+challengeOf(text)+`"`)
		return
	}
	assert.Fail(t, "no approval was exported")
}

func sha256Hex(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func challengeOf(text string) string {
	hash := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// field: id of a passkey that begins with a dash, as one in 64 does
func TestAnIDThatBeginsWithADashIsNoFlag(t *testing.T) {
	t.Parallel()
	env, _ := humanEnv(t)
	for _, id := range []string{"-yvc8zh0U0UO3PIOZkgTiKImJMTSlxM5BzdZ9D8k83E", "--c8zh0U0UO3PIOZkgTiKImJMTSlxM5BzdZ9D8k83E", "AAAAAAAAAAAAAAAAAAAAAA"} {
		for _, args := range [][]string{{id, "--lost"}, {"--lost", id}, {"--lost", "--", id}, {id}} {
			code, shown := inTerminal(t, env, append([]string{"passkeys", "remove"}, args...)...)
			assert.Equal(t, 2, code, args)
			assert.Contains(t, shown, "no passkey has the id", args)
		}
	}
	_, _, errs := run(t, env, "passkeys", "remove", "--an-unknown-flag")
	assert.Contains(t, errs, "unknown flag")
}
