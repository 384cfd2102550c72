// Package sqldb opens the database in which the program stores what must outlive
// the process: one SQLite file, or a PostgreSQL database.
//
// It provides transactions, migrations and the database's clock, and knows no record.
// The package that owns a record has its type and its statements, as functions on a
// [Tx] with [One] and [All]. A transaction of [DB.Write] excludes all other writers,
// in this and in other processes. The schema (migrations) refuses the worst mistakes
// by itself: two live grants for one act, two acts sent under one slot id, a change
// to an entry of the ledger. Triggers maintain the sums of bookings that a daily limit
// counts.
//
// Every statement on the path of a booking uses an index, so that its cost does not
// depend on how many bookings are stored; a test records the statements and reads
// their plans.
//
// The file is shared by all processes of the same user, because each stdio client
// starts its own server. Hence write-ahead logging, immediate write transactions, and
// a busy timeout (https://www.sqlite.org/wal.html,
// https://www.sqlite.org/lang_transaction.html).
//
// Nothing of database/sql leaves the package, except to the job engine
// (internal/jobs), which has its own tables in the same database. All other statements
// are the same for both databases. A dialect implements the differences: how to
// connect, how a writer excludes others, how values are numbered.
package sqldb
