package schemas

import "strings"

// aliases are former names of arguments, which are accepted in silence.
var aliases = map[string]string{"participants": "hosts"}

// wrappers are names under which clients wrap all arguments once more.
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

// foreign reports whether a client added an argument by itself. A misspelled argument of ours is
// none.
func foreign(s shape, name string) bool {
	if len(name) > longestName || s.has(name) {
		return false
	}
	for _, ours := range s.Properties.names {
		if fold(ours) == fold(name) {
			return false
		}
	}
	return strings.HasPrefix(name, "_") || added[fold(name)]
}
