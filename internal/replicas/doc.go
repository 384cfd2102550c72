// Package replicas has no code of its own: its tests show what holds when several
// processes share one PostgreSQL database, with the real program, a real server,
// and processes that are killed. Run it with `make postgres`.
package replicas
