package schemas

import (
	"slices"
	"strings"

	"github.com/vennio-mcp/vennio-mcp/internal/times"
)

// This file is about the names of arguments: former names, names that clients add, and misspelt ones.

// aliases are former names of arguments, which are still accepted.
var aliases = map[string]string{"participants": "hosts"}

// wrappers are names under which clients send all arguments as one object.
var wrappers = []string{
	"arguments", "args", "params", "parameters", "input", "tool_input", "toolInput", "tool_args", "toolArgs",
	"function_args", "kwargs", "__arg1", "body", "data", "payload", "request", "query", "json",
}

// added are the arguments that clients add to every call, without case and punctuation. Names that
// begin with "_", such as _meta and _sessionID, need no entry.
//
//   - n8n, MCP client tool and AI agent: sessionId, action, chatInput, toolCallId, tool
//   - Cline and Roo Code: task_progress, task_id, requires_approval
//   - Cursor, for tools without parameters: random_string, explanation; for commands: is_background
//   - Windsurf and Antigravity: toolSummary, toolAction, waitForPreviousTools, waitMsBeforeAsync, SafeToAutoRun
//   - Letta: request_heartbeat, inner_thoughts
//   - OpenAI, Vercel and LangChain adapters: tool_call_id, callId, run_id, thread_id, runManager, config, callbacks, metadata, runtime, signal
//   - agents that reason in arguments: thought, thoughts, reasoning, rationale, justification, chain_of_thought, scratchpad
//   - others: requestId, conversationId, messageId, traceId, progressToken, dummy, placeholder
var added = setOf("toolCallId", "toolUseId", "toolName", "callId", "sessionId", "action", "chatInput", "chatId", "chatHistory",
	"task_progress", "taskId", "requiresApproval", "random_string", "randomString", "explanation",
	"requestId", "runId", "runManager", "threadId", "conversationId", "messageId", "traceId", "traceparent", "spanId", "correlationId",
	"invocationId", "executionId", "workflowId", "nodeId", "stepId", "jobId", "eventId", "turnId", "tabId", "windowId",
	"requestHeartbeat", "innerThoughts", "thoughtProcess", "chainOfThought", "scratchpad", "toolSummary", "toolAction", "toolTitle", "tool", "isBackground",
	"waitMsBeforeAsync", "safeToAutoRun", "runtime", "signal", "abortSignal", "cancellationToken", "toolContext", "recursionLimit", "$schema", "schema",
	"clientName", "serverName", "mcpServer", "serverId", "channelId", "agentId", "agentName", "userId", "clientId", "callbacks", "config", "metadata", "progressToken",
	"thought", "thoughts", "thinking", "reasoning", "rationale", "justification", "security_risk", "wait_for_previous", "waitForPreviousTools",
	"dummy", "placeholder", "noop")

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[fold(name)] = true
	}
	return set
}

// addedByClient reports whether a client added an argument that is not the model's. A misspelt
// argument of ours is not such an argument.
func addedByClient(s shape, name string) bool {
	if len(name) > longestName || s.has(name) || slices.ContainsFunc(s.Properties.names, func(ours string) bool { return fold(ours) == fold(name) }) {
		return false
	}
	return strings.HasPrefix(name, "_") || added[fold(name)]
}

// longestName is the length in bytes of the longest name that is compared with ours.
const longestName = 40

// otherWords are other words for arguments, and the arguments that they can mean, the likeliest first.
var otherWords = map[string][]string{
	"tz": {"timezone"}, "zone": {"timezone"}, "usertimezone": {"timezone"}, "mytimezone": {"timezone"},
	"guesttz": {"guest_timezone"}, "attendeetimezone": {"guest_timezone"},
	"duration": {"duration_minutes"}, "length": {"duration_minutes"}, "minutes": {"duration_minutes"}, "durationmins": {"duration_minutes"},
	"meetingduration": {"duration_minutes"}, "meetinglength": {"duration_minutes"}, "slotduration": {"duration_minutes"},
	"start": {"from", "earliest"}, "startdate": {"from"}, "startsat": {"from"}, "starttime": {"from", "start"}, "fromdate": {"from"}, "since": {"from"}, "after": {"from", "earliest"}, "from": {"start", "earliest"},
	"end": {"to", "latest"}, "enddate": {"to"}, "endtime": {"to", "end"}, "todate": {"to"}, "until": {"to", "latest"}, "before": {"to", "latest"}, "to": {"end", "latest"},
	"host": {"hosts"}, "hostname": {"hosts"}, "hostnames": {"hosts"}, "hostid": {"hosts"}, "hostids": {"hosts"}, "participant": {"hosts"}, "participants": {"hosts"},
	"maxresults": {"limit"}, "maxslots": {"limit"}, "count": {"limit"}, "max": {"limit"}, "pagesize": {"limit"},
	"preferences": {"prefer"}, "preference": {"prefer"}, "preferred": {"prefer"},
	"busytimes": {"busy"}, "unavailable": {"busy"}, "avoid": {"avoid_days"}, "day": {"days"}, "weekdays": {"days"}, "preferreddays": {"days"},
	"slot": {"slot_id"}, "booking": {"booking_id"}, "reschedule": {"reschedule_of"}, "rescheduling": {"reschedule_of"},
	"guests": {"attendees"}, "guest": {"attendees"}, "attendee": {"attendees"}, "invitees": {"attendees"}, "customer": {"attendees"},
	"subject": {"title"}, "summary": {"title"}, "topic": {"title"}, "meetingtitle": {"title"},
	"description": {"notes"}, "agenda": {"notes"}, "comment": {"notes"}, "comments": {"notes"},
	"recurrence": {"repeat"}, "recurring": {"repeat"}, "rrule": {"repeat"},
	"mail": {"email"}, "emailaddress": {"email"}, "address": {"email"}, "fullname": {"name"}, "displayname": {"name"},
	"agreed": {"granted"}, "approved": {"granted"}, "given": {"granted"}, "grantedby": {"given_by"}, "approvedby": {"given_by"}, "by": {"given_by"},
	"quote": {"statement"}, "words": {"statement"}, "inactive": {"include_inactive"}, "pagetoken": {"cursor"}, "nextcursor": {"cursor"}, "state": {"status"},
}

// Nearest returns the known name that a misspelt or synonymous name means: one that differs in case and
// punctuation, another word for it, or one with a typing error. It is empty if that is not certain.
func Nearest(name string, known []string) string {
	if len(name) > longestName {
		return ""
	}
	a := fold(name)
	for _, k := range known {
		if fold(k) == a {
			return k
		}
	}
	for _, k := range otherWords[a] {
		if slices.Contains(known, k) {
			return k
		}
	}
	best, least, tie := "", 3, false
	for _, k := range known {
		b := fold(k)
		d := times.EditDistance([]rune(a), []rune(b))
		if d > typingErrors(a, b) {
			continue
		}
		if tie = d == least || tie && d > least; d < least {
			best, least = k, d
		}
	}
	if tie {
		return ""
	}
	return best
}

// typingErrors is the number of differences that count as typing errors in words of this length. In
// short words a difference makes another word.
func typingErrors(a, b string) int {
	switch n := min(len(a), len(b)); {
	case n < 4 || a[0] != b[0] && n < 6:
		return 0
	case n < 8:
		return 1
	default:
		return 2
	}
}

var punctuation = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

func fold(s string) string { return punctuation.Replace(strings.ToLower(s)) }
