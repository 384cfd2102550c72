// Package consent decides whether a person has agreed to what is about to be
// written, keeps on record who agreed to what and what became of it, and
// derives from that agreement the key under which it is written.
//
// Consent to book is a person's yes to one booking. It has nothing to do with
// calendar access, Vennio's permission between people.
//
// # From question to outcome
//
// An [Act] is all that a person agrees to; change one thing and it is another
// act. [Ledger.Ask] puts it to a person, [Ledger.Answer] takes the answer,
// and a yes makes a [Grant]; [Ledger.Attest] makes one of what an agent reports.
// A grant lives [Life] and is used once: [Ledger.Send] says that its write goes
// out, before it does, and [Ledger.Settle] what became of it. A write of which
// nothing was heard can be sent again, under the same key; one known not to have
// happened cannot, and needs a new yes. Of the acts under one slot id at most
// one is ever sent.
//
// # How often people are asked
//
// [Ledger.Ask] keeps [AskLimits], and a refusal closes more than its act: the slot or booking that the
// act is about, for some time ([RefusedError]). Both are counted from the stored proposals, so that
// all processes of one store count alike.
//
// # What is proven, and what is forgotten
//
// Every change appends an entry to a ledger in the same transaction. Entries are
// chained by hashes and hold no personal data, only a salted commitment to the
// details, which are kept apart. So [Ledger.Erase] can delete a person's details
// and [Ledger.Verify] still prove that nothing else was changed, deleted or
// inserted. The records of acts, proposals, grants and attempts follow from the
// entries: Verify compares all of them, and a grant is compared before each
// sending, a proposal before each answer. With nobody's key in it, the ledger
// cannot show that all of it was written anew by whoever owns the file: for that,
// keep an [Ledger.Export], or its last hash, elsewhere.
package consent
