// Package webhooks receives Vennio's webhook deliveries, stores the events, and carries out
// their follow-ups.
//
// [Service.Handler] verifies the signature of a delivery, stores the event and its follow-up
// tasks in one transaction, and only then answers. Two deliveries of the same event are one
// event. [Service.Run] carries out the tasks: it sends the event to each sink that the
// operator configured, and closes the open consents of a host whose calendar access was
// revoked. A failed task is tried again; in the end it becomes a dead letter. Tasks are jobs
// of River, which only dispatch.go and tasks.go import (docs/decisions/river.md).
//
// One type of event comes from this program: [Inbox.Request] queues, for the same sinks, that
// a request waits for a person's approval.
//
// Each tenant has an [Inbox] ([Service.Of]) with its own path, secrets, sinks, events and dead
// letters. The tenants share a database, the dispatcher and the limits of the receiver.
//
// Events are kept for a week or longer, so that they can be listed, shown and replayed.
package webhooks
