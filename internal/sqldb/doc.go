// Package sqldb keeps what must outlive the process: the signing secret, and,
// in one SQLite file or a PostgreSQL database, who was asked for what, who agreed
// and what became of it.
//
// It knows statements, not rules. What may follow what is decided by the
// callers, inside [DB.Write]; this package gives them a transaction that no
// other process can interleave with, and a schema that refuses the worst by
// itself: two live grants for one act, two acts sent under one slot id, a change
// to an entry of the ledger (migrations). Triggers keep the sums of bookings that
// a daily limit counts.
//
// Every statement on the way of a booking uses an index, so that what it costs
// does not depend on how many there were before; a test records the statements
// and reads their plans.
//
// The file is shared by every process of the same user: each stdio client
// starts a server of its own. Hence write-ahead logging, immediate write
// transactions, and a busy time-out (https://www.sqlite.org/wal.html,
// https://www.sqlite.org/lang_transaction.html).
//
// Nothing of database/sql leaves the package, save to the job engine
// (internal/jobs), which has tables of its own in the same database. All
// statements on ours are in it, and are the same for both databases; what differs
// between them is a kind: how to connect, how a writer excludes others, how
// values are numbered.
package sqldb
