// Package webhooks is the inbox of what Vennio tells by webhook, and what follows
// from it.
//
// [Office.Handler] checks the signature over the raw bytes, stores the event and
// queues its follow-ups in one transaction, and answers only then. The same
// event twice is one event. Whatever follows happens apart from that answer, in
// [Office.Run]: each sink of the operator's hears of it, and where calendar access
// was revoked the open consents of that host are closed. A sink that fails is
// tried again (internal/jobs); in the end a dead letter waits for the operator.
//
// One event is the program's own: [Inbox.Request] queues, for the same sinks, that a
// request waits for a person.
//
// Each tenant has an Inbox of its own ([Office.Of]): its path, its secrets, its
// sinks, its events and dead letters. They share a store, a queue and the bounds
// of what deliveries cost, and nothing else.
//
// Every event stays for a week or longer, so that it can be listed, shown and
// replayed.
package webhooks
