package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memory is a Storage for tests. What it stores has gone through JSON, as on a disk.
type memory struct {
	mu       sync.Mutex
	revision string
	account  []byte
	fails    error // of the next updates, after change was called
}

func (m *memory) Load(known string) (string, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision == known {
		return known, nil, nil
	}
	return m.revision, m.account, nil
}

func (m *memory) Update(known string, change func(string, []byte) ([]byte, error)) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	account := m.account
	if m.revision == known {
		account = nil
	}
	changed, err := change(m.revision, account)
	if err == nil {
		err = m.fails
	}
	if err == nil && changed != nil {
		m.revision, m.account = m.revision+"+", changed
	}
	return m.revision, err
}

var fixed = time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)

// stored returns a server on a storage, as another process would have it.
func stored(m *memory, now time.Time) *Server {
	return New(Options{Now: func() time.Time { return now }, Storage: m, Seed: 1})
}

func send(s *Server, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+DefaultKey())
	if key != "" {
		r.Header.Set(idempotencyHeader, key)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

const tomorrowAtTwo = `{"business_id":"619c8492-3849-4201-abd3-6d668d3f30b3","customer_email":"gwen@example.org","start_time":"2026-05-14T14:30:00Z","end_time":"2026-05-14T15:00:00Z"}`

// fill sets everything in v to something other than its zero value. It fails on what JSON would lose.
func fill(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(fixed))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), path)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			require.True(t, f.IsExported(), "%s.%s is not exported: it would not be stored", path, f.Name)
			fill(t, v.Field(i), path+"."+f.Name)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), path)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(t, value, path)
		key := reflect.New(v.Type().Key()).Elem()
		fill(t, key, path)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Interface: // any value in metadata
		v.Set(reflect.ValueOf("text"))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	default:
		require.Fail(t, "fill does not know how to fill "+path)
	}
}

func TestEveryFieldOfTheAccountIsStored(t *testing.T) {
	t.Parallel()
	var full accountData
	fill(t, reflect.ValueOf(&full).Elem(), "accountData")
	raw, err := json.Marshal(full)
	require.NoError(t, err)
	again, err := decodeAccount(raw)
	require.NoError(t, err)
	assert.Equal(t, &full, again)
}

// field: state of the sandbox that parses but is incomplete
func TestAnIncompleteAccountIsRefused(t *testing.T) {
	t.Parallel()
	whole, err := json.Marshal(newAccount(fixed))
	require.NoError(t, err)
	_, err = decodeAccount(whole)
	require.NoError(t, err)
	for _, raw := range []string{
		"", "null", "{}", "[]", string(whole) + "}", string(whole) + "{}", strings.Replace(string(whole), `"Bookings":null`, `"Bookings":[null]`, 1),
		strings.Replace(string(whole), `"Checkouts":{}`, `"Checkouts":{"x":null}`, 1),
	} {
		_, err := decodeAccount([]byte(raw))
		require.ErrorContains(t, err, "sandbox reset", raw)
	}
}

// What a handler changed before it panicked is not stored by the next call.
func TestAPanicChangesNothing(t *testing.T) {
	t.Parallel()
	s := stored(new(memory), fixed)
	require.Equal(t, http.StatusCreated, send(s, "POST", "/v1/bookings", "k1", tomorrowAtTwo).Code)
	require.Panics(t, func() {
		_ = s.change(func() bool {
			s.data.Bookings = nil
			panic("a mistake in a handler")
		})
	})
	assert.Len(t, s.Bookings(), 1)
}

// field: real API key sent to the sandbox
func TestNoAPIKeyIsStored(t *testing.T) {
	t.Parallel()
	const key = "vennio_sk_live_c4n4ry"
	m := new(memory)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/bookings", strings.NewReader(tomorrowAtTwo))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set(idempotencyHeader, "k1")
	w := httptest.NewRecorder()
	stored(m, fixed).ServeHTTP(w, r)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	assert.NotContains(t, string(m.account), key)
	assert.NotContains(t, string(m.account), "c4n4ry")
}

// A field of Server is lost when the process ends, and no other process sees it.
func TestNothingOfTheAccountIsAFieldOfServer(t *testing.T) {
	t.Parallel()
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Server]()) {
		fields = append(fields, f.Name)
	}
	assert.Equal(t, []string{
		"now", "wait", "seed", "limit", "started", "mux", "publicURL", "dispatcher", "storage", "mu", "data", "revision",
		"calls", "writes", "log", "faults", "holds", "releases", "hideDescriptions", "inProgress", "outbox", "duplicates", "quotas",
	}, fields, "does the new field belong to the account? Then it must be a field of accountData; otherwise add it here")
}

func TestServersShareAStorage(t *testing.T) {
	t.Parallel()
	m := new(memory)
	one, two := stored(m, fixed), stored(m, fixed)
	require.Equal(t, http.StatusOK, send(two, "GET", "/v1/bookings", "", "").Code) // it has now read the empty account
	made := send(one, "POST", "/v1/bookings", "k1", tomorrowAtTwo)
	require.Equal(t, http.StatusCreated, made.Code, made.Body)
	require.Len(t, two.Bookings(), 1)
	assert.Equal(t, one.Bookings(), two.Bookings())

	replayed := send(two, "POST", "/v1/bookings", "k1", tomorrowAtTwo)
	assert.Equal(t, made.Body.String(), replayed.Body.String())
	assert.Equal(t, "true", replayed.Header().Get(replayHeader))
	assert.Equal(t, http.StatusConflict, send(two, "POST", "/v1/bookings", "k2", tomorrowAtTwo).Code, "the time is taken")

	id := one.Bookings()[0].ID
	require.NoError(t, two.Cancel(id))
	assert.Equal(t, statusCancelled, one.Bookings()[0].Status)
	again := send(one, "POST", "/v1/bookings", "k3", tomorrowAtTwo)
	require.Equal(t, http.StatusCreated, again.Code, again.Body)
	assert.Len(t, stored(m, fixed).Bookings(), 2, "a restart loses nothing")
	assert.NotEqual(t, id, one.Bookings()[1].ID)
}

// req: Q1
func TestAnOldAccountIsStillUsable(t *testing.T) {
	t.Parallel()
	m := new(memory)
	require.Equal(t, http.StatusCreated, send(stored(m, fixed), "POST", "/v1/bookings", "", tomorrowAtTwo).Code)
	later := stored(m, fixed.AddDate(0, 0, 60))
	w := send(later, "GET", "/v1/availability/slots?duration=30&from=2026-07-13T00:00:00Z&to=2026-07-15T00:00:00Z", "", "")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Contains(t, w.Body.String(), `"start":"2026-07-13T`)
	require.Len(t, later.Bookings(), 1)
	assert.Equal(t, statusConfirmed, later.Bookings()[0].Status)
}

func TestOneOfManyGetsTheSlot(t *testing.T) {
	t.Parallel()
	m := new(memory)
	codes := make([]int, 8)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() { codes[i] = send(stored(m, fixed), "POST", "/v1/bookings", "", tomorrowAtTwo).Code })
	}
	all.Wait()
	won := 0
	for _, code := range codes {
		if code == http.StatusCreated {
			won++
			continue
		}
		assert.Equal(t, http.StatusConflict, code)
	}
	assert.Equal(t, 1, won)
}

func TestAnAccountThatCannotBeStoredIsNotChanged(t *testing.T) {
	t.Parallel()
	m := &memory{fails: errors.New("the disk is full")}
	s := stored(m, fixed)
	w := send(s, "POST", "/v1/bookings", "k", tomorrowAtTwo)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Contains(t, w.Body.String(), "the disk is full")
	assert.Empty(t, s.Bookings())
	m.fails = nil
	assert.Equal(t, http.StatusCreated, send(s, "POST", "/v1/bookings", "k", tomorrowAtTwo).Code, "the same key may be used again")
}

func TestDamagedAndNewerAccountsAreRefused(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]string{"damaged": `{"Bookings":[{`, "newer": `{"Proposals2":[]}`, "empty": ""} {
		m := &memory{revision: "1", account: []byte(account)}
		s := stored(m, fixed)
		for _, w := range []*httptest.ResponseRecorder{send(s, "GET", "/v1/bookings", "", ""), send(s, "POST", "/v1/bookings", "", tomorrowAtTwo)} {
			assert.Equal(t, http.StatusServiceUnavailable, w.Code, name)
			assert.Contains(t, w.Body.String(), "damaged, or a newer version", name)
		}
		assert.Equal(t, account, string(m.account), "%s: it is not overwritten", name)
		m.revision, m.account = "", nil // reset
		assert.Equal(t, http.StatusCreated, send(s, "POST", "/v1/bookings", "", tomorrowAtTwo).Code, name)
	}
}

// A proposal, its votes and its used invitations are part of the account.
func TestServersShareProposals(t *testing.T) {
	t.Parallel()
	m := new(memory)
	one, two := stored(m, fixed), stored(m, fixed)
	slots := `"slots":[{"start":"2026-05-20T09:00:00Z","end":"2026-05-20T10:00:00Z"}]`
	require.Equal(t, http.StatusCreated, send(one, "POST", "/v1/proposals", "k1", `{"mode":"poll","metadata":{"price":5},"participant_emails":["a@example.org","b@example.org"],`+slots+`}`).Code)
	require.Equal(t, http.StatusCreated, send(one, "POST", "/v1/proposals", "k2", `{"participant_ids":["619c8492-3849-4201-abd3-6d668d3f30b3"],`+slots+`}`).Code)
	assert.Equal(t, one.Invitations(), two.Invitations())
	assert.Equal(t, send(one, "GET", "/v1/proposals", "", "").Body.String(), send(two, "GET", "/v1/proposals", "", "").Body.String())

	p := two.data.Proposals[1]
	two.Disconnect("alice@example.com")
	link := p.Participants[0].Link
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/proposals/"+p.ID+"/response",
		strings.NewReader(`{"action":"accept","selected_slot_id":"`+p.Slots[0].ID+`","token":"`+link[strings.LastIndex(link, "/")+1:]+`"}`))
	w := httptest.NewRecorder()
	two.ServeHTTP(w, r)
	require.Equal(t, http.StatusBadGateway, w.Code, w.Body)
	assert.True(t, one.Invitations()[2].Used, "also by a response that fails")
}
