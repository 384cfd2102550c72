package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/vennio-mcp/vennio-mcp/internal/doctor"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const doctorsCanary = "vennio_sk_live_c4n4ry"

// examined is what the doctor said, as people and as machines read it.
type examined struct {
	code     int
	text     string
	verdict  doctor.Level
	findings []doctor.Finding
}

// examine runs the doctor until Vennio has answered it within two seconds: a busy machine may need longer, which is a finding.
func examine(t *testing.T, env []string) (e examined) {
	t.Helper()
	for range 60 {
		e = examineOnce(t, env)
		if !slices.ContainsFunc(e.findings, func(f doctor.Finding) bool { return strings.Contains(f.Saw, "which is slow") }) && !strings.Contains(e.text, "which is slow") {
			return e
		}
	}
	require.FailNow(t, "Vennio never answered in time", e.text)
	return e
}

// examineOnce runs the doctor twice, for either reader, and looks for the key.
func examineOnce(t *testing.T, env []string) (e examined) {
	t.Helper()
	var errs, raw string
	e.code, e.text, errs = run(t, env, "doctor")
	_, raw, _ = run(t, env, "doctor", "--json")
	var said struct {
		Verdict  doctor.Level
		Findings []doctor.Finding
	}
	require.NoError(t, json.Unmarshal([]byte(raw), &said), raw+errs)
	e.verdict, e.findings = said.Verdict, said.Findings
	assert.NotContains(t, e.text+errs+raw, "c4n4ry", "req: E3")
	assert.Equal(t, e.verdict == doctor.Problem, e.code == 1, e.text)
	for _, f := range e.findings {
		words := strings.FieldsFunc(f.Saw, unicode.IsDigit)[0] // the two runs may measure different times
		assert.Contains(t, e.text, words[:min(len(words), 12)])
		assert.True(t, f.Level == doctor.OK || f.Do != "", "what to do about: %s", f.Saw)
	}
	return e
}

// says reports whether there is such a finding.
func (e examined) says(t *testing.T, level doctor.Level, check, saw string) {
	t.Helper()
	for _, f := range e.findings {
		if f.Level == level && f.Check == check && strings.Contains(f.Saw+" "+f.Do, saw) {
			return
		}
	}
	assert.Failf(t, "no such finding", "%s %s %q in\n%s", level, check, saw, e.text)
}

// toVennio is an environment whose Vennio is at url.
func toVennio(t *testing.T, url string, more ...string) []string {
	t.Helper()
	return clean(t, append([]string{"VENNIO_API_URL=" + url, "VENNIO_API_KEY=" + doctorsCanary, "VENNIO_HOSTS=Alice=" + sandbox.Hosts()[0].ID}, more...)...)
}

func TestReq_O3_TheDoctorFindsNothingWrong(t *testing.T) {
	t.Parallel()
	e := examine(t, clean(t))
	assert.Zero(t, e.code, e.text)
	assert.Equal(t, doctor.OK, e.verdict, e.text)
	e.says(t, doctor.OK, "key", "sandbox")
	e.says(t, doctor.OK, "store", "has not stored anything yet")

	env := toVennio(t, startSandboxProcess(t))
	well(t, env, "webhooks", "register", "--url", "https://a.example.com/webhooks/vennio")
	e = examine(t, env)
	assert.Zero(t, e.code, e.text)
	assert.Equal(t, doctor.OK, e.verdict, e.text)
	for check, saw := range map[string]string{
		"key": "live secret", "key age": "0 days", "address": "answers in", "clock": "of Vennio's", "scopes": "read bookings", "dialect": "reference is understood",
		"host": "Alice has free times", "time zones": "all load", "default zone": "Europe/London", "store": "nobody else", "consent ledger": "0 entries", "client": "no settings",
		"webhook": "to https://a.example.com/webhooks/vennio; no event so far",
	} {
		e.says(t, doctor.OK, check, saw)
	}
}

func TestTheDoctorOnKeys(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	examine(t, toVennio(t, vennio, "VENNIO_API_KEY="+doctorsCanary+"_revoked")).says(t, doctor.Problem, "scopes", "refuses the key (401")
	public := examine(t, toVennio(t, vennio, "VENNIO_API_KEY=vennio_pk_live_c4n4ry"))
	assert.Equal(t, doctor.Warning, public.verdict)
	public.says(t, doctor.Warning, "key", "live publishable")
	public.says(t, doctor.Warning, "scopes", "may not read bookings (it may: create:booking, read:availability)")
	public.says(t, doctor.OK, "host", "Alice has free times")
	old := examine(t, toVennio(t, vennio, "VENNIO_API_KEY_CREATED=2020-02-29"))
	old.says(t, doctor.Warning, "key age", "2020-02-29")
	assert.Zero(t, old.code, "a warning is no problem")
	homeless := examine(t, []string{"PATH=" + os.Getenv("PATH"), "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"), "VENNIO_API_URL=" + vennio, "VENNIO_API_KEY=" + doctorsCanary})
	homeless.says(t, doctor.Warning, "key age", "VENNIO_API_KEY_CREATED")
	homeless.says(t, doctor.Problem, "store", "no folder")
	homeless.says(t, doctor.Warning, "host", "none is set; this key can see Alice Marlow="+sandbox.Hosts()[0].ID)
	homeless.says(t, doctor.OK, "dialect", "reference is understood")
	examine(t, clean(t, "VENNIO_TIMEZONE=EST", "VENNIO_CONSENT=maybe")).says(t, doctor.Problem, "settings", "America/New_York")
}

// req: S12
// field: zone of the machine in doctor
func TestReq_S12_TheDoctorSaysWhereTheZoneComesFrom(t *testing.T) {
	t.Parallel()
	for tz, says := range map[string]string{
		"EST5EDT":                         "America/New_York, for calls that name none (from TZ)",
		":/usr/share/zoneinfo/Asia/Seoul": "Asia/Seoul, for calls that name none (from TZ)",
	} {
		examine(t, clean(t, "TZ="+tz)).says(t, doctor.OK, "default zone", says)
	}
	examine(t, clean(t, "VENNIO_TIMEZONE=Europe/Rome")).says(t, doctor.OK, "default zone", "Europe/Rome, for calls that name none (from VENNIO_TIMEZONE)")
	examine(t, clean(t, "TZ=")).says(t, doctor.Warning, "default zone", "UTC, for calls that name none (from TZ)")
	for _, tz := range []string{"CET-1CEST", "Nonsense"} {
		e := examine(t, clean(t, "TZ="+tz))
		e.says(t, doctor.Warning, "default zone", "TZ is \""+tz+"\"")
		e.says(t, doctor.Warning, "default zone", "Set VENNIO_TIMEZONE")
		assert.Equal(t, 1, strings.Count(e.text, "UTC is used"), "said once")
	}
}

func TestTheDoctorOnCalendars(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	hosts := "VENNIO_HOSTS=Dana=" + sandbox.Hosts()[3].ID + ",Nobody=00000000-0000-4000-8000-000000000000"
	e := examine(t, toVennio(t, vennio, hosts))
	e.says(t, doctor.Problem, "host", "the calendar of Dana is not connected")
	e.says(t, doctor.Problem, "host", "does not know Nobody")
	e.says(t, doctor.OK, "dialect", "was not refused")
}

// before is a proxy before the sandbox that changes what passes.
func before(t *testing.T, vennio string, refuse func(*http.Request) bool, change func(*http.Response) error) string {
	t.Helper()
	target, err := url.Parse(vennio)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = change
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuse(r) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"type":"https://api.vennio.app/errors/validation-error","title":"Bad","status":400,"detail":"unknown parameter","request_id":"req_7"}`))
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func never(*http.Request) bool { return false }

func TestTheDoctorOnClocks(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	for skew, want := range map[time.Duration]doctor.Level{0: doctor.OK, 30 * time.Second: doctor.Warning, -10 * time.Minute: doctor.Problem} {
		url := before(t, vennio, never, func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			return nil
		})
		e := examine(t, toVennio(t, url, "VENNIO_WEBHOOK_SECRET=whsec_c4n4ry"))
		assert.Equal(t, want, e.verdict, "%s: %s", skew, e.text)
	}
	url := before(t, vennio, never, func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		return nil
	})
	var said string
	for _, f := range examine(t, toVennio(t, url)).findings {
		if f.Check == doctor.CheckClock && f.Level == doctor.Problem {
			said = f.Saw
		}
	}
	assert.Regexp(t, `\b(9m5\d|10m\d+)s ahead of Vennio`, said, "the time of an answer on its way is not known exactly")
}

func TestTheDoctorOnDialects(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	same := func(*http.Response) error { return nil }
	guides := before(t, vennio, func(r *http.Request) bool { return r.URL.Query().Has("business_id") }, same)
	e := examine(t, toVennio(t, guides))
	e.says(t, doctor.Problem, "dialect", "VENNIO_API_DIALECT=guide")
	examine(t, toVennio(t, guides, "VENNIO_API_DIALECT=guide")).says(t, doctor.OK, "dialect", "guide is understood")
	neither := before(t, vennio, func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/availability") }, same)
	examine(t, toVennio(t, neither)).says(t, doctor.Problem, "dialect", "neither reference nor guide is understood there, request req_7")
}

func TestTheDoctorOnAddresses(t *testing.T) {
	t.Parallel()
	vennio := startSandboxProcess(t)
	control(t, vennio+"/_sandbox/fail", `{"n":99,"status":502}`)
	examine(t, toVennio(t, vennio)).says(t, doctor.Problem, "address", "with status 502")
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	examine(t, toVennio(t, secure.URL)).says(t, doctor.Problem, "address", "certificate of 127.0.0.1 is not trusted")
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(mute.Close)
	examine(t, toVennio(t, mute.URL, "VENNIO_TIMEOUT=100ms")).says(t, doctor.Problem, "address", "within 100ms")
	gone := examine(t, toVennio(t, "http://127.0.0.1:1"))
	if runtime.GOOS != "windows" { // where the refusal has another number
		gone.says(t, doctor.Problem, "address", "nothing listens")
	}
	gone.says(t, doctor.OK, "consent ledger", "0 entries")
}

func TestTheDoctorOnTheStore(t *testing.T) {
	t.Parallel()
	vennio, dir := startSandboxProcess(t), filepath.Join(t.TempDir(), "state")
	env := toVennio(t, vennio, "VENNIO_STATE_DIR="+dir)
	examine(t, env).says(t, doctor.OK, "store", "can be written")
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(dir, 0o755))
		require.NoError(t, os.Chmod(filepath.Join(dir, "vennio-mcp.db"), 0o644))
		examine(t, env).says(t, doctor.Warning, "store", "chmod -R go= "+dir)
	}
}

// field: damaged SQLite file
func TestTheDoctorOnADamagedStore(t *testing.T) {
	t.Parallel()
	vennio, dir := startSandboxProcess(t), filepath.Join(t.TempDir(), "state")
	env, file := toVennio(t, vennio, "VENNIO_STATE_DIR="+dir), filepath.Join(dir, "vennio-mcp.db")
	examine(t, env).says(t, doctor.OK, "store", "is undamaged and can be written")
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	with := func(from int, text string) []byte {
		return slices.Concat(whole[:from], []byte(text), whole[from+len(text):])
	}
	const page = 4096
	for name, raw := range map[string][]byte{
		"the header": with(0, "not SQLite"), "a page in the middle": with(len(whole)/page/2*page, strings.Repeat("\xff", page)), "cut in half": whole[:len(whole)/2], "empty": {},
		"a text": []byte(strings.Repeat("not a database", 100)),
	} {
		for _, suffix := range []string{"-wal", "-shm"} {
			_ = os.Remove(file + suffix)
		}
		require.NoError(t, os.WriteFile(file, raw, 0o600))
		e := examine(t, env)
		e.says(t, doctor.Problem, "store", "cannot be used")
		e.says(t, doctor.Problem, "store", "put vennio-mcp.db back from a backup")
		after, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, raw, after, "%s: what may be saved from it stays as it was", name)
	}
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	examine(t, env).says(t, doctor.OK, "consent ledger", "0 entries")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	examine(t, env).says(t, doctor.Problem, "store", "must be regular files")
	require.NoError(t, os.Remove(file))
	if os.Geteuid() > 0 { // root may write whatever the mode says, and Windows has none
		require.NoError(t, os.WriteFile(file, whole, 0o400))
		examine(t, env).says(t, doctor.Problem, "store", "Let the user of the server write")
		require.NoError(t, os.Chmod(file, 0))
		examine(t, env).says(t, doctor.Problem, "store", "belong to that user")
		require.NoError(t, os.Chmod(file, 0o600))
		require.NoError(t, os.Chmod(dir, 0o500))
		examine(t, env).says(t, doctor.Problem, "store", "cannot be used")
		require.NoError(t, os.Chmod(dir, 0o700))
	}
}

func TestTheDoctorOnClients(t *testing.T) {
	t.Parallel()
	env := clean(t)
	home := strings.TrimPrefix(env[0], "HOME=")
	program, err := binary()
	require.NoError(t, err)
	for path, text := range map[string]string{
		".cursor/mcp.json":                   `{"mcpServers":{"vennio":{"command":` + quoted(t, program) + `,"env":{"VENNIO_API_KEY":"` + doctorsCanary + `"}}}}`,
		".codex/config.toml":                 "[mcp_servers.vennio]\ncommand = \"/nowhere/vennio-mcp\"\n",
		".gemini/settings.json":              `{"theme":"dark"}`,
		".codeium/windsurf/mcp_config.json":  `{"mcpServers": c4n4ry`,
		".claude.json":                       `{"mcpServers":{"calendar":{"url":"http://127.0.0.1:8080/mcp"},"vennio":{"type":"http","url":"http://127.0.0.1:8080/mcp"}}}`,
		filepath.Join("unknown", "mcp.json"): `{}`,
	} {
		path = filepath.Join(home, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		require.NoError(t, os.Chmod(path, 0o644)) // whatever the umask is
	}
	e := examine(t, env)
	assert.Equal(t, 1, e.code)
	e.says(t, doctor.OK, "client", "Cursor: vennio starts")
	e.says(t, doctor.Problem, "client", `Codex: vennio starts "/nowhere/vennio-mcp", which does not exist`)
	e.says(t, doctor.OK, "client", "Gemini CLI: this server is not in its settings")
	e.says(t, doctor.Warning, "client", "Windsurf: ")
	e.says(t, doctor.OK, "client", "Claude Code: vennio is reached at http://127.0.0.1:8080/mcp")
	if runtime.GOOS != "windows" {
		e.says(t, doctor.Warning, "client", "Cursor: a Vennio key is in "+filepath.Join(home, ".cursor", "mcp.json"))
	}
	assert.NotContains(t, e.text, "Zed")
}

func quoted(t *testing.T, s string) string {
	t.Helper()
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	return string(raw)
}
