package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vennio-mcp/vennio-mcp/internal/auth"
	"github.com/vennio-mcp/vennio-mcp/internal/slots"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb"
	"github.com/vennio-mcp/vennio-mcp/internal/sqldb/storetest"
	"github.com/vennio-mcp/vennio-mcp/internal/tenant"
	"github.com/vennio-mcp/vennio-mcp/vennioclient"
	"github.com/vennio-mcp/vennio-mcp/vennioclient/sandbox"
)

const (
	bookers       = 8                    // concurrent callers, and tenants
	networkDelay  = 2 * time.Millisecond // added to each round trip to PostgreSQL
	bookingRounds = 5
	bookingSpan   = 3 * time.Second // of each series in a round
	signingSecret = "a secret of the bench"
)

// ledgerSize is a number of entries in a ledger that was there before, and its effect.
type ledgerSize struct {
	entries  int
	bookings *series // by all bookers, of one tenant
	rows     float64 // that the database read for a booking
	bytes    float64 // of the database for a booking

	postgres, sqlite verification
}

// verification is the cost of `vennio-mcp ledger verify`.
type verification struct {
	took, processor time.Duration // processor: in vennio-mcp
	memory          float64       // the peak of the resident set in bytes
}

// ledgerReport holds the results of the step "ledger".
type ledgerReport struct {
	one, sameTenant, tenants *series
	roundTrips, locked       float64 // of a booking
	program, server          figures // seconds of a processor for a booking
	wal                      float64 // bytes of the write-ahead log for a booking
	sizes                    []*ledgerSize
}

// measureLedger measures bookings on PostgreSQL through a slow network, and ledgers of several sizes.
func (r *report) measureLedger(ctx context.Context, s *environment, o options) (err error) {
	o.rounds, o.span, o.calls = bookingRounds, bookingSpan, 1_000_000
	server, err := storetest.Start(ctx, "") // with durable commits
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	b := &bookingBench{environment: s, server: server, settings: filepath.Join(s.home, "tenants.yml")}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r.ledger = &ledgerReport{}
	for _, entries := range o.ledgerSizes() {
		r.ledger.sizes = append(r.ledger.sizes, &ledgerSize{entries: entries})
	}
	return errors.Join(b.measureCallers(ctx, r.ledger, o), b.measureSizes(ctx, r.ledger.sizes, o))
}

// ledgerSizes returns the numbers of entries: none, a tenth, and all of those that were asked for.
func (o options) ledgerSizes() []int { return slices.Compact([]int{0, o.entries / 10, o.entries}) }

// bookingBench makes bookings with programs on a PostgreSQL server.
type bookingBench struct {
	environment *environment
	server      *storetest.Server
	settings    string   // the settings file, with the tenants
	tokens      []string // of one caller of each tenant
	signers     []*slots.Signer
	free        []slots.Offer
	used        atomic.Int64 // of the free ones
}

// prepare writes the settings of the tenants and reads the free times at Vennio.
func (b *bookingBench) prepare(ctx context.Context) error {
	var tenants, tokens strings.Builder
	for i := range bookers {
		name, token := fmt.Sprint("tenant-", i), auth.NewToken()
		realm := tenant.NewIdentity(name, b.environment.vennioURL(), "").Realm
		b.tokens = append(b.tokens, token)
		b.signers = append(b.signers, slots.NewSigner(tenant.NewKeyring([]byte(signingSecret)), realm, time.Now))
		fmt.Fprintf(&tenants, "  - {name: %s, api_key: %s}\n", name, sandbox.DefaultKey())
		fmt.Fprintf(&tokens, "  - {name: caller-%d, hash: %q, tenant: %s}\n", i, auth.HashOf(token), name)
	}
	if err := os.WriteFile(b.settings, []byte("tenants:\n"+tenants.String()+"tokens:\n"+tokens.String()), 0o600); err != nil {
		return err
	}
	client, err := vennioclient.New(sandbox.DefaultKey(), vennioclient.WithBaseURL(b.environment.vennioURL()))
	if err != nil {
		return err
	}
	const length = 15 * time.Minute
	for _, host := range sandbox.Hosts()[:2] { // the third charges, the fourth has no calendar
		found, err := client.Slots(ctx, vennioclient.SlotsQuery{
			Hosts: []string{host.ID}, Duration: length, Interval: length, Timezone: host.Timezone,
			From: time.Now().Add(time.Hour), To: time.Now().AddDate(1, 0, 0),
		})
		if err != nil {
			return err
		}
		for _, slot := range found {
			b.free = append(b.free, slots.Offer{Start: slot.Start, Duration: length, Hosts: []string{host.ID}, Zone: host.Timezone})
		}
	}
	return nil
}

// program returns vennio-mcp with a database.
func (b *bookingBench) program(database string) program {
	env := append(b.environment.withVennio(), "VENNIO_CONSENT=attested", "VENNIO_SIGNING_SECRET="+signingSecret,
		"VENNIO_MCP_SETTINGS="+b.settings, "VENNIO_MCP_RATE=off", "VENNIO_MCP_RATE_ALL=off", "VENNIO_MCP_DATABASE_URL="+database)
	return program{path: b.environment.ours, env: env}
}

// target returns a program whose callers book: all with the token of one tenant, or each with the token of another.
func (b *bookingBench) target(name, url string, oneTenant bool) target {
	w := newHTTPClient(url)
	return target{name, func(ctx context.Context, caller int) error {
		if oneTenant {
			caller = 0
		}
		return b.book(ctx, w, caller)
	}}
}

// book books the next free time for a tenant.
func (b *bookingBench) book(ctx context.Context, w *httpClient, number int) error {
	n := int(b.used.Add(1)) - 1
	if n >= len(b.free) {
		return fmt.Errorf("all %d free times are booked", len(b.free))
	}
	offer := b.free[n]
	id, err := b.signers[number].Sign(offer)
	if err != nil {
		return err
	}
	const arguments = `{"slot_id":%q,"title":"Intro","hosts":[%q],"attendees":[{"email":"ada@example.com","name":"Ada"}],` +
		`"consent":{"granted":true,"given_by":"Ada","statement":"Yes"}}`
	body, err := w.callStateless(ctx, "book_slot", fmt.Sprintf(arguments, id, offer.Hosts[0]), map[string]string{"Authorization": "Bearer " + b.tokens[number]})
	if err == nil && !bytes.Contains(body, []byte(`"status":"confirmed"`)) {
		err = fmt.Errorf("not booked: %.500s", body)
	}
	return err
}

// measureCallers compares one caller with several, of one tenant and of several.
func (b *bookingBench) measureCallers(ctx context.Context, l *ledgerReport, o options) (err error) {
	c := &fleet{environment: b.environment}
	defer c.close()
	database, err := storetest.Create(ctx, b.server.URL("postgres"))
	if err != nil {
		return err
	}
	proxy, err := storetest.NewProxy(ctx, database, networkDelay)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()
	started, err := c.startListening(ctx, b.program(proxy.URL(database)).with("serve", "--addr", "127.0.0.1:0"))
	if err != nil {
		return err
	}
	oneTenant := b.target("one tenant", started.url, true)
	l.one, l.sameTenant = &series{target: oneTenant, callers: 1}, &series{target: oneTenant, callers: bookers}
	l.tenants = &series{target: b.target("a tenant each", started.url, false), callers: bookers}
	if err := measureAll(ctx, []*series{l.one, l.sameTenant, l.tenants}, o); err != nil {
		return err
	}
	return errors.Join(b.countRoundTrips(ctx, l, proxy), b.measureCost(ctx, l, started, database, o))
}

// measureCost measures what bookings of several callers use up.
func (b *bookingBench) measureCost(ctx context.Context, l *ledgerReport, started *child, database string, o options) error {
	server, err := b.server.Process()
	if err != nil {
		return err
	}
	before, err := countersOf(ctx, database)
	if err != nil {
		return err
	}
	for range o.rounds {
		from := b.used.Load()
		program, all := processorTime(started.cmd.Process.Pid), processorTime(server)
		if _, err := load(ctx, l.tenants.target, l.tenants.callers, o); err != nil {
			return err
		}
		bookings := float64(b.used.Load() - from)
		l.program = append(l.program, (processorTime(started.cmd.Process.Pid)-program).Seconds()/bookings)
		l.server = append(l.server, (processorTime(server)-all).Seconds()/bookings)
	}
	after, err := countersOf(ctx, database)
	l.wal = (after.wal - before.wal) / (after.bookings - before.bookings)
	return err
}

// countRoundTrips makes a few bookings in turn.
func (b *bookingBench) countRoundTrips(ctx context.Context, l *ledgerReport, proxy *storetest.Proxy) error {
	const bookings = 20
	proxy.Transactions()
	for range bookings {
		if err := l.one.call(ctx, 0); err != nil {
			return err
		}
	}
	for _, t := range proxy.Transactions() {
		if text := strings.Join(t.Statements, "\n"); strings.Contains(text, "INTO seals") || strings.Contains(text, "river_") {
			continue // work in the background
		}
		l.roundTrips += float64(t.RoundTrips) / bookings
		l.locked += float64(t.Locked) / bookings
	}
	return nil
}

// measureSizes fills a database for each size, verifies it, and measures bookings.
func (b *bookingBench) measureSizes(ctx context.Context, sizes []*ledgerSize, o options) error {
	c := &fleet{environment: b.environment}
	defer c.close()
	var all []*series
	databases := make([]string, len(sizes))
	for i, size := range sizes {
		var err error
		if databases[i], err = storetest.Create(ctx, b.server.URL("postgres")); err != nil {
			return err
		}
		if err := b.fill(ctx, size, databases[i]); err != nil {
			return err
		}
		if err := b.countRows(ctx, size, databases[i]); err != nil {
			return err
		}
	}
	before := make([]databaseCounters, len(sizes))
	for i, size := range sizes {
		var err error
		if before[i], err = countersOf(ctx, databases[i]); err != nil {
			return err
		}
		proxy, err := storetest.NewProxy(ctx, databases[i], networkDelay)
		if err != nil {
			return err
		}
		defer func() { _ = proxy.Close() }()
		started, err := c.startListening(ctx, b.program(proxy.URL(databases[i])).with("serve", "--addr", "127.0.0.1:0"))
		if err != nil {
			return err
		}
		size.bookings = &series{target: b.target(fmt.Sprintf("%d entries", size.entries), started.url, true), callers: bookers}
		all = append(all, size.bookings)
	}
	if err := measureAll(ctx, all, o); err != nil {
		return err
	}
	for i, size := range sizes {
		after, err := countersOf(ctx, databases[i])
		if err != nil {
			return err
		}
		size.bytes = (after.bytes - before[i].bytes) / (after.bookings - before[i].bookings)
	}
	return nil
}

// countRows counts the rows that the database reads for a booking: first a small number of bookings, so that the empty
// ledger remains a small one.
func (b *bookingBench) countRows(ctx context.Context, size *ledgerSize, database string) error {
	const bookings = 20
	before, err := countersOf(ctx, database)
	if err != nil {
		return err
	}
	c := &fleet{environment: b.environment}
	defer c.close()
	started, err := c.startListening(ctx, b.program(database).with("serve", "--addr", "127.0.0.1:0"))
	if err != nil {
		return err
	}
	book := b.target("rows", started.url, true)
	for range bookings {
		if err := book.call(ctx, 0); err != nil {
			return err
		}
	}
	c.close()
	for { // a connection that ends adds what it has read to the counters
		after, err := countersOf(ctx, database)
		if err != nil {
			return err
		}
		if after.connections == 0 {
			size.rows = (after.rows - before.rows) / bookings
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// databaseCounters are counters of a PostgreSQL database. The number of bookings is estimated, because counting reads
// all rows. connections are those of others.
type databaseCounters struct{ rows, bytes, bookings, wal, connections float64 }

func (d *databaseCounters) columns() []any {
	return []any{&d.rows, &d.bytes, &d.bookings, &d.wal, &d.connections}
}

func countersOf(ctx context.Context, database string) (found databaseCounters, err error) {
	db := sqldb.Open(database + "&application_name=bench")
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Read(ctx, func(tx *sqldb.Tx) error {
		counted, err := sqldb.One(tx, (*databaseCounters).columns, `SELECT 
			(SELECT SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0))::float8 FROM pg_stat_user_tables
				WHERE relname IN ('acts', 'entries', 'details', 'seals', 'head', 'proposals', 'grants', 'sends', 'sent_bookings')),
			pg_database_size(current_database())::float8, (SELECT COALESCE(MAX(seq), 0)::float8 / `+strconv.Itoa(entriesOfBooking)+` FROM entries), (pg_current_wal_lsn() - '0/0')::float8,
			(SELECT count(*)::float8 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND application_name = 'vennio-mcp')`)
		if err == nil {
			found = *counted
		}
		return err
	})
	return found, err
}

// fill fills a database, and an SQLite one of the same size, and verifies both.
func (b *bookingBench) fill(ctx context.Context, size *ledgerSize, database string) error {
	folder := filepath.Join(b.environment.home, fmt.Sprint("ledger-", size.entries))
	for _, one := range []struct {
		where string
		into  *verification
		p     program
	}{
		{database, &size.postgres, b.program(database)},
		{folder, &size.sqlite, program{path: b.environment.ours, env: append(b.environment.withVennio(), "VENNIO_STATE_DIR="+folder)}},
	} {
		fmt.Fprintf(os.Stderr, "bench: writing %d entries\n", size.entries)
		if err := fillLedger(ctx, one.where, size.entries); err != nil {
			return fmt.Errorf("write %d entries: %w", size.entries, err)
		}
		if size.entries == 0 {
			continue
		}
		if err := one.into.run(ctx, b.environment, one.p); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "bench: verified in %s\n", one.into.took.Round(time.Second))
	}
	return nil
}

// run runs `vennio-mcp ledger verify`.
func (v *verification) run(ctx context.Context, s *environment, p program) error {
	began := time.Now()
	var errs bytes.Buffer
	c, err := s.spawn(ctx, &errs, p.with("ledger", "verify"))
	if err != nil {
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, c.out)
	}()
	for running := true; running; {
		v.memory = max(v.memory, float64(c.memory()))
		select {
		case <-time.After(20 * time.Millisecond):
		case <-read:
			running = false
		}
	}
	if err := c.finish(); err != nil {
		return fmt.Errorf("ledger verify: %w: %.500s", err, &errs)
	}
	v.took, v.processor = time.Since(began), c.cmd.ProcessState.UserTime()+c.cmd.ProcessState.SystemTime()
	return nil
}

// writeLedger writes the tables of docs/operations/scaling.md.
func (r *report) writeLedger(w io.Writer) {
	l := r.ledger
	heading(w, "Bookings and the ledger")
	_, _ = fmt.Fprintf(w, "PostgreSQL with durable commits, %s added to each round trip. Medians of %d rounds of %s, interleaved.\n\n", networkDelay, bookingRounds, bookingSpan)
	header(w, "", "bookings/s", "× one caller", "p50", "p99")
	for _, m := range []struct {
		name string
		*series
	}{{"1 caller", l.one}, {fmt.Sprintf("%d callers of one tenant", bookers), l.sameTenant}, {fmt.Sprintf("%d callers of %d tenants", bookers, bookers), l.tenants}} {
		line(w, m.name, fmt.Sprintf("%.1f", m.rate.median()), m.ratioTo(l.one), formatSeconds(m.median.median()), formatSeconds(m.worst.median()))
	}
	_, _ = fmt.Fprintf(w, "\nA booking takes %.1f round trips, %.1f of them under a lock, %s of a processor in vennio-mcp and %s in PostgreSQL, and %.1f KB of the write-ahead log.\n\n",
		l.roundTrips, l.locked, formatSeconds(l.program.median()), formatSeconds(l.server.median()), l.wal/1000)
	header(w, "entries before", fmt.Sprintf("bookings/s, %d callers", bookers), "rows read for a booking", "bytes for a booking",
		"`ledger verify`, PostgreSQL", "of a processor", "peak memory", "SQLite", "of a processor", "peak memory")
	for _, size := range l.sizes {
		cells := []string{fmt.Sprint(size.entries), size.bookings.rate.medianWithQuartiles(), fmt.Sprintf("%.1f", size.rows), fmt.Sprintf("%.0f", size.bytes)}
		for _, v := range []verification{size.postgres, size.sqlite} {
			if v.took == 0 {
				cells = append(cells, "", "", "")
				continue
			}
			cells = append(cells, fmt.Sprintf("%.1f s", v.took.Seconds()), fmt.Sprintf("%.1f s", v.processor.Seconds()), fmt.Sprintf("%.0f MB", v.memory/megabyte))
		}
		line(w, cells...)
	}
}
