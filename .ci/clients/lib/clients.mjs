// Other clients: both generations of the TypeScript SDK. This file hides their differences from the tests.
import * as v2 from '@modelcontextprotocol/client'
import * as v2stdio from '@modelcontextprotocol/client/stdio'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const name = { name: 'clients-test', version: '1' }

/** sdks by protocol: the server sends a request, or the result contains the question.
 * SSE belongs to the older ones. */
export const sdks = {
  '2025-11-25': {
    client: (capabilities, onAsk) => {
      const client = new Client(name, { capabilities })
      if (onAsk) client.setRequestHandler(ElicitRequestSchema, onAsk)
      return client
    },
    stdio: (command) => new StdioClientTransport(command),
    http: (address) => new StreamableHTTPClientTransport(address),
    sse: (address) => new SSEClientTransport(new URL('/sse', address)),
    call: (client, tool, options) => client.callTool(tool, undefined, options),
  },
  '2026-07-28': {
    client: (capabilities, onAsk) => {
      const client = new v2.Client(name, { capabilities, versionNegotiation: { mode: { pin: '2026-07-28' } } })
      if (onAsk) client.setRequestHandler('elicitation/create', onAsk)
      return client
    },
    stdio: (command) => new v2stdio.StdioClientTransport(command),
    http: (address) => new v2.StreamableHTTPClientTransport(address),
    call: (client, tool, options) => client.callTool(tool, options),
  },
}
