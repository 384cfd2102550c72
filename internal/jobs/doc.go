// Package jobs carries out, sooner or later, what follows from a stored event:
// a [Task] is queued in the transaction that stores the event, tried up to
// [MaxTries] times with growing pauses, and kept as a dead letter when none
// succeeded. A task may be carried out more than once, never not at all.
//
// The engine is River (docs/decisions/river.md). Its tables stand beside ours in
// the same database and are made when first needed; no statement of ours touches
// them outside this package. Any process may queue, list and drop tasks. On
// SQLite one at a time, whoever holds the claim, carries them out; on PostgreSQL
// all do ([Queue.Work]).
package jobs
